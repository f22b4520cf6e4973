/* e^x of each lane, to 1 ulp: x = n ln 2 + r with |r| <= ln 2 / 2, and e^x = 2^n e^r, with Taylor's
 * series for e^r: what it leaves out is below a tenth of a rounding. 2^n is two factors, so that
 * denormal results are right. NaN stays.
 */
#if REAL_BYTES == 4
#define TERMS 7
#define LOG_TERMS 8
#define BIAS 127
#define FRACTION 23
#define LOWEST -104 /* gives 0 */
#define HIGHEST 89  /* gives infinity */
#define LN2_HIGH 0x1.62e4p-1f /* a few bits, so that n times it is exact */
#define LN2_LOW 0x1.7f7d1cf79abcap-20f
#else
#define TERMS 13
#define LOG_TERMS 17
#define BIAS 1023
#define FRACTION 52
#define LOWEST -746
#define HIGHEST 710
#define LN2_HIGH 0x1.62e42feep-1
#define LN2_LOW 0x1.a39ef35793c76p-33
#endif

/* s in e^(x + low) = 2^power (1 + s) e^lost: from -0.3 to 0.42. low is small beside x; lost is what
 * s lost to roundings. x lies between LOWEST and HIGHEST, or some units beyond. */
static inline vec exponential_rest(vec x, vec low, whole *power, vec *lost)
{
    static const REAL inverse[] = { /* of factorials */
        1, 1, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
        1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800,
    };
    /* 1.5 * 2^FRACTION: leaves whole numbers, of both signs, in the lowest bits */
    const vec rounder = all((REAL)((whole_lane)3 << (FRACTION - 1)));
    const vec moved = (x + low) * (REAL)1.44269504088896340736 + rounder, n = moved - rounder;
    const vec first = x - n * LN2_HIGH, second = low - n * LN2_LOW, r = first + second;
    vec y = all(inverse[TERMS]);
    UNROLL
    for (int k = TERMS - 1; k > 1; k--)
        y = y * r + inverse[k];
    *power = (whole)moved - (whole)rounder;
    const vec bent = r * (y * r), s = r + bent;
    *lost = ((first - r) + second) + ((r - s) + bent);
    return s;
}

/* y 2^power, also where that is denormal or infinite */
static inline vec scaled(vec y, whole power)
{
    const whole half = power >> 1, rest = power - half;
    return y * (vec)((half + BIAS) << FRACTION) * (vec)((rest + BIAS) << FRACTION);
}

static inline vec within_range(vec x)
{
    x = pick(x < LOWEST, all(LOWEST), x);
    return pick(x > HIGHEST, all(HIGHEST), x);
}

static inline vec exponential(vec x)
{
    whole power;
    vec lost;
    const vec s = exponential_rest(within_range(x), all((REAL)-0.0), &power, &lost);
    return scaled(1 + s, power);
}

/* e^x - 1, for x up to 1 at least */
static inline vec exponential_less_1(vec x)
{
    whole power;
    vec lost;
    const vec s = exponential_rest(within_range(x), all((REAL)-0.0), &power, &lost);
    const vec scale = scaled(all(1), power);
    return scale * s + (scale - 1);
}

/* log(1 + x) for 0 <= x <= 1, to 2 ulp: 2 artanh(x / (2 + x)), by its series. */
static inline vec log_1_plus(vec x)
{
    const vec z = x / (2 + x), square = z * z;
    vec y = all((REAL)1 / (2 * LOG_TERMS + 1));
    UNROLL
    for (int k = LOG_TERMS - 1; k > 0; k--)
        y = y * square + (REAL)1 / (2 * k + 1);
    return 2 * (z + z * (square * y));
}
