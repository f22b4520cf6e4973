/* The gradient of max pooling, and what is adjoint to it: gradients go where offsets say.
 *
 * The windows that see a place are added in the order of its taps in them, as the reference adds.
 */

/* Which windows see a place of an axis, by their taps: how many, then (tap, window) of each. */
static long seen_by(long place, long low, long taps, long step, long apart, long windows, long *pairs)
{
    long count = 0;
    for (long tap = 0; tap < taps; tap++) {
        long start = place + low - tap * apart;
        if (start >= 0 && start % step == 0 && start / step < windows) {
            pairs[2 * count] = tap;
            pairs[2 * count++ + 1] = start / step;
        }
    }
    return count;
}

/* For all columns of x: at [column * (1 + 2 taps)] the count, then the pairs. */
static long *seen_columns(const Pool *v)
{
    long each = 1 + 2 * v->size_x, *seen = scratch((v->width * each + 2 * v->size_y) * sizeof(long));
    for (long i = 0; i < v->width; i++)
        seen[i * each] = seen_by(i, v->low_x, v->size_x, v->step_x, v->apart_x, v->cols, seen + i * each + 1);
    return seen;
}

static void scatter_rows(void *work, long job)
{
    const Pooling *p = work;
    const Pool *v = p->pool;
    long C = v->channels, first = job * p->each, last = first + p->each, all_rows = v->images * v->height;
    if (last > all_rows)
        last = all_rows;
    REAL *gx = p->y + first * v->width * C, *gx_end = p->y + last * v->width * C;
    const REAL *g_end = p->x + v->images * v->rows * v->cols * C;
    long each = 1 + 2 * v->size_x, *columns = seen_columns(v), *ys = columns + v->width * each;
    for (long r = first; r < last; r++) {
        long image = r / v->height * v->rows;
        long ny = seen_by(r % v->height, v->low_y, v->size_y, v->step_y, v->apart_y, v->rows, ys);
        for (long i = 0; i < v->width; i++, gx += C) {
            const long nx = columns[i * each], *xs = columns + i * each + 1;
            for (long c = 0; c < C; c += LANES) {
                vec sum = {0};
                for (long a = 0; a < ny; a++)
                    for (long b = 0; b < nx; b++) {
                        long from = ((image + ys[2 * a + 1]) * v->cols + xs[2 * b + 1]) * C + c;
                        const REAL *g = p->x + from;
                        bytes narrow = {0};
                        vec value;
                        if (g_end - g >= LANES) {
                            value = load(g);
                            memcpy(&narrow, p->offset + from, LANES);
                        } else {
                            value = load_some(g, g_end - g);
                            memcpy(&narrow, p->offset + from, g_end - g);
                        }
                        whole at = __builtin_convertvector(narrow, whole);
                        sum += only(at == all_whole(ys[2 * a] * v->size_x + xs[2 * b]), value);
                    }
                /* what is too much is written over by the next places */
                store_some(gx + c, sum, gx_end - gx - c < LANES ? C - c : LANES);
            }
        }
    }
}

/* Where each tap is, from the start of its window. */
typedef struct { long y[256], x[256]; } Taps;

static Taps taps_of(const Pool *v)
{
    Taps taps;
    for (long i = 0; i < v->size_y * v->size_x; i++) {
        taps.y[i] = i / v->size_x * v->apart_y;
        taps.x[i] = i % v->size_x * v->apart_x;
    }
    return taps;
}

/* The place in its image that window (row, col) takes tap `at` from; -1 for one of the padding. */
static inline long place_of(const Pool *v, const Taps *taps, long row, long col, unsigned char at)
{
    if (at >= v->size_y * v->size_x)
        return -1;
    long y = row * v->step_y - v->low_y + taps->y[at], x = col * v->step_x - v->low_x + taps->x[at];
    if (y < 0 || y >= v->height || x < 0 || x >= v->width)
        return -1;
    return y * v->width + x;
}

/* A whole image, element by element: for few channels. From the last window to the first, which is
 * from the first tap of a place to the last. */
static void scatter_image(void *work, long n)
{
    const Pooling *p = work;
    const Pool *v = p->pool;
    long C = v->channels, windows = v->rows * v->cols;
    const Taps taps = taps_of(v);
    const REAL *g = p->x + n * windows * C;
    const unsigned char *offset = p->offset + n * windows * C;
    REAL *gx = p->y + n * v->height * v->width * C;
    memset(gx, 0, v->height * v->width * C * sizeof(REAL));
    for (long row = v->rows; row-- > 0;)
        for (long col = v->cols; col-- > 0;)
            for (long c = 0; c < C; c++) {
                long from = (row * v->cols + col) * C + c;
                long to = place_of(v, &taps, row, col, offset[from]);
                if (to >= 0)
                    gx[to * C + c] += g[from];
            }
}

static void gather_rows(void *work, long job)
{
    const Pooling *p = work;
    const Pool *v = p->pool;
    long C = v->channels, first = job * p->each, last = first + p->each, all_rows = v->images * v->rows;
    if (last > all_rows)
        last = all_rows;
    const Taps taps = taps_of(v);
    for (long r = first; r < last; r++) {
        const REAL *x = p->x + r / v->rows * v->height * v->width * C;
        for (long col = 0; col < v->cols; col++)
            for (long c = 0; c < C; c++) {
                long to = (r * v->cols + col) * C + c;
                long from = place_of(v, &taps, r % v->rows, col, p->offset[to]);
                p->y[to] = from < 0 ? 0 : x[from * C + c];
            }
    }
}

/* gx (images, height, width, channels) from g and offset (images, rows, cols, channels). */
void EXPORT(pool_scatter)(const Pool *v, const REAL *g, const unsigned char *offset, REAL *gx)
{
    Pooling p = {.pool = v, .x = g, .offset = offset, .y = gx};
    if (2 * v->channels < LANES) {
        spread(scatter_image, &p, v->images);
        return;
    }
    p.each = rows_of_job(v->width * v->channels);
    spread_rows(scatter_rows, &p, v->images * v->height, p.each);
}

/* y (images, rows, cols, channels): the elements of x that offset names, 0 for the padding. */
void EXPORT(pool_gather)(const Pool *v, const REAL *x, const unsigned char *offset, REAL *y)
{
    Pooling p = {.pool = v, .x = x, .offset = offset, .y = y};
    p.each = rows_of_job(v->cols * v->channels);
    spread_rows(gather_rows, &p, v->images * v->rows, p.each);
}
