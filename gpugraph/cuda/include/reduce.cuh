// Sums and maxima over a team: neighbouring threads of a block, 1, 32 or all of them.
//
// Every thread of the team takes part, and all get the result: neighbours pairwise, then the warps
// in order, so that equal calls give equal bits.
#pragma once

struct Plus {
  template <typename T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

struct Larger {  // of a and NaN, either
  template <typename T>
  __device__ T operator()(T a, T b) const {
    return a > b ? a : b;
  }
};

template <typename T, typename Combine>
__device__ T team_total(T value, int team, Combine combine) {
  for (int apart = min(team, 32) / 2; apart > 0; apart /= 2)
    value = combine(value, __shfl_xor_sync(0xffffffffu, value, apart));
  if (team <= 32) return value;
  __shared__ T warps[32];
  __syncthreads();  // what an earlier call left there has been read
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = value;
  __syncthreads();
  value = warps[0];
  for (int warp = 1; warp < team / 32; ++warp) value = combine(value, warps[warp]);
  return value;
}
