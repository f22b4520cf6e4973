// Adding rows up where they belong. See ops/gather.py.
//
//   put_at   y[t, c] = sum of rows[order[k], c] over starts[t] <= k < starts[t + 1]
//
// `order` lists the rows sorted by target, equal targets in the order they came.
//
// Threads:       one per element written, in a loop over the grid.
// Determinism:   one thread adds up one element, in that order. No atomics.

#include "index.cuh"
#include "wide.cuh"

template <typename T>
__global__ void put_at(const T* rows, const long long* order, const long long* starts, T* y,
                       long long columns, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    long long target = i / columns, column = i % columns;
    wide<T> sum = 0;
    for (long long k = starts[target]; k < starts[target + 1]; ++k)
      sum += (wide<T>)rows[order[k] * columns + column];
    y[i] = (T)sum;
  }
}
