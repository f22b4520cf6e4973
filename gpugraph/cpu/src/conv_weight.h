/* The gradient for the filters, channels last: each is a sum over all windows,
 *
 *     gw[o][tap, c] = sum over pixels of gy[pixel][o] * x[pixel moved by the tap][c]
 *
 * A tile of ROWS output channels by up to MOST vectors of inputs stays in registers while it goes
 * over the windows of a part of the batch that fits into the cache. Tiles are kept in the order in
 * which they are computed; `settle` puts them into the order of the filters. Uses `Conv` as for the
 * forward product: `in` and x are its input, `out` are the channels of gy.
 */

typedef struct {
    const Conv *conv;
    const REAL *x, *gy;
    REAL *gw, *tiles;    /* splits x tiles x ROWS x MOST vectors */
    long runs, length;   /* of inputs that lie in a row: for each tap, or row of taps; how long */
    long blocks, parts;  /* of a run, in vectors; of all tiles, for each to be a job */
    long splits, images, rows; /* of the batch; at a time */
    long line;
    int direct;
} Weight;

static inline __attribute__((always_inline)) void
weight_tile(const long nv, const int all_rows, const Conv *v, const REAL *x, long plane, long line, const REAL *gy,
            long images, long rows, long left, REAL *tile)
{
    vec sum[ROWS][MOST];
    long at[ROWS];
    UNROLL
    for (long r = 0; r < ROWS; r++) {
        at[r] = r < left ? r : 0;
        UNROLL
        for (long k = 0; k < nv; k++)
            sum[r][k] = load(tile + (r * MOST + k) * LANES);
    }
    for (long n = 0; n < images; n++)
        for (long i = 0; i < rows; i++) {
            const REAL *a = x + n * plane + i * v->step_y * line;
            const REAL *g = gy + (n * v->rows + i) * v->cols * v->out;
            for (long j = 0; j < v->cols; j++, a += v->step_x * v->in, g += v->out) {
                const vec a0 = load(a), a1 = load(a + (nv > 1) * LANES), a2 = load(a + (nv > 2 ? 2 : 0) * LANES);
                UNROLL
                for (long r = 0; r < ROWS; r++) {
                    const vec b = all(all_rows ? g[r] : g[at[r]]);
                    sum[r][0] += b * a0;
                    if (nv > 1)
                        sum[r][1] += b * a1;
                    if (nv > 2)
                        sum[r][2] += b * a2;
                }
            }
        }
    UNROLL
    for (long r = 0; r < ROWS; r++)
        UNROLL
        for (long k = 0; k < nv; k++)
            store(tile + (r * MOST + k) * LANES, sum[r][k]);
}

/* What tile number t is about. */
typedef struct { long group, run, first, nv, o; } Tile;

static Tile tile_of(const Weight *job, long t)
{
    Blocks blocks = blocks_of(job->length);
    long strips = (job->conv->out / job->conv->groups + ROWS - 1) / ROWS;
    Tile it;
    it.o = t % strips * ROWS;
    t /= strips;
    it.first = block_start(blocks, t % blocks.count);
    it.nv = block_start(blocks, t % blocks.count + 1) - it.first;
    t /= blocks.count;
    it.run = t % job->runs;
    it.group = t / job->runs;
    return it;
}

static long count_tiles(const Weight *job)
{
    long strips = (job->conv->out / job->conv->groups + ROWS - 1) / ROWS;
    return job->conv->groups * job->runs * blocks_of(job->length).count * strips;
}

