// A bias per channel and an activation in one pass, and sums over channels. See ops/bias_act.py.
//
//   bias_act     y[n, c, s] = activate(x[n, c, s] + bias[c])
//   channel_sum  partial[k, c] = sum of g[n, c, s] over slab k of the pairs (n, s); sum_slabs of
//                conv.cu adds the slabs up
//
// Threads:       bias_act: one per element, in a loop over the grid.
//                channel_sum: one block per slab and channel, its threads side by side.
// Determinism:   channel_sum: each thread its own elements, then the block as reduce.cuh says.
// Accuracy:      16-bit floats are computed in float, and rounded once.

#include "activation.cuh"
#include "index.cuh"
#include "reduce.cuh"
#include "wide.cuh"

template <typename T>
__global__ void bias_act(const T* x, const T* bias, bool biased, T* y, int act, wide<T> slope,
                         long long channels, long long inner, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    wide<T> shifted = (wide<T>)x[i];
    if (biased) shifted += (wide<T>)bias[i / inner % channels];
    y[i] = (T)activate(act, shifted, slope);
  }
}

template <typename T>
__global__ void channel_sum(const T* g, wide<T>* partial, long long count, long long channels,
                            long long inner, int slab, int slabs) {
  for (long long entry = blockIdx.x; entry < channels * slabs; entry += gridDim.x) {
    long long c = entry % channels, start = entry / channels * slab;
    long long end = min(start + slab, count);
    wide<T> sum = 0;
    for (long long i = start + threadIdx.x; i < end; i += blockDim.x)
      sum += (wide<T>)g[(i / inner * channels + c) * inner + i % inner];
    sum = team_total(sum, blockDim.x, Plus());
    if (threadIdx.x == 0) partial[entry] = sum;
  }
}
