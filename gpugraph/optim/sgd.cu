// Stochastic gradient descent over one buffer. See optim/sgd.py.
//
//   sgd           p[i] -= lr * (g[i] + decay * p[i])
//   sgd_momentum  b[i] = momentum * b[i] + rest * (g[i] + decay * p[i]), then p[i] -= lr * b[i]
//
// Threads:       one per element, in a loop over the grid.
// Determinism:   each element depends on its own index alone.
// Conventions:   rest is 1 - dampening; decay 0 leaves p out, also where it is infinite. Every
//                operation rounds as in NumPy's rule, so float and double give its bits.

#include "exact.cuh"
#include "index.cuh"
#include "wide.cuh"

template <typename T>
__global__ void sgd(T* p, const T* grad, wide<T> lr, wide<T> decay, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    wide<T> x = (wide<T>)p[i], g = (wide<T>)grad[i];
    if (decay != 0) g = g + times(decay, x);
    p[i] = (T)(x - times(lr, g));
  }
}

// first: b has no values yet, and starts as the gradient.
template <typename T>
__global__ void sgd_momentum(T* p, const T* grad, T* b, wide<T> lr, wide<T> decay, wide<T> momentum,
                             wide<T> rest, bool first, bool nesterov, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    wide<T> x = (wide<T>)p[i], g = (wide<T>)grad[i];
    if (decay != 0) g = g + times(decay, x);
    wide<T> velocity = first ? g : times(momentum, (wide<T>)b[i]) + times(rest, g);
    b[i] = (T)velocity;
    p[i] = (T)(x - times(lr, nesterov ? g + times(momentum, velocity) : velocity));
  }
}
