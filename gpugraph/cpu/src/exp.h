/* e^x of a number; loops over it become loops over vectors.
 *
 * x = n ln 2 + r with |r| <= ln 2 / 2, and e^x = 2^n e^r, with Taylor's series for e^r: what it
 * leaves out is below a tenth of a rounding. 2^n is two factors, so that denormal results are right.
 */
#if REAL_BYTES == 4
typedef int32_t whole;
#define TERMS 7
#define BIAS 127
#define FRACTION 23
#define LOWEST -104.0f /* gives 0 */
#define HIGHEST 89.0f  /* gives infinity */
#define LN2_HIGH 0.693145751953125f /* a few bits, so that n times it is exact */
#define LN2_LOW 1.428606765330187e-06f
#else
typedef int64_t whole;
#define TERMS 13
#define BIAS 1023
#define FRACTION 52
#define LOWEST -746.0
#define HIGHEST 710.0
#define LN2_HIGH 0.693147180369123816490
#define LN2_LOW 1.90821492927058770002e-10
#endif

static inline __attribute__((always_inline)) REAL power_of_2(whole n)
{
    REAL y;
    n = (n + BIAS) << FRACTION;
    memcpy(&y, &n, sizeof y);
    return y;
}

static inline __attribute__((always_inline)) REAL exponential(REAL x)
{
    static const REAL factors[14] = {
        1, 1, 1 / (REAL)2, 1 / (REAL)6, 1 / (REAL)24, 1 / (REAL)120, 1 / (REAL)720, 1 / (REAL)5040,
        1 / (REAL)40320, 1 / (REAL)362880, 1 / (REAL)3628800, 1 / (REAL)39916800, 1 / (REAL)479001600,
        1 / (REAL)6227020800};
    const REAL rounder = (REAL)((whole)3 << (FRACTION - 1)); /* 1.5 * 2^FRACTION: keeps whole numbers */
    x = x < LOWEST ? LOWEST : x; /* NaN stays */
    x = x > HIGHEST ? HIGHEST : x;
    REAL t = x * (REAL)1.44269504088896340736 + rounder, n = t - rounder;
    REAL r = x - n * LN2_HIGH - n * LN2_LOW, y = factors[TERMS];
    whole bits, zero;
    memcpy(&bits, &t, sizeof t);
    memcpy(&zero, &rounder, sizeof t);
    UNROLL
    for (int i = TERMS - 1; i >= 0; i--)
        y = y * r + factors[i];
    bits -= zero;
    return y * power_of_2(bits >> 1) * power_of_2(bits - (bits >> 1));
}
