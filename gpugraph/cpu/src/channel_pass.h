/* Passes over memory with four numbers per channel: y from x and, if there is one, g. In either
 * layout: see channels.h. */

typedef struct {
    Channels s;
    const REAL *x, *g;
    REAL *y;
    const REAL *coefficients; /* four periods */
    int act;
    REAL slope;
    long chunk; /* numbers to a job */
} Pass;

/* Those that need no exponential. */
static inline __attribute__((always_inline)) vec activate(const int act, vec slope, vec v)
{
    if (act == RELU)
        return relu(v);
    if (act == LEAKY_RELU)
        return pick(v > 0, v, v * slope);
    return v;
}

/* AFFINE: activate((x - a) b + c), with + g in ADDED. INPUT: (g + (x - a) b - c) d.
 * SCALED: g d + (x - a) b - c. */
enum { AFFINE, ADDED, INPUT, SCALED };

static inline __attribute__((always_inline)) vec
element(const int kind, const int act, vec slope, vec x, vec g, vec a, vec b, vec c, vec d)
{
    if (kind == INPUT)
        return ((x - a) * b + g - c) * d;
    if (kind == SCALED)
        return (x - a) * b + g * d - c;
    vec v = (x - a) * b + c;
    return activate(act, slope, kind == ADDED ? v + g : v);
}

#define MOST_KEPT 6

/* Whole periods of so many vectors, whose numbers stay in registers; gives where it stopped. */
static inline __attribute__((always_inline)) long
pass_periods(const int kind, const int act, const long vectors, const Pass *p, long first, long end)
{
    const long period = vectors * LANES;
    const REAL *x = p->x, *g = kind == AFFINE ? x : p->g, *from = p->coefficients;
    REAL *restrict y = p->y;
    const vec slope = all(p->slope);
    vec a[MOST_KEPT], b[MOST_KEPT], c[MOST_KEPT], d[MOST_KEPT];
    UNROLL
    for (long v = 0; v < vectors; v++) {
        a[v] = load(from + v * LANES);
        b[v] = load(from + period + v * LANES);
        c[v] = load(from + 2 * period + v * LANES);
        d[v] = load(from + 3 * period + v * LANES);
    }
    for (; first + period <= end; first += period)
        UNROLL
        for (long v = 0; v < vectors; v++) {
            long i = first + v * LANES;
            store(y + i, element(kind, act, slope, load(x + i), load(g + i), a[v], b[v], c[v], d[v]));
        }
    return first;
}

static inline __attribute__((always_inline)) void
pass_last(const int kind, const int act, const Pass *p, long first, long end)
{
    const long period = p->s.period;
    const REAL *a = p->coefficients, *b = a + period, *c = b + period, *d = c + period;
    const REAL *x = p->x, *g = kind == AFFINE ? x : p->g;
    REAL *restrict y = p->y;
    const vec slope = all(p->slope);
    if (period == 4 * LANES)
        first = pass_periods(kind, act, 4, p, first, end);
    else if (period == 6 * LANES)
        first = pass_periods(kind, act, 6, p, first, end);
    for (long i = first; i < end; i += period) {
        long n = end - i < period ? end - i : period, j = 0;
        for (; j + LANES <= n; j += LANES)
            store(y + i + j, element(kind, act, slope, load(x + i + j), load(g + i + j), load(a + j),
                                     load(b + j), load(c + j), load(d + j)));
        if (j < n)
            store_some(y + i + j,
                       element(kind, act, slope, load_some(x + i + j, n - j), load_some(g + i + j, n - j),
                               load(a + j), load(b + j), load(c + j), load(d + j)),
                       n - j);
    }
}

static inline __attribute__((always_inline)) void
pass_planes(const int kind, const int act, const Pass *p, long first, long end)
{
    const long C = p->s.channels, positions = p->s.positions;
    const vec slope = all(p->slope);
    long channel = first / positions % C, rest = positions - first % positions;
    for (long n; first < end; first += n, rest = positions, channel = channel + 1 < C ? channel + 1 : 0) {
        long i = 0;
        n = rest < end - first ? rest : end - first;
        const REAL *x = p->x + first, *g = kind == AFFINE ? x : p->g + first, *of = p->coefficients + channel;
        const vec a = all(of[0]), b = all(of[C]), c = all(of[2 * C]), d = all(of[3 * C]);
        REAL *restrict y = p->y + first;
        for (; i + LANES <= n; i += LANES)
            store(y + i, element(kind, act, slope, load(x + i), load(g + i), a, b, c, d));
        if (i < n && i) /* some of it again */
            store(y + n - LANES, element(kind, act, slope, load(x + n - LANES), load(g + n - LANES), a, b, c, d));
        else if (i < n)
            store_some(y, element(kind, act, slope, load_some(x, n), load_some(g, n), a, b, c, d), n);
    }
}

#define PASS_JOB(name, kind, act)                                                                  \
    static void name(void *work, long number)                                                      \
    {                                                                                              \
        const Pass *p = work;                                                                      \
        long first = number * p->chunk, all = p->s.count * p->s.channels;                          \
        long end = first + p->chunk < all ? first + p->chunk : all;                                \
        if (p->s.last)                                                                             \
            pass_last(kind, act, p, first, end);                                                   \
        else                                                                                       \
            pass_planes(kind, act, p, first, end);                                                 \
    }
PASS_JOB(affine_job, AFFINE, NO_ACT)
PASS_JOB(affine_relu_job, AFFINE, RELU)
PASS_JOB(affine_leaky_job, AFFINE, LEAKY_RELU)
PASS_JOB(added_job, ADDED, NO_ACT)
PASS_JOB(added_relu_job, ADDED, RELU)
PASS_JOB(added_leaky_job, ADDED, LEAKY_RELU)
PASS_JOB(input_job, INPUT, NO_ACT)

static void pass(Body body, Pass *p)
{
    long all = p->s.count * p->s.channels, step = p->s.last ? p->s.period : 1;
    p->chunk = (BLOCK + step - 1) / step * step;
    share(body, p, (all + p->chunk - 1) / p->chunk, all);
}

static size_t coefficients_bytes(const Channels *s)
{
    return 4 * s->period * sizeof(REAL);
}
