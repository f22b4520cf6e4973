/* The gradient of max pooling, and what is adjoint to it: gradients go where offsets say.
 *
 * The windows that see a place are added in the order of its taps in them, as the reference adds.
 * Three ways: windows side by side are written as they are, in vectors; others are scattered image
 * by image; and few images, row by row, by asking for each place which windows see it.
 */

/* Side by side: each place is in one window, or behind the last. */
static int is_tiled(const Pool *v)
{
    return v->size_y == v->step_y && v->size_x == v->step_x && v->apart_y == 1 && v->apart_x == 1 && !v->low_y &&
           !v->low_x && v->rows * v->step_y <= v->height && v->cols * v->step_x <= v->width;
}

/* gx of the row from places beside each other that see the same windows, whose taps start at tap. */
static inline __attribute__((always_inline)) void
tile_row(const REAL *g, const unsigned char *at, REAL *gx, REAL *gx_end, const REAL *g_end, long cols, long C, long nx, int tap)
{
    for (long o = 0; o < cols; o++, g += C, at += C)
        for (long j = 0; j < nx; j++, gx += C)
            for (long c = 0; c < C; c += LANES) {
                long n = gx_end - gx - c < LANES || g_end - g - c < LANES ? C - c : LANES;
                bytes narrow = {0};
                if (n >= LANES)
                    memcpy(&narrow, at + c, LANES);
                else
                    memcpy(&narrow, at + c, n);
                whole from = __builtin_convertvector(narrow, whole);
                store_some(gx + c, only(from == all_whole(tap + j), load_some(g + c, n)), n);
            }
}

static void tile_rows(void *work, long job)
{
    const Pooling *p = work;
    const Pool *v = p->pool;
    long C = v->channels, first = job * p->each, last = first + p->each, all_rows = v->images * v->height;
    if (last > all_rows)
        last = all_rows;
    REAL *gx = p->y + first * v->width * C, *gx_end = p->y + last * v->width * C;
    const REAL *g_end = p->x + v->images * v->rows * v->cols * C;
    long rest = (v->width - v->cols * v->step_x) * C;
    for (long r = first; r < last; r++, gx += v->width * C) {
        long row = r % v->height, from = (r / v->height * v->rows + row / v->step_y) * v->cols * C;
        if (row >= v->rows * v->step_y) {
            memset(gx, 0, v->width * C * sizeof(REAL));
            continue;
        }
        const REAL *g = p->x + from;
        const unsigned char *at = p->offset + from;
        int tap = row % v->step_y * v->size_x;
        if (v->size_x == 2)
            tile_row(g, at, gx, gx_end, g_end, v->cols, C, 2, tap);
        else
            tile_row(g, at, gx, gx_end, g_end, v->cols, C, v->size_x, tap);
        memset(gx + v->cols * v->step_x * C, 0, rest * sizeof(REAL));
    }
}

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

/* What they take for all columns of x, and for a row. */
static size_t seen_bytes(const Pool *v)
{
    return (v->width * (1 + 2 * v->size_x) + 2 * v->size_y) * sizeof(long);
}

