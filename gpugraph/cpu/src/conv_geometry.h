/* What the kernels of convolution share: sizes, frames, and how a layer is cut into jobs.
 *
 * Images are worked on with channels last: a job takes some images, or some rows of one, puts them
 * into a frame of zeros (where there is padding, or they lie otherwise), and computes pixel after
 * pixel of the output; each tap of the filter is one offset into the frame.
 */

#if VECTOR_BYTES == 32 && !defined(__AVX512VL__)
#define ROWS 4 /* 4 x 3 sums, 3 vectors of filters, 1 broadcast: 16 registers */
#else
#define ROWS 8
#endif
#define MOST 3
#define KC 1280               /* terms of the sum at a time: their filters stay in the L2 cache */
#define FRAME_BYTES (192 << 10) /* of padded image at a time */

/* What gpugraph/ops/conv_cpu.py fills in; all in elements. */
typedef struct {
    long images, groups, in, out;       /* channels of all groups together */
    long height, width;                 /* of x */
    long sn, sc, sy, sx;                /* strides of x */
    long low_y, low_x, frame_h, frame_w; /* x lies there in its frame of zeros */
    long rows, cols, step_y, step_x;    /* of pixels to compute, and how far apart in the frame */
    long taps_y, taps_x;                /* how many, */
    const long *at_y, *at_x;            /* where in the frame, from that of the pixel, */
    const long *tap_y, *tap_x;          /* and where in the filter */
    long w_group, w_out, w_in, w_y, w_x; /* strides of w, */
    long w_taps;                        /* and all taps that it has */
    long y_height, y_width, first_y, first_x, every_y, every_x; /* where the pixels go in y */
} Conv;

typedef struct { long offset, length; } Segment; /* of inputs that lie in a row */

/* A job: some rows of pixels of one image, or some whole images */

typedef struct {
    const Conv *conv;
    const REAL *x, *packed, *bias;
    REAL *y;
    const Segment *segments; /* of group 0, from the pixel's place in the frame */
    long n_segments, images, rows, jobs_per_image;
    long line;  /* from row to row of the frame */
    int direct; /* x is its own frame */
    int depthwise;
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
        else if (v->sx == 1)
            copy_turned(from, v->sc, C, wide, inner, C);
        else
            for (long c = 0; c < C; c++)
                for (long t = 0; t < wide; t++)
                    inner[t * C + c] = from[c * v->sc + t * v->sx];
    }
}

