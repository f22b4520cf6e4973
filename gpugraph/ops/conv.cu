// Convolution by matrix products: images into columns or rows, and back. See ops/conv_columns.py.
//
//   im2col     col[n, c, t, o] = x[n, c, o*s + t*d - low], 0 in the padding
//   im2row     row[g, n, o, c, t], the same numbers: a row per window; by_image: row[n, g, ...]
//   col2im     gx[n, c, p] = sum of col[n, c, t, o] over the windows o and taps t that look at p
//   add_bias   y[n, o, p] = product[n, o, p] + bias[o], rounded to T
//   sum_slabs  total[i] = sum over s of partial[s, i]
//
// Threads:       blocks take planes (im2row: rows) as place.cuh says, their threads walk along
//                them. The last two: one per element.
// Determinism:   every element is added up by one thread, in a fixed order. No atomics.
// Accuracy:      16-bit floats are added up in float, and rounded once.
// Letters:       `inputs` are channels per group.

#include "index.cuh"
#include "place.cuh"
#include "wide.cuh"
#include "window.cuh"

template <typename T>
__global__ void im2col(const T* x, wide<T>* col, Window3 w, long long planes) {
  unsigned size = (unsigned)volume(w.out);
  for (long long plane = blockIdx.x; plane < planes; plane += gridDim.x) {
    int t[3];
    tap_of((int)(plane % taps(w)), w, t);
    const T* channel = x + plane / taps(w) * volume(w.in);
    for (unsigned i = first_in_plane(); i < size; i += step_in_plane()) {
      int o[3], position[3];
      place_in(i, w.out, o);
      bool inside = look(w, o, t, position);
      col[plane * size + i] = inside ? (wide<T>)channel[index_in(position, w.in)] : (wide<T>)0;
    }
  }
}

template <typename T>
__global__ void im2row(const T* x, wide<T>* row, Window3 w, int inputs, int groups, int images,
                       bool by_image, long long rows) {
  unsigned size = (unsigned)inputs * taps(w);
  for (long long r = blockIdx.x; r < rows; r += gridDim.x) {
    long long pair = r / volume(w.out);
    long long group = by_image ? pair % groups : pair / images;
    long long image = by_image ? pair / groups : pair % images;
    const T* channels = x + (image * groups + group) * inputs * volume(w.in);
    int o[3];
    place_in((unsigned)(r % volume(w.out)), w.out, o);
    for (unsigned i = first_in_plane(); i < size; i += step_in_plane()) {
      int t[3], position[3];
      tap_of((int)(i % taps(w)), w, t);
      const T* channel = channels + i / taps(w) * volume(w.in);
      bool inside = look(w, o, t, position);
      row[r * size + i] = inside ? (wide<T>)channel[index_in(position, w.in)] : (wide<T>)0;
    }
  }
}

template <typename T>
__global__ void col2im(const wide<T>* col, T* gx, Window3 w, long long planes) {
  unsigned size = (unsigned)volume(w.in);
  for (long long plane = blockIdx.x; plane < planes; plane += gridDim.x) {
    const wide<T>* columns = col + plane * taps(w) * volume(w.out);
    for (unsigned i = first_in_plane(); i < size; i += step_in_plane()) {
      int at[3];
      place_in(i, w.in, at);
      wide<T> sum = 0;
      each_window(w, at, [&](int tap, int o) { sum += columns[tap * volume(w.out) + o]; });
      gx[plane * size + i] = (T)sum;
    }
  }
}

template <typename T>
__global__ void add_bias(const wide<T>* product, const T* bias, bool biased, T* y,
                         long long channels, long long windows, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads())
    y[i] = (T)(product[i] + (biased ? (wide<T>)bias[i / windows % channels] : (wide<T>)0));
}

template <typename T>
__global__ void sum_slabs(const wide<T>* partial, T* total, int slabs, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    wide<T> sum = 0;
    for (int s = 0; s < slabs; ++s) sum += partial[s * n + i];
    total[i] = (T)sum;
  }
}
