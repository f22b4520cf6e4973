/* Sums over channels, in either layout of x (images, channels, positions): channels last in memory,
 * or in planes. channel_pass.h has passes over memory with numbers per channel.
 *
 * Channels last, memory is one row of numbers whose channel repeats every `channels`; it is gone
 * through in periods: so many of these that they are whole vectors. Each place of a period has its
 * own sum, and numbers per channel are written out for a period.
 *
 * A sum is cut into blocks by the sizes alone, so that it doesn't depend on the threads. A block
 * adds up few terms in each of many lanes, in REAL; what is left goes on in double.
 */

#define BLOCK 16384 /* numbers or so that stay in the cache for a second look */
#define ENOUGH 32768 /* numbers that are worth the start of a thread */

typedef struct {
    long images, channels, positions;
    int last;   /* channels last */
    long count; /* values per channel, */
    long block, blocks; /* of which a block has so many */
    long period;
} Channels;

static Channels channels_of(long images, long channels, long positions, int last)
{
    Channels s = {images, channels, positions, last, images * positions, BLOCK, 1, channels};
    if (last) {
        while (s.period % LANES)
            s.period += channels;
        long once = s.period;
        while (s.period < 4 * LANES) /* that sums of a few channels don't wait for each other */
            s.period += once;
        long pixels = s.period / channels;
        s.block = BLOCK / channels < 128 ? 128 : BLOCK / channels;
        s.block = (s.block + pixels - 1) / pixels * pixels;
    } else if (positions < BLOCK)
        s.block = BLOCK / positions * positions;
    s.blocks = (s.count + s.block - 1) / s.block;
    return s;
}

/* Threads help with a loop if there is much to do in all. */
static int is_shared(long numbers)
{
    return numbers >= ENOUGH;
}

static void share(Body body, void *work, long count, long numbers)
{
    if (is_shared(numbers))
        spread(body, work, count);
    else
        for (long i = 0; i < count; i++)
            body(work, i);
}

/* Sums */

static double total(vec v)
{
    double sum = 0;
    for (long i = 0; i < LANES; i++)
        sum += v[i];
    return sum;
}

/* What is summed: g itself, or two things: g - centre and its square, or g and g (x - centre). */
enum { PLAIN, SQUARES, PRODUCTS };
#define TERM(kind, g, centre) ((kind) == SQUARES ? (g) - (centre) : (g))
#define ALSO(kind, g, x, centre) ((kind) == SQUARES ? ((g) - (centre)) * ((g) - (centre)) : (g) * ((x) - (centre)))

typedef struct {
    Channels s;
    const REAL *g, *x, *centre; /* of each channel; NULL: 0 */
    double *parts;              /* of each block: the channels' sums, and their second sums */
    long each;                  /* in planes: channels and blocks to a job */
} Sums;

/* Channels last: to[c] and also[c] += both sums of channel c, among n numbers. `place` has room for
 * two periods, `centre` is written out for one. */
