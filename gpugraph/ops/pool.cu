// Max pooling: choose, scatter to and gather from the chosen elements. See ops/pool.py.
//
//   max_pool       y[o] = max over taps t of x[o*s + t*d - low], and which tap it was
//   pool_scatter   gx[p] = sum of g[o] over the windows o whose chosen tap looks at p
//   pool_gather    y[o] = x[what the chosen tap of window o looks at], 0 in the padding
//
// Threads:       one per element written, in a loop over the grid.
// Determinism:   scatter gathers: one thread adds up what one element gets, tap by tap. No atomics.
// Conventions:   the first maximum in row-major order wins, a NaN is larger than anything (and the
//                first one wins), padding is -inf.

#include "index.cuh"
#include "place.cuh"
#include "wide.cuh"
#include "window.cuh"

// The first tap that is not in the low padding: what a window falls back to that sees only -inf.
__device__ inline int first_inside(const Window3& w, const int* o) {
  int number = 0;
  for (int axis = 0; axis < 3; ++axis) {
    int missing = w.low[axis] - o[axis] * w.stride[axis];
    int tap = missing > 0 ? (missing + w.dilation[axis] - 1) / w.dilation[axis] : 0;
    number = number * w.size[axis] + min(tap, w.size[axis] - 1);
  }
  return number;
}

template <typename T, typename I>
__global__ void max_pool(const T* x, T* y, I* offset, Window3 w, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    Place p = place_of(i, w.out);
    wide<T> best = (wide<T>)__int_as_float(0xff800000);  // -inf; NVRTC has no INFINITY
    int chosen = first_inside(w, p.at), t[3], position[3];
    for (int number = 0; number < taps(w); ++number) {
      tap_of(number, w, t);
      if (!look(w, p.at, t, position)) continue;
      wide<T> value = (wide<T>)x[index_of(p.plane, position, w.in)];
      // larger, or the first NaN: after it, nothing compares as larger
      if (value > best || (value != value && best == best)) {
        best = value;
        chosen = number;
      }
    }
    y[i] = (T)best;
    offset[i] = (I)chosen;
  }
}

template <typename T, typename I>
__global__ void pool_scatter(const T* g, const I* offset, T* gx, Window3 w, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    Place p = place_of(i, w.in);
    wide<T> sum = 0;
    int t[3], o[3];
    for (int number = 0; number < taps(w); ++number) {
      tap_of(number, w, t);
      if (!looked_at(w, p.at, t, o)) continue;
      long long window = index_of(p.plane, o, w.out);
      if ((int)offset[window] == number) sum += (wide<T>)g[window];
    }
    gx[i] = (T)sum;
  }
}

template <typename T, typename I>
__global__ void pool_gather(const T* x, const I* offset, T* y, Window3 w, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    Place p = place_of(i, w.out);
    int t[3], position[3];
    tap_of((int)offset[i], w, t);
    y[i] = look(w, p.at, t, position) ? x[index_of(p.plane, position, w.in)] : (T)0.0f;
  }
}
