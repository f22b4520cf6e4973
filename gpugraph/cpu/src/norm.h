/* Batch normalisation and its gradients; bias and activation, which are the same without mean and
 * scale. See gpugraph/ops/norm.py and bias_act.py. With h = (x - mean) / sqrt(var + eps):
 *
 *     normalise    y = activate(weight h + bias + residual)
 *     norm_input   gx = weight / sqrt(var + eps) (gy - (gbias + h gweight) / count)
 *
 * Accuracy: x is centred before anything is squared or multiplied. The variance of a block is taken
 * about its own mean, while it is in the cache; blocks are put together by the sum of
 * var_k + (mean_k - mean)^2 (Chan, Golub & LeVeque 1979).
 *
 * An array that is NULL is absent.
 */

#define SHAPE long images, long channels, long positions, long last

/* The sums of all blocks: to[c], and also[c]. */
static void add_blocks(const Sums *job, double *to, double *also)
{
    const Channels *s = &job->s;
    memset(to, 0, s->channels * sizeof(double));
    memset(also, 0, s->channels * sizeof(double));
    for (long b = 0; b < s->blocks; b++) {
        const double *sum = job->parts + 2 * b * s->channels, *more = sum + s->channels;
        for (long c = 0; c < s->channels; c++) {
            to[c] += sum[c];
            also[c] += more[c];
        }
    }
}

/* From the sums of blocks, and the squares about their means. */
static void merge_moments(const Sums *job, double *total, double *spread, REAL *mean, REAL *var)
{
    const Channels *s = &job->s;
    add_blocks(job, total, spread);
    for (long b = 0; b < s->blocks; b++) {
        const double *sum = job->parts + 2 * b * s->channels;
        double n = b < s->blocks - 1 ? s->block : s->count - b * s->block;
        for (long c = 0; c < s->channels; c++) {
            double apart = sum[c] / n - total[c] / s->count;
            spread[c] += n * apart * apart;
        }
    }
    for (long c = 0; c < s->channels; c++) {
        mean[c] = (REAL)(total[c] / s->count);
        var[c] = (REAL)(spread[c] / s->count);
    }
}

/* Where a kernel keeps what it needs: sums of blocks, of channels, coefficients. */
typedef struct { double *parts, *sums; REAL *coefficients; } Place;

static size_t place_bytes(const Channels *s)
{
    return parts_bytes(s) + 2 * s->channels * sizeof(double) + coefficients_bytes(s);
}

static Place place_for(const Channels *s)
{
    double *parts = workspace(place_bytes(s));
    double *after = parts + parts_bytes(s) / sizeof(double);
    return (Place){parts, after, (REAL *)(after + 2 * s->channels)};
}

static void affine(const Channels *s, const REAL *x, const REAL *var, const REAL *mean, const REAL *weight,
                   const REAL *bias, const REAL *residual, REAL *y, double eps, long act, double slope, REAL *place)
{
    Pass p = {.s = *s, .x = x, .g = residual, .y = y, .coefficients = place, .act = (int)act, .slope = (REAL)slope};
    REAL *scale = place + s->period;
    write_out(s, mean, 0, place);
    for (long c = 0; c < s->channels; c++)
        scale[c] = (REAL)((weight ? weight[c] : 1) / (var ? sqrt(var[c] + eps) : 1));
    write_out(s, scale, 1, scale);
    write_out(s, bias, 0, scale + s->period);
    if (residual)
        pass(act == RELU ? added_relu_job : act == LEAKY_RELU ? added_leaky_job : added_job, &p);
    else
        pass(act == RELU ? affine_relu_job : act == LEAKY_RELU ? affine_leaky_job : affine_job, &p);
}

/* Of kernels that sum up, */
static void sums_need(Needs *needs, SHAPE)
{
    Channels s = channels_of(images, channels, positions, (int)last);
    *needs = needs_workspace(place_bytes(&s));
    if (last)
        needs_loop(needs, periods_bytes(&s), is_shared(s.count * channels) ? s.blocks : 1);
}

void EXPORT(batch_norm_needs)(Needs *needs, SHAPE)
{
    sums_need(needs, images, channels, positions, last);
}

