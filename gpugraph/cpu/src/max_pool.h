/* Max pooling.
 *
 * Channels last, a vector is some channels of a pixel. Where a pixel's channels end within a vector,
 * the rest of the vector is computed, too, and written: over the pixels that follow, which are
 * computed later. Only at the end of a job, and of x, vectors are cut. So few channels cost no more
 * than a vector of them.
 *
 * Channels first, it is images of one channel, and a vector is some pixels of a row: `phases` puts
 * the places beside each other that a tap sees of them.
 */

/* What gpugraph/ops/pool_cpu.py fills in. */
typedef struct {
    long images, channels, height, width, rows, cols; /* of x; of y */
    long size_y, size_x, step_y, step_x, low_y, low_x, apart_y, apart_x;
} Pool;

typedef struct {
    const Pool *pool;
    const REAL *x;
    const unsigned char *offset;
    REAL *y;
    unsigned char *at;
    const void *taps; /* see max_pool_grad.h */
    long each; /* rows, or images, of a job */
} Pooling;

#define POOL_BLOCK 16384 /* elements of a job, about */

/* The taps of a window that starts at `start` that lie in 0 .. n-1: first .. end-1. */
typedef struct { long first, end; } Span;

static Span inside(long start, long n, long taps, long apart)
{
    Span s = {start < 0 ? (apart - 1 - start) / apart : 0, start < n ? (n - start + apart - 1) / apart : 0};
    if (s.end > taps)
        s.end = taps;
    return s;
}

/* How many rows make a job: elements is what a row has to do. */
static long rows_of_job(long elements)
{
    long rows = POOL_BLOCK / (elements + 1);
    return rows < 1 ? 1 : rows;
}

static long count_row_jobs(long rows, long each)
{
    return (rows + each - 1) / each;
}

static void spread_rows(Body body, void *work, long rows, long each)
{
    spread(body, work, count_row_jobs(rows, each));
}

/* The maximum of ny by nx taps, the first of which is number tap; NaN is larger than anything. */
static inline __attribute__((always_inline)) void
maximum(const REAL *x, long ny, long nx, long line, long next, long tap, long across, long left, vec *most, whole *at)
{
    vec top = all(-__builtin_inf());
    whole best = all_whole(tap);
    for (long i = 0; i < ny; i++)
        for (long j = 0; j < nx; j++) {
            vec v = load_some(x + i * line + j * next, left);
            whole more = ~(v <= top) & (top == top);
            top = pick(more, v, top);
            best = pick_whole(more, all_whole(tap + i * across + j), best);
        }
    *most = top;
    *at = best;
}

static size_t spans_bytes(const Pool *v)
{
    return v->cols * sizeof(Span);
}

static void max_pool_job(void *work, long job)
{
    const Pooling *p = work;
    const Pool *v = p->pool;
    long C = v->channels, first = job * p->each, last = first + p->each, all_rows = v->images * v->rows;
    if (last > all_rows)
        last = all_rows;
    const REAL *x_end = p->x + v->images * v->height * v->width * C;
    REAL *y = p->y + first * v->cols * C, *y_end = p->y + last * v->cols * C;
    unsigned char *at = p->at + first * v->cols * C;
    long line = v->apart_y * v->width * C, next = v->apart_x * C;
    Span *spans = scratch(spans_bytes(v));
    for (long o = 0; o < v->cols; o++)
        spans[o] = inside(o * v->step_x - v->low_x, v->width, v->size_x, v->apart_x);

    for (long r = first; r < last; r++) {
        long top = r % v->rows * v->step_y - v->low_y;
        Span ys = inside(top, v->height, v->size_y, v->apart_y);
        const REAL *image = p->x + r / v->rows * v->height * v->width * C;
        for (long o = 0; o < v->cols; o++) {
            Span xs = spans[o];
            long ny = ys.end - ys.first, nx = xs.end - xs.first;
            /* a window that sees padding alone: -inf, at the first tap that is not in the low one */
            long tap_y = ys.first < v->size_y ? ys.first : v->size_y - 1;
            long tap_x = xs.first < v->size_x ? xs.first : v->size_x - 1;
            long tap = tap_y * v->size_x + tap_x;
            if (ny <= 0 || nx <= 0)
                ny = nx = 0;
            const REAL *x = image;
            if (ny)
                x += ((top + ys.first * v->apart_y) * v->width + o * v->step_x - v->low_x + xs.first * v->apart_x) * C;
            const REAL *farthest = ny ? x + (ny - 1) * line + (nx - 1) * next : p->x;
            for (long c = 0; c < C; c += LANES) {
                vec most;
                whole best;
                long n = LANES; /* lanes to read and write */
                if (C - c < n && (x_end - farthest - c < n || y_end - y - c < n))
                    n = C - c;
                if (n < LANES)
                    maximum(x + c, ny, nx, line, next, tap, v->size_x, n, &most, &best);
                else if (ny == 2 && nx == 2)
                    maximum(x + c, 2, 2, line, next, tap, v->size_x, LANES, &most, &best);
                else if (ny == 3 && nx == 3)
                    maximum(x + c, 3, 3, line, next, tap, v->size_x, LANES, &most, &best);
                else
                    maximum(x + c, ny, nx, line, next, tap, v->size_x, LANES, &most, &best);
                bytes narrow = __builtin_convertvector(best, bytes);
                store_some(y + c, most, n);
                memcpy(at + c, &narrow, n);
            }
            y += C;
            at += C;
        }
    }
}

