/* The gradient for 3 x 3 filters after Winograd: the gradient of winograd.h, spot by spot,
 *
 *     gu[spot][o][c] = sum over tiles of gm[spot][tile][o] * v[spot][tile][c],    gw = G' gu G,
 *
 * where gm = A gy A'. The sums are tiles of the direct kernel over a row of "pixels" that are the
 * tiles of a part of the batch: see weight_tile. Each thread has its own.
 */

#define WINOGRAD_WEIGHT_TILES 96 /* at a time: the sums are read and written once for so many */

typedef struct {
    Tiles tiles;
    const REAL *gy;
    REAL *gw, *sums; /* [split][spot][block of c][strip of o] tiles of ROWS x MOST vectors */
    long strips, wide, apart; /* of gm: blocks of ROWS, from tile to tile, from spot to spot */
    long splits, parts;       /* of the batch, of the blocks of c */
    long size;                /* of the sums of a split */
    int strange;
} WinogradWeight;

static void transform_output_grad(const WinogradWeight *job, long tile, REAL *gm)
{
    const Conv *v = job->tiles.conv;
    Corner at = corner_of(&job->tiles, tile);
    const REAL *gy = job->gy + ((at.image * v->rows + at.row) * v->cols + at.col) * v->out;
    int down = at.row + 1 < v->rows, right = at.col + 1 < v->cols;
    const REAL *zeros = job->tiles.zeros, *g1 = right ? gy + v->out : zeros;
    const REAL *g2 = down ? gy + v->cols * v->out : zeros, *g3 = down && right ? gy + (v->cols + 1) * v->out : zeros;
    for (long k = 0; k < v->out; k += LANES) {
        long left = v->out - k;
        vec g[SPOTS];
        g[0] = load_some(gy + k, left);
        g[1] = load_some(g1 + k, left);
        g[4] = load_some(g2 + k, left);
        g[5] = load_some(g3 + k, left);
        BOTH_AXES(output_axis_grad, g, 2, 4)
        UNROLL
        for (long i = 0; i < SPOTS; i++)
            store(gm + i * job->apart + k, g[i]);
    }
}

/* v and gm of a job. */
static size_t winograd_weight_bytes(const WinogradWeight *job)
{
    return SPOTS * (job->tiles.spot + job->apart) * sizeof(REAL);
}

static void winograd_weight_job(void *work, long number)
{
    const WinogradWeight *job = work;
    const Tiles *t = &job->tiles;
    const Conv *c = t->conv;
    Blocks blocks = blocks_of(c->in);
    long split = number / job->parts, part = number % job->parts, tiles = blocks.count * job->strips;
    long b0 = blocks.count * part / job->parts, b1 = blocks.count * (part + 1) / job->parts;
    long t0 = t->all * split / job->splits, t1 = t->all * (split + 1) / job->splits;
    long c0 = block_start(blocks, b0) * LANES, c1 = block_start(blocks, b1) * LANES;
    REAL *sums = job->sums + split * SPOTS * tiles * TILE_SIZE;
    REAL *v = scratch(winograd_weight_bytes(job)), *gm = v + SPOTS * t->spot;
    for (long s = 0; s < SPOTS; s++)
        memset(sums + (s * tiles + b0 * job->strips) * TILE_SIZE, 0,
               (b1 - b0) * job->strips * TILE_SIZE * sizeof(REAL));
    for (long first = t0; first < t1; first += t->at_once) {
        long count = t1 - first < t->at_once ? t1 - first : t->at_once;
        for (long i = 0; i < count; i++) {
            transform_input(t, first + i, v + i * t->wide, c0, c1 < c->in ? c1 : c->in);
            transform_output_grad(job, first + i, gm + i * job->wide);
        }
        const Conv row = {.rows = 1, .cols = count, .step_y = 1, .step_x = 1, .in = t->wide, .out = job->wide};
        const Weight spot = {.conv = &row}; /* a layer of one tap */
        const Part whole = {.images = 1, .rows = 1};
        for (long s = 0; s < SPOTS; s++)
            for (long b = b0; b < b1; b++) {
                long start = block_start(blocks, b), nv = block_start(blocks, b + 1) - start;
                for (long o = 0; o < job->strips; o++) {
                    const REAL *x = v + s * t->spot + start * LANES, *g = gm + s * job->apart + o * ROWS;
                    REAL *tile = sums + ((s * tiles) + b * job->strips + o) * TILE_SIZE;
#define TILE(n) weight_tile(n, 1, &spot, &whole, x, g, ROWS, tile)
                    if (nv == 3)
                        TILE(3);
                    else if (nv == 2)
                        TILE(2);
                    else
                        TILE(1);
#undef TILE
                }
            }
    }
}

