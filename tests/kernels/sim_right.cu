// Kernels without a mistake, for the tests of the simulator: awkward enough to use all of it.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <math_constants.h>

#include "sim_index.cuh"

struct Window {
  int size[2], stride[2], low[2];
  long long in[2], out[2];
  signed char flag;  // makes padding at the end
};

// col[n, c, kh, kw, oh, ow]: one thread per element, in a loop over the grid.
template <typename T>
__global__ void im2col(const T* __restrict__ x, T* __restrict__ col, Window w, long long n) {
  for (long long i = first_thread(); i < n; i += all_threads()) {
    long long rest = i, at[2], tap[2];
    for (int axis = 1; axis >= 0; --axis) at[axis] = rest % w.out[axis], rest /= w.out[axis];
    for (int axis = 1; axis >= 0; --axis) tap[axis] = rest % w.size[axis], rest /= w.size[axis];
    bool inside = true;
    for (int axis = 0; axis < 2; ++axis) {
      at[axis] = at[axis] * w.stride[axis] - w.low[axis] + tap[axis];
      inside = inside && at[axis] >= 0 && at[axis] < w.in[axis];
    }
    col[i] = inside ? __ldg(&x[(rest * w.in[0] + at[0]) * w.in[1] + at[1]]) : T(0);
  }
}

template <typename T>
__device__ T warp_sum(T value) {
  for (int apart = 16; apart > 0; apart /= 2)
    value += __shfl_down_sync(0xffffffffu, value, apart);
  return value;
}

// out[row] = sum of x[row, :]: float4 where rows are aligned, shuffles, static shared memory.
__global__ void __launch_bounds__(1024) row_sum(const float* x, float* out, int columns) {
  __shared__ float parts[32];
  float sum = 0;
  const float* row = x + (long long)blockIdx.x * columns;
  if (columns % 4 == 0)
    for (int i = threadIdx.x; i < columns / 4; i += blockDim.x) {
      float4 v = reinterpret_cast<const float4*>(row)[i];
      sum += (v.x + v.y) + (v.z + v.w);
    }
  else
    for (int i = threadIdx.x; i < columns; i += blockDim.x) sum += row[i];
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  sum = warp_sum(threadIdx.x < blockDim.x / 32 ? parts[threadIdx.x] : 0.f);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

// out = x transposed, by tiles in dynamic shared memory, blocks of (tile, tile), one plane a z.
template <typename T, int tile>
__global__ void transpose(const T* x, T* out, int rows, int columns) {
  extern __shared__ __align__(16) unsigned char
      raw[];
  T* cells = reinterpret_cast<T*>(raw);
  int plane = blockIdx.z * rows * columns;
  int row = blockIdx.y * tile + threadIdx.y, column = blockIdx.x * tile + threadIdx.x;
  if (row < rows && column < columns)
    cells[threadIdx.y * (tile + 1) + threadIdx.x] = x[plane + row * columns + column];
  __syncthreads();
  row = blockIdx.y * tile + threadIdx.x, column = blockIdx.x * tile + threadIdx.y;
  if (row < rows && column < columns)
    out[plane + column * rows + row] = cells[threadIdx.x * (tile + 1) + threadIdx.y];
}

// Bytes in shared memory, written by neighbours: not a race, though they share a word.
__global__ void reverse_bytes(const unsigned char* x, unsigned char* out) {
  __shared__ unsigned char bytes[256];
  bytes[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = bytes[blockDim.x - 1 - threadIdx.x];
}

// Lanes read one cell, and after __syncwarp one of them writes it: ordered without a barrier.
__global__ void warp_steps(int* out) {
  __shared__ int cell;
  if (threadIdx.x == 0) cell = 1;
  for (int step = 0; step < 3; ++step) {
    __syncwarp();
    int seen = cell;
    __syncwarp();
    if ((int)threadIdx.x == step) cell = seen + 1;
  }
  __syncwarp();
  out[threadIdx.x] = cell;
}

__global__ void histogram(const int* x, unsigned* counts, float* sums, int* most, int n) {
  int i = (int)first_thread();
  if (i >= n) return;
  atomicAdd(&counts[x[i]], 1u);
  atomicAdd(&sums[x[i]], 0.5f);
  atomicMax(most, x[i]);
}

// One row of out for each question to the block and the warp.
__global__ void questions(const int* x, int* out) {
  int t = threadIdx.x, n = blockDim.x, lane = t % 32;
  out[t] = __syncthreads_count(x[t] > 0);
  out[n + t] = __syncthreads_or(x[t] > 2);
  out[2 * n + t] = __syncthreads_and(x[t] > 2);
  unsigned half = lane < 16 ? 0xffffu : 0xffff0000u;
  out[3 * n + t] = __popc(__ballot_sync(half, x[t] > 0));
  out[4 * n + t] = __any_sync(0xffffffffu, x[t] > 2);
  out[5 * n + t] = __all_sync(0xffffffffu, x[t] > 2);
  out[6 * n + t] = __shfl_sync(0xffffffffu, x[t], 3, 8);
  out[7 * n + t] = __shfl_up_sync(0xffffffffu, x[t], 1);
  out[8 * n + t] = __shfl_xor_sync(0xffffffffu, x[t], 5);
}

__global__ void arithmetic(unsigned long long a, unsigned long long b, float x, double y,
                           unsigned long long* integers, double* reals) {
  integers[0] = __umul64hi(a, b);
  integers[1] = (unsigned long long)__mul64hi(-(long long)a, (long long)b);
  integers[2] = max((unsigned)a, 7u) + min(-3, 5) + __clz(1) + __ffs(8);
  reals[0] = fmaf(x, x, 1.0f);
  reals[1] = rsqrt(y);
  reals[2] = fmaxf(x, CUDART_NAN_F);
  reals[3] = exp(x);
  reals[4] = __int_as_float(0xff800000);
}

__global__ void narrow(const __half2* x, const __half* bias, __half2* y, __nv_bfloat16* z) {
  __half2 v = __hadd2(x[threadIdx.x], __half2half2(bias[0]));
  y[threadIdx.x] = __hmax2(v, __float2half2_rn(0.f));
  z[threadIdx.x] = __float2bfloat16(__low2float(x[threadIdx.x]));
}

// Which blocks and threads came when: a list of their numbers.
__global__ void arrivals(int* count, int* order) {
  order[atomicAdd(count, 1)] = (int)first_thread();
}

__global__ void nothing(float4 v, const float* x, bool b, const signed char* c, Window w) {}
