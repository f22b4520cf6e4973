/* Depthwise convolution, one filter for each channel.
 *
 * With channels last this is arithmetic on whole vectors of channels. Geometry, frames and jobs are
 * as in the dense case; the filters are packed as [tap][channel].
 */

static int is_depthwise(const Conv *v)
{
    return v->groups > 1 && v->in == v->groups && v->out == v->groups;
}

/* Channels rounded up to whole vectors. */
static long padded(long channels)
{
    return (channels + LANES - 1) / LANES * LANES;
}

static size_t depthwise_bytes(const Conv *v)
{
    return v->taps_y * v->taps_x * padded(v->groups) * sizeof(REAL);
}

static REAL *pack_depthwise(const Conv *v, const REAL *w)
{
    long C = v->groups, wide = padded(C);
    REAL *packed = workspace(depthwise_bytes(v)), *to = packed;
    for (long i = 0; i < v->taps_y; i++)
        for (long j = 0; j < v->taps_x; j++, to += wide)
            for (long c = 0; c < wide; c++)
                to[c] = c < C ? w[c * v->w_group + v->tap_y[i] * v->w_y + v->tap_x[j] * v->w_x] : 0;
    return packed;
}

static inline __attribute__((always_inline)) void
depthwise_tile(const int whole, const REAL *source, const long *from, const Segment *s, long taps, const REAL *w,
               long wide, REAL *y, const long *to, long rows, long left, vec bias)
{
    vec sum[ROWS];
    UNROLL
    for (long r = 0; r < ROWS; r++)
        sum[r] = bias;
    for (long t = 0; t < taps; t++) {
        const REAL *x = source + s[t].offset;
        const vec f = load(w + t * wide);
        UNROLL
        for (long r = 0; r < ROWS; r++)
            sum[r] += f * (whole ? load(x + from[r]) : load_some(x + from[r], left));
    }
    UNROLL
    for (long r = 0; r < ROWS; r++)
        if (r < rows)
            store_some(y + to[r], sum[r], left);
}

/* All channels of some pixels: where each is read in source, and written in y. */
static void depthwise_pixels(const Job *job, const REAL *source, const long *from, const long *to, long pixels)
{
    long C = job->conv->groups, wide = padded(C);
    for (long c = 0; c < C; c += LANES) {
        long left = C - c;
        vec bias = job->bias ? load_some(job->bias + c, left) : (vec){0};
        for (long p = 0; p < pixels; p += ROWS) {
            long rows = pixels - p < ROWS ? pixels - p : ROWS;
#define TILE(whole)                                                                                         \
    depthwise_tile(whole, source + c, from + p, job->segments, job->n_segments, job->packed + c, wide, job->y + c, \
                   to + p, rows, left, bias)
            if (left >= LANES)
                TILE(1);
            else
                TILE(0);
#undef TILE
        }
    }
}
