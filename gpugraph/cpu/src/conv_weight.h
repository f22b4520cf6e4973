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

#define TILE_SIZE (ROWS * MOST * LANES)

/* Some images, or some rows of windows of one image, and where the windows are read. */
typedef struct {
    long n, row, images, rows, plane;
    const REAL *x, *gy;
} Part;

/* From image to image of the frames of a part, */
static long plane_of(const Weight *job)
{
    const Conv *v = job->conv;
    return ((job->rows - 1) * v->step_y + v->frame_h - (v->rows - 1) * v->step_y) * job->line;
}

/* and all of them; vectors of a tile may reach over the end of the last run. */
static size_t part_bytes(const Weight *job)
{
    return job->direct ? 0 : (job->images * plane_of(job) + MOST * LANES) * sizeof(REAL);
}

/* The next part of images n0 .. n1 - 1, framed if need be; 0 after the last. Starts from {0}. */
static int next_part(const Weight *job, Part *p, long n0, long n1)
{
    const Conv *v = job->conv;
    if (!p->rows)
        p->n = n0;
    else if (p->row + p->rows < v->rows)
        p->row += p->rows;
    else
        p->n += p->images, p->row = 0;
    if (p->n >= n1)
        return 0;
    p->images = n1 - p->n < job->images ? n1 - p->n : job->images;
    p->rows = v->rows - p->row < job->rows ? v->rows - p->row : job->rows;
    p->gy = job->gy + (p->n * v->rows + p->row) * v->cols * v->out;
    if (job->direct) {
        p->x = job->x + p->n * v->sn + p->row * v->step_y * job->line;
        p->plane = v->sn;
        return 1;
    }
    p->plane = plane_of(job);
    long lines = p->plane / job->line;
    REAL *place = scratch(part_bytes(job));
    for (long i = 0; i < p->images; i++)
        frame(v, job->x + (p->n + i) * v->sn, place + i * p->plane, p->row * v->step_y, lines);
    p->x = place;
    return 1;
}

