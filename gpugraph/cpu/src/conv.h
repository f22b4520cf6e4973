/* Convolution without columns, channels last: each output pixel is a sum over the taps of
 *
 *     y[pixel][o] += x[pixel moved by the tap][c] * w[tap, c][o]
 *
 * A tile of ROWS pixels by up to MOST vectors of output channels stays in registers. Its inputs
 * are read from the padded image where they lie; only the filters are packed. With "output" and
 * "input" exchanged, the same loops compute the gradient for the input, one phase of the stride at
 * a time: see gpugraph/cpu/conv.py, where the taps of a phase are worked out.
 */

#if VECTOR_BYTES == 32 && !defined(__AVX512VL__)
#define ROWS 4 /* 4 x 3 sums, 3 vectors of filters, 1 broadcast: 16 registers */
#else
#define ROWS 8
#endif
#define MOST 3
#define KC 1280               /* terms of the sum at a time: their filters stay in the L2 cache */
#define FRAME_BYTES (192 << 10) /* of padded image at a time */

/* What gpugraph/cpu/conv.py fills in; all in elements. */
typedef struct {
    long images, groups, in, out;       /* channels of all groups together */
    long height, width;                 /* of x */
    long sn, sc, sy, sx;                /* strides of x */
    long low_y, low_x, frame_h, frame_w; /* x lies there in its frame of zeros */
    long rows, cols, step_y, step_x;    /* of pixels to compute, and how far apart in the frame */
    long taps_y, taps_x;                /* how many, */
    const long *at_y, *at_x;            /* where in the frame, from that of the pixel, */
    const long *tap_y, *tap_x;          /* and where in the filter */
    long w_group, w_out, w_in, w_y, w_x; /* strides of w */
    long y_height, y_width, first_y, first_x, every_y, every_x; /* where the pixels go in y */
} Conv;

typedef struct { long offset, length; } Segment; /* of inputs that lie in a row */

/* The vectors of output channels of a group, in blocks of MOST or one less. */
typedef struct { long vectors, count; } Blocks;

static Blocks blocks_of(long channels)
{
    long vectors = (channels + LANES - 1) / LANES;
    return (Blocks){vectors, (vectors + MOST - 1) / MOST};
}

static long block_start(Blocks b, long i)
{
    long low = b.vectors / b.count, more = b.vectors % b.count;
    return i * low + (i < more ? i : more);
}

/* Filters: for each group and block, [tap, c][output channels of the block]. */

typedef struct { const Conv *conv; const REAL *w; REAL *packed; } Packing;

static void pack_block(void *work, long job)
{
    const Packing *p = work;
    const Conv *v = p->conv;
    long in = v->in / v->groups, out = v->out / v->groups;
    long terms = v->taps_y * v->taps_x * in;
    Blocks blocks = blocks_of(out);
    long group = job / blocks.count, block = job % blocks.count;
    long first = block_start(blocks, block), last = block_start(blocks, block + 1);
    long wide = (last - first) * LANES, there = out - first * LANES;
    const REAL *w = p->w + group * v->w_group + first * LANES * v->w_out;
    REAL *target = p->packed + (group * blocks.vectors + first) * terms * LANES;
    if (there > wide)
        there = wide;
    for (long c = 0; c < in; c++)
        for (long i = 0; i < v->taps_y; i++)
            for (long j = 0; j < v->taps_x; j++) {
                const REAL *from = w + c * v->w_in + v->tap_y[i] * v->w_y + v->tap_x[j] * v->w_x;
                REAL *to = target + ((i * v->taps_x + j) * in + c) * wide;
                for (long o = 0; o < there; o++)
                    to[o] = from[o * v->w_out];
                for (long o = there; o < wide; o++)
                    to[o] = 0;
            }
}

/* Tiles */

