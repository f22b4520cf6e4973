/* Steps of optimizers: one pass over all parameters of a group, wherever each of them lies.
 *
 * The formulas are those of gpugraph/optim, with each operation rounded, so that the bits are the
 * same as NumPy's: products and sums are not fused (EACH_ROUNDED, and ROUNDING at the start of the
 * body).
 */
#ifdef __clang__
#define EACH_ROUNDED
#define ROUNDING _Pragma("clang fp contract(off)")
#else
#define EACH_ROUNDED __attribute__((optimize("fp-contract=off")))
#define ROUNDING
#endif

/* What gpugraph/optim/compiled.py fills in: a parameter of `size` elements, its gradient (0: leave
 * it as it is), and what is remembered of it. */
typedef struct { long size; REAL *p; const REAL *g; REAL *memory[3]; } Row;

typedef struct { const Row *rows; long count, total, parts; const REAL *options; } Step;

typedef void (*Update)(const Row *row, long first, long last, const REAL *options);

typedef struct { Step step; Update update; } Stepping;

/* One of equal shares of all elements: it begins and ends somewhere in a row. */
static void step_part(void *work, long part)
{
    const Stepping *it = work;
    long first = it->step.total * part / it->step.parts, last = it->step.total * (part + 1) / it->step.parts;
    for (const Row *row = it->step.rows; last > 0; first -= row->size, last -= row->size, row++)
        if (row->g && first < row->size)
            it->update(row, first > 0 ? first : 0, last < row->size ? last : row->size, it->step.options);
}

static void step(const Row *rows, long count, Update update, const REAL *options)
{
    Stepping it = {{rows, count, 0, 1, options}, update};
    for (long i = 0; i < count; i++)
        it.step.total += rows[i].size;
    if (threads() > 1) /* a few elements are done before another thread has noticed */
        it.step.parts = it.step.total / 16384 + 1;
    if (it.step.parts > 4 * threads())
        it.step.parts = 4 * threads();
    spread(step_part, &it, it.step.parts);
}

/* SGD: see gpugraph/optim/sgd.py. The gradient is multiplied by TURN, which is -1 to climb. */

enum { TURN, LR, DECAY, MOMENTUM, REST, FIRST, NESTEROV };

EACH_ROUNDED static void sgd(const Row *row, long first, long last, const REAL *options)
{
    ROUNDING
    REAL *restrict p = row->p;
    const REAL *restrict grad = row->g;
    const REAL turn = options[TURN], lr = options[LR], decay = options[DECAY];
    if (decay != 0)
        for (long i = first; i < last; i++)
            p[i] -= lr * (turn * grad[i] + decay * p[i]);
    else
        for (long i = first; i < last; i++)
            p[i] -= lr * (turn * grad[i]);
}

EACH_ROUNDED static inline __attribute__((always_inline)) void
momentum_loop(const Row *row, long from, long to, const REAL *options, const int decays, const int starts,
              const int nesterov)
{
    ROUNDING
    REAL *restrict p = row->p, *restrict b = row->memory[0];
    const REAL *restrict grad = row->g;
    const REAL turn = options[TURN], lr = options[LR], decay = options[DECAY], momentum = options[MOMENTUM],
               rest = options[REST];
    for (long i = from; i < to; i++) {
        REAL g = decays ? turn * grad[i] + decay * p[i] : turn * grad[i];
        REAL mean = starts ? g : momentum * b[i] + rest * g;
        b[i] = mean;
        p[i] -= lr * (nesterov ? g + momentum * mean : mean);
    }
}

EACH_ROUNDED static void sgd_momentum(const Row *row, long from, long to, const REAL *options)
{
    const int decays = options[DECAY] != 0, starts = options[FIRST] != 0, nesterov = options[NESTEROV] != 0;
#define LOOP(a, b, c) momentum_loop(row, from, to, options, a, b, c)
    if (starts)
        decays ? nesterov ? LOOP(1, 1, 1) : LOOP(1, 1, 0) : nesterov ? LOOP(0, 1, 1) : LOOP(0, 1, 0);
    else
        decays ? nesterov ? LOOP(1, 0, 1) : LOOP(1, 0, 0) : nesterov ? LOOP(0, 0, 1) : LOOP(0, 0, 0);
#undef LOOP
}

void EXPORT(sgd)(const Row *rows, long count, const REAL *options, long momentum)
{
    step(rows, count, momentum ? sgd_momentum : sgd, options);
}

/* Adam: see gpugraph/optim/adam.py */

enum { ADAM_TURN, RATE, ROOT, B1, REST1, B2, REST2, EPS, ADAM_DECAY, KEEP };

