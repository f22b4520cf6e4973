/* Convolution by 3 x 3 filters at stride 1 after Winograd, F(2 x 2, 3 x 3): see winograd_transform.h.
 *
 * The output is cut into tiles of 2 x 2 pixels, each seen from 4 x 4 inputs. With u, v the filters
 * and inputs transformed, each of the 16 spots is a product of matrices,
 *
 *     m[spot][tile][o] = sum over c of v[spot][tile][c] * u[spot][c][o],
 *
 * 16 multiply-adds for what is 36 in a direct sum. A job takes some tiles of the batch, one after
 * the other, whatever image they belong to: few enough for v to stay in the cache. Tiles at the edge
 * read zeros around the image, and write the pixels that are there.
 *
 * Rounding: along one axis the magnitudes of what is added up, |A'| |G| |B'|, are 8 times the
 * largest |x w|, where a direct sum adds up 3; together (8/3)^2 = 7.1 times at the very worst, and
 * sqrt(5/3)^2 = 1.7 times for numbers that vary independently. As the sums over c are 9 times
 * shorter than one over the taps, too, errors were found no larger than those of the direct sum.
 *
 * NaN and infinities would reach all pixels of a tile, as Inf - Inf; and sums of huge numbers may
 * overflow here alone. Whoever sees an output that isn't finite gives up, and the direct sum computes
 * the layer: as in the reference, the pixels that see them are the ones that show them.
 */

/* From how many channels on it is faster; measured for vectors of 16, 32 and 64 bytes */
#ifndef WINOGRAD_CHANNELS
#define WINOGRAD_CHANNELS 16
#endif
#define WINOGRAD_TILES 32 /* of a job */

/* The images as tiles, and how inputs are transformed. */
typedef struct {
    const Conv *conv;
    const REAL *x, *zeros; /* channels last, with these strides: */
    long sn, sy, sx;
    long across, each, all; /* tiles in a row, of an image, of the batch */
    long at_once;           /* tiles of a job, a multiple of ROWS */
    long wide, spot;        /* from tile to tile and from spot to spot of what is transformed */
} Tiles;

static long count_tiles_of_image(const Conv *v)
{
    return (v->cols + 1) / 2 * ((v->rows + 1) / 2);
}

/* Can it be computed so, and is that faster? Not if most of the tiles hang over the edge, or there
 * are so few that the filters are most of the work. */
static int is_winograd(const Conv *v)
{
    if (v->groups != 1 || v->taps_y != 3 || v->taps_x != 3 || v->step_y != 1 || v->step_x != 1)
        return 0;
    for (long i = 0; i < 3; i++)
        if (v->at_y[i] != i || v->at_x[i] != i)
            return 0;
    long tiles = count_tiles_of_image(v);
    return v->in >= WINOGRAD_CHANNELS && v->out >= WINOGRAD_CHANNELS && v->images * tiles >= 16 &&
           24 * tiles <= 9 * v->rows * v->cols;
}

/* Spots that begin a power of two apart would share few lines of the cache. */
static long apart(long elements)
{
    return elements + LANES;
}

/* An image with channels last. */
typedef struct {
    Conv plain;
    const REAL *x;
    REAL *to;
} Turn;

static void turn_image(void *work, long image)
{
    const Turn *t = work;
    const Conv *v = &t->plain;
    frame(v, t->x + image * v->sn, t->to + image * v->height * v->width * v->in, 0, v->height);
}

/* Most jobs have `most` tiles, but there are enough to go round. */
static Tiles plan_tiles(const Conv *v, long most, long jobs)
{
    Tiles t = {.conv = v, .sn = v->sn, .sy = v->sy, .sx = v->sx};
    t.across = (v->cols + 1) / 2;
    t.each = count_tiles_of_image(v);
    t.all = t.each * v->images;
    t.wide = padded(v->in);
    long fair = (t.all + jobs - 1) / jobs, n = most < fair ? most : fair;
    t.at_once = (n + ROWS - 1) / ROWS * ROWS;
    t.spot = apart(t.at_once * t.wide);
    return t;
}

static long numbers_copied(const Conv *v)
{
    return v->sc == 1 ? 0 : v->images * v->height * v->width * v->in;
}

/* Gives a place for `more` numbers in one workspace, behind zeros for a pixel, and puts x there in
 * the right order if it hasn't channels last. */
