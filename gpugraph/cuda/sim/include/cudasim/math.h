// Arithmetic: CUDA's overloads for float and double, its integer functions and its bit casts.
//
// The C library computes the functions, so last bits may differ from a GPU's; the fast versions
// (__expf, ...) are the exact ones here. Products and sums are not contracted to fma.
#pragma once

#define CUDASIM_UNARY(name)                                        \
  inline float name##f(float x) { return __builtin_##name##f(x); } \
  inline float name(float x) { return __builtin_##name##f(x); }    \
  inline double name(double x) { return __builtin_##name(x); }     \
  inline double name(int x) { return __builtin_##name((double)x); }

#define CUDASIM_BINARY(name)                                                   \
  inline float name##f(float x, float y) { return __builtin_##name##f(x, y); } \
  inline float name(float x, float y) { return __builtin_##name##f(x, y); }    \
  inline double name(double x, double y) { return __builtin_##name(x, y); }

CUDASIM_UNARY(sqrt)
CUDASIM_UNARY(cbrt)
CUDASIM_UNARY(exp)
CUDASIM_UNARY(exp2)
CUDASIM_UNARY(expm1)
CUDASIM_UNARY(log)
CUDASIM_UNARY(log2)
CUDASIM_UNARY(log10)
CUDASIM_UNARY(log1p)
CUDASIM_UNARY(sin)
CUDASIM_UNARY(cos)
CUDASIM_UNARY(tan)
CUDASIM_UNARY(asin)
CUDASIM_UNARY(acos)
CUDASIM_UNARY(atan)
CUDASIM_UNARY(sinh)
CUDASIM_UNARY(cosh)
CUDASIM_UNARY(tanh)
CUDASIM_UNARY(erf)
CUDASIM_UNARY(erfc)
CUDASIM_UNARY(lgamma)
CUDASIM_UNARY(tgamma)
CUDASIM_UNARY(floor)
CUDASIM_UNARY(ceil)
CUDASIM_UNARY(trunc)
CUDASIM_UNARY(round)
CUDASIM_UNARY(rint)
CUDASIM_UNARY(fabs)
CUDASIM_BINARY(pow)
CUDASIM_BINARY(fmod)
CUDASIM_BINARY(remainder)
CUDASIM_BINARY(atan2)
CUDASIM_BINARY(hypot)
CUDASIM_BINARY(copysign)
CUDASIM_BINARY(fdim)
CUDASIM_BINARY(fmin)  // of a number and NaN, the number
CUDASIM_BINARY(fmax)

inline float fmaf(float x, float y, float z) { return __builtin_fmaf(x, y, z); }
inline float fma(float x, float y, float z) { return __builtin_fmaf(x, y, z); }
inline double fma(double x, double y, double z) { return __builtin_fma(x, y, z); }
inline float rsqrtf(float x) { return 1 / __builtin_sqrtf(x); }
inline float rsqrt(float x) { return 1 / __builtin_sqrtf(x); }
inline double rsqrt(double x) { return 1 / __builtin_sqrt(x); }
inline void sincosf(float x, float* s, float* c) { *s = sinf(x), *c = cosf(x); }
inline void sincos(double x, double* s, double* c) { *s = sin(x), *c = cos(x); }

inline bool isnan(float x) { return __builtin_isnan(x); }
inline bool isnan(double x) { return __builtin_isnan(x); }
inline bool isinf(float x) { return __builtin_isinf(x); }
inline bool isinf(double x) { return __builtin_isinf(x); }
inline bool isfinite(float x) { return __builtin_isfinite(x); }
inline bool isfinite(double x) { return __builtin_isfinite(x); }
inline bool signbit(float x) { return __builtin_signbitf(x); }
inline bool signbit(double x) { return __builtin_signbit(x); }

inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1) : 0; }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline double __dadd_rn(double x, double y) { return x + y; }
inline double __dmul_rn(double x, double y) { return x * y; }

// min and max: exactly CUDA's overloads, so that (int, long long) is as ambiguous as there.
#define CUDASIM_MIN_MAX(A, B, Result)                                                   \
  inline Result min(A a, B b) { return (Result)a < (Result)b ? (Result)a : (Result)b; } \
  inline Result max(A a, B b) { return (Result)a < (Result)b ? (Result)b : (Result)a; }

#define CUDASIM_MIN_MAX_OF(Signed)                                   \
  CUDASIM_MIN_MAX(Signed, Signed, Signed)                            \
  CUDASIM_MIN_MAX(unsigned Signed, unsigned Signed, unsigned Signed) \
  CUDASIM_MIN_MAX(Signed, unsigned Signed, unsigned Signed)          \
  CUDASIM_MIN_MAX(unsigned Signed, Signed, unsigned Signed)

CUDASIM_MIN_MAX_OF(int)
CUDASIM_MIN_MAX_OF(long)
CUDASIM_MIN_MAX_OF(long long)
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }
inline double min(float a, double b) { return fmin((double)a, b); }
inline double max(float a, double b) { return fmax((double)a, b); }
inline double min(double a, float b) { return fmin(a, (double)b); }
inline double max(double a, float b) { return fmax(a, (double)b); }

inline int abs(int x) { return x < 0 ? -x : x; }
inline long long abs(long long x) { return x < 0 ? -x : x; }
inline long long llabs(long long x) { return x < 0 ? -x : x; }
inline float abs(float x) { return fabsf(x); }
inline double abs(double x) { return fabs(x); }

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
inline int __mulhi(int a, int b) { return (int)((long long)a * b >> 32); }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned long long)a * b >> 32; }
inline long long __mul64hi(long long a, long long b) { return (__int128)a * b >> 64; }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned __int128)a * b >> 64;
}

#define CUDASIM_CAST(name, From, To)           \
  inline To name(From from) {                  \
    static_assert(sizeof(From) == sizeof(To)); \
    To to;                                     \
    __builtin_memcpy(&to, &from, sizeof to);   \
    return to;                                 \
  }

CUDASIM_CAST(__int_as_float, int, float)
CUDASIM_CAST(__uint_as_float, unsigned, float)
CUDASIM_CAST(__float_as_int, float, int)
CUDASIM_CAST(__float_as_uint, float, unsigned)
CUDASIM_CAST(__longlong_as_double, long long, double)
CUDASIM_CAST(__double_as_longlong, double, long long)

inline int __float2int_rn(float x) { return (int)rintf(x); }
inline int __float2int_rz(float x) { return (int)x; }
inline int __float2int_rd(float x) { return (int)floorf(x); }
inline int __float2int_ru(float x) { return (int)ceilf(x); }
inline float __int2float_rn(int x) { return (float)x; }
