// Convolution: columns for matrix products, and direct kernels for small groups. See
// ops/conv_kernels.py.
//
//   im2col          col[n, c, t, o] = x[n, c, o*s + t*d - low], 0 in the padding
//   col2im          gx[n, c, p] = sum of col[n, c, t, o] over the taps t and windows o that look at p
//   grouped         y[n, o, p] = bias[o] +
//                   sum over c of the group and taps t of w[o, c, t] x[n, c, look(p, t)]
//   grouped_input   its adjoint in x
//   grouped_weight  its adjoint in w, one sum per slab of images; sum_slabs adds the slabs up
//
// Threads:       one per element written, in a loop over the grid.
// Determinism:   every element is added up by one thread, in a fixed order. No atomics.
// Accuracy:      16-bit floats are added up in float, and rounded once.
// Letters:       `inputs` and `outputs` are channels per group.

#include "index.cuh"
#include "place.cuh"
#include "wide.cuh"
#include "window.cuh"

template <typename T>
__global__ void im2col(const T* x, T* col, Window3 w, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    Place p = place_of(i, w.out);  // its plane counts images, channels and taps
    int t[3], position[3];
    tap_of((int)(p.plane % taps(w)), w, t);
    bool inside = look(w, p.at, t, position);
    col[i] = inside ? x[index_of(p.plane / taps(w), position, w.in)] : (T)0.0f;
  }
}

template <typename T>
__global__ void col2im(const wide<T>* col, T* gx, Window3 w, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    Place p = place_of(i, w.in);
    wide<T> sum = 0;
    int t[3], o[3];
    for (int number = 0; number < taps(w); ++number) {
      tap_of(number, w, t);
      if (looked_at(w, p.at, t, o)) sum += col[index_of(p.plane * taps(w) + number, o, w.out)];
    }
    gx[i] = (T)sum;
  }
}

template <typename T>
__global__ void grouped(const T* x, const T* weight, const T* bias, bool biased, T* y,
                        Window3 w, int inputs, int outputs, int groups, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    Place p = place_of(i, w.out);
    long long channels = (long long)outputs * groups, o = p.plane % channels;
    long long first = (p.plane / channels * groups + o / outputs) * inputs;  // plane of x
    wide<T> sum = biased ? (wide<T>)bias[o] : 0;
    int t[3], position[3];
    for (int c = 0; c < inputs; ++c)
      for (int number = 0; number < taps(w); ++number) {
        tap_of(number, w, t);
        if (look(w, p.at, t, position))
          sum += (wide<T>)weight[(o * inputs + c) * taps(w) + number] *
                 (wide<T>)x[index_of(first + c, position, w.in)];
      }
    y[i] = (T)sum;
  }
}

template <typename T>
__global__ void grouped_input(const T* gy, const T* weight, T* gx, Window3 w, int inputs,
                              int outputs, int groups, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    Place p = place_of(i, w.in);
    long long channels = (long long)inputs * groups, c = p.plane % channels;
    long long group = c / inputs, image = p.plane / channels;
    wide<T> sum = 0;
    int t[3], o[3];
    for (int k = 0; k < outputs; ++k) {
      long long filter = group * outputs + k;
      for (int number = 0; number < taps(w); ++number) {
        tap_of(number, w, t);
        if (looked_at(w, p.at, t, o))
          sum += (wide<T>)weight[(filter * inputs + c % inputs) * taps(w) + number] *
                 (wide<T>)gy[index_of(image * outputs * groups + filter, o, w.out)];
      }
    }
    gx[i] = (T)sum;
  }
}

template <typename T>
__global__ void grouped_weight(const T* x, const T* gy, wide<T>* partial, Window3 w, int inputs,
                               int outputs, int groups, int images, int slab, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    int t[3], position[3];
    tap_of((int)(i % taps(w)), w, t);
    long long rest = i / taps(w);
    int c = (int)(rest % inputs);
    rest /= inputs;
    long long channels = (long long)outputs * groups, o = rest % channels;
    int start = (int)(rest / channels) * slab, stop = min(images, start + slab);
    wide<T> sum = 0;
    for (int image = start; image < stop; ++image) {
      long long from = ((long long)image * groups + o / outputs) * inputs + c;  // plane of x
      long long to = image * channels + o;                                      // plane of gy
      for (long long k = 0; k < volume(w.out); ++k) {
        Place p = place_of(k, w.out);
        if (look(w, p.at, t, position))
          sum += (wide<T>)x[index_of(from, position, w.in)] * (wide<T>)gy[to * volume(w.out) + k];
      }
    }
    partial[i] = sum;
  }
}

template <typename T>
__global__ void sum_slabs(const wide<T>* partial, T* total, int slabs, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    wide<T> sum = 0;
    for (int s = 0; s < slabs; ++s) sum += partial[s * n + i];
    total[i] = (T)sum;
  }
}