EACH_ROUNDED static inline __attribute__((always_inline)) void
adam_loop(const Row *row, long from, long to, const REAL *options, const int decays, const int keeps, const int amsgrad)
{
    ROUNDING
    REAL *restrict p = row->p, *restrict m = row->memory[0], *restrict v = row->memory[1];
    REAL *restrict top = row->memory[2];
    const REAL *restrict grad = row->g;
    const REAL turn = options[ADAM_TURN], rate = options[RATE], root = options[ROOT], b1 = options[B1],
               rest1 = options[REST1], b2 = options[B2], rest2 = options[REST2], eps = options[EPS],
               decay = options[ADAM_DECAY], keep = options[KEEP];
    for (long i = from; i < to; i++) {
        REAL x = keeps ? p[i] : p[i] * keep;
        REAL g = decays ? turn * grad[i] + decay * x : turn * grad[i];
        REAL mean = m[i] * b1 + rest1 * g, square = v[i] * b2 + rest2 * (g * g);
        m[i] = mean;
        v[i] = square;
        if (amsgrad) { /* NaN wins, as in np.maximum */
            square = top[i] >= square || top[i] != top[i] ? top[i] : square;
            top[i] = square;
        }
        p[i] = x - rate * (mean / (sqrt(square) / root + eps));
    }
}

EACH_ROUNDED static inline __attribute__((always_inline)) void
adam_any(const Row *row, long from, long to, const REAL *options, const int amsgrad)
{
    if (options[KEEP] != 1)
        adam_loop(row, from, to, options, 0, 0, amsgrad);
    else if (options[ADAM_DECAY] != 0)
        adam_loop(row, from, to, options, 1, 1, amsgrad);
    else
        adam_loop(row, from, to, options, 0, 1, amsgrad);
}

EACH_ROUNDED static void adam(const Row *row, long from, long to, const REAL *options)
{
    adam_any(row, from, to, options, 0);
}

EACH_ROUNDED static void adam_largest(const Row *row, long from, long to, const REAL *options)
{
    adam_any(row, from, to, options, 1);
}

void EXPORT(adam)(const Row *rows, long count, const REAL *options, long amsgrad)
{
    step(rows, count, amsgrad ? adam_largest : adam, options);
}

/* RMSprop: see gpugraph/optim/rmsprop.py */

enum { RMS_TURN, RMS_LR, RMS_DECAY, ALPHA, REST_ALPHA, RMS_EPS, RMS_MOMENTUM, CENTERED };

EACH_ROUNDED static inline __attribute__((always_inline)) void
rmsprop_loop(const Row *row, long from, long to, const REAL *options, const int decays, const int centered,
             const int moves)
{
    ROUNDING
    REAL *restrict p = row->p, *restrict v = row->memory[0], *restrict m = row->memory[1];
    REAL *restrict b = row->memory[2];
    const REAL *restrict grad = row->g;
    const REAL turn = options[RMS_TURN], lr = options[RMS_LR], decay = options[RMS_DECAY], alpha = options[ALPHA],
               rest = options[REST_ALPHA], eps = options[RMS_EPS], momentum = options[RMS_MOMENTUM];
    for (long i = from; i < to; i++) {
        REAL g = decays ? turn * grad[i] + decay * p[i] : turn * grad[i];
        REAL square = v[i] * alpha + rest * (g * g);
        v[i] = square;
        if (centered) {
            m[i] = m[i] * alpha + rest * g;
            square -= m[i] * m[i];
            square = square < 0 ? 0 : square; /* NaN stays */
        }
        REAL d = g / (sqrt(square) + eps);
        if (moves)
            b[i] = d = b[i] * momentum + d;
        p[i] -= lr * d;
    }
}

EACH_ROUNDED static void rmsprop(const Row *row, long from, long to, const REAL *options)
{
    const int decays = options[RMS_DECAY] != 0, centered = options[CENTERED] != 0, moves = options[RMS_MOMENTUM] != 0;
#define LOOP(a, b, c) rmsprop_loop(row, from, to, options, a, b, c)
    if (centered)
        decays ? moves ? LOOP(1, 1, 1) : LOOP(1, 1, 0) : moves ? LOOP(0, 1, 1) : LOOP(0, 1, 0);
    else
        decays ? moves ? LOOP(1, 0, 1) : LOOP(1, 0, 0) : moves ? LOOP(0, 0, 1) : LOOP(0, 0, 0);
#undef LOOP
}

void EXPORT(rmsprop)(const Row *rows, long count, const REAL *options)
{
    step(rows, count, rmsprop, options);
}

/* Adagrad: see there, too */

enum { ADA_TURN, ADA_RATE, ADA_DECAY, ADA_EPS };

EACH_ROUNDED static void adagrad(const Row *row, long from, long to, const REAL *options)
{
    ROUNDING
    REAL *restrict p = row->p, *restrict total = row->memory[0];
    const REAL *restrict grad = row->g;
    const REAL turn = options[ADA_TURN], rate = options[ADA_RATE], decay = options[ADA_DECAY], eps = options[ADA_EPS];
    const int decays = decay != 0;
    for (long i = from; i < to; i++) {
        REAL g = decays ? turn * grad[i] + decay * p[i] : turn * grad[i];
        REAL sum = total[i] + g * g;
        total[i] = sum;
        p[i] -= rate * (g / (sqrt(sum) + eps));
    }
}

void EXPORT(adagrad)(const Row *rows, long count, const REAL *options)
{
    step(rows, count, adagrad, options);
}
