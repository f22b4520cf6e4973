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
#include "wide.cuh"

// The mean of x - centre over a channel, or of its square.
template <bool squared, typename T>
__device__ wide<T> moment(const T* x, wide<T> centre, long long images, long long channels,
                          long long inner, int width) {
  wide<T> sum = 0;
  for (long long image = threadIdx.x / width; image < images; image += blockDim.x / width) {
    const T* plane = x + (image * channels + blockIdx.x) * inner;
    for (long long s = threadIdx.x % width; s < inner; s += width) {
      wide<T> from = (wide<T>)plane[s] - centre;
      sum += squared ? from * from : from;
    }
  }
  return team_total(sum, blockDim.x, Plus()) / (wide<T>)max(images * inner, 1ll);
}

template <typename T>
__global__ void batch_norm_moments(const T* x, wide<T>* mean, wide<T>* var, long long images,
                                   long long channels, long long inner, int width) {
  wide<T> centre = moment<false>(x, (wide<T>)0, images, channels, inner, width);
  wide<T> spread = moment<true>(x, centre, images, channels, inner, width);
  if (threadIdx.x == 0) {
    mean[blockIdx.x] = centre;
    var[blockIdx.x] = spread;
  }
}

template <typename T>
__global__ void batch_norm(const T* x, const wide<T>* mean, const wide<T>* var, const T* weight,
                           const T* bias, T* y, bool weighted, bool biased, wide<T> eps, long long channels,
                           long long inner, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    long long c = i / inner % channels;
    wide<T> scale = 1 / sqrt(var[c] + eps), shift = 0;
    if (weighted) scale *= (wide<T>)weight[c];
    if (biased) shift = (wide<T>)bias[c];
    y[i] = (T)(((wide<T>)x[i] - mean[c]) * scale + shift);
  }
}