static inline __attribute__((always_inline)) void
sum_row(const int kind, const Channels *s, const REAL *g, const REAL *x, const REAL *centre, long n,
        REAL *place, double *to, double *also)
{
    const long period = s->period, C = s->channels;
    REAL *restrict sum = place, *restrict more = place + period;
    memset(place, 0, 2 * period * sizeof(REAL));
    long i = 0;
    /* several periods at once if they are short; memory is best read straight on */
    for (; period <= 6 * LANES && i + 4 * period <= n; i += 4 * period)
        for (long j = 0; j < period; j += LANES) {
            const vec m = load(centre + j);
            vec t[4], u[4];
            UNROLL
            for (long k = 0; k < 4; k++) {
                vec v = load(g + i + k * period + j);
                t[k] = TERM(kind, v, m);
                u[k] = ALSO(kind, v, load(x + i + k * period + j), m);
            }
            store(sum + j, load(sum + j) + ((t[0] + t[1]) + (t[2] + t[3])));
            if (kind != PLAIN)
                store(more + j, load(more + j) + ((u[0] + u[1]) + (u[2] + u[3])));
        }
    for (; i + period <= n; i += period)
        for (long j = 0; j < period; j += LANES) {
            const vec m = load(centre + j), v = load(g + i + j);
            store(sum + j, load(sum + j) + TERM(kind, v, m));
            if (kind != PLAIN)
                store(more + j, load(more + j) + ALSO(kind, v, load(x + i + j), m));
        }
    for (long j = 0; i + j < n; j++) {
        sum[j] += TERM(kind, g[i + j], centre[j]);
        if (kind != PLAIN)
            more[j] += ALSO(kind, g[i + j], x[i + j], centre[j]);
    }
    for (i = 0; i < period; i += C)
        for (long c = 0; c < C; c++) {
            to[c] += sum[i + c];
            if (kind != PLAIN)
                also[c] += more[i + c];
        }
}

/* In planes: the same for values first .. end-1 of one channel, numbered through the images. */
static inline __attribute__((always_inline)) void
sum_plane(const int kind, const Channels *s, const REAL *g, const REAL *x, REAL centre, long channel,
          long first, long end, double *to, double *also)
{
    const vec m = all(centre), none = {0};
    vec sum[4] = {none, none, none, none}, more[4] = {none, none, none, none};
    long rest = s->positions % LANES;
    whole new; /* the lanes of the last vector of a plane that the one before didn't have */
    for (long i = 0; i < LANES; i++)
        new[i] = i >= LANES - rest ? -1 : 0;
    long start = first % s->positions, plane = first / s->positions * s->channels + channel;
    for (long left = end - first, n; left > 0; left -= n, start = 0, plane += s->channels) {
        long at = plane * s->positions + start, i = 0;
        n = s->positions - start < left ? s->positions - start : left;
        const REAL *a = g + at, *b = kind == PRODUCTS ? x + at : a;
        for (; i + 4 * LANES <= n; i += 4 * LANES)
            UNROLL
            for (long k = 0; k < 4; k++) {
                vec u = load(a + i + k * LANES);
                sum[k] += TERM(kind, u, m);
                if (kind != PLAIN)
                    more[k] += ALSO(kind, u, load(b + i + k * LANES), m);
            }
        for (; i + LANES <= n; i += LANES) {
            vec u = load(a + i);
            sum[0] += TERM(kind, u, m);
            if (kind != PLAIN)
                more[0] += ALSO(kind, u, load(b + i), m);
        }
        if (i < n && i && n - i == rest) { /* some of it again, which doesn't count */
            vec u = load(a + n - LANES);
            sum[1] += pick(new, TERM(kind, u, m), none);
            if (kind != PLAIN)
                more[1] += pick(new, ALSO(kind, u, load(b + n - LANES), m), none);
            i = n;
        }
        for (; i < n; i++) {
            *to += TERM(kind, a[i], centre);
            if (kind != PLAIN)
                *also += ALSO(kind, a[i], b[i], centre);
        }
    }
    *to += total((sum[0] + sum[1]) + (sum[2] + sum[3]));
    if (kind != PLAIN)
        *also += total((more[0] + more[1]) + (more[2] + more[3]));
}

/* Numbers per channel, written out for a period; NULL stands for all `absent`. */
static void write_out(const Channels *s, const REAL *given, REAL absent, REAL *to)
{
    for (long c = 0; c < s->channels; c++)
        to[c] = given ? given[c] : absent;
    for (long i = s->channels; i < s->period; i++)
        to[i] = to[i - s->channels];
}

/* Jobs: a block of all channels, or some channels' blocks.
 *
 * MOMENTS: the sum, and that of the squares about the block's own mean. It is computed about the
 * mean of the block's first eighth, and shifted: if d is how far that is off, the variance is at
 * least d^2 / 7, so that at most three of its bits are lost.
 */