void EXPORT(norm_params_needs)(Needs *needs, SHAPE)
{
    sums_need(needs, images, channels, positions, last);
}

void EXPORT(channel_sum_needs)(Needs *needs, SHAPE)
{
    sums_need(needs, images, channels, positions, last);
}

/* and of those that go over memory once. */
static void pass_needs(Needs *needs, SHAPE)
{
    Channels s = channels_of(images, channels, positions, (int)last);
    *needs = needs_workspace(coefficients_bytes(&s));
}

void EXPORT(normalise_needs)(Needs *needs, SHAPE, long act)
{
    (void)act;
    pass_needs(needs, images, channels, positions, last);
}

void EXPORT(norm_input_needs)(Needs *needs, SHAPE)
{
    pass_needs(needs, images, channels, positions, last);
}

/* y, mean (C) and var (C) of x. */
void EXPORT(batch_norm)(SHAPE, const REAL *x, const REAL *weight, const REAL *bias, REAL *y, REAL *mean,
                        REAL *var, double eps)
{
    Channels s = channels_of(images, channels, positions, (int)last);
    Place place = place_for(&s);
    Sums job = {.s = s, .g = x, .parts = place.parts};
    sums(moments_job, &job);
    merge_moments(&job, place.sums, place.sums + channels, mean, var);
    affine(&s, x, var, mean, weight, bias, 0, y, eps, NO_ACT, 0, place.coefficients);
}

/* With a given mean and var; without var, it isn't scaled. */
void EXPORT(normalise)(SHAPE, const REAL *x, const REAL *var, const REAL *mean, const REAL *weight,
                       const REAL *bias, const REAL *residual, REAL *y, double eps, long act, double slope)
{
    Channels s = channels_of(images, channels, positions, (int)last);
    affine(&s, x, var, mean, weight, bias, residual, y, eps, act, slope, workspace(coefficients_bytes(&s)));
}

/* gweight (C) and gbias (C). */
void EXPORT(norm_params)(SHAPE, const REAL *gy, const REAL *x, const REAL *var, const REAL *mean,
                         REAL *gweight, REAL *gbias, double eps)
{
    Channels s = channels_of(images, channels, positions, (int)last);
    Place place = place_for(&s);
    Sums job = {.s = s, .g = gy, .x = x, .centre = mean, .parts = place.parts};
    sums(products_job, &job);
    add_blocks(&job, place.sums, place.sums + channels);
    for (long c = 0; c < channels; c++) {
        gweight[c] = (REAL)(place.sums[channels + c] / sqrt(var[c] + eps));
        gbias[c] = (REAL)place.sums[c];
    }
}

void EXPORT(norm_input)(SHAPE, const REAL *gy, const REAL *x, const REAL *var, const REAL *mean,
                        const REAL *gweight, const REAL *gbias, const REAL *weight, REAL *gx, double eps)
{
    Channels s = channels_of(images, channels, positions, (int)last);
    REAL *a = workspace(coefficients_bytes(&s)), *b = a + s.period, *c = b + s.period, *d = c + s.period;
    for (long i = 0; i < channels; i++) {
        double inverse = 1 / sqrt(var[i] + eps);
        b[i] = (REAL)(inverse * gweight[i] / -(double)s.count);
        c[i] = (REAL)(gbias[i] / (double)s.count);
        d[i] = (REAL)(weight ? inverse * weight[i] : inverse);
    }
    write_out(&s, mean, 0, a);
    write_out(&s, b, 0, b);
    write_out(&s, c, 0, c);
    write_out(&s, d, 0, d);
    Pass p = {.s = s, .x = x, .g = gy, .y = gx, .coefficients = a};
    pass(input_job, &p);
}

/* sum (C) of x. */
void EXPORT(channel_sum)(SHAPE, const REAL *x, REAL *sum)
{
    Channels s = channels_of(images, channels, positions, (int)last);
    Place place = place_for(&s);
    Sums job = {.s = s, .g = x, .parts = place.parts};
    sums(plain_job, &job);
    add_blocks(&job, place.sums, place.sums + channels);
    for (long c = 0; c < channels; c++)
        sum[c] = (REAL)place.sums[c];
}
