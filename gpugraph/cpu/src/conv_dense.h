/* Convolution without columns: each output pixel is a sum over the taps of
 *
 *     y[pixel][o] += x[pixel moved by the tap][c] * w[tap, c][o]
 *
 * A tile of ROWS pixels by up to MOST vectors of output channels stays in registers. Its inputs
 * are read from the frame where they lie; only the filters are packed. With "output" and "input"
 * exchanged, the same loops compute the gradient for the input, one phase of the stride at a time:
 * gpugraph/ops/conv_cpu.py works out the taps of a phase.
 */

/* The vectors of output channels of a group, in blocks of MOST or one less. */
typedef struct { long vectors, count; } Blocks;

static Blocks blocks_of(long channels)
{
    long vectors = (channels + LANES - 1) / LANES;
    return (Blocks){vectors, (vectors + MOST - 1) / MOST};
}

static long block_start(Blocks b, long i)
{
    long low = b.vectors / b.count, more = b.vectors % b.count;
    return i * low + (i < more ? i : more);
}

/* Filters: for each group and block, [tap, c][output channels of the block]. */

typedef struct {
    const Conv *conv;
    const REAL *w;
    REAL *packed;
    const long *place; /* of each tap of w among those of the phase; or -1 */
} Packing;

static long terms_of(const Conv *v)
{
    return v->taps_y * v->taps_x * (v->in / v->groups);
}

static void pack_block(const Packing *p, long group, long block, REAL *target)
{
    const Conv *v = p->conv;
    long in = v->in / v->groups, out = v->out / v->groups;
    Blocks blocks = blocks_of(out);
    long first = block_start(blocks, block), last = block_start(blocks, block + 1);
    long wide = (last - first) * LANES, there = out - first * LANES;
    const REAL *w = p->w + group * v->w_group + first * LANES * v->w_out;
    /* Numbers of a filter lie in a row: those of all inputs, or, where inputs and outputs are
     * exchanged, only its taps */
    long rows_of_w = v->w_in == v->w_taps ? 1 : in, length = rows_of_w == 1 ? in * v->w_taps : v->w_taps;
    if (v->w_out == 1) { /* one tap, exchanged: lies as it is packed */
        for (long c = 0; c < in && v->taps_y; c++)
            for (long o = 0; o < wide; o += LANES)
                store(target + c * wide + o, o < there ? load_some(w + c * v->w_in + o, there - o) : (vec){0});
        return;
    }
    for (long o = 0; o < wide; o += LANES)
        for (long n = 0; n < rows_of_w; n++) {
            const REAL *from = w + o * v->w_out + n * v->w_in;
            long c = n, tap = 0;
            for (long k = 0; k < length; k += LANES) {
                vec numbers[LANES];
                UNROLL
                for (long i = 0; i < LANES; i++)
                    numbers[i] = o + i < there ? load_some(from + i * v->w_out + k, length - k) : (vec){0};
                transpose(numbers);
                for (long i = 0; i < LANES && k + i < length; i++) {
                    long place = p->place[tap]; /* among the taps of this phase */
                    if (place >= 0)
                        store(target + (place * in + c) * wide + o, numbers[i]);
                    if (++tap == v->w_taps)
                        tap = 0, c++;
                }
            }
        }
}

static void pack_job(void *work, long job)
{
    const Packing *p = work;
    Blocks blocks = blocks_of(p->conv->out / p->conv->groups);
    long group = job / blocks.count, block = job % blocks.count;
    long before = group * blocks.vectors + block_start(blocks, block);
    pack_block(p, group, block, p->packed + before * terms_of(p->conv) * LANES);
}

static void find_places(const Conv *v, long place[])
{
    for (long t = 0; t < v->w_taps; t++)
        place[t] = -1;
    for (long i = 0; i < v->taps_y; i++)
        for (long j = 0; j < v->taps_x; j++)
            place[v->tap_y[i] * v->w_y + v->tap_x[j] * v->w_x] = i * v->taps_x + j;
}

static size_t dense_bytes(const Conv *v)
{
    return v->groups * blocks_of(v->out / v->groups).vectors * terms_of(v) * VECTOR_BYTES;
}

static REAL *pack_dense(const Conv *v, const REAL *w)
{
    Blocks blocks = blocks_of(v->out / v->groups);
    long place[v->w_taps];
    find_places(v, place);
    Packing packing = {v, w, workspace(dense_bytes(v)), place};
    spread(pack_job, &packing, v->groups * blocks.count);
    return packing.packed;
}

/* Tiles */