static REAL *place_tiles(Tiles *t, const REAL *x, long zeros, long more)
{
    const Conv *v = t->conv;
    long line = v->width * v->in, copy = numbers_copied(v);
    REAL *room = workspace((zeros + copy + more) * sizeof(REAL));
    t->x = x;
    t->zeros = room;
    memset(room, 0, zeros * sizeof(REAL));
    if (copy) {
        Turn turn = {*v, x, room + zeros + more};
        turn.plain.low_y = turn.plain.low_x = 0;
        turn.plain.frame_h = v->height;
        turn.plain.frame_w = v->width;
        spread(turn_image, &turn, v->images);
        t->x = turn.to;
        t->sn = v->height * line;
        t->sy = line;
        t->sx = v->in;
    }
    return room + zeros;
}

typedef struct { long image, row, col; } Corner; /* of a tile, among the pixels of the output */

static Corner corner_of(const Tiles *t, long tile)
{
    long within = tile % t->each;
    return (Corner){tile / t->each, within / t->across * 2, within % t->across * 2};
}

/* v[spot][first .. last - 1] of a tile */
static void transform_input(const Tiles *t, long tile, REAL *v, long first, long last)
{
    const Conv *c = t->conv;
    Corner at = corner_of(t, tile);
    long top = at.row - c->low_y, left = at.col - c->low_x;
    const REAL *corner = t->x + at.image * t->sn + top * t->sy + left * t->sx, *from[SPOTS];
    int inside = top >= 0 && left >= 0 && top + 4 <= c->height && left + 4 <= c->width;
    for (long i = 0; i < 4; i++)
        for (long j = 0; j < 4; j++) {
            int there = inside || (top + i >= 0 && top + i < c->height && left + j >= 0 && left + j < c->width);
            from[4 * i + j] = there ? corner + i * t->sy + j * t->sx : t->zeros;
        }
    for (long k = first; k < last; k += LANES) {
        vec d[SPOTS];
        UNROLL
        for (long i = 0; i < SPOTS; i++)
            d[i] = load_some(from[i] + k, last - k);
        BOTH_AXES(input_axis, d, 4, 4)
        UNROLL
        for (long i = 0; i < SPOTS; i++)
            store(v + i * t->spot + k, d[i]);
    }
}

typedef struct {
    Tiles tiles;
    Packing packing;
    REAL *filters; /* [block][spot][c][output channels of the block] */
    const REAL *bias;
    REAL *y;
    int strange; /* an output is not finite */
} Winograd;

/* The taps of a block of output channels. */
static size_t taps_bytes(const Conv *v, long block)
{
    Blocks blocks = blocks_of(v->out);
    return 9 * v->in * (block_start(blocks, block + 1) - block_start(blocks, block)) * VECTOR_BYTES;
}

/* The filters of a block of output channels: packed as for the direct sum, then transformed. */
static void winograd_filters(void *work, long block)
{
    const Winograd *job = work;
    const Conv *v = job->tiles.conv;
    Blocks blocks = blocks_of(v->out);
    long first = block_start(blocks, block), wide = (block_start(blocks, block + 1) - first) * LANES;
    long length = v->in * wide;
    REAL *taps = scratch(taps_bytes(v, block)), *u = job->filters + first * LANES * v->in * SPOTS;
    pack_block(&job->packing, 0, block, taps);
    for (long k = 0; k < length; k += LANES) {
        vec g[SPOTS];
        UNROLL
        for (long i = 0; i < 9; i++)
            g[i / 3 * 4 + i % 3] = load(taps + i * length + k);
        BOTH_AXES(filter_axis, g, 3, 4)
        UNROLL
        for (long i = 0; i < SPOTS; i++)
            store(u + i * length + k, g[i]);
    }
}

/* The pixels of a tile, from m[spot][nv vectors]. Gives a vector with NaN if any is not finite. */
static inline __attribute__((always_inline)) vec
transform_output(const long nv, const Winograd *job, long tile, const REAL *m, long spot, long channel)
{
    const Conv *v = job->tiles.conv;
    Corner at = corner_of(&job->tiles, tile);
    long y = at.image * v->y_height + v->first_y + at.row * v->every_y, x = v->first_x + at.col * v->every_x;
    REAL *to = job->y + (y * v->y_width + x) * v->out + channel;
    long rows = v->rows - at.row, cols = v->cols - at.col;
    vec strange = {0};
    UNROLL
    for (long k = 0; k < nv; k++) {
        long left = v->out - channel - k * LANES;
        if (left <= 0)
            break;
        vec d[SPOTS], bias = job->bias ? load_some(job->bias + channel + k * LANES, left) : (vec){0};
        UNROLL
        for (long i = 0; i < SPOTS; i++)
            d[i] = load(m + i * spot + k * LANES);
        BOTH_AXES(output_axis, d, 4, 2)
        UNROLL
        for (long i = 0; i < 2; i++)
            UNROLL
            for (long j = 0; j < 2; j++) {
                vec sum = d[4 * i + j] + bias;
                strange += 0 * sum;
                if (i < rows && j < cols)
                    store_some(to + (i * v->every_y * v->y_width + j * v->every_x) * v->out + k * LANES, sum, left);
            }
    }
    return strange;
}

