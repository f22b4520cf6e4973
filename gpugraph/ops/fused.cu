// The gradient of an activation that another kernel has applied. See ops/fused.py.
//
//   activation_grad  gx[i] = activate'(x[i]) g[i], taken from y[i] = activate(x[i])
//
// Threads:       one per element, in a loop over the grid.
// Determinism:   each element depends on its own index alone.
// Accuracy:      16-bit floats are computed in float, and rounded once.

#include "activation.cuh"
#include "index.cuh"
#include "wide.cuh"

template <typename T>
__global__ void activation_grad(const T* g, const T* y, T* gx, int act, wide<T> slope,
                                long long n) {
  for (long long i = first_thread(); i < n; i += all_threads())
    gx[i] = (T)activate_grad(act, (wide<T>)y[i], slope, (wide<T>)g[i]);
}
