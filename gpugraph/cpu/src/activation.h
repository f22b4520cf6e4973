/* Activations and their gradients, element by element of arrays that lie alike. */

/* As in gpugraph/cuda/include/activation.cuh, and others. Up to RELU6 gradients read what came out,
 * beyond what came in. */
enum { NO_ACT, RELU, LEAKY_RELU, ELU, SIGMOID, TANH, RELU6, SILU, GELU, GELU_TANH, MISH, SOFTPLUS,
       HARDSWISH, ERF, ERFC };

#define FLAT_BLOCK 16384 /* elements of a job */

typedef struct {
    long kind, n;
    const REAL *a, *b;
    REAL *y;
    REAL slope, edge;
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

/* The slope of sigmoid(x), and sigmoid(x): from e^-|x|, without 1 - sigmoid(x), which loses digits. */
static inline vec sigmoid_slope(vec x, vec *y)
{
    const vec e = exponential(-magnitude(x)), inverse = 1 / (1 + e);
    *y = pick(x > 0, all(1), e) * inverse;
    return e * inverse * inverse;
}

static inline vec silu_slope(vec x)
{
    vec y;
    const vec slope = sigmoid_slope(x, &y);
    return y + x * slope;
}

#define GELU_RATE (REAL)1.59576912160573071176 /* 2 sqrt(2 / pi) */
#define GELU_CUBE (REAL)0.044715

/* What gelu's tanh form takes the sigmoid of, and its slope; beyond 40 it is flat. */
static inline vec gelu_inner(vec x, vec *slope)
{
    x = at_most(-at_most(-x, all(40)), all(40));
    const vec square = GELU_CUBE * (x * x);
    *slope = GELU_RATE * (1 + 3 * square);
    return GELU_RATE * (x * (1 + square));
}

static inline vec gelu_tanh(vec x)
{
    vec slope;
    return x * sigmoid(gelu_inner(x, &slope));
}

static inline vec gelu_tanh_slope(vec x)
{
    vec inner, y, slope = sigmoid_slope(gelu_inner(x, &inner), &y);
    return y + x * (slope * inner);
}

static inline vec gelu(vec x)
{
    vec slope;
    return x * normal(x, &slope);
}

static inline vec gelu_slope(vec x)
{
    vec slope;
    const vec y = normal(x, &slope);
    return y + slope;
}

/* tanh(log(1 + e^x)) = p / (p + rest), in powers of e^-|x|. */
static inline vec mish_factor(vec x, vec *slope)
{
    const whole right = x > 0;
    const vec e = exponential(-magnitude(x));
    const vec p = pick(right, 1 + 2 * e, e * (2 + e)), rest = 2 * pick(right, e * e, all(1));
    const vec inverse = 1 / (p + rest);
    *slope = rest * (p + p + rest) * inverse * inverse * pick(right, all(1), e) / (1 + e);
    return p * inverse;
}

static inline vec mish(vec x)
{
    vec slope;
    return x * mish_factor(x, &slope);
}

static inline vec mish_slope(vec x)
{
    vec slope;
    const vec y = mish_factor(x, &slope);
    return y + x * slope;
}

static inline vec softplus(vec x, vec beta, vec edge)
{
    const vec z = beta * x, y = only(~(z < 0), z) + log_1_plus(exponential(-magnitude(z)));
    return pick(z > edge, x, y / beta);
}

static inline vec hardswish(vec x)
{
    return x * (at_most(relu(x + 3), all(6)) / 6);
}

static inline vec hardswish_slope(vec x)
{
    return only(~(x <= -3), pick(x >= 3, all(1), (2 * x + 3) / 6));
}

static void activation_job(void *work, long job)
{
    const Flat *f = work;
    const REAL *a = f->a, *b = f->b;
    REAL *y = f->y;
    const vec slope = all(f->slope), edge = all(f->edge), six = all(6);
    long i = job * FLAT_BLOCK, end = i + FLAT_BLOCK < f->n ? i + FLAT_BLOCK : f->n;
    switch (f->kind) {
    case RELU: EACH(relu(p));
    case LEAKY_RELU: EACH(pick(p > 0, p, p * slope));
    case SIGMOID: EACH(sigmoid(p));
    case RELU6: EACH(pick(p > 6, six, relu(p)));
    case ELU: EACH(pick(p > 0, p, slope * exponential_less_1(pick(p > 0, all(0), p))));
    case SILU: EACH(p * sigmoid(p));
    case GELU: EACH(gelu(p));
    case GELU_TANH: EACH(gelu_tanh(p));
    case MISH: EACH(mish(p));
    case SOFTPLUS: EACH(softplus(p, slope, edge));
    case HARDSWISH: EACH(hardswish(p));
    case ERF: EACH(error_function(p));
    case ERFC: EACH(erf_complement(p));
    }
}

/* a is the gradient, b is what came out of the activation, or into it */
static void activation_grad_job(void *work, long job)
{
    const Flat *f = work;
    const REAL *a = f->a, *b = f->b;
    REAL *y = f->y;
    const vec slope = all(f->slope), edge = all(f->edge);
    long i = job * FLAT_BLOCK, end = i + FLAT_BLOCK < f->n ? i + FLAT_BLOCK : f->n;
    switch (f->kind) {
    case RELU: EACH(only(q != 0, p));
    case LEAKY_RELU: EACH(pick(q > 0, p, p * slope));
    case ELU: EACH(pick(q > 0, p, (q + slope) * p));
    case SIGMOID: EACH((q - q * q) * p);
    case TANH: EACH((1 - q * q) * p);
    case RELU6: EACH(only((q != 0) & (q != 6), p));
    case SILU: EACH(silu_slope(q) * p);
    case GELU: EACH(gelu_slope(q) * p);
    case GELU_TANH: EACH(gelu_tanh_slope(q) * p);
    case MISH: EACH(mish_slope(q) * p);
    case SOFTPLUS: EACH(pick(slope * q > edge, p, sigmoid(slope * q) * p));
    case HARDSWISH: EACH(hardswish_slope(q) * p);
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

void EXPORT(activation)(long kind, double slope, double edge, const REAL *x, REAL *y, long n)
{
    Flat f = {kind, n, x, x, y, slope, edge};
    spread_flat(activation_job, &f);
}

/* y is what came out, or came in */
void EXPORT(activation_grad)(long kind, double slope, double edge, const REAL *g, const REAL *y, REAL *gx,
                             long n)
{
    Flat f = {kind, n, g, y, gx, slope, edge};
    spread_flat(activation_grad_job, &f);
}
