// What kernels compute with: 16-bit floats are stored as they are and computed in float.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

template <typename T>
struct Wide {
  using type = T;
};
template <>
struct Wide<__half> {
  using type = float;
};
template <>
struct Wide<__nv_bfloat16> {
  using type = float;
};

// (wide<T>)x widens, which is exact; (T)x rounds to the nearest, ties to even.
template <typename T>
using wide = typename Wide<T>::type;
