#pragma once

template <typename T>
__device__ inline bool positive(T x) {
  return x > 0;
}
