/* The gradient for depthwise filters: [tap][channel] for each split of the batch, then their sum. */

#define TAPS 9 /* a 3x3 filter in one go */
#define UNROLL_TAPS _Pragma("GCC unroll 9")

static inline __attribute__((always_inline)) void
depthwise_taps(const int whole, const Weight *job, const REAL *x, long plane, const REAL *gy, long images, long rows,
               const long *at, long taps, long left, REAL *sums, long wide)
{
    const Conv *v = job->conv;
    vec sum[TAPS];
    UNROLL_TAPS
    for (long t = 0; t < TAPS; t++)
        sum[t] = (vec){0};
    for (long n = 0; n < images; n++)
        for (long i = 0; i < rows; i++) {
            const REAL *a = x + n * plane + i * v->step_y * job->line;
            const REAL *g = gy + (n * v->rows + i) * v->cols * v->out;
            for (long j = 0; j < v->cols; j++, a += v->step_x * v->in, g += v->out) {
                const vec b = whole ? load(g) : load_some(g, left);
                UNROLL_TAPS
                for (long t = 0; t < TAPS; t++)
                    sum[t] += b * (whole ? load(a + at[t]) : load_some(a + at[t], left));
            }
        }
    UNROLL_TAPS
    for (long t = 0; t < TAPS; t++)
        if (t < taps) {
            REAL *to = sums + t * wide;
            store(to, load(to) + sum[t]);
        }
}

static void depthwise_weight_job(void *work, long split)
{
    const Weight *job = work;
    const Conv *v = job->conv;
    long C = v->groups, wide = padded(C), taps = v->taps_y * v->taps_x;
    long n0 = v->images * split / job->splits, n1 = v->images * (split + 1) / job->splits;
    REAL *mine = job->tiles + split * taps * wide;
    memset(mine, 0, taps * wide * sizeof(REAL));

    Part part = {0};
    while (next_part(job, &part, n0, n1))
        for (long c = 0; c < C; c += LANES)
            for (long t = 0; t < taps; t += TAPS) {
                long at[TAPS], some = taps - t < TAPS ? taps - t : TAPS, left = C - c;
                for (long k = 0; k < TAPS; k++) { /* beyond the last, some tap again */
                    long tap = t + (k < some ? k : 0);
                    at[k] = v->at_y[tap / v->taps_x] * job->line + v->at_x[tap % v->taps_x] * v->in;
                }
#define SUM(whole)                                                                                              \
    depthwise_taps(whole, job, part.x + c, part.plane, part.gy + c, part.images, part.rows, at, some, left, \
                   mine + t * wide + c, wide)
                if (left >= LANES)
                    SUM(1);
                else
                    SUM(0);
#undef SUM
            }
}

/* Gives the bytes of the sums of all splits. */
static size_t plan_depthwise_weight(Weight *job)
{
    const Conv *v = job->conv;
    job->splits = threads() < v->images ? threads() : v->images;
    job->parts = 1;
    job->direct = is_own_frame(v);
    plan_parts(job, FRAME_BYTES);
    return job->splits * depthwise_bytes(v);
}

static void depthwise_weight(Weight *job)
{
    const Conv *v = job->conv;
    long C = v->groups, wide = padded(C), taps = v->taps_y * v->taps_x;
    job->tiles = workspace(plan_depthwise_weight(job));
    spread(depthwise_weight_job, job, job->splits);
    for (long s = 1; s < job->splits; s++)
        for (long i = 0; i < taps * wide; i++)
            job->tiles[i] += job->tiles[s * taps * wide + i];
    for (long t = 0; t < taps; t++)
        for (long c = 0; c < C; c++)
            job->gw[c * v->w_group + v->tap_y[t / v->taps_x] * v->w_y + v->tap_x[t % v->taps_x] * v->w_x] =
                job->tiles[t * wide + c];
}

void EXPORT(conv_weight_needs)(Needs *needs, const Conv *v)
{
    if (is_winograd(v)) {
        *needs = winograd_weight_needs(v);
        return;
    }
    Weight job = {.conv = v};
    *needs = needs_workspace(is_depthwise(v) ? plan_depthwise_weight(&job) : plan_dense_weight(&job));
    needs_loop(needs, part_bytes(&job), job.splits * job.parts);
}

/* gw (O, C/G, *k) from x in any layout and gy (N, rows, cols, O). */
void EXPORT(conv_weight)(const Conv *v, const REAL *x, const REAL *gy, REAL *gw)
{
    if (is_winograd(v) && winograd_weight(v, x, gy, gw))
        return;
    Weight job = {.conv = v, .x = x, .gy = gy, .gw = gw};
    if (is_depthwise(v))
        depthwise_weight(&job);
    else
        dense_weight(&job);
}
