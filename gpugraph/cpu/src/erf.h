/* The error function and its complement, and the normal distribution.
 *
 * The formulas and the coefficients are those of gpugraph/ops/special.py: near 0,
 * erf(x) = x + x P(x^2); for larger x, erfc(x) = e^(-x^2) Q(t) / (1 + 2x) with t = (x - 3) / (x + 3).
 * Within 2 ulp (2.1 in float if the processor doesn't fuse products and sums), since what products
 * and quotients lose is worked out where it shows.
 */
#if REAL_BYTES == 4
#define FAR_0 1.2530080591428208
#define ERFC_END 11 /* erfc is 0 from there on; the end of the table for Q */
static const REAL near_0[] = {
    0.12837916706154343, -0.3761263846802871, 0.11283782495236845, -0.026865430727670243,
    0.005221031807858023, -0.0008484080405535107, 0.00011265959025606609, -9.667044571486996e-06
};
static const REAL far_out[] = {
    FAR_0, -0.1356211087430914, -0.04756240440653541, 0.12964524339519987,
    -0.1192713770893743, 0.06830799958144855, -0.023787735988358233, 0.002520801145510911,
    0.0019430951614387644, -0.000730318118808006, -0.00016513885499580197, 4.188165158950082e-05
};
static const REAL tail_table[] = {
    0.7552851383227722, -0.6078966182822692, 0.38713668408577256, -0.1865226849099879,
    0.06040668872980527, -0.0075292507030986265, -0.0035261837003900368, 0.001572317879442563,
    0.00020126173028404666, -0.00012018440110144364
};
#define TAIL_END 14.5
#else
#define FAR_0 1.2530080582697296
#define ERFC_END 28
static const REAL near_0[] = {
    0.1283791670955126, -0.3761263890318375, 0.11283791670954879, -0.026866170645076792,
    0.0052239776248180145, -0.000854832698083379, 0.0001205533111164271, -1.4925595266831182e-05,
    1.6461000484121368e-06, -1.6350312701054695e-07, 1.4659775274047436e-08,
    -1.1372848856791674e-09, 5.957176147748911e-11
};
static const REAL far_out[] = {
    FAR_0, -0.13562110612458114, -0.047562294353450885, 0.12964515870275692,
    -0.11927366341529412, 0.06830802734413972, -0.0237705149191233, 0.002529391812930737,
    0.0018886903660093953, -0.0007798322389793649, -0.00010515985007185607,
    0.00012509914192410698, 4.949692873058816e-06, -2.0099719336350727e-05,
    -7.319994916300909e-07, 3.47018936843861e-06, 3.5740689528477796e-07, -6.128658435976342e-07,
    -1.416150470656424e-07, 9.784444456871524e-08, 4.1021252342694524e-08,
    -1.0890349506249296e-08, -7.636882562087533e-09, 3.4837520947314515e-10,
    5.774514059472332e-10
};
static const REAL tail_table[] = {
    0.7552851304157515, -0.6078966419718917, 0.38713740074221886, -0.18652185795969417,
    0.06039657489069947, -0.007540188965593059, -0.0034796923622425332, 0.0016308184418903596,
    0.00013334425401904912, -0.0002310948183193762, -1.9078665316613576e-06,
    3.5144181157760973e-05, 7.150055959216099e-07, -5.918892731763236e-06, -6.25132104047868e-07,
    1.0198048518135172e-06, 2.6368248576407624e-07, -1.5426320536771075e-07,
    -7.63808205349045e-08, 1.4578593347036461e-08, 1.3924023993501711e-08, 7.26954547902663e-11,
    -9.653425420228508e-10
};
#define TAIL_END 39
#endif
#define SPLIT (REAL)0.7 /* below, Q is steep, and roundings of t show */

static inline vec magnitude(vec x)
{
    return (vec)((whole)x & ~(whole)all((REAL)-0.0));
}

static inline vec at_most(vec x, vec end)
{
    return pick(x > end, end, x);
}

/* x without the second half of its digits: products of two of them are exact. */
static inline vec head(vec x)
{
    return (vec)((whole)x & (~(((whole_lane)1 << (FRACTION / 2 + 1)) - 1)));
}

/* Sums of table[k] x^k over k >= 1. */
#define POLYNOMIAL(y, table, x)                                                                    \
    vec y = all(table[sizeof(table) / sizeof(REAL) - 1]);                                          \
    _Pragma("GCC unroll 32") for (int k = sizeof(table) / sizeof(REAL) - 2; k > 0; k--)            \
        y = y * x + table[k];                                                                      \
    y *= x

/* erfc(x) for x >= SPLIT. */
static inline vec erfc_far(vec x)
{
    x = at_most(x, all(ERFC_END));
    const vec t = (x - 3) / (x + 3);
    POLYNOMIAL(q, far_out, t);
    const vec top = far_out[0] + q, divisor = 1 + 2 * x, inverse = 1 / divisor;
    const vec quotient = top * inverse, h = head(quotient), k = head(divisor);
    vec rest = top - h * k - h * (divisor - k) - (quotient - h) * divisor;
    rest += (far_out[0] - top) + q + (REAL)(FAR_0 - (REAL)FAR_0);
    rest -= quotient * ((1 - divisor) + 2 * x);
    whole power;
    vec lost;
    const vec first = head(x); /* its square is exact */
    const vec s = exponential_rest(-first * first, (first - x) * (first + x), &power, &lost);
    lost += lost * s;
    return scaled(quotient + (quotient * s + (rest * inverse + quotient * lost)), power);
}

/* erf(x) - x, and erfc(x), for 0 <= x <= 1. */
static inline vec erf_less_x(vec x)
{
    const vec square = x * x;
    POLYNOMIAL(p, near_0, square);
    return x * (near_0[0] + p);
}

static inline vec erfc_near(vec x)
{
    const vec rest = 1 - x;
    return rest + (((1 - rest) - x) - erf_less_x(x));
}

static inline vec erf_complement(vec x)
{
    const vec size = magnitude(x), y = pick(size < SPLIT, erfc_near(size), erfc_far(size));
    return pick(x < 0, 2 - y, y);
}

static inline vec error_function(vec x)
{
    const vec size = magnitude(x), y = pick(size < 1, size + erf_less_x(size), 1 - erfc_far(size));
    return (vec)((whole)y | ((whole)x & (whole)all((REAL)-0.0)));
}

/* The probability that a normal number is less than x, to some ulp; x times its density. The tail
 * is e^(-x^2 / 2) T(t) / (x + 4) with t = (x - 4) / (x + 4). */
static inline vec normal(vec x, vec *slope)
{
    const vec size = at_most(magnitude(x), all((REAL)TAIL_END)), h = head(size);
    const vec inverse = 1 / (size + 4), t = 1 - 8 * inverse;
    POLYNOMIAL(q, tail_table, t);
    whole power;
    vec lost;
    const vec s = exponential_rest(h * h * (REAL)-0.5, (h - size) * (h + size) * (REAL)0.5, &power, &lost);
    const vec e = scaled(1 + s, power), tail = e * (inverse * (tail_table[0] + q));
    *slope = pick(x < 0, -size, size) * (e * (REAL)0.39894228040143267794); /* 1 / sqrt(2 pi) */
    return pick(x < 0, tail, 1 - tail);
}
#undef POLYNOMIAL
