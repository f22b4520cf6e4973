/* Average pooling, its adjoint, and means over the middle of three axes; channels last, and the
 * ends of vectors as in max_pool.h.
 */

typedef struct {
    const Pool *pool;
    const REAL *x;
    REAL *y;
    const double *count_y, *count_x; /* a window's mean is over the product of two */
    long each;
} Averaging;

static void avg_pool_job(void *work, long job)
{
    const Averaging *p = work;
    const Pool *v = p->pool;
    long C = v->channels, first = job * p->each, last = first + p->each, all_rows = v->images * v->rows;
    if (last > all_rows)
        last = all_rows;
    const REAL *x_end = p->x + v->images * v->height * v->width * C;
    REAL *y = p->y + first * v->cols * C, *y_end = p->y + last * v->cols * C;
    long line = v->width * C;
    for (long r = first; r < last; r++) {
        long row = r % v->rows, top = row * v->step_y - v->low_y;
        Span ys = inside(top, v->height, v->size_y, 1);
        for (long col = 0; col < v->cols; col++, y += C) {
            long side = col * v->step_x - v->low_x;
            Span xs = inside(side, v->width, v->size_x, 1);
            long ny = ys.end - ys.first, nx = xs.end - xs.first;
            if (ny <= 0 || nx <= 0)
                ny = nx = 0;
            const REAL *x = p->x;
            if (ny)
                x += ((r / v->rows * v->height + top + ys.first) * v->width + side + xs.first) * C;
            const REAL *farthest = ny ? x + (ny - 1) * line + (nx - 1) * C : x;
            const vec count = all(p->count_y[row] * p->count_x[col]);
            for (long c = 0; c < C; c += LANES) {
                vec sum = {0};
                long n = LANES;
                if (C - c < n && (x_end - farthest - c < n || y_end - y - c < n))
                    n = C - c;
                for (long j = 0; j < nx; j++) { /* in the order of the reference: the same sums */
                    vec part = {0};
                    for (long i = 0; i < ny; i++)
                        part += load_some(x + i * line + j * C + c, n);
                    sum += part;
                }
                store_some(y + c, sum / count, n);
            }
        }
    }
}

static void avg_pool_input_job(void *work, long job)
{
    const Averaging *p = work;
    const Pool *v = p->pool;
    long C = v->channels, first = job * p->each, last = first + p->each, all_rows = v->images * v->height;
    if (last > all_rows)
        last = all_rows;
    REAL *gx = p->y + first * v->width * C, *gx_end = p->y + last * v->width * C;
    const REAL *g_end = p->x + v->images * v->rows * v->cols * C;
    long each = 1 + 2 * v->size_x, *columns = seen_columns(v), *ys = columns + v->width * each;
    for (long r = first; r < last; r++) {
        const REAL *image = p->x + r / v->height * v->rows * v->cols * C;
        long ny = seen_by(r % v->height, v->low_y, v->size_y, v->step_y, 1, v->rows, ys);
        for (long i = 0; i < v->width; i++, gx += C) {
            const long nx = columns[i * each], *xs = columns + i * each + 1;
            for (long c = 0; c < C; c += LANES) {
                vec sum = {0};
                for (long a = 0; a < ny; a++) {
                    long row = ys[2 * a + 1];
                    vec part = {0};
                    for (long b = 0; b < nx; b++) {
                        long col = xs[2 * b + 1];
                        const REAL *g = image + (row * v->cols + col) * C + c;
                        part += load_some(g, g_end - g) * all(1 / (p->count_y[row] * p->count_x[col]));
                    }
                    sum += part;
                }
                store_some(gx + c, sum, gx_end - gx - c < LANES ? C - c : LANES);
            }
        }
    }
}

/* y (images, rows, cols, channels): the sum of each window over count_y[row] * count_x[col]. */
void EXPORT(avg_pool)(const Pool *v, const double *count_y, const double *count_x, const REAL *x, REAL *y)
{
    Averaging p = {v, x, y, count_y, count_x, rows_of_job(v->cols * (v->channels < LANES ? LANES : v->channels))};
    spread_rows(avg_pool_job, &p, v->images * v->rows, p.each);
}

static long spread_rows_of_job(const Pool *v)
{
    return rows_of_job(v->width * (v->channels < LANES ? LANES : v->channels));
}

void EXPORT(avg_pool_input_needs)(Needs *needs, const Pool *v)
{
    *needs = needs_workspace(0);
    needs_loop(needs, seen_bytes(v), count_row_jobs(v->images * v->height, spread_rows_of_job(v)));
}

