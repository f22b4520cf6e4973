// Batch normalisation and its gradients. See ops/norm.py. With h = (x - mean) / sqrt(var + eps):
//
//   batch_norm_moments  mean[c], var[c] of x[n, c, s] over images n and positions s
//   batch_norm          y = activate(weight h + bias + residual)
//   batch_norm_params   gweight[c], gbias[c] = sum of gy h, of gy, over n and s
//   batch_norm_input    gx = weight / sqrt(var + eps) (gy - (gbias + h gweight) / count)
//
// Sums:          a channel's values, numbered through the images, are cut into slabs of a fixed
//                length, one for each block, so that few channels fill a GPU, too; merge_moments and
//                merge_sums put slabs together, a warp for each channel.
// Elementwise:   `width` neighbours share up to `reach` positions of one plane (image and channel),
//                so that what is the same for a channel is worked out once for several elements.
// Determinism:   each thread adds up its own elements, the block as reduce.cuh says. No atomics.
// Accuracy:      x is centred before anything is squared or multiplied. The variance is taken about
//                the slab's own mean, in a second pass, while the slab is in the cache; slabs are
//                merged by var = mean of (var_k + (mean_k - mean)^2) (Chan, Golub & LeVeque 1979,
//                "Updating formulae and a pairwise algorithm for computing sample variances").

#include "activation.cuh"
#include "index.cuh"
#include "reduce.cuh"
#include "wide.cuh"

// Sums over channels

struct Slab {
  long long channel, first, end;  // its values are number first to end - 1 of that channel
};

__device__ inline long long slabs_of(long long count, int slab) {
  return max((count + slab - 1) / slab, 1ll);
}

__device__ inline long long length_of(long long k, long long count, int slab) {
  return min(count - k * slab, (long long)slab);
}

// What this block sums.
__device__ inline Slab my_slab(long long count, int slab) {
  long long slabs = slabs_of(count, slab), k = blockIdx.x % slabs;
  return {blockIdx.x / slabs, k * slab, k * slab + length_of(k, count, slab)};
}

// visit(i) for each value of this thread, i its place in memory. Steps, where a division would do.
template <typename Visit>
__device__ void walk(const Slab& slab, long long channels, long long inner, Visit visit) {
  inner = max(inner, 1ll);  // there may be nothing
  long long value = slab.first + threadIdx.x, image = value / inner, s = value % inner;
  long long images = blockDim.x / inner, positions = blockDim.x % inner;
  for (; value < slab.end; value += blockDim.x) {
    visit((image * channels + slab.channel) * inner + s);
    image += images;
    s += positions;
    if (s >= inner) {
      s -= inner;
      ++image;
    }
  }
}

template <typename T>
__global__ void batch_norm_moments(const T* x, wide<T>* mean, wide<T>* var, long long count,
                                   long long channels, long long inner, int slab) {
  Slab mine = my_slab(count, slab);
  wide<T> length = (wide<T>)max(mine.end - mine.first, 1ll), sum = 0, squares = 0;
  walk(mine, channels, inner, [&](long long i) { sum += (wide<T>)x[i]; });
  wide<T> centre = team_total(sum, blockDim.x, Plus()) / length;
  walk(mine, channels, inner, [&](long long i) {
    wide<T> from = (wide<T>)x[i] - centre;
    squares += from * from;
  });
  squares = team_total(squares, blockDim.x, Plus());
  if (threadIdx.x == 0) {
    mean[blockIdx.x] = centre;
    var[blockIdx.x] = squares / length;
  }
}

template <typename T>
__global__ void batch_norm_params(const T* gy, const T* x, const wide<T>* var, const wide<T>* mean,
                                  wide<T>* gweight, wide<T>* gbias, bool centred, wide<T> eps,
                                  long long count, long long channels, long long inner, int slab) {
  Slab mine = my_slab(count, slab);
  wide<T> centre = 0, dot = 0, sum = 0;
  if (centred) centre = mean[mine.channel];
  walk(mine, channels, inner, [&](long long i) {
    wide<T> g = (wide<T>)gy[i];
    dot += g * ((wide<T>)x[i] - centre);
    sum += g;
  });
  dot = team_total(dot, blockDim.x, Plus());
  sum = team_total(sum, blockDim.x, Plus());
  if (threadIdx.x == 0) {
    gweight[blockIdx.x] = dot / sqrt(var[mine.channel] + eps);
    gbias[blockIdx.x] = sum;
  }
}