#define MOMENTS 3

/* Infinities about infinity would be NaN. */
static REAL origin(REAL centre)
{
    return centre - centre == 0 ? centre : 0;
}

static void shift(double centre, double n, double *sum, double *squares)
{
    *squares -= *sum * *sum / n;
    *sum += centre * n;
}

/* Two periods of sums, and what they are about. */
static size_t periods_bytes(const Channels *s)
{
    return 3 * s->period * sizeof(REAL);
}

static inline __attribute__((always_inline)) void sums_last(const int kind, const Sums *job, long b)
{
    const Channels *s = &job->s;
    long C = s->channels, first = b * s->block, pixels = s->count - first < s->block ? s->count - first : s->block;
    REAL *place = scratch(periods_bytes(s)), *centre = place + 2 * s->period;
    const REAL *g = job->g + first * C, *x = kind == PRODUCTS ? job->x + first * C : g;
    double *to = job->parts + 2 * b * C, *also = to + C;
    memset(to, 0, 2 * C * sizeof(double));
    if (kind == MOMENTS) {
        long some = (pixels + 7) / 8;
        sum_row(PLAIN, s, g, g, centre, some * C, place, to, also);
        for (long c = 0; c < C; c++)
            centre[c] = origin((REAL)(to[c] / some));
        write_out(s, centre, 0, centre);
        memset(to, 0, C * sizeof(double));
        sum_row(SQUARES, s, g, g, centre, pixels * C, place, to, also);
        for (long c = 0; c < C; c++)
            shift(centre[c], pixels, to + c, also + c);
    } else {
        write_out(s, job->centre, 0, centre);
        sum_row(kind, s, g, x, centre, pixels * C, place, to, also);
    }
}

static inline __attribute__((always_inline)) void sums_planes(const int kind, const Sums *job, long number)
{
    const Channels *s = &job->s;
    long stop = (number + 1) * job->each, pairs = s->channels * s->blocks;
    for (long i = number * job->each; i < (stop < pairs ? stop : pairs); i++) {
        long c = i / s->blocks, b = i % s->blocks, first = b * s->block;
        long end = s->count - first < s->block ? s->count : first + s->block;
        double sum = 0, more = 0;
        if (kind == MOMENTS) {
            long some = (end - first + 7) / 8;
            sum_plane(PLAIN, s, job->g, 0, 0, c, first, first + some, &sum, &more);
            REAL centre = origin((REAL)(sum / some));
            sum = 0;
            sum_plane(SQUARES, s, job->g, 0, centre, c, first, end, &sum, &more);
            shift(centre, end - first, &sum, &more);
        } else
            sum_plane(kind, s, job->g, job->x, job->centre ? job->centre[c] : 0, c, first, end, &sum, &more);
        job->parts[2 * b * s->channels + c] = sum;
        job->parts[(2 * b + 1) * s->channels + c] = more;
    }
}

#define SUMS_JOB(name, kind)                                                                       \
    static void name(void *work, long number)                                                      \
    {                                                                                              \
        const Sums *job = work;                                                                    \
        if (job->s.last)                                                                           \
            sums_last(kind, job, number);                                                          \
        else                                                                                       \
            sums_planes(kind, job, number);                                                        \
    }
SUMS_JOB(plain_job, PLAIN)
SUMS_JOB(products_job, PRODUCTS)
SUMS_JOB(moments_job, MOMENTS)

static size_t parts_bytes(const Channels *s)
{
    return 2 * s->blocks * s->channels * sizeof(double);
}

static void sums(Body body, Sums *job)
{
    const Channels *s = &job->s;
    long size = s->block < s->count ? s->block : s->count, pairs = s->channels * s->blocks;
    job->each = (BLOCK + size - 1) / size;
    long jobs = s->last ? s->blocks : (pairs + job->each - 1) / job->each;
    share(body, job, jobs, s->count * s->channels);
}
