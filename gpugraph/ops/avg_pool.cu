// Average pooling and its adjoint. See ops/avg_pool.py.
//
//   avg_pool        y[o] = sum over taps t of x[o*s + t*d - low] / divisor(o)
//   avg_pool_input  gx[p] = sum of g[o] / divisor(o) over the windows o that see p
//
// Threads:       one per element written, in a loop over the grid.
// Determinism:   both gather: one thread adds up one element, tap by tap. No atomics.

#include "index.cuh"
#include "place.cuh"
#include "wide.cuh"
#include "window.cuh"

struct Counted {
  int first[3], end[3];  // the positions that count along each axis
  long long divisor;     // of every window; 0: the number of its taps that count
};

__device__ inline long long divisor_of(const Window3& w, const Counted& counted, const int* o) {
  if (counted.divisor) return counted.divisor;
  long long count = 1;
  for (int axis = 0; axis < 3; ++axis) {
    int start = o[axis] * w.stride[axis] - w.low[axis];
    count *= min(start + w.size[axis], counted.end[axis]) - max(start, counted.first[axis]);
  }
  return count;
}

template <typename T>
__global__ void avg_pool(const T* x, T* y, Window3 w, Counted counted, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    Place p = place_of(i, w.out);
    wide<T> sum = 0;
    int t[3], position[3];
    for (int number = 0; number < taps(w); ++number) {
      tap_of(number, w, t);
      if (look(w, p.at, t, position)) sum += (wide<T>)x[index_of(p.plane, position, w.in)];
    }
    y[i] = (T)(sum / (wide<T>)divisor_of(w, counted, p.at));
  }
}

template <typename T>
__global__ void avg_pool_input(const T* g, T* gx, Window3 w, Counted counted, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    Place p = place_of(i, w.in);
    wide<T> sum = 0;
    int t[3], o[3];
    for (int number = 0; number < taps(w); ++number) {
      tap_of(number, w, t);
      if (looked_at(w, p.at, t, o))
        sum += (wide<T>)g[index_of(p.plane, o, w.out)] / (wide<T>)divisor_of(w, counted, o);
    }
    gx[i] = (T)sum;
  }
}