static int is_strange(vec strange)
{
    for (long i = 0; i < LANES; i++)
        if (strange[i] != 0)
            return 1;
    return 0;
}

/* v and m of a job. */
static size_t winograd_bytes(const Tiles *t)
{
    return SPOTS * (t->spot + apart(t->at_once * MOST * LANES)) * sizeof(REAL);
}

static void winograd_job(void *work, long number)
{
    Winograd *job = work;
    const Tiles *t = &job->tiles;
    const Conv *c = t->conv;
    long first = number * t->at_once, count = t->all - first < t->at_once ? t->all - first : t->at_once;
    if (__atomic_load_n(&job->strange, __ATOMIC_RELAXED))
        return;
    REAL *v = scratch(winograd_bytes(t));
    REAL *m = v + SPOTS * t->spot;
    for (long i = 0; i < count; i++)
        transform_input(t, first + i, v + i * t->wide, 0, c->in);
    Blocks blocks = blocks_of(c->out);
    const Segment all_channels = {0, c->in};
    vec strange = {0};
    for (long b = 0; b < blocks.count; b++) {
        long start = block_start(blocks, b), nv = block_start(blocks, b + 1) - start, wide = nv * LANES;
        long spot = apart(t->at_once * wide);
        const REAL *u = job->filters + start * LANES * c->in * SPOTS;
        for (long s = 0; s < SPOTS; s++, u += c->in * wide)
            for (long p = 0; p < count; p += ROWS) {
                const REAL *x[ROWS];
                REAL *y[ROWS];
                for (long r = 0; r < ROWS; r++) {
                    long i = p + r < count ? p + r : count - 1;
                    x[r] = v + s * t->spot + i * t->wide;
                    y[r] = m + s * spot + i * wide;
                }
#define TILE(n) tile(n, x, &all_channels, 1, u, y, count - p, wide, 0, 0)
                if (nv == 3)
                    TILE(3);
                else if (nv == 2)
                    TILE(2);
                else
                    TILE(1);
#undef TILE
            }
        for (long i = 0; i < count; i++) {
#define OUTPUT(n) strange += transform_output(n, job, first + i, m + i * wide, spot, start * LANES)
            if (nv == 3)
                OUTPUT(3);
            else if (nv == 2)
                OUTPUT(2);
            else
                OUTPUT(1);
#undef OUTPUT
        }
    }
    if (is_strange(strange))
        __atomic_store_n(&job->strange, 1, __ATOMIC_RELAXED);
}

static long count_filters(const Conv *v)
{
    return v->in * padded(v->out) * SPOTS;
}

static long count_tile_jobs(const Tiles *t)
{
    return (t->all + t->at_once - 1) / t->at_once;
}

static Needs winograd_needs(const Conv *v)
{
    Tiles t = plan_tiles(v, WINOGRAD_TILES, 4 * threads());
    Needs needs = needs_workspace((padded(v->in) + numbers_copied(v) + count_filters(v)) * sizeof(REAL));
    needs_loop(&needs, taps_bytes(v, 0), blocks_of(v->out).count); /* the first block is the largest */
    needs_loop(&needs, winograd_bytes(&t), count_tile_jobs(&t));
    return needs;
}

/* As `conv`; gives 0 if that takes a direct sum. */
static int winograd(const Conv *v, const REAL *x, const REAL *w, const REAL *bias, REAL *y)
{
    long place[v->w_taps];
    find_places(v, place);
    Winograd job = {.packing = {v, w, 0, place}, .bias = bias, .y = y};
    job.tiles = plan_tiles(v, WINOGRAD_TILES, 4 * threads());
    job.filters = place_tiles(&job.tiles, x, padded(v->in), count_filters(v));
    spread(winograd_filters, &job, blocks_of(v->out).count);
    spread(winograd_job, &job, count_tile_jobs(&job.tiles));
    return !job.strange;
}
