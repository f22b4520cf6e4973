/* Softmax, its logarithm, cross-entropy, and their gradients, over rows that lie in a piece.
 *
 * Some rows at a time, as many as fit into the L1 cache: their exponentials are one loop, however
 * short a row is. Formulas, and what NaN and infinities give, are those of gpugraph/ops/softmax.py.
 */
#define AT_A_TIME 2048 /* elements */

typedef struct {
    const REAL *x, *g;     /* x is what softmax gave in the gradients */
    const int64_t *target; /* class of each row */
    REAL *y, *loss;
    int64_t *wrong;        /* becomes 1 if a target is no class */
    long rows, length, each; /* rows at a time */
    int logarithm;
} Rows;

static REAL largest(const REAL *x, long n)
{
    REAL top[LANES], most = -INFINITY;
    for (long k = 0; k < LANES; k++)
        top[k] = -INFINITY;
    long i = 0;
    for (; i + LANES <= n; i += LANES)
        for (long k = 0; k < LANES; k++)
            top[k] = x[i + k] > top[k] ? x[i + k] : top[k];
    for (; i < n; i++)
        most = x[i] > most ? x[i] : most;
    if (n >= LANES)
        for (long k = 0; k < LANES; k++)
            most = top[k] > most ? top[k] : most;
    return most;
}

/* Sum of x[i] * (y ? y[i] : 1). */
static inline __attribute__((always_inline)) REAL row_sum(const REAL *x, const REAL *y, long n)
{
    double total = 0;
    for (long start = 0; start < n; start += AT_A_TIME) {
        long stop = n - start < AT_A_TIME ? n : start + AT_A_TIME, i = start;
        if (stop - i >= LANES) {
            vec sum = {0};
            for (; i + LANES <= stop; i += LANES)
                sum += y ? load(x + i) * load(y + i) : load(x + i);
            for (long k = 0; k < LANES; k++)
                total += sum[k];
        }
        for (; i < stop; i++)
            total += y ? x[i] * y[i] : x[i];
    }
    return (REAL)total;
}

static void exponentials(const REAL *restrict x, REAL *restrict y, long n)
{
    for (long i = 0; i < n; i += LANES)
        store_some(y + i, exponential(load_some(x + i, n - i)), n - i);
}

static size_t exponentials_bytes(long rows, long length)
{
    return rows * length * sizeof(REAL);
}

static void softmax_rows(void *work, long number)
{
    const Rows *job = work;
    long length = job->length, first = number * job->each;
    long rows = job->rows - first < job->each ? job->rows - first : job->each;
    const REAL *x = job->x + first * length;
    REAL *y = job->y + first * length, *e = scratch(exponentials_bytes(rows, length));
    for (long r = 0; r < rows; r++) {
        REAL top = largest(x + r * length, length);
        if (top == -INFINITY)
            top = 0;
        for (long i = r * length; i < (r + 1) * length; i++)
            y[i] = x[i] - top;
    }
    exponentials(y, e, rows * length);
    for (long r = 0; r < rows; r++) {
        REAL sum = row_sum(e + r * length, 0, length);
        if (job->logarithm) {
            REAL rest = log(sum);
            for (long i = r * length; i < (r + 1) * length; i++)
                y[i] -= rest;
        } else
            for (long i = r * length; i < (r + 1) * length; i++)
                y[i] = e[i] / sum;
    }
    if (job->loss)
        for (long r = 0; r < rows; r++) {
            int64_t k = job->target[first + r];
            if (k >= 0 && k < length)
                job->loss[first + r] = -y[r * length + k];
            else
                __atomic_store_n(job->wrong, 1, __ATOMIC_RELAXED);
        }
}

static void gradient_rows(void *work, long number)
{
    const Rows *job = work;
    long length = job->length, first = number * job->each;
    long rows = job->rows - first < job->each ? job->rows - first : job->each;
    const REAL *restrict x = job->x + first * length, *restrict g = job->g + (job->target ? first : first * length);
    REAL *restrict y = job->y + first * length;
    if (job->logarithm)
        exponentials(x, y, rows * length);
    for (long r = 0; r < rows; r++) {
        const long from = r * length, to = from + length;
        if (job->target) { /* (softmax - one hot) g */
            int64_t k = job->target[first + r];
            if (k >= 0 && k < length) /* checked before, but others may have written there since */
                y[from + k] -= 1;
            for (long i = from; i < to; i++)
                y[i] *= g[r];
        } else if (job->logarithm) { /* g - softmax sum(g) */
            REAL sum = row_sum(g + from, 0, length);
            for (long i = from; i < to; i++)
                y[i] = g[i] - y[i] * sum;
        } else { /* x (g - sum(g x)) */
            REAL sum = row_sum(g + from, x + from, length);
            for (long i = from; i < to; i++)
                y[i] = x[i] * (g[i] - sum);
        }
    }
}

static long rows_at_a_time(long length)
{
    return length < AT_A_TIME ? AT_A_TIME / length : 1;
}

static int are_shared(long rows, long length)
{
    return rows * length > 8192;
}

static void over_rows(Body body, Rows *job)
{
    job->each = rows_at_a_time(job->length);
    long count = (job->rows + job->each - 1) / job->each;
    if (are_shared(job->rows, job->length))
        spread(body, job, count);
    else
        for (long i = 0; i < count; i++)
            body(job, i);
}

static void rows_need(Needs *needs, long rows, long length)
{
    long each = rows_at_a_time(length), most = each < rows ? each : rows;
    *needs = needs_workspace(0);
    needs_loop(needs, exponentials_bytes(most, length), are_shared(rows, length) ? (rows + each - 1) / each : 1);
}

void EXPORT(softmax_needs)(Needs *needs, long rows, long length, long logarithm)
{
    (void)logarithm;
    rows_need(needs, rows, length);
}

void EXPORT(cross_entropy_needs)(Needs *needs, long rows, long length)
{
    rows_need(needs, rows, length);
}

void EXPORT(softmax)(const REAL *x, REAL *y, long rows, long length, long logarithm)
{
    Rows job = {.x = x, .y = y, .rows = rows, .length = length, .logarithm = logarithm != 0};
    over_rows(softmax_rows, &job);
}

void EXPORT(cross_entropy)(const REAL *x, const int64_t *target, REAL *loss, REAL *y, int64_t *wrong, long rows,
                           long length)
{
    Rows job = {.x = x, .target = target, .loss = loss, .y = y, .wrong = wrong, .rows = rows, .length = length};
    job.logarithm = 1;
    over_rows(softmax_rows, &job);
}

void EXPORT(softmax_grad)(const REAL *x, const REAL *g, REAL *y, long rows, long length, long logarithm)
{
    Rows job = {.x = x, .g = g, .y = y, .rows = rows, .length = length, .logarithm = logarithm != 0};
    over_rows(gradient_rows, &job);
}

void EXPORT(cross_entropy_grad)(const REAL *x, const int64_t *target, const REAL *g, REAL *y, long rows, long length)
{
    Rows job = {.x = x, .target = target, .g = g, .y = y, .rows = rows, .length = length, .logarithm = 1};
    over_rows(gradient_rows, &job);
}
