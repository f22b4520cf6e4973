/* Activations and their gradients, element by element of arrays that lie alike. */

/* As in gpugraph/cuda/include/activation.cuh, and relu6. */
enum { RELU = 1, LEAKY_RELU, ELU, SIGMOID, TANH, RELU6 };

#define FLAT_BLOCK 16384 /* elements of a job */

typedef struct {
    long kind, n;
    const REAL *a, *b;
    REAL *y;
    REAL slope;
} Flat;

/* y = formula of p and q, vectors of a and b. */
#define EACH(formula)                                                                              \
    for (long i = start; i < end; i += LANES) {                                                    \
        const long left = end - i;                                                                 \
        const vec p = load_some(a + i, left), q = load_some(b + i, left);                          \
        (void)q;                                                                                   \
        store_some(y + i, formula, left);                                                          \
    }                                                                                              \
    break

/* NaN stays NaN */
static inline vec relu(vec x)
{
    return only(~(x <= 0), x);
}

static void activation_job(void *work, long job)
{
    const Flat *f = work;
    const REAL *a = f->a, *b = f->b;
    REAL *y = f->y;
    const vec slope = all(f->slope), six = all(6);
    long start = job * FLAT_BLOCK, end = start + FLAT_BLOCK < f->n ? start + FLAT_BLOCK : f->n;
    switch (f->kind) {
    case RELU: EACH(relu(p));
    case LEAKY_RELU: EACH(pick(p > 0, p, p * slope));
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
    long start = job * FLAT_BLOCK, end = start + FLAT_BLOCK < f->n ? start + FLAT_BLOCK : f->n;
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
    if (jobs > 2)
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
