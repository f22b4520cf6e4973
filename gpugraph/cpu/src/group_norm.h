/* Group normalisation and its gradient: see gpugraph/ops/group_norm.py. A row is a group of channels
 * of one image, at all positions. Three ways to lie:
 *
 *     flat     one position, as in layer norm: a row is a piece, a channel is a number in it
 *     planes   a row is a piece, a channel is a piece of it
 *     last     channels last: an image is a piece, and a row has some columns of it
 *
 * An image is looked at several times while it is in the cache. x is centred before it is squared or
 * multiplied. An array that is NULL is absent; without a mean, x is taken about 0.
 */

typedef struct {
    Channels s;        /* of one image */
    long images, each; /* images to a job */
    long groups, length;
    const REAL *g, *x, *weight, *bias;
    REAL *y, *mean, *var;
    double *parts; /* of each job: a sum for each channel, and another */
    double eps;
} Groups;

/* Numbers in a piece */

/* Yes for the first n lanes. */
static inline whole first_lanes(long n)
{
    static const whole_lane number[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    whole lane;
    memcpy(&lane, number, sizeof lane);
    return lane < all_whole(n < LANES ? (int)n : LANES);
}

/* The sum of x - centre, or of its square. */
static inline __attribute__((always_inline)) double line_sum(const int squares, const REAL *x, REAL centre, long n)
{
    const long block = SUM_BLOCK * SUM_WIDE * LANES;
    const vec m = all(centre);
    double total = 0;
    for (long start = 0; start < n; start += block) {
        long end = start + block < n ? start + block : n, i = start;
        vec sum[SUM_WIDE] = {0};
        for (; i + SUM_WIDE * LANES <= end; i += SUM_WIDE * LANES)
            UNROLL
            for (long k = 0; k < SUM_WIDE; k++) {
                vec d = load(x + i + k * LANES) - m;
                sum[k] += squares ? d * d : d;
            }
        for (; i < end; i += LANES) {
            vec d = only(first_lanes(end - i), load_some(x + i, end - i) - m);
            sum[0] += squares ? d * d : d;
        }
        total += across((sum[0] + sum[1]) + (sum[2] + sum[3]));
    }
    return total;
}

/* The sums of u and u (x - centre), where u is g, or g weight. */
static inline __attribute__((always_inline)) void
line_products(const REAL *g, const REAL *weight, const REAL *x, REAL centre, long n, double *to, double *also)
{
    const long block = SUM_BLOCK * 2 * LANES;
    const vec m = all(centre);
    *to = *also = 0;
    for (long start = 0; start < n; start += block) {
        long end = start + block < n ? start + block : n, i = start;
        vec sum[2] = {0}, more[2] = {0};
        for (; i + 2 * LANES <= end; i += 2 * LANES)
            UNROLL
            for (long k = 0; k < 2; k++) {
                vec u = load(g + i + k * LANES);
                if (weight)
                    u *= load(weight + i + k * LANES);
                sum[k] += u;
                more[k] += u * (load(x + i + k * LANES) - m);
            }
        for (; i < end; i += LANES) {
            vec u = load_some(g + i, end - i);
            if (weight)
                u *= load_some(weight + i, end - i);
            sum[0] += u;
            more[0] += only(first_lanes(end - i), u * (load_some(x + i, end - i) - m));
        }
        *to += across(sum[0] + sum[1]);
        *also += across(more[0] + more[1]);
    }
}

/* y = (x - m) a + b, and + g d if there is a g. */
static inline __attribute__((always_inline)) void
line_pass(const REAL *x, const REAL *g, REAL *restrict y, long n, REAL m, REAL a, REAL b, REAL d)
{
    const vec all_m = all(m), all_a = all(a), all_b = all(b), all_d = all(d);
    long i = 0;
    for (; i + LANES <= n; i += LANES) {
        vec v = (load(x + i) - all_m) * all_a + all_b;
        store(y + i, g ? v + load(g + i) * all_d : v);
    }
    if (i < n) {
        vec v = (load_some(x + i, n - i) - all_m) * all_a + all_b;
        store_some(y + i, g ? v + load_some(g + i, n - i) * all_d : v, n - i);
    }
}

/* Forward */

#define FLAT 2048   /* numbers of rows that are gone through together, in the L1 cache, */
#define TOGETHER 32 /* and so many rows at most */

/* Of the rows that are left. Sums of one don't wait for those of another. */
static long together(const Groups *job, long left)
{
    long n = job->length < FLAT / 2 ? FLAT / job->length : 1;
    n = n < TOGETHER ? n : TOGETHER;
    return n < left ? n : left;
}

static REAL inverse_root(const Groups *job, long row)
{
    return (REAL)(1 / sqrt(job->var[row] + job->eps));
}

/* Mean and variance of rows that are pieces. Sums are about the first number: those of equal ones are exact. */
static void row_moments(const Groups *job, long first, long end)
{
    const long n = job->length;
    for (long row = first; job->mean && row < end; row++) {
        const REAL *x = job->x + row * n, one = origin(x[0]);
        job->mean[row] = (REAL)(one + line_sum(0, x, one, n) / n);
    }
    for (long row = first; row < end; row++)
        job->var[row] = (REAL)(line_sum(1, job->x + row * n, job->mean ? job->mean[row] : 0, n) / n);
}

static void flat_row(const Groups *job, long row)
{
    const long n = job->length, first = row % job->groups * n;
    const REAL *x = job->x + row * n, *weight = job->weight + first, *bias = job->bias + first;
    REAL *restrict y = job->y + row * n;
    const vec m = all(job->mean ? job->mean[row] : 0), r = all(inverse_root(job, row));
    long i = 0;
    for (; i + LANES <= n; i += LANES)
        store(y + i, (load(x + i) - m) * r * load(weight + i) + load(bias + i));
    if (i < n) {
        vec v = (load_some(x + i, n - i) - m) * r * load_some(weight + i, n - i);
        store_some(y + i, v + load_some(bias + i, n - i), n - i);
    }
}

static void planes_row(const Groups *job, long row)
{
    const long S = job->s.positions, K = job->length / S, first = row % job->groups * K;
    row_moments(job, row, row + 1);
    const REAL m = job->mean ? job->mean[row] : 0, r = inverse_root(job, row);
    for (long k = 0; k < K; k++) {
        long at = row * job->length + k * S;
        line_pass(job->x + at, 0, job->y + at, S, m, r * job->weight[first + k], job->bias[first + k], 0);
    }
}

/* Columns: to[c] and also[c] are the sums over some pixels of an image that lies channels last. */
static inline __attribute__((always_inline)) void
column_sums(const int kind, const Groups *job, const REAL *g, const REAL *x, const REAL *centre, long pixels,
            REAL *place, double *to, double *also)
{
    const long C = job->s.channels, block = job->s.block * C, all = pixels * C;
    memset(to, 0, C * sizeof(double));
    memset(also, 0, C * sizeof(double));
    for (long i = 0; i < all; i += block)
        sum_row(kind, &job->s, g + i, x + i, centre, all - i < block ? all - i : block, place, to, also);
}

/* The sum of v over the channels of a group, with weights if there are any. */
static double group_total(const double *v, const REAL *weight, long channels)
{
    double total = 0;
    for (long k = 0; k < channels; k++)
        total += weight ? v[k] * weight[k] : v[k];
    return total;
}

/* Memory of a job that goes over images with channels last. */
typedef struct { double *to, *also; REAL *place, *a, *b, *c, *d; } Columns;

static Columns image_columns(const Channels *s)
{
    double *to = scratch(2 * s->channels * sizeof(double) + 6 * s->period * sizeof(REAL));
    REAL *place = (REAL *)(to + 2 * s->channels), *a = place + 2 * s->period;
    return (Columns){to, to + s->channels, place, a, a + s->period, a + 2 * s->period, a + 3 * s->period};
}

/* Those of the rows of an image that lies channels last: about the mean of the first eighth, which is
 * about the first number; see MOMENTS in channels.h. */
static void image_moments(const Groups *job, const REAL *x, long first, Columns *at)
{
    const Channels *s = &job->s;
    const long C = s->channels, K = C / job->groups, some = job->mean ? (s->count + 7) / 8 : 0;
    for (long c = 0; c < C; c++)
        at->a[c] = job->mean ? origin(x[c / K * K]) : 0;
    write_out(s, at->a, 0, at->a);
    if (job->mean) {
        column_sums(SQUARES, job, x, x, at->a, some, at->place, at->to, at->also);
        for (long i = 0; i < job->groups; i++) {
            REAL one = at->a[i * K], centre = origin((REAL)(one + group_total(at->to + i * K, 0, K) / (some * K)));
            for (long c = i * K; c < (i + 1) * K; c++)
                at->a[c] = centre;
        }
        write_out(s, at->a, 0, at->a);
    }
    column_sums(SQUARES, job, x, x, at->a, s->count, at->place, at->to, at->also);
    for (long i = 0; i < job->groups; i++) {
        double sum = group_total(at->to + i * K, 0, K), squares = group_total(at->also + i * K, 0, K);
        if (job->mean) {
            shift(at->a[i * K], job->length, &sum, &squares);
            job->mean[first + i] = (REAL)(sum / job->length);
        }
        job->var[first + i] = (REAL)(squares / job->length);
    }
}

static void last_image(const Groups *job, long image)
{
    const Channels *s = &job->s;
    const long C = s->channels, K = C / job->groups, first = image * job->groups;
    const REAL *x = job->x + image * C * s->count;
    Columns at = image_columns(s);
    image_moments(job, x, first, &at);
    for (long c = 0; c < C; c++) {
        at.a[c] = job->mean ? job->mean[first + c / K] : 0;
        at.b[c] = inverse_root(job, first + c / K) * job->weight[c];
    }
    write_out(s, at.a, 0, at.a);
    write_out(s, at.b, 0, at.b);
    write_out(s, job->bias, 0, at.c);
    Pass p = {.s = *s, .x = x, .y = job->y + image * C * s->count, .coefficients = at.a};
    pass_last(AFFINE, NO_ACT, &p, 0, C * s->count);
}

/* Gradient */

/* gx = r (u - mean(u) - h mean(u h)) = r u - (x - m) a - b */
typedef struct { REAL m, r, a, b; } Slope;

/* From the sums of u and of u (x - m). */
static Slope slope_of(const Groups *job, long row, double sum, double more)
{
    double r = 1 / sqrt(job->var[row] + job->eps);
    Slope s = {job->mean ? job->mean[row] : 0, (REAL)r, (REAL)(r * r * r * more / job->length), 0};
    if (job->mean)
        s.b = (REAL)(r * sum / job->length);
    return s;
}

/* also[c] += gy h, to[c] += gy; in REAL, for the few rows of a job. */
static void flat_grad(const Groups *job, long row, Slope s, REAL *restrict to, REAL *restrict also)
{
    const long n = job->length, first = row % job->groups * n;
    const REAL *x = job->x + row * n, *g = job->g + row * n, *weight = job->weight + first;
    REAL *restrict y = job->y + row * n;
    const vec m = all(s.m), r = all(s.r), a = all(s.a), b = all(s.b);
    to += first, also += first;
    long i = 0;
    for (; i + LANES <= n; i += LANES) {
        vec v = load(g + i), d = load(x + i) - m;
        store(y + i, v * load(weight + i) * r - d * a - b);
        store(also + i, load(also + i) + v * (d * r));
        store(to + i, load(to + i) + v);
    }
    for (; i < n; i++) {
        REAL d = x[i] - s.m;
        y[i] = g[i] * weight[i] * s.r - d * s.a - s.b;
        also[i] += g[i] * (d * s.r);
        to[i] += g[i];
    }
}

/* Rows first .. end-1: all sums before the first is used, that rows don't wait for each other. */
static void flat_grads(const Groups *job, long first, long end, REAL *to, REAL *also)
{
    Slope slopes[TOGETHER];
    const long n = job->length;
    for (long row = first; row < end; row++) {
        double sum, more;
        const REAL *weight = job->weight + row % job->groups * n, mean = job->mean ? job->mean[row] : 0;
        line_products(job->g + row * n, weight, job->x + row * n, mean, n, &sum, &more);
        slopes[row - first] = slope_of(job, row, sum, more);
    }
    for (long row = first; row < end; row++)
        flat_grad(job, row, slopes[row - first], to, also);
}

static void planes_grad(const Groups *job, long row, double *to, double *also)
{
    const long S = job->s.positions, K = job->length / S, first = row % job->groups * K, at = row * job->length;
    const REAL m = job->mean ? job->mean[row] : 0, r = inverse_root(job, row);
    double sum = 0, more = 0, one, other;
    for (long k = 0; k < K; k++) {
        line_products(job->g + at + k * S, 0, job->x + at + k * S, m, S, &one, &other);
        to[first + k] += one;
        also[first + k] += other * r;
        sum += one * job->weight[first + k];
        more += other * job->weight[first + k];
    }
    const Slope s = slope_of(job, row, sum, more);
    for (long k = 0; k < K; k++) {
        long i = at + k * S;
        line_pass(job->x + i, job->g + i, job->y + i, S, m, -s.a, -s.b, r * job->weight[first + k]);
    }
}

static void last_grad(const Groups *job, long image, double *to, double *also)
{
    const Channels *s = &job->s;
    const long C = s->channels, K = C / job->groups, first = image * job->groups, at = image * C * s->count;
    Columns v = image_columns(s);
    for (long c = 0; c < C; c++)
        v.a[c] = job->mean ? job->mean[first + c / K] : 0;
    write_out(s, v.a, 0, v.a);
    column_sums(PRODUCTS, job, job->g + at, job->x + at, v.a, s->count, v.place, v.to, v.also);
    for (long i = 0; i < job->groups; i++) {
        const REAL *weight = job->weight + i * K;
        const Slope p = slope_of(job, first + i, group_total(v.to + i * K, weight, K),
                                 group_total(v.also + i * K, weight, K));
        for (long c = i * K; c < (i + 1) * K; c++) {
            to[c] += v.to[c];
            also[c] += v.also[c] * p.r;
            v.b[c] = -p.a;
            v.c[c] = p.b;
            v.d[c] = p.r * job->weight[c];
        }
    }
    write_out(s, v.b, 0, v.b);
    write_out(s, v.c, 0, v.c);
    write_out(s, v.d, 0, v.d);
    Pass p = {.s = *s, .x = job->x + at, .g = job->g + at, .y = job->y + at, .coefficients = v.a};
    pass_last(SCALED, NO_ACT, &p, 0, C * s->count);
}

/* Jobs: some images */

static void group_norm_job(void *work, long number)
{
    const Groups *job = work;
    long image = number * job->each, end = image + job->each < job->images ? image + job->each : job->images;
    for (; job->s.last && image < end; image++)
        last_image(job, image);
    if (job->s.positions > 1)
        for (long row = image * job->groups; row < end * job->groups; row++)
            planes_row(job, row);
    else
        for (long row = image * job->groups, n; row < end * job->groups; row += n) {
            n = together(job, end * job->groups - row);
            row_moments(job, row, row + n);
            for (long i = row; i < row + n; i++)
                flat_row(job, i);
        }
}

static void group_grad_job(void *work, long number)
{
    const Groups *job = work;
    const long C = job->s.channels, flat = job->s.positions == 1;
    long image = number * job->each, end = image + job->each < job->images ? image + job->each : job->images;
    double *to = job->parts + number * 2 * C, *also = to + C;
    memset(to, 0, 2 * C * sizeof(double));
    REAL *some = flat ? scratch(2 * C * sizeof(REAL)) : 0;
    if (flat)
        memset(some, 0, 2 * C * sizeof(REAL));
    for (; job->s.last && image < end; image++)
        last_grad(job, image, to, also);
    for (long row = image * job->groups, n; row < end * job->groups; row += n) {
        n = flat ? together(job, end * job->groups - row) : 1;
        if (flat)
            flat_grads(job, row, row + n, some, some + C);
        else
            planes_grad(job, row, to, also);
    }
    for (long c = 0; flat && c < 2 * C; c++)
        to[c] = some[c];
}

static Groups groups_of(SHAPE, long groups, const REAL *x, REAL *mean, REAL *var, double eps)
{
    Groups job = {.s = channels_of(1, channels, positions, (int)last && positions > 1), .images = images};
    job.groups = groups, job.length = channels / groups * positions;
    job.x = x, job.mean = mean, job.var = var, job.eps = eps;
    long size = channels * positions, least = positions == 1 ? 16 : 1; /* so that sums take less room than x */
    job.each = BLOCK / size < least ? least : BLOCK / size;
    return job;
}

/* Numbers per channel that are absent are written to place. */
static const REAL *given(const REAL *v, REAL absent, long channels, REAL *place)
{
    for (long c = 0; !v && c < channels; c++)
        place[c] = absent;
    return v ? v : place;
}

/* y, mean (images, groups) and var of x; mean NULL: about 0. */
void EXPORT(group_norm)(SHAPE, long groups, const REAL *x, const REAL *weight, const REAL *bias, REAL *y, REAL *mean,
                        REAL *var, double eps)
{
    Groups job = groups_of(images, channels, positions, last, groups, x, mean, var, eps);
    REAL *place = workspace(2 * channels * sizeof(REAL));
    job.weight = given(weight, 1, channels, place);
    job.bias = given(bias, 0, channels, place + channels);
    job.y = y;
    share(group_norm_job, &job, (images + job.each - 1) / job.each, images * channels * positions);
}

/* gx, gweight (C) and gbias (C). */
void EXPORT(group_norm_grad)(SHAPE, long groups, const REAL *gy, const REAL *x, REAL *mean, REAL *var,
                             const REAL *weight, REAL *gx, REAL *gweight, REAL *gbias, double eps)
{
    Groups job = groups_of(images, channels, positions, last, groups, x, mean, var, eps);
    long jobs = (images + job.each - 1) / job.each;
    job.parts = workspace(2 * jobs * channels * sizeof(double) + channels * sizeof(REAL));
    job.weight = given(weight, 1, channels, (REAL *)(job.parts + 2 * jobs * channels));
    job.g = gy;
    job.y = gx;
    share(group_grad_job, &job, jobs, images * channels * positions);
    double *to = job.parts, *also = to + channels;
    for (long b = 1; b < jobs; b++)
        for (long c = 0; c < 2 * channels; c++)
            to[c] += job.parts[2 * b * channels + c];
    for (long c = 0; c < channels; c++) {
        gbias[c] = (REAL)to[c];
        gweight[c] = (REAL)also[c];
    }
}
