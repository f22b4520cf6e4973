/* Convolution, dense and depthwise, and its gradient for the input. */

/* Inputs that lie in a row: those of a tap, or of taps beside each other; no more than KC. */

static long taps_joined(const Conv *v)
{
    for (long j = 1; j < v->taps_x; j++)
        if (v->at_x[j] != v->at_x[j - 1] + 1)
            return 1;
    return v->groups == 1 && v->taps_x ? v->taps_x : 1;
}

static long count_segments(const Conv *v)
{
    long joined = taps_joined(v), length = joined * (v->in / v->groups);
    return v->taps_y * (v->taps_x / joined) * ((length + KC - 1) / KC) + 1;
}

static void find_segments(Job *job, Segment *segments)
{
    const Conv *v = job->conv;
    long joined = taps_joined(v), length = joined * (v->in / v->groups);
    for (long i = 0; i < v->taps_y; i++)
        for (long j = 0; j < v->taps_x; j += joined)
            for (long k = 0; k < length; k += KC)
                segments[job->n_segments++] = (Segment){
                    v->at_y[i] * job->line + v->at_x[j] * v->in + k,
                    length - k < KC ? length - k : KC,
                };
}

/* Whole images to a job, as many as fit into the cache, but enough jobs to go round; else rows. */
static void cut(Job *job)
{
    const Conv *v = job->conv;
    long line = job->line * (long)sizeof(REAL), wanted = 4 * threads();
    long fit = FRAME_BYTES / (v->frame_h * line + 1), fair = (v->images + wanted - 1) / wanted;
    job->images = fit < fair ? fit : fair;
    job->rows = v->rows;
    if (job->images <= 1) {
        long least = (4 * ROWS + v->cols - 1) / v->cols; /* some tiles at least */
        job->images = 1;
        fit = FRAME_BYTES / (line * v->step_y + 1);
        fair = (v->rows * v->images + wanted - 1) / wanted;
        job->rows = fit < fair ? fit : fair;
        if (job->rows < least)
            job->rows = least;
        if (job->rows > v->rows)
            job->rows = v->rows;
    }
    job->jobs_per_image = (v->rows + job->rows - 1) / job->rows;
}

/* What a job of so many images and rows keeps: the frames, then where each pixel is read and written. */
typedef struct { long plane; size_t frames, all; } Room;

static Room room_of(const Job *job, long images, long rows)
{
    const Conv *v = job->conv;
    long reach = v->frame_h - (v->rows - 1) * v->step_y, lines = (rows - 1) * v->step_y + reach;
    Room room = {.plane = lines * job->line};
    room.frames = job->direct ? 0 : (images * room.plane * sizeof(REAL) + 63) / 64 * 64;
    room.all = room.frames + (images * rows * v->cols + ROWS) * 2 * sizeof(long);
    return room;
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
    Room room = room_of(job, images, rows);
    long line = job->line, plane = room.plane, lines = plane / line, pixels = images * rows * v->cols;
    char *place = scratch(room.all);
    const REAL *source = job->x + image * v->sn;
    if (!job->direct) {
        for (long n = 0; n < images; n++)
            frame(v, source + n * v->sn, (REAL *)place + n * plane, row * v->step_y, lines);
        source = (const REAL *)place;
    } else {
        source += row * v->step_y * line;
        plane = v->sn;
    }
    long *from = (long *)(place + room.frames), *to = from + pixels + ROWS, k = 0;
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

    if (job->depthwise)
        depthwise_pixels(job, source, from, to, pixels);
    else
        dense_pixels(job, source, from, to, pixels);
}

/* How v is computed as a direct sum. */
static Job plan_conv(const Conv *v)
{
    Job job = {.conv = v, .depthwise = is_depthwise(v), .direct = is_own_frame(v)};
    job.line = (job.direct ? v->width : v->frame_w) * v->in;
    cut(&job);
    return job;
}

static long count_jobs(const Job *job)
{
    return (job->conv->images + job->images - 1) / job->images * job->jobs_per_image;
}

void EXPORT(conv_needs)(Needs *needs, const Conv *v)
{
    if (is_winograd(v)) {
        *needs = winograd_needs(v);
        return;
    }
    Job job = plan_conv(v);
    *needs = needs_workspace(job.depthwise ? depthwise_bytes(v) : dense_bytes(v));
    needs_loop(needs, room_of(&job, job.images, job.rows).all, count_jobs(&job));
}

/* y (N, y_height, y_width, out), channels last, from x in any layout. */
void EXPORT(conv)(const Conv *v, const REAL *x, const REAL *w, const REAL *bias, REAL *y)
{
    if (is_winograd(v) && winograd(v, x, w, bias, y))
        return;
    Job job = plan_conv(v);
    job.x = x;
    job.bias = bias;
    job.y = y;
    job.packed = job.depthwise ? pack_depthwise(v, w) : pack_dense(v, w);

    Segment segments[count_segments(v)];
    job.segments = segments;
    find_segments(&job, segments);
    spread(conv_job, &job, count_jobs(&job));
}