/* Filters of a block of inputs and a strip of outputs: add up the splits, transform, store. */
static void winograd_settle(void *work, long number)
{
    WinogradWeight *job = work;
    const Conv *v = job->tiles.conv;
    Blocks blocks = blocks_of(v->in);
    long tiles = blocks.count * job->strips, b = number / job->strips, o = number % job->strips * ROWS;
    long start = block_start(blocks, b), nv = block_start(blocks, b + 1) - start;
    vec strange = {0};
    for (long r = 0; r < ROWS && o + r < v->out; r++)
        for (long k = 0; k < nv; k++) {
            const REAL *sum = job->sums + number * TILE_SIZE + (r * MOST + k) * LANES;
            vec u[SPOTS];
            for (long i = 0; i < SPOTS; i++)
                u[i] = load(sum + i * tiles * TILE_SIZE);
            for (long s = 1; s < job->splits; s++)
                for (long i = 0; i < SPOTS; i++)
                    u[i] += load(sum + (s * SPOTS + i) * tiles * TILE_SIZE);
            BOTH_AXES(filter_axis_grad, u, 4, 3)
            long first = (start + k) * LANES;
            REAL *gw = job->gw + (o + r) * v->w_out + first * v->w_in;
            for (long i = 0; i < 3; i++)
                for (long j = 0; j < 3; j++) {
                    strange += 0 * u[4 * i + j];
                    for (long c = 0; c < LANES && first + c < v->in; c++)
                        gw[c * v->w_in + v->tap_y[i] * v->w_y + v->tap_x[j] * v->w_x] = u[4 * i + j][c];
                }
        }
    if (is_strange(strange))
        __atomic_store_n(&job->strange, 1, __ATOMIC_RELAXED);
}

static WinogradWeight plan_winograd_weight(const Conv *v)
{
    long blocks = blocks_of(v->in).count, strips = (v->out + ROWS - 1) / ROWS;
    long size = SPOTS * blocks * strips * TILE_SIZE, most = (16 << 20) / (size * (long)sizeof(REAL)) + 1;
    /* a last strip may reach over the vectors, and what it sums up there is not used */
    WinogradWeight job = {.strips = strips, .wide = padded(strips * ROWS), .size = size};
    job.splits = threads() < v->images ? threads() : v->images;
    if (job.splits > most)
        job.splits = most;
    job.parts = (threads() + job.splits - 1) / job.splits;
    if (job.parts > blocks)
        job.parts = blocks;
    job.tiles = plan_tiles(v, WINOGRAD_WEIGHT_TILES, job.splits);
    job.apart = apart(job.tiles.at_once * job.wide);
    return job;
}

/* Zeros for a pixel of x or of gy. */
static long count_zeros(const Conv *v)
{
    return padded(v->in > v->out ? v->in : v->out);
}

static Needs winograd_weight_needs(const Conv *v)
{
    WinogradWeight job = plan_winograd_weight(v);
    Needs needs = needs_workspace((count_zeros(v) + numbers_copied(v) + job.splits * job.size) * sizeof(REAL));
    needs_loop(&needs, winograd_weight_bytes(&job), job.splits * job.parts);
    return needs;
}

/* As `conv_weight`; gives 0 if that takes a direct sum. */
static int winograd_weight(const Conv *v, const REAL *x, const REAL *gy, REAL *gw)
{
    WinogradWeight job = plan_winograd_weight(v);
    job.gy = gy;
    job.gw = gw;
    job.sums = place_tiles(&job.tiles, x, count_zeros(v), job.splits * job.size);
    spread(winograd_weight_job, &job, job.splits * job.parts);
    spread(winograd_settle, &job, blocks_of(v->in).count * job.strips);
    return !job.strange;
}