/* For all columns of x: at [column * (1 + 2 taps)] the count, then the pairs. */
static long *seen_columns(const Pool *v)
{
    long each = 1 + 2 * v->size_x, *seen = scratch(seen_bytes(v));
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

/* Where the taps of a window are, from its start: along the axes, and in elements. */
typedef struct { long count, y[256], x[256], at[256]; } Taps;

static Taps taps_of(const Pool *v)
{
    Taps taps = {.count = v->size_y * v->size_x};
    for (long i = 0; i < taps.count; i++) {
        taps.y[i] = i / v->size_x * v->apart_y;
        taps.x[i] = i % v->size_x * v->apart_x;
        taps.at[i] = (taps.y[i] * v->width + taps.x[i]) * v->channels;
    }
    return taps;
}

/* The place in its image that window (row, col) takes tap `at` from; -1 for one of the padding. */
static inline long place_of(const Pool *v, const Taps *taps, long row, long col, unsigned char at)
{
    if (at >= taps->count)
        return -1;
    long y = row * v->step_y - v->low_y + taps->y[at], x = col * v->step_x - v->low_x + taps->x[at];
    if (y < 0 || y >= v->height || x < 0 || x >= v->width)
        return -1;
    return y * v->width + x;
}

/* Which windows along an axis see no padding: the rest is asked for each place. */
static Span whole_windows(long n, long windows, long taps, long step, long low, long apart)
{
    Span s = {(low + step - 1) / step, n + low - (taps - 1) * apart - 1};
    s.end = s.end < 0 ? 0 : s.end / step + 1;
    if (s.end > windows)
        s.end = windows;
    return s;
}

/* A window that sees no padding; with one channel, so many of them, the last one first. */
static inline void
scatter_whole(const Taps *taps, const REAL *g, const unsigned char *at, REAL *gx, long C, long windows, long step)
{
    long count = C == 1 ? windows : C, next = C == 1 ? -1 : 1, far = C == 1 ? -step : 1;
    for (long i = 0; i < count; i++, g += next, at += next, gx += far)
        if (*at < taps->count)
            gx[taps->at[*at]] += *g;
}

/* Whole images, from the last window to the first: that is from a place's first tap to its last. */
static void scatter_images(void *work, long job)
{
    const Pooling *p = work;
    const Pool *v = p->pool;
    const Taps *taps = p->taps;
    long C = v->channels, windows = v->rows * v->cols;
    Span ys = whole_windows(v->height, v->rows, v->size_y, v->step_y, v->low_y, v->apart_y);
    Span xs = whole_windows(v->width, v->cols, v->size_x, v->step_x, v->low_x, v->apart_x);
    for (long n = job * p->each; n < (job + 1) * p->each && n < v->images; n++) {
        const REAL *g = p->x + n * windows * C;
        const unsigned char *offset = p->offset + n * windows * C;
        REAL *gx = p->y + n * v->height * v->width * C;
        memset(gx, 0, v->height * v->width * C * sizeof(REAL));
        for (long row = v->rows; row-- > 0;) {
            int whole_row = row >= ys.first && row < ys.end;
            for (long col = v->cols; col-- > 0;) {
                long from = (row * v->cols + col) * C;
                if (whole_row && col < xs.end && col >= xs.first) {
                    long first = C == 1 ? xs.first : col; /* these columns at once */
                    long to = ((row * v->step_y - v->low_y) * v->width + col * v->step_x - v->low_x) * C;
                    scatter_whole(taps, g + from, offset + from, gx + to, C, col - first + 1, v->step_x);
                    col = first;
                } else
                    for (long c = from; c < from + C; c++) {
                        long to = place_of(v, taps, row, col, offset[c]);
                        if (to >= 0)
                            gx[to * C + c - from] += g[c];
                    }
            }
        }
    }
}

static void gather_rows(void *work, long job)
{
    const Pooling *p = work;
    const Pool *v = p->pool;
    long C = v->channels, first = job * p->each, last = first + p->each, all_rows = v->images * v->rows;
    if (last > all_rows)
        last = all_rows;
    for (long r = first; r < last; r++) {
        const REAL *x = p->x + r / v->rows * v->height * v->width * C;
        for (long col = 0; col < v->cols; col++)
            for (long c = 0; c < C; c++) {
                long to = (r * v->cols + col) * C + c;
                long from = place_of(v, p->taps, r % v->rows, col, p->offset[to]);
                p->y[to] = from < 0 ? 0 : x[from * C + c];
            }
    }
}

/* The way of a scatter. */
enum { TILED, BY_IMAGE, BY_ROW };

static int way_of(const Pool *v)
{
    if (is_tiled(v) && 2 * v->channels >= LANES)
        return TILED;
    return v->images >= threads() || v->height * v->width * v->channels < POOL_BLOCK ? BY_IMAGE : BY_ROW;
}

void EXPORT(pool_scatter_needs)(Needs *needs, const Pool *v)
{
    *needs = needs_workspace(0);
    if (way_of(v) == BY_ROW)
        needs_loop(needs, seen_bytes(v), count_row_jobs(v->images * v->height, rows_of_job(v->width * v->channels)));
}

/* gx (images, height, width, channels) from g and offset (images, rows, cols, channels). */
void EXPORT(pool_scatter)(const Pool *v, const REAL *g, const unsigned char *offset, REAL *gx)
{
    const Taps taps = taps_of(v);
    Pooling p = {.pool = v, .x = g, .offset = offset, .y = gx, .taps = &taps};
    int way = way_of(v);
    p.each = rows_of_job((way == BY_IMAGE ? v->height : 1) * v->width * v->channels);
    if (way == BY_IMAGE)
        spread_rows(scatter_images, &p, v->images, p.each);
    else
        spread_rows(way == TILED ? tile_rows : scatter_rows, &p, v->images * v->height, p.each);
}

/* y (images, rows, cols, channels): the elements of x that offset names, 0 for the padding. */
void EXPORT(pool_gather)(const Pool *v, const REAL *x, const unsigned char *offset, REAL *y)
{
    const Taps taps = taps_of(v);
    Pooling p = {.pool = v, .x = x, .offset = offset, .y = y, .taps = &taps};
    p.each = rows_of_job(v->cols * v->channels);
    spread_rows(gather_rows, &p, v->images * v->rows, p.each);
}
