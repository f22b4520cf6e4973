/* The transforms of Winograd's convolution F(2 x 2, 3 x 3), on vectors of channels, in place.
 *
 * Along one axis (Lavin & Gray 2015, arXiv:1509.09308, with two signs exchanged),
 *
 *         1  0 -1  0         1   0   0
 *   B' =  0  1  1  0     G = h   h   h      A' = 1  1  1  0      h = 1/2
 *         0 -1  1  0         h  -h   h           0  1 -1  1
 *         0 -1  0  1         0   0   1
 *
 * two outputs y = A' ((G g) * (B' d)) of a filter of three taps g take 4 products of 4 inputs d,
 * where a sum over taps takes 6. Both axes: 16 instead of 36.
 */

#define SPOTS 16 /* a tile of 4 x 4 */

/* B' d: what a tile of inputs is multiplied as. */
static inline __attribute__((always_inline)) void input_axis(vec *d, const long step)
{
    vec d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
    d[0] = d0 - d2;
    d[step] = d1 + d2;
    d[2 * step] = d2 - d1;
    d[3 * step] = d3 - d1;
}

/* G g: three taps become four. */
static inline __attribute__((always_inline)) void filter_axis(vec *g, const long step)
{
    vec g0 = g[0], g1 = g[step], g2 = g[2 * step], even = (REAL)0.5 * (g0 + g2), odd = (REAL)0.5 * g1;
    g[step] = even + odd;
    g[2 * step] = even - odd;
    g[3 * step] = g2;
}

/* A' m: four products become two outputs. */
static inline __attribute__((always_inline)) void output_axis(vec *m, const long step)
{
    vec m0 = m[0], m1 = m[step], m2 = m[2 * step], m3 = m[3 * step];
    m[0] = m0 + m1 + m2;
    m[step] = m1 - m2 + m3;
}

/* A g and G' u, for the gradient of the filters: the gradient of the above. */
static inline __attribute__((always_inline)) void output_axis_grad(vec *g, const long step)
{
    vec g0 = g[0], g1 = g[step];
    g[step] = g0 + g1;
    g[2 * step] = g0 - g1;
    g[3 * step] = g1;
}

static inline __attribute__((always_inline)) void filter_axis_grad(vec *u, const long step)
{
    vec u0 = u[0], u1 = u[step], u2 = u[2 * step], u3 = u[3 * step], even = (REAL)0.5 * (u1 + u2);
    u[0] = u0 + even;
    u[step] = (REAL)0.5 * (u1 - u2);
    u[2 * step] = even + u3;
}

/* Both axes of a tile [4 y + x]: first the columns 0 .. columns - 1, then `rows` rows. */
#define BOTH_AXES(transform, u, columns, rows)                                                     \
    {                                                                                              \
        UNROLL                                                                                     \
        for (long i_ = 0; i_ < (columns); i_++)                                                    \
            transform((u) + i_, 4);                                                                \
        UNROLL                                                                                     \
        for (long i_ = 0; i_ < (rows); i_++)                                                       \
            transform((u) + 4 * i_, 1);                                                            \
    }
