// Which element is mine? 64-bit, since N*C*H*W can pass 2^31.
#pragma once

__device__ inline long long first_thread() {
  return (long long)blockIdx.x * blockDim.x + threadIdx.x;
}

__device__ inline long long all_threads() { return (long long)gridDim.x * blockDim.x; }
