// Adam and AdamW over one buffer. See optim/adam.py.
//
//   adam   m[i] = b1 * m[i] + (1 - b1) * g[i],  v[i] = b2 * v[i] + (1 - b2) * g[i]^2,
//          p[i] -= rate * m[i] / (sqrt(v[i]) / root + eps)
//
// Threads:       one per element, in a loop over the grid.
// Determinism:   each element depends on its own index alone.
// Conventions:   rate = lr / (1 - b1^t) and root = sqrt(1 - b2^t) come from the host, where they are
//                computed in double. decay goes through the means (Adam), keep = 1 - lr * decay
//                around them (AdamW); decay 0 leaves p out, also where it is infinite. Every
//                operation rounds as in NumPy's rule, so float and double give its bits.

#include "exact.cuh"
#include "index.cuh"
#include "wide.cuh"

template <typename T>
__global__ void adam(T* p, const T* grad, T* m, T* v, wide<T> rate, wide<T> root, wide<T> b1,
                     wide<T> rest1, wide<T> b2, wide<T> rest2, wide<T> eps, wide<T> decay,
                     wide<T> keep, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    wide<T> x = times(keep, (wide<T>)p[i]), g = (wide<T>)grad[i];
    if (decay != 0) g = g + times(decay, x);
    wide<T> mean = times(b1, (wide<T>)m[i]) + times(rest1, g);
    wide<T> square = times(b2, (wide<T>)v[i]) + times(rest2, times(g, g));
    m[i] = (T)mean;
    v[i] = (T)square;
    p[i] = (T)(x - times(rate, mean / (sqrt(square) / root + eps)));
  }
}