static inline __attribute__((always_inline)) void
weight_tile(const long nv, const int all_rows, const Weight *job, const Part *p, const REAL *x, const REAL *gy,
            long left, REAL *tile)
{
    const Conv *v = job->conv;
    vec sum[ROWS][MOST];
    long at[ROWS];
    UNROLL
    for (long r = 0; r < ROWS; r++) {
        at[r] = r < left ? r : 0;
        UNROLL
        for (long k = 0; k < nv; k++)
            sum[r][k] = load(tile + (r * MOST + k) * LANES);
    }
    for (long n = 0; n < p->images; n++)
        for (long i = 0; i < p->rows; i++) {
            const REAL *a = x + n * p->plane + i * v->step_y * job->line;
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

static long count_strips(const Weight *job)
{
    return (job->conv->out / job->conv->groups + ROWS - 1) / ROWS;
}

static Tile tile_of(const Weight *job, long t)
{
    Blocks blocks = blocks_of(job->length);
    long strips = count_strips(job);
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
    return job->conv->groups * job->runs * blocks_of(job->length).count * count_strips(job);
}

static void weight_job(void *work, long number)
{
    const Weight *job = work;
    const Conv *v = job->conv;
    long tiles = count_tiles(job), split = number / job->parts, part = number % job->parts;
    long t0 = tiles * part / job->parts, t1 = tiles * (part + 1) / job->parts;
    long n0 = v->images * split / job->splits, n1 = v->images * (split + 1) / job->splits;
    long out = v->out / v->groups, in = v->in / v->groups, across = job->runs / v->taps_y;
    REAL *mine = job->tiles + split * tiles * TILE_SIZE;
    memset(mine + t0 * TILE_SIZE, 0, (t1 - t0) * TILE_SIZE * sizeof(REAL));

    Part p = {0};
    while (next_part(job, &p, n0, n1))
        for (long t = t0; t < t1; t++) {
            Tile it = tile_of(job, t);
            const REAL *x = p.x + v->at_y[it.run / across] * job->line + v->at_x[it.run % across] * v->in +
                            it.group * in + it.first * LANES;
            const REAL *gy = p.gy + it.group * out + it.o;
#define TILE(n, whole) weight_tile(n, whole, job, &p, x, gy, out - it.o, mine + t * TILE_SIZE)
            if (out - it.o < ROWS)
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

/* The tiles of some output channels: add up their splits, and put them where they belong in gw. */
static void settle(void *work, long number)
{
    const Weight *job = work;
    const Conv *v = job->conv;
    long tiles = count_tiles(job), strips = count_strips(job), in = v->in / v->groups;
    long across = job->runs / v->taps_y, each = tiles / v->groups / strips; /* tiles of a strip */
    for (long k = 0; k < each; k++) {
        long t = (number / strips * each + k) * strips + number % strips;
        Tile it = tile_of(job, t);
        REAL *sum = job->tiles + t * TILE_SIZE;
        for (long s = 1; s < job->splits; s++)
            for (long i = 0; i < TILE_SIZE; i++)
                sum[i] += job->tiles[(s * tiles + t) * TILE_SIZE + i];
        long length = job->length - it.first * LANES, rows = v->out / v->groups - it.o;
        if (length > it.nv * LANES)
            length = it.nv * LANES;
        for (long r = 0; r < ROWS && r < rows; r++, sum += MOST * LANES) {
            long tap = it.run % across + it.first * LANES / in, c = it.first * LANES % in;
            REAL *gw = job->gw + it.group * v->w_group + (it.o + r) * v->w_out + v->tap_y[it.run / across] * v->w_y;
            for (long i = 0; i < length; tap++, c = 0) {
                REAL *to = gw + v->tap_x[tap] * v->w_x + c * v->w_in;
                for (; c < in && i < length; c++, i++, to += v->w_in)
                    *to = sum[i];
            }
        }
    }
}

static void plan_runs(Weight *job)
{
    const Conv *v = job->conv;
    long joined = taps_joined(v);
    job->runs = v->taps_y * (v->taps_x / joined);
    job->length = joined * (v->in / v->groups);
}

/* As many images at a time as fit into the room, or so many rows of one. */
static void plan_parts(Weight *job, long room)
{
    const Conv *v = job->conv;
    job->line = (job->direct ? v->width : v->frame_w) * v->in;
    job->rows = v->rows;
    job->images = room / (v->frame_h * job->line * (long)sizeof(REAL) + 1);
    if (job->images < 1) {
        job->images = 1;
        job->rows = room / (job->line * (long)sizeof(REAL) * v->step_y + 1);
        job->rows = job->rows < 1 ? 1 : job->rows > v->rows ? v->rows : job->rows;
    }
}

/* Gives the bytes of all tiles. */
static size_t plan_dense_weight(Weight *job)
{
    const Conv *v = job->conv;
    plan_runs(job);
    long tiles = count_tiles(job), bytes = tiles * TILE_SIZE * (long)sizeof(REAL);
    long most = (16 << 20) / bytes + 1; /* splits that don't take too much memory */
    job->splits = threads() < v->images ? threads() : v->images;
    if (job->splits > most)
        job->splits = most;
    job->parts = (threads() + job->splits - 1) / job->splits;
    job->direct = is_own_frame(v) && job->length % LANES == 0; /* vectors may reach over a run */
    /* a tile is read and written once for each part of the batch: larger ones for many tiles */
    plan_parts(job, bytes > FRAME_BYTES ? 8 * FRAME_BYTES : FRAME_BYTES);
    return job->splits * bytes;
}

static void dense_weight(Weight *job)
{
    job->tiles = workspace(plan_dense_weight(job));
    spread(weight_job, job, job->splits * job->parts);
    spread(settle, job, job->conv->groups * count_strips(job));
}