static void weight_job(void *work, long number)
{
    const Weight *job = work;
    const Conv *v = job->conv;
    long tiles = count_tiles(job), split = number / job->parts, part = number % job->parts;
    long t0 = tiles * part / job->parts, t1 = tiles * (part + 1) / job->parts;
    long n0 = v->images * split / job->splits, n1 = v->images * (split + 1) / job->splits;
    long out = v->out / v->groups, in = v->in / v->groups, line = job->line;
    REAL *mine = job->tiles + split * tiles * ROWS * MOST * LANES;
    memset(mine + t0 * ROWS * MOST * LANES, 0, (t1 - t0) * ROWS * MOST * LANES * sizeof(REAL));

    long lines = (job->rows - 1) * v->step_y + v->frame_h - (v->rows - 1) * v->step_y;
    REAL *place = job->direct ? 0 : scratch((job->images * lines * line + MOST * LANES) * sizeof(REAL));
    for (long n = n0; n < n1; n += job->images)
        for (long row = 0; row < v->rows; row += job->rows) {
            long images = n1 - n < job->images ? n1 - n : job->images;
            long rows = v->rows - row < job->rows ? v->rows - row : job->rows;
            const REAL *x = job->x + n * v->sn + row * v->step_y * line;
            long plane = v->sn;
            if (!job->direct) {
                plane = lines * line;
                for (long i = 0; i < images; i++)
                    frame(v, job->x + (n + i) * v->sn, place + i * plane, row * v->step_y, lines);
                x = place;
            }
            const REAL *gy = job->gy + (n * v->rows + row) * v->cols * v->out;
            for (long t = t0; t < t1; t++) {
                Tile it = tile_of(job, t);
                long across = job->runs / v->taps_y; /* runs in a row of taps */
                const REAL *a = x + v->at_y[it.run / across] * line + v->at_x[it.run % across] * v->in +
                                it.group * in + it.first * LANES;
                const REAL *g = gy + it.group * out + it.o;
                REAL *to = mine + t * ROWS * MOST * LANES;
                long left = out - it.o;
#define TILE(n, whole) weight_tile(n, whole, v, a, plane, line, g, images, rows, left, to)
                if (left < ROWS)
                    switch (it.nv) {
                    case 3: TILE(3, 0); break;
                    case 2: TILE(2, 0); break;
                    default: TILE(1, 0);
                    }
                else
                    switch (it.nv) {
                    case 3: TILE(3, 1); break;
                    case 2: TILE(2, 1); break;
                    default: TILE(1, 1);
                    }
#undef TILE
            }
        }
}

/* Add up the splits of a tile, and put its numbers where they belong in gw (O, C/G, *k). */
static void settle(void *work, long t)
{
    const Weight *job = work;
    const Conv *v = job->conv;
    Tile it = tile_of(job, t);
    long tiles = count_tiles(job), size = ROWS * MOST * LANES;
    long in = v->in / v->groups, out = v->out / v->groups, across = job->runs / v->taps_y;
    REAL *sum = job->tiles + t * size;
    for (long s = 1; s < job->splits; s++)
        for (long i = 0; i < size; i++)
            sum[i] += job->tiles[(s * tiles + t) * size + i];
    for (long r = 0; r < ROWS && it.o + r < out; r++)
        for (long i = 0; i < it.nv * LANES && it.first * LANES + i < job->length; i++) {
            long at = it.first * LANES + i, tap_x = it.run % across + at / in, c = at % in;
            job->gw[it.group * v->w_group + (it.o + r) * v->w_out + c * v->w_in +
                    v->tap_y[it.run / across] * v->w_y + v->tap_x[tap_x] * v->w_x] = sum[r * MOST * LANES + i];
        }
}

/* Room for the tiles, in bytes: as many splits of the batch as threads, if that isn't too much. */
static Weight plan_weight(const Conv *v)
{
    Weight job = {0};
    job.conv = v;
    long in = v->in / v->groups, joined = v->groups == 1;
    for (long j = 1; j < v->taps_x; j++)
        joined &= v->at_x[j] == v->at_x[j - 1] + 1;
    job.runs = joined ? v->taps_y : v->taps_y * v->taps_x;
    job.length = joined ? v->taps_x * in : in;
    long bytes = count_tiles(&job) * ROWS * MOST * VECTOR_BYTES, most = (16 << 20) / bytes + 1;
    job.splits = threads() < v->images ? threads() : v->images;
    if (job.splits > most)
        job.splits = most;
    job.parts = (threads() + job.splits - 1) / job.splits;
    return job;
}

/* gw (O, C/G, *k) from x in any layout and gy (N, rows, cols, O). */
void EXPORT(conv_weight)(const Conv *v, const REAL *x, const REAL *gy, REAL *gw)
{
    Weight job = plan_weight(v);
    job.x = x, job.gy = gy, job.gw = gw;
    job.tiles = workspace(job.splits * count_tiles(&job) * ROWS * MOST * VECTOR_BYTES);
    /* vectors of a tile may reach over the end of a run: not over that of x */
    job.direct = is_own_frame(v) && job.length % LANES == 0;
    job.line = (job.direct ? v->width : v->frame_w) * v->in;
    /* a tile is read and written once for each part of the batch: larger ones for many tiles */
    long bytes = count_tiles(&job) * ROWS * MOST * VECTOR_BYTES;
    long room = bytes > FRAME_BYTES ? 8 * FRAME_BYTES : FRAME_BYTES;
    long each = v->frame_h * v->frame_w * v->in * (long)sizeof(REAL);
    job.rows = v->rows;
    job.images = room / (each + 1);
    if (job.images < 1) {
        job.images = 1;
        job.rows = room / (v->frame_w * v->in * (long)sizeof(REAL) * v->step_y + 1);
        if (job.rows < 1)
            job.rows = 1;
        if (job.rows > v->rows)
            job.rows = v->rows;
    }
    spread(weight_job, &job, job.splits * job.parts);
    spread(settle, &job, count_tiles(&job));
}
