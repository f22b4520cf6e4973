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

/* e^x for x of at most 0, to 1 ulp: 2^n e^r with |r| <= ln(2) / 2 and Taylor's series for e^r. */
static inline vec exp_below(vec x)
{
    const int is_float = sizeof(REAL) == 4;
    const vec least = all(is_float ? -104 : -746); /* where it is 0 */
    const vec shift = all(is_float ? 0x1.8p23 : 0x1.8p52); /* leaves n in the lowest bits */
    x = pick(x < least, least, x);
    const vec moved = x * all((REAL)1.4426950408889634) + shift, n = moved - shift;
    /* ln(2) in two parts, so that the product with the first is exact */
    const vec r = x - n * all(is_float ? 0x1.62e4p-1 : 0x1.62e42feep-1) -
                  n * all(is_float ? (REAL)0x1.7f7d1cf79abcap-20 : (REAL)0x1.a39ef35793c76p-33);
    static const REAL inverse[] = { /* of factorials */
        1, 1, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
        1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800,
    };
    const int degree = is_float ? 7 : 13;
    vec y = all(inverse[degree]);
    UNROLL
    for (int k = degree - 1; k >= 0; k--)
        y = y * r + inverse[k];
    /* 2^n in two factors: n may lie below all exponents */
    const whole power = (whole)moved - (whole)shift, half = power >> 1, rest = power - half;
    const int bits = is_float ? 23 : 52, bias = is_float ? 127 : 1023;
    return y * (vec)((half + bias) << bits) * (vec)((rest + bias) << bits);
}

/* 1 / (1 + e^-x), without overflow: e^x / (1 + e^x) on the left. */
static inline vec sigmoid(vec x)
{
    const vec below = (vec)((whole)x | (whole)all((REAL)-0.0)); /* -|x| */
    const vec e = exp_below(below), sum = 1 + e, lost = e - (sum - 1);
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
