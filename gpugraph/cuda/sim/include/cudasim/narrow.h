// 16-bit floats: stored in 16 bits, computed in float and rounded after each operation.
#pragma once

namespace cudasim {

// Format has `unsigned short round(float)` and `float widen(unsigned short)`.
template <class Format>
struct Narrow {
  unsigned short bits;

  Narrow() = default;  // shared arrays need it trivial
  Narrow(float x) : bits(Format::round(x)) {}
  Narrow(double x) : Narrow((float)x) {}
  Narrow(int x) : Narrow((float)x) {}
  Narrow(unsigned x) : Narrow((float)x) {}
  Narrow(long long x) : Narrow((float)x) {}
  operator float() const { return Format::widen(bits); }
};

template <class Format>
struct alignas(4) Pair {
  Narrow<Format> x, y;
};

// The operation on one number and on a pair: __hadd and __hadd2.
#define CUDASIM_NARROW(name, result)                \
  template <class F>                                \
  inline Narrow<F> name(Narrow<F> x, Narrow<F> y) { \
    float a = x, b = y;                             \
    return Narrow<F>(result);                       \
  }                                                 \
  template <class F>                                \
  inline Pair<F> name##2(Pair<F> a, Pair<F> b) {    \
    return {name(a.x, b.x), name(a.y, b.y)};        \
  }

#define CUDASIM_NARROW_OPERATOR(op, name)                       \
  template <class F>                                            \
  inline Narrow<F> operator op(Narrow<F> a, Narrow<F> b) {      \
    return name(a, b);                                          \
  }                                                             \
  template <class F>                                            \
  inline Narrow<F>& operator op##=(Narrow<F>& a, Narrow<F> b) { \
    return a = name(a, b);                                      \
  }

CUDASIM_NARROW(__hadd, a + b)
CUDASIM_NARROW(__hsub, a - b)
CUDASIM_NARROW(__hmul, a * b)
CUDASIM_NARROW(__hdiv, a / b)
CUDASIM_NARROW(__hmin, __builtin_fminf(a, b))
CUDASIM_NARROW(__hmax, __builtin_fmaxf(a, b))
CUDASIM_NARROW_OPERATOR(+, __hadd)
CUDASIM_NARROW_OPERATOR(-, __hsub)
CUDASIM_NARROW_OPERATOR(*, __hmul)
CUDASIM_NARROW_OPERATOR(/, __hdiv)

template <class F>
inline Narrow<F> __hfma(Narrow<F> a, Narrow<F> b, Narrow<F> c) {
  return Narrow<F>(__builtin_fmaf(a, b, c));
}

template <class F>
inline Pair<F> __hfma2(Pair<F> a, Pair<F> b, Pair<F> c) {
  return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)};
}

template <class F>
inline Narrow<F> __hneg(Narrow<F> a) {
  return Narrow<F>(-(float)a);
}

template <class F>
inline Narrow<F> __habs(Narrow<F> a) {
  return Narrow<F>(__builtin_fabsf(a));
}

template <class F>
inline bool __hisnan(Narrow<F> a) {
  return __builtin_isnan((float)a);
}

template <class F>
inline float __low2float(Pair<F> a) {
  return a.x;
}

template <class F>
inline float __high2float(Pair<F> a) {
  return a.y;
}

}  // namespace cudasim

// The conversions, whose names have the type in them: `half` gives __float2half, __half22float2.
#define CUDASIM_NARROW_CONVERSIONS(name, T, T2)                              \
  inline T __float2##name(float x) { return T(x); }                          \
  inline T __float2##name##_rn(float x) { return T(x); }                     \
  inline T __double2##name(double x) { return T(x); }                        \
  inline float __##name##2float(T x) { return x; }                           \
  inline T2 __##name##2##name##2(T x) { return {x, x}; }                     \
  inline T2 __halves2##name##2(T x, T y) { return {x, y}; }                  \
  inline T2 __float2##name##2_rn(float x) { return {T(x), T(x)}; }           \
  inline T2 __floats2##name##2_rn(float x, float y) { return {T(x), T(y)}; } \
  inline T2 __float22##name##2_rn(float2 v) { return {T(v.x), T(v.y)}; }     \
  inline float2 __##name##22float2(T2 v) { return {v.x, v.y}; }              \
  inline T __low2##name(T2 v) { return v.x; }                                \
  inline T __high2##name(T2 v) { return v.y; }                               \
  inline unsigned short __##name##_as_ushort(T x) { return x.bits; }         \
  inline T __ushort_as_##name(unsigned short bits) {                         \
    T x;                                                                     \
    x.bits = bits;                                                           \
    return x;                                                                \
  }