/* Where the columns of an image of one channel go, for windows that move in steps. */
typedef struct {
    const Pool *pool;
    long length, bytes; /* of a phase; of a row of them */
} Phases;

static Phases phases_of(const Pool *v)
{
    Phases f = {.pool = v};
    f.length = v->cols + (v->size_x - 1) * v->apart_x / v->step_x + LANES;
    f.bytes = f.length * v->step_x * sizeof(REAL);
    return f;
}

/* Row x of an image in phases: place i of the padded row is at [i % step][i / step]. The padding is
 * there already. */
static inline __attribute__((always_inline)) void
phase_row(const Phases *f, const REAL *x, REAL *to, const long step)
{
    const Pool *v = f->pool;
    long limit = f->length * step;
    for (long p = 0; p < step; p++) {
        long first = (p - v->low_x % step + step) % step; /* of the places of phase p that are in x */
        REAL *t = to + p * f->length + (first + v->low_x) / step;
        long end = v->width < limit - v->low_x ? v->width : limit - v->low_x;
        for (long i = first; i < end; i += step)
            *t++ = x[i];
    }
}

static void phases(const Phases *f, const REAL *x, REAL *to)
{
    if (f->pool->step_x == 1)
        phase_row(f, x, to, 1);
    else if (f->pool->step_x == 2)
        phase_row(f, x, to, 2);
    else
        phase_row(f, x, to, f->pool->step_x);
}

/* The first tap of each column, in whole vectors. */
static long columns_of(const Pool *v)
{
    return (v->cols + LANES - 1) / LANES * LANES;
}

/* The rows that a window sees, in phases, and those. */
static size_t planes_bytes(const Pool *v)
{
    return v->size_y * phases_of(v).bytes + columns_of(v) * sizeof(whole_lane);
}

static void max_pool_planes(void *work, long job)
{
    const Pooling *p = work;
    const Pool *v = p->pool;
    long first = job * p->each, last = first + p->each, all_rows = v->images * v->rows;
    if (last > all_rows)
        last = all_rows;
    REAL *y = p->y + first * v->cols, *y_end = p->y + last * v->cols;
    unsigned char *at = p->at + first * v->cols;
    const Phases f = phases_of(v);
    long row_length = f.length * v->step_x, round = columns_of(v);
    REAL *rows = scratch(planes_bytes(v));
    whole_lane *start = (whole_lane *)(rows + v->size_y * row_length); /* first tap of each column */
    for (long i = 0; i < v->size_y * row_length; i++)
        rows[i] = -__builtin_inf();
    for (long o = 0; o < round; o++) {
        long tap = inside(o * v->step_x - v->low_x, v->width, v->size_x, v->apart_x).first;
        start[o] = tap < v->size_x ? tap : v->size_x - 1;
    }
    for (long r = first; r < last; r++, y += v->cols, at += v->cols) {
        long top = r % v->rows * v->step_y - v->low_y;
        Span ys = inside(top, v->height, v->size_y, v->apart_y);
        const REAL *image = p->x + r / v->rows * v->height * v->width;
        for (long i = ys.first; i < ys.end; i++)
            phases(&f, image + (top + i * v->apart_y) * v->width, rows + i * row_length);
        long tap_y = ys.first < v->size_y ? ys.first : v->size_y - 1;
        for (long o = 0; o < v->cols; o += LANES) {
            vec most = all(-__builtin_inf());
            whole best;
            memcpy(&best, start + o, sizeof best);
            best += all_whole(tap_y * v->size_x);
            for (long i = ys.first; i < ys.end; i++)
                for (long j = 0; j < v->size_x; j++) {
                    long place = j * v->apart_x;
                    vec x = load(rows + i * row_length + place % v->step_x * f.length + place / v->step_x + o);
                    whole more = ~(x <= most) & (most == most);
                    most = pick(more, x, most);
                    best = pick_whole(more, all_whole(i * v->size_x + j), best);
                }
            bytes narrow = __builtin_convertvector(best, bytes);
            long n = y_end - y - o < LANES ? v->cols - o : LANES;
            store_some(y + o, most, n);
            memcpy(at + o, &narrow, n < LANES ? n : LANES);
        }
    }
}

static long pool_rows_of_job(const Pool *v)
{
    return rows_of_job(v->cols * (v->channels < LANES ? LANES : v->channels));
}

void EXPORT(max_pool_needs)(Needs *needs, const Pool *v)
{
    *needs = needs_workspace(0);
    needs_loop(needs, v->channels == 1 ? planes_bytes(v) : spans_bytes(v),
               count_row_jobs(v->images * v->rows, pool_rows_of_job(v)));
}

/* y (images, rows, cols, channels) and at, alike: the number of the tap that each came from. */
void EXPORT(max_pool)(const Pool *v, const REAL *x, REAL *y, unsigned char *at)
{
    long rows = pool_rows_of_job(v);
    Pooling p = {.pool = v, .x = x, .y = y, .at = at, .each = rows};
    spread_rows(v->channels == 1 ? max_pool_planes : max_pool_job, &p, v->images * v->rows, rows);
}
