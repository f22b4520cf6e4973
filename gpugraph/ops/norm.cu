// Batch normalisation. See ops/norm.py.
//
//   batch_norm_moments  mean[c], var[c] of x[n, c, s] over images n and positions s
//   batch_norm          y[n, c, s] = weight[c] (x[n, c, s] - mean[c]) / sqrt(var[c] + eps) + bias[c]
//
// Threads:       moments: one block per channel. `width` neighbours walk along the positions of an
//                image, as many such groups as there are through the images.
//                batch_norm: one per element, in a loop over the grid.
// Determinism:   each thread adds up its own elements, the block as reduce.cuh says. No atomics.
// Accuracy:      the variance is taken about the mean, in a second pass.

#include "index.cuh"
#include "reduce.cuh"

// The mean of x - centre over a channel, or of its square.
template <bool squared, typename T>
__device__ T moment(const T* x, T centre, long long images, long long channels, long long inner,
                    int width) {
  T sum = 0;
  for (long long image = threadIdx.x / width; image < images; image += blockDim.x / width) {
    const T* plane = x + (image * channels + blockIdx.x) * inner;
    for (long long s = threadIdx.x % width; s < inner; s += width) {
      T from = plane[s] - centre;
      sum += squared ? from * from : from;
    }
  }
  return team_total(sum, blockDim.x, Plus()) / (T)max(images * inner, 1ll);
}

template <typename T>
__global__ void batch_norm_moments(const T* x, T* mean, T* var, long long images,
                                   long long channels, long long inner, int width) {
  T centre = moment<false>(x, (T)0, images, channels, inner, width);
  T spread = moment<true>(x, centre, images, channels, inner, width);
  if (threadIdx.x == 0) {
    mean[blockIdx.x] = centre;
    var[blockIdx.x] = spread;
  }
}

template <typename T>
__global__ void batch_norm(const T* x, const T* mean, const T* var, const T* weight, const T* bias,
                           T* y, bool weighted, bool biased, T eps, long long channels,
                           long long inner, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    long long c = i / inner % channels;
    T scale = 1 / sqrt(var[c] + eps);
    if (weighted) scale *= weight[c];
    y[i] = (x[i] - mean[c]) * scale + (biased ? bias[c] : (T)0);
  }
}