/* y[r][0 .. nv vectors] (+)= sum over the segments of x[r][...] * w; w is packed. */
static inline __attribute__((always_inline)) void
tile(const long nv, const REAL *const x[ROWS], const Segment *s, long segments, const REAL *w,
     REAL *const y[ROWS], long rows, long channels, const REAL *bias, int more)
{
    vec sum[ROWS][MOST];
    UNROLL
    for (long r = 0; r < ROWS; r++)
        UNROLL
        for (long v = 0; v < nv; v++) {
            long left = channels - v * LANES;
            if (more)
                sum[r][v] = load_some(y[r] + v * LANES, left);
            else
                sum[r][v] = bias ? load_some(bias + v * LANES, left) : (vec){0};
        }
    for (long i = 0; i < segments; i++) {
        const REAL *x0 = x[0] + s[i].offset, *x1 = x[1] + s[i].offset, *x2 = x[2] + s[i].offset,
                   *x3 = x[3] + s[i].offset;
#if ROWS == 8
        const REAL *x4 = x[4] + s[i].offset, *x5 = x[5] + s[i].offset, *x6 = x[6] + s[i].offset,
                   *x7 = x[7] + s[i].offset;
#endif
        for (long c = 0; c < s[i].length; c++, w += nv * LANES) {
            const vec f0 = load(w), f1 = load(w + (nv > 1) * LANES), f2 = load(w + (nv > 2 ? 2 : 0) * LANES);
#define ROW(r)                                                                                     \
    {                                                                                              \
        const vec a = all(x##r[c]);                                                                \
        sum[r][0] += a * f0;                                                                       \
        if (nv > 1)                                                                                \
            sum[r][1] += a * f1;                                                                   \
        if (nv > 2)                                                                                \
            sum[r][2] += a * f2;                                                                   \
    }
            ROW(0) ROW(1) ROW(2) ROW(3)
#if ROWS == 8
            ROW(4) ROW(5) ROW(6) ROW(7)
#endif
#undef ROW
        }
    }
    UNROLL
    for (long r = 0; r < ROWS; r++)
        UNROLL
        for (long v = 0; v < nv; v++)
            if (r < rows && v * LANES < channels)
                store_some(y[r] + v * LANES, sum[r][v], channels - v * LANES);
}

#ifdef HALF
/* The same for so few channels that they fit into half a vector, on which processors compute as
 * fast as on a whole one, or twice as fast (Zen 4). Filters are packed as for `tile`. */
static inline void
thin_tile(const REAL *const x[ROWS], const Segment *s, long segments, const REAL *w, REAL *const y[ROWS],
          long rows, long channels, const REAL *bias, int more)
{
    half sum[ROWS];
    UNROLL
    for (long r = 0; r < ROWS; r++)
        sum[r] = more ? half_load_some(y[r], channels) : bias ? half_load_some(bias, channels) : (half){0};
    for (long i = 0; i < segments; i++) {
        const REAL *at[ROWS];
        UNROLL
        for (long r = 0; r < ROWS; r++)
            at[r] = x[r] + s[i].offset;
        for (long c = 0; c < s[i].length; c++, w += LANES) {
            const half f = half_load(w);
            UNROLL
            for (long r = 0; r < ROWS; r++)
                sum[r] += at[r][c] * f;
        }
    }
    UNROLL
    for (long r = 0; r < ROWS; r++)
        if (r < rows)
            half_store_some(y[r], sum[r], channels);
}
#endif

/* All output channels of some pixels: where each is read in source, and written in y. */
static void dense_pixels(const Job *job, const REAL *source, const long *from, const long *to, long pixels)
{
    const Conv *v = job->conv;
    long out = v->out / v->groups, in = v->in / v->groups, terms = terms_of(v);
    Blocks blocks = blocks_of(out);
    for (long g = 0; g < v->groups; g++)
        for (long b = 0; b < blocks.count; b++) {
            long first = block_start(blocks, b), nv = block_start(blocks, b + 1) - first;
            const REAL *w = job->packed + (g * blocks.vectors + first) * terms * LANES;
            long channel = g * out + first * LANES, channels = out - first * LANES;
            const REAL *bias = job->bias ? job->bias + channel : 0;
            if (channels > nv * LANES)
                channels = nv * LANES;
            long s = 0;
            do {
                long start = s, length = 0;
                while (s < job->n_segments && (s == start || length + job->segments[s].length <= KC))
                    length += job->segments[s++].length;
                for (long p = 0; p < pixels; p += ROWS) {
                    const REAL *x[ROWS];
                    REAL *y[ROWS];
                    for (long r = 0; r < ROWS; r++) {
                        x[r] = source + from[p + r] + g * in;
                        y[r] = job->y + to[p + r] + channel;
                    }
                    long left = pixels - p < ROWS ? pixels - p : ROWS;
#ifdef HALF
                    if (channels <= HALF) {
                        thin_tile(x, job->segments + start, s - start, w, y, left, channels, bias, start > 0);
                        continue;
                    }
#endif
#define TILE(n) tile(n, x, job->segments + start, s - start, w, y, left, channels, bias, start > 0)
                    if (nv == 3)
                        TILE(3);
                    else if (nv == 2)
                        TILE(2);
                    else
                        TILE(1);
#undef TILE
                }
                w += length * nv * LANES;
            } while (s < job->n_segments);
        }
}