/* y[r][0 .. nv vectors] (+)= sum over the segments of x[r][...] * w; w is packed. */
static inline __attribute__((always_inline)) void
tile(const long nv, const REAL *const x[ROWS], const Segment *s, long segments, const REAL *w,
     REAL *const y[ROWS], long rows, long channels, const REAL *bias, int more)
{
    vec sum[ROWS][MOST];
    UNROLL
    for (long r = 0; r < ROWS; r++)
        UNROLL
        for (long v = 0; v < nv; v++) {
            long left = channels - v * LANES;
            if (more)
                sum[r][v] = load_some(y[r] + v * LANES, left);
            else
                sum[r][v] = bias ? load_some(bias + v * LANES, left) : (vec){0};
        }
    for (long i = 0; i < segments; i++) {
        const REAL *x0 = x[0] + s[i].offset, *x1 = x[1] + s[i].offset, *x2 = x[2] + s[i].offset,
                   *x3 = x[3] + s[i].offset;
#if ROWS == 8
        const REAL *x4 = x[4] + s[i].offset, *x5 = x[5] + s[i].offset, *x6 = x[6] + s[i].offset,
                   *x7 = x[7] + s[i].offset;
#endif
        for (long c = 0; c < s[i].length; c++, w += nv * LANES) {
            const vec f0 = load(w), f1 = load(w + (nv > 1) * LANES), f2 = load(w + (nv > 2 ? 2 : 0) * LANES);
#define ROW(r)                                                                                     \
    {                                                                                              \
        const vec a = all(x##r[c]);                                                                \
        sum[r][0] += a * f0;                                                                       \
        if (nv > 1)                                                                                \
            sum[r][1] += a * f1;                                                                   \
        if (nv > 2)                                                                                \
            sum[r][2] += a * f2;                                                                   \
    }
            ROW(0) ROW(1) ROW(2) ROW(3)
#if ROWS == 8
            ROW(4) ROW(5) ROW(6) ROW(7)
#endif
#undef ROW
        }
    }
    UNROLL
    for (long r = 0; r < ROWS; r++)
        UNROLL
        for (long v = 0; v < nv; v++)
            if (r < rows && v * LANES < channels)
                store_some(y[r] + v * LANES, sum[r][v], channels - v * LANES);
}

/* A job: some rows of pixels of one image, or some whole images */

typedef struct {
    const Conv *conv;
    const REAL *x, *packed, *bias;
    REAL *y;
    const Segment *segments; /* of group 0, from the pixel's place in the frame */
    long n_segments, images, rows, jobs_per_image;
    long line;  /* from row to row of the frame */
    int direct; /* x is its own frame */
} Job;

/* Can the windows be read from x where it lies? It has channels last, and no padding. */
static int is_own_frame(const Conv *v)
{
    return v->sc == 1 && v->sx == v->in && v->sy == v->width * v->in && !v->low_y && !v->low_x &&
           v->frame_w <= v->width && v->frame_h <= v->height;
}

/* Rows first.. of the frame of an image: x with zeros around it, channels last. */
static void frame(const Conv *v, const REAL *x, REAL *to, long first, long rows)
{
    long C = v->in, line = v->frame_w * C;
    for (long i = 0; i < rows; i++, to += line) {
        long y = first + i - v->low_y, low = v->low_x, wide = v->width;
        if (y < 0 || y >= v->height) {
            memset(to, 0, line * sizeof(REAL));
            continue;
        }
        const REAL *from = x + y * v->sy;
        if (low < 0) { /* a frame may leave out what no window sees */
            from -= low * v->sx;
            wide += low;
            low = 0;
        }
        if (low > v->frame_w)
            low = v->frame_w;
        if (wide > v->frame_w - low)
            wide = v->frame_w - low;
        if (wide < 0)
            wide = 0;
        memset(to, 0, low * C * sizeof(REAL));
        memset(to + (low + wide) * C, 0, (v->frame_w - low - wide) * C * sizeof(REAL));
        REAL *inner = to + low * C;
        if (v->sc == 1 && v->sx == C)
            memcpy(inner, from, wide * C * sizeof(REAL));
        else
            for (long c = 0; c < C; c++)
                for (long t = 0; t < wide; t++)
                    inner[t * C + c] = from[c * v->sc + t * v->sx];
    }
}

static void conv_job(void *work, long number)
{
    const Job *job = work;
    const Conv *v = job->conv;
    long image = number / job->jobs_per_image * job->images, images = job->images;
    long row = number % job->jobs_per_image * job->rows, rows = job->rows;
    if (images > v->images - image)
        images = v->images - image;
    if (rows > v->rows - row)
        rows = v->rows - row;
    long reach = v->frame_h - (v->rows - 1) * v->step_y;
    long lines = (rows - 1) * v->step_y + reach;
    long line = job->line, plane = lines * line;
    long pixels = images * rows * v->cols;
    long out = v->out / v->groups, in = v->in / v->groups, terms = v->taps_y * v->taps_x * in;

    /* One place to keep: the frames, then where each pixel is read and written */
    size_t room = job->direct ? 0 : (images * plane * sizeof(REAL) + 63) / 64 * 64;
    char *place = scratch(room + (pixels + ROWS) * 2 * sizeof(long));
    const REAL *source = job->x + image * v->sn;
    if (!job->direct) {
        for (long n = 0; n < images; n++)
            frame(v, source + n * v->sn, (REAL *)place + n * plane, row * v->step_y, lines);
        source = (const REAL *)place;
    } else {
        source += row * v->step_y * line;
        plane = v->sn;
    }
    long *from = (long *)(place + room), *to = from + pixels + ROWS, k = 0;
    for (long n = 0; n < images; n++)
        for (long i = 0; i < rows; i++) {
            long y = v->first_y + (row + i) * v->every_y;
            for (long j = 0; j < v->cols; j++, k++) {
                from[k] = n * plane + i * v->step_y * line + j * v->step_x * v->in;
                to[k] = (((image + n) * v->y_height + y) * v->y_width + v->first_x + j * v->every_x) * v->out;
            }
        }
    for (; k < pixels + ROWS; k++) { /* a last tile reads some pixel again and writes nothing */
        from[k] = from[pixels - 1];
        to[k] = to[pixels - 1];
    }

    Blocks blocks = blocks_of(out);
    for (long g = 0; g < v->groups; g++)
        for (long b = 0; b < blocks.count; b++) {
            long first = block_start(blocks, b), nv = block_start(blocks, b + 1) - first;
            const REAL *w = job->packed + (g * blocks.vectors + first) * terms * LANES;
            long channel = g * out + first * LANES, channels = out - first * LANES;
            const REAL *bias = job->bias ? job->bias + channel : 0;
            if (channels > nv * LANES)
                channels = nv * LANES;
            long s = 0;
            do {
                long start = s, length = 0;
                while (s < job->n_segments && (s == start || length + job->segments[s].length <= KC))
                    length += job->segments[s++].length;
                for (long p = 0; p < pixels; p += ROWS) {
                    const REAL *x[ROWS];
                    REAL *y[ROWS];
                    for (long r = 0; r < ROWS; r++) {
                        x[r] = source + from[p + r] + g * in;
                        y[r] = job->y + to[p + r] + channel;
                    }
                    long left = pixels - p < ROWS ? pixels - p : ROWS;
#define TILE(n) tile(n, x, job->segments + start, s - start, w, y, left, channels, bias, start > 0)
                    if (nv == 3)
                        TILE(3);
                    else if (nv == 2)
                        TILE(2);
                    else
                        TILE(1);
#undef TILE
                }
                w += length * nv * LANES;
            } while (s < job->n_segments);
        }
}

/* y (N, y_height, y_width, out), channels last, from x in any layout. */
void EXPORT(conv)(const Conv *v, const REAL *x, const REAL *w, const REAL *bias, REAL *y)
{
    long in = v->in / v->groups, out = v->out / v->groups;
    Blocks blocks = blocks_of(out);
    long terms = v->taps_y * v->taps_x * in;
    REAL *packed = workspace(v->groups * blocks.vectors * terms * VECTOR_BYTES);
    Packing packing = {v, w, packed};
    spread(pack_block, &packing, v->groups * blocks.count);

    Job job = {.conv = v, .x = x, .packed = packed, .bias = bias, .y = y};
    job.direct = is_own_frame(v);
    job.line = (job.direct ? v->width : v->frame_w) * v->in;

    /* Taps beside each other that read inputs beside each other are one segment */
    int joined = v->groups == 1 && v->taps_x > 1;
    for (long j = 1; j < v->taps_x; j++)
        joined &= v->at_x[j] == v->at_x[j - 1] + 1;
    long runs = joined ? 1 : v->taps_x, length = joined ? v->taps_x * in : in;
    long pieces = (length + KC - 1) / KC;
    Segment segments[v->taps_y * runs * pieces + 1];
    job.segments = segments;
    for (long i = 0; i < v->taps_y; i++)
        for (long j = 0; j < runs; j++)
            for (long k = 0; k < length; k += KC)
                segments[job.n_segments++] = (Segment){
                    v->at_y[i] * job.line + v->at_x[j] * v->in + k,
                    length - k < KC ? length - k : KC,
                };

    /* Whole images, as many as fit into the cache, but enough jobs to go round; else some rows */
    long each = v->frame_h * v->frame_w * v->in * (long)sizeof(REAL), wanted = 4 * threads();
    job.rows = v->rows;
    job.images = FRAME_BYTES / (each + 1);
    long fair = (v->images + wanted - 1) / wanted;
    if (job.images > fair)
        job.images = fair;
    if (job.images < 1)
        job.images = 1;
    if (job.images == 1) {
        long line = v->frame_w * v->in * (long)sizeof(REAL) * v->step_y;
        long fit = FRAME_BYTES / (line + 1), split = (v->rows * v->images + wanted - 1) / wanted;
        job.rows = fit < split ? fit : split;
        long least = (4 * ROWS + v->cols - 1) / v->cols; /* some tiles at least */
        if (job.rows < least)
            job.rows = least;
        if (job.rows > v->rows)
            job.rows = v->rows;
    }
    job.jobs_per_image = (v->rows + job.rows - 1) / job.rows;
    spread(conv_job, &job, (v->images + job.images - 1) / job.images * job.jobs_per_image);
}
