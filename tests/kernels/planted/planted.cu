// For tests/test_mutate_kernels.py.
#include "index.cuh"
#include "planted.cuh"

template <typename T>
__global__ void ramp(const T* x, T* y, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) y[i] = positive(x[i]) ? x[i] : (T)0;
}
