/* Activations and their gradients, element by element of arrays that lie alike. */

/* As in gpugraph/cuda/include/activation.cuh, and relu6. */
enum { NO_ACT, RELU, LEAKY_RELU, ELU, SIGMOID, TANH, RELU6 };

#define FLAT_BLOCK 16384 /* elements of a job */

typedef struct {
    long kind, n;
    const REAL *a, *b;
    REAL *y;
    REAL slope;
} Flat;

/* y = formula of p and q, vectors of a and b. */
#define EACH(formula)                                                                              \
    for (; i + LANES <= end; i += LANES) {                                                         \
        const vec p = load(a + i), q = load(b + i);                                                \
        (void)q;                                                                                   \
        store(y + i, formula);                                                                     \
    }                                                                                              \
    if (i < end) {                                                                                 \
        const vec p = load_some(a + i, end - i), q = load_some(b + i, end - i);                    \
        (void)q;                                                                                   \
        store_some(y + i, formula, end - i);                                                       \
    }                                                                                              \
    break

/* NaN stays NaN */
static inline vec relu(vec x)
{
    return only(~(x <= 0), x);
}

/* 1 / (1 + e^-x), without overflow: e^x / (1 + e^x) on the left. */
static inline vec sigmoid(vec x)
{
    const vec below = (vec)((whole)x | (whole)all((REAL)-0.0)); /* -|x| */
    const vec e = exponential(below), sum = 1 + e, lost = e - (sum - 1);
    const vec y = pick(x > 0, all(1), e) / sum;
    return y - y * lost * pick(x > 0, y, 1 - y); /* times 1 / sum */
}

static void activation_job(void *work, long job)
{
    const Flat *f = work;
    const REAL *a = f->a, *b = f->b;
    REAL *y = f->y;
    const vec slope = all(f->slope), six = all(6);
    long i = job * FLAT_BLOCK, end = i + FLAT_BLOCK < f->n ? i + FLAT_BLOCK : f->n;
    switch (f->kind) {
    case RELU: EACH(relu(p));
    case LEAKY_RELU: EACH(pick(p > 0, p, p * slope));
    case SIGMOID: EACH(sigmoid(p));
    case RELU6: EACH(pick(p > 6, six, relu(p)));
    }
}

/* a is the gradient, b is what came out of the activation */
static void activation_grad_job(void *work, long job)
{
    const Flat *f = work;
    const REAL *a = f->a, *b = f->b;
    REAL *y = f->y;
    const vec slope = all(f->slope);
    long i = job * FLAT_BLOCK, end = i + FLAT_BLOCK < f->n ? i + FLAT_BLOCK : f->n;
    switch (f->kind) {
    case RELU: EACH(only(q != 0, p));
    case LEAKY_RELU: EACH(pick(q > 0, p, p * slope));
    case ELU: EACH(pick(q > 0, p, (q + slope) * p));
    case SIGMOID: EACH((q - q * q) * p);
    case TANH: EACH((1 - q * q) * p);
    case RELU6: EACH(only((q != 0) & (q != 6), p));
    }
}
#undef EACH

static void spread_flat(Body body, Flat *f)
{
    long jobs = (f->n + FLAT_BLOCK - 1) / FLAT_BLOCK;
    if (jobs > 8) /* it takes longer to wake a thread */
        spread(body, f, jobs);
    else
        for (long i = 0; i < jobs; i++)
            body(f, i);
}

void EXPORT(activation)(long kind, double slope, const REAL *x, REAL *y, long n)
{
    Flat f = {kind, n, x, x, y, slope};
    spread_flat(activation_job, &f);
}

void EXPORT(activation_grad)(long kind, double slope, const REAL *g, const REAL *y, REAL *gx, long n)
{
    Flat f = {kind, n, g, y, gx, slope};
    spread_flat(activation_grad_job, &f);
}