/* gx (images, height, width, channels): each g / count over all that its window sees. */
void EXPORT(avg_pool_input)(const Pool *v, const double *count_y, const double *count_x, const REAL *g, REAL *gx)
{
    Averaging p = {v, g, gx, count_y, count_x, spread_rows_of_job(v)};
    spread_rows(avg_pool_input_job, &p, v->images * v->height, p.each);
}

/* Means */

#define SUM_BLOCK 64 /* terms of a lane before they are added up in double */
#define SUM_WIDE 4   /* vectors beside each other */

typedef struct {
    const REAL *x;
    REAL *y;
    long outer, n, inner, each, divisor;
} Means;

/* The means over n rows of some channels of an image: left of them, in SUM_WIDE vectors. */
static void mean_rows(const REAL *x, REAL *y, long n, long inner, long left, long divisor)
{
    double total[SUM_WIDE * VECTOR_BYTES / sizeof(REAL)] = {0};
    for (long start = 0; start < n; start += SUM_BLOCK) {
        long end = start + SUM_BLOCK < n ? start + SUM_BLOCK : n;
        vec sum[SUM_WIDE] = {0};
        if (left >= SUM_WIDE * LANES)
            for (long i = start; i < end; i++)
                UNROLL
                for (long k = 0; k < SUM_WIDE; k++)
                    sum[k] += load(x + i * inner + k * LANES);
        else if (left <= LANES) { /* a vector at most: several rows beside each other */
            long i = start;
            for (; i + SUM_WIDE <= end; i += SUM_WIDE)
                UNROLL
                for (long k = 0; k < SUM_WIDE; k++)
                    sum[k] += load_some(x + (i + k) * inner, left);
            for (; i < end; i++)
                sum[0] += load_some(x + i * inner, left);
            sum[0] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
            sum[1] = sum[2] = sum[3] = (vec){0};
        } else
            for (long i = start; i < end; i++)
                for (long k = 0; k * LANES < left; k++)
                    sum[k] += load_some(x + i * inner + k * LANES, left - k * LANES);
        if (n <= SUM_BLOCK) {
            for (long k = 0; k < SUM_WIDE && k * LANES < left; k++)
                store_some(y + k * LANES, sum[k] / all(divisor), left - k * LANES);
            return;
        }
        for (long k = 0; k < SUM_WIDE; k++)
            for (long l = 0; l < LANES; l++)
                total[k * LANES + l] += sum[k][l];
    }
    for (long c = 0; c < left && c < SUM_WIDE * LANES; c++)
        y[c] = total[c] / divisor;
}

/* The sum of the lanes. */
static inline REAL across(vec v)
{
    REAL lanes[16] = {0};
    memcpy(lanes, &v, sizeof v);
    if (LANES > 8)
        for (long l = 0; l < 8; l++)
            lanes[l] += lanes[l + 8];
    for (long l = 0; l < 4; l++)
        lanes[l] += lanes[l + 4];
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

/* The sum of n numbers in a row. */
static double row_total(const REAL *x, long n)
{
    const long block = SUM_BLOCK * SUM_WIDE * LANES;
    double total = 0;
    for (long start = 0; start < n; start += block) {
        long end = start + block < n ? start + block : n, i = start;
        vec sum[SUM_WIDE] = {0};
        for (; i + SUM_WIDE * LANES <= end; i += SUM_WIDE * LANES)
            UNROLL
            for (long k = 0; k < SUM_WIDE; k++)
                sum[k] += load(x + i + k * LANES);
        for (; i < end; i += LANES)
            sum[0] += load_some(x + i, end - i);
        total += across((sum[0] + sum[1]) + (sum[2] + sum[3]));
    }
    return total;
}

static void mean_job(void *work, long job)
{
    const Means *m = work;
    long first = job * m->each, last = first + m->each < m->outer ? first + m->each : m->outer;
    for (long o = first; o < last; o++) {
        const REAL *x = m->x + o * m->n * m->inner;
        if (m->inner == 1)
            m->y[o] = row_total(x, m->n) / m->divisor;
        else
            for (long c = 0; c < m->inner; c += SUM_WIDE * LANES)
                mean_rows(x + c, m->y + o * m->inner + c, m->n, m->inner, m->inner - c, m->divisor);
    }
}

/* y (outer, inner): sums of x (outer, n, inner) over its middle axis, over a divisor: n for means. */
void EXPORT(mean_middle)(const REAL *x, REAL *y, long outer, long n, long inner, long divisor)
{
    Means m = {x, y, outer, n, inner, rows_of_job(n * inner), divisor};
    spread_rows(mean_job, &m, outer, m.each);
}