template <typename A>
__global__ void merge_moments(const A* means, const A* vars, A* mean, A* var, long long count,
                              long long channels, int slab) {
  long long c = first_thread() / 32, slabs = slabs_of(count, slab), first = c * slabs;
  if (c >= channels) return;  // a whole warp leaves
  A sum = 0, spread = 0;
  for (long long k = threadIdx.x % 32; k < slabs; k += 32)
    sum += means[first + k] * (A)length_of(k, count, slab);
  A centre = team_total(sum, 32, Plus()) / (A)count;
  for (long long k = threadIdx.x % 32; k < slabs; k += 32) {
    A apart = means[first + k] - centre;
    spread += (vars[first + k] + apart * apart) * (A)length_of(k, count, slab);
  }
  spread = team_total(spread, 32, Plus());
  if (threadIdx.x % 32 == 0) {
    mean[c] = centre;
    var[c] = spread / (A)count;
  }
}

template <typename A>
__global__ void merge_sums(const A* gweights, const A* gbiases, A* gweight, A* gbias,
                           long long count, long long channels, int slab) {
  long long c = first_thread() / 32, slabs = slabs_of(count, slab), first = c * slabs;
  if (c >= channels) return;
  A dot = 0, sum = 0;
  for (long long k = threadIdx.x % 32; k < slabs; k += 32) {
    dot += gweights[first + k];
    sum += gbiases[first + k];
  }
  dot = team_total(dot, 32, Plus());
  sum = team_total(sum, 32, Plus());
  if (threadIdx.x % 32 == 0) {
    gweight[c] = dot;
    gbias[c] = sum;
  }
}

// Elementwise

struct Piece {
  long long channel, first, end;  // this thread's elements: first, first + width, ... before end
};

__device__ inline Piece my_piece(long long planes, long long channels, long long inner, int width,
                                 int reach) {
  long long pieces = (inner + reach - 1) / reach, number = first_thread() / width;
  long long plane = number / pieces, start = number % pieces * reach;
  if (plane >= planes) return {0, 0, 0};
  long long end = min(start + reach, inner);
  return {plane % channels, plane * inner + start + threadIdx.x % width, plane * inner + end};
}

template <typename T>
__global__ void batch_norm(const T* x, const wide<T>* var, const wide<T>* mean,
                           const wide<T>* weight, const wide<T>* bias, const T* residual, T* y,
                           bool centred, bool weighted, bool biased, bool added, wide<T> eps,
                           int act, wide<T> slope, long long planes, long long channels,
                           long long inner, int width, int reach) {
  Piece mine = my_piece(planes, channels, inner, width, reach);
  if (mine.first >= mine.end) return;
  long long c = mine.channel;
  wide<T> scale = 1 / sqrt(var[c] + eps), centre = 0, shift = 0;
  if (weighted) scale *= weight[c];
  if (centred) centre = mean[c];
  if (biased) shift = bias[c];
  for (long long i = mine.first; i < mine.end; i += width) {
    wide<T> z = ((wide<T>)x[i] - centre) * scale + shift;
    if (added) z += (wide<T>)residual[i];
    y[i] = (T)activate(act, z, slope);
  }
}

template <typename T>
__global__ void batch_norm_input(const T* gy, const T* x, const wide<T>* var, const wide<T>* mean,
                                 const wide<T>* gweight, const wide<T>* gbias,
                                 const wide<T>* weight, T* gx, bool weighted, wide<T> eps,
                                 long long count, long long planes, long long channels,
                                 long long inner, int width, int reach) {
  Piece mine = my_piece(planes, channels, inner, width, reach);
  if (mine.first >= mine.end) return;
  long long c = mine.channel;
  wide<T> inverse = 1 / sqrt(var[c] + eps), scale = weighted ? inverse * weight[c] : inverse;
  wide<T> centre = mean[c];
  wide<T> slope = gweight[c] * inverse / (wide<T>)count, shift = gbias[c] / (wide<T>)count;
  for (long long i = mine.first; i < mine.end; i += width)
    gx[i] = (T)(((wide<T>)gy[i] - ((wide<T>)x[i] - centre) * slope - shift) * scale);
}
