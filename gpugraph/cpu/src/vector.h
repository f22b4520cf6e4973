/* Vectors of REAL as wide as the processor has them, in the vector extension of GCC and Clang.
 *
 * Included once for float and once for double; f is f_f32 or f_f64.
 */
#if defined(__AVX512F__)
#include <immintrin.h>
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
#define UNROLL _Pragma("GCC unroll 16")

/* LANES of a vector, as a literal: 16, 8, 4 or 2. */
#if VECTOR_BYTES / REAL_BYTES == 16
#define LANES 16
#elif VECTOR_BYTES / REAL_BYTES == 8
#define LANES 8
#elif VECTOR_BYTES / REAL_BYTES == 4
#define LANES 4
#else
#define LANES 2
#endif

typedef REAL vec __attribute__((vector_size(VECTOR_BYTES)));

/* The same in memory, at any address of a REAL. */
typedef REAL loose __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));

static inline vec load(const REAL *p)
{
    return *(const loose *)p;
}

static inline void store(REAL *p, vec v)
{
    *(loose *)p = v;
}

/* All lanes a. */
static inline vec all(REAL a)
{
    return a - (vec){0};
}

/* The first n lanes, the others 0, and the first n lanes alone: no more memory is touched. */
#if VECTOR_BYTES == 64
#if REAL_BYTES == 4
#define MASKED(name) _mm512_##name##_ps
#else
#define MASKED(name) _mm512_##name##_pd
#endif
static inline vec load_some(const REAL *p, long n)
{
    return n >= LANES ? load(p) : (vec)MASKED(maskz_loadu)((1u << n) - 1, p);
}

static inline void store_some(REAL *p, vec v, long n)
{
    if (n >= LANES)
        store(p, v);
    else
        MASKED(mask_storeu)(p, (1u << n) - 1, v);
}
#else
static inline vec load_some(const REAL *p, long n)
{
    vec v = {0};
    if (n >= LANES)
        return load(p);
    memcpy(&v, p, n * sizeof(REAL));
    return v;
}

static inline void store_some(REAL *p, vec v, long n)
{
    if (n >= LANES)
        store(p, v);
    else
        memcpy(p, &v, n * sizeof(REAL));
}
#endif

/* Half a vector, of HALF lanes, where that is more than two, and part of it can be stored. */
#if LANES >= 8 && (VECTOR_BYTES < 64 || defined(__AVX512VL__))
#define HALF (LANES / 2)
typedef REAL half __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef REAL half_loose __attribute__((vector_size(VECTOR_BYTES / 2), aligned(sizeof(REAL)), may_alias));

static inline half half_load(const REAL *p)
{
    return *(const half_loose *)p;
}

static inline half half_load_some(const REAL *p, long n)
{
    half v = {0};
    memcpy(&v, p, (n < HALF ? n : HALF) * sizeof(REAL));
    return v;
}

static inline void half_store_some(REAL *p, half v, long n)
{
    if (n >= HALF)
        *(half_loose *)p = v;
    else
#if VECTOR_BYTES == 64 && REAL_BYTES == 4
        _mm256_mask_storeu_ps(p, (1u << n) - 1, v);
#elif VECTOR_BYTES == 64
        _mm256_mask_storeu_pd(p, (1u << n) - 1, v);
#else
        memcpy(p, &v, n * sizeof(REAL));
#endif
}
#endif
