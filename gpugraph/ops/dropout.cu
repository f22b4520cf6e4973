// Dropout with a mask that is computed from a counter. See ops/dropout.py.
//
//   dropout   y[i] = x[i] * (half i of the stream >= threshold) * scale
//
// Threads:       one per four words of the stream, which decide eight elements, in a loop over the
//                grid.
// Determinism:   the stream is a function of its counter (philox.cuh).
// Conventions:   bit-equal to NumPy's rule, which also multiplies: a dropped NaN stays NaN.

#include "index.cuh"
#include "philox.cuh"
#include "wide.cuh"

template <typename T>
__global__ void dropout(const T* x, T* y, Philox stream, unsigned long long threshold, wide<T> scale,
                        long long n) {
  for (long long block = first_thread(); 8 * block < n; block += all_threads()) {
    unsigned long long words[4];
    philox(stream, block, words);
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      long long i = 8 * block + j;
      unsigned long long half = j % 2 ? words[j / 2] >> 32 : words[j / 2] & 0xffffffffull;
      if (i < n) y[i] = (T)((wide<T>)x[i] * (wide<T>)(half >= threshold) * scale);
    }
  }
}
