// Atomics, all from one loop: g++ turns the two builtins in it into plain instructions, or in check
// mode into calls of the checker, which so knows that the access was atomic.
#pragma once

namespace cudasim {

template <size_t size>
struct BitsOf;
template <>
struct BitsOf<2> {
  using type = unsigned short;
};
template <>
struct BitsOf<4> {
  using type = unsigned;
};
template <>
struct BitsOf<8> {
  using type = unsigned long long;
};

template <class To, class From>
inline __attribute__((always_inline)) To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &from, sizeof(To));
  return to;
}

// *p = update(*p), in one step; the old value.
template <class T, class Update>
inline __attribute__((always_inline)) T atomic(T* p, Update update) {
  using Bits = typename BitsOf<sizeof(T)>::type;
  Bits* bits = reinterpret_cast<Bits*>(p);
  Bits seen = __atomic_load_n(bits, __ATOMIC_RELAXED);
  for (;;) {
    T old = bits_as<T>(seen);
    if (__atomic_compare_exchange_n(bits, &seen, bits_as<Bits>(update(old)), false,
                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
      return old;
  }
}

template <class T>
struct Same {  // keeps T from being deduced from the value: atomicAdd(&x_float, 1) adds a float
  using type = T;
};

}  // namespace cudasim

#define CUDASIM_ATOMIC(name, result)                                                          \
  template <class T>                                                                          \
  inline __attribute__((always_inline)) T name(T* p, typename cudasim::Same<T>::type value) { \
    return cudasim::atomic(p, [=](T old) -> T { return result; });                            \
  }

CUDASIM_ATOMIC(atomicAdd, old + value)
CUDASIM_ATOMIC(atomicSub, old - value)
CUDASIM_ATOMIC(atomicMin, value < old ? value : old)
CUDASIM_ATOMIC(atomicMax, old < value ? value : old)
CUDASIM_ATOMIC(atomicAnd, old & value)
CUDASIM_ATOMIC(atomicOr, old | value)
CUDASIM_ATOMIC(atomicXor, old ^ value)
CUDASIM_ATOMIC(atomicExch, value)
CUDASIM_ATOMIC(atomicInc, old >= value ? 0 : old + 1)
CUDASIM_ATOMIC(atomicDec, old == 0 || old > value ? value : old - 1)

template <class T>
inline __attribute__((always_inline)) T atomicCAS(T* p, typename cudasim::Same<T>::type expected,
                                                  typename cudasim::Same<T>::type value) {
  return cudasim::atomic(p, [=](T old) -> T { return old == expected ? value : old; });
}
