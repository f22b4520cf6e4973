// CUDA C for g++: the names that a kernel expects to find, included before its source.
//
// Nothing here comes from a standard header, and a kernel can't include one: NVRTC has none either,
// and INFINITY, uint32_t or std:: would compile here and fail there. A CUDA function that is
// missing is an error of g++, never a silent guess.
#pragma once
#include "cudasim/interface.h"
#include "cudasim/vectors.h"
#include "cudasim/math.h"
#include "cudasim/atomics.h"

#define __CUDASIM__ 1

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
#define __constant__ static
// All static shared arrays of a kernel lie side by side in the thread-local block of its library,
// where the runtime finds them. (A linker section of their own won't do: g++ refuses to put
// ordinary variables and those of templates into one.)
#define __shared__ static thread_local

#define CUDASIM_INLINE inline __attribute__((always_inline))

static constexpr const uint3& threadIdx = cudasim::here.thread;
static constexpr const uint3& blockIdx = cudasim::here.block;
static constexpr const dim3& blockDim = cudasim::here.block_size;
static constexpr const dim3& gridDim = cudasim::here.grid_size;
constexpr int warpSize = 32;

extern "C" int printf(const char*, ...);

// ---- barriers of a block

CUDASIM_INLINE void __syncthreads() { cudasim::barrier(false); }
CUDASIM_INLINE int __syncthreads_count(int p) { return cudasim::barrier(p != 0); }
CUDASIM_INLINE int __syncthreads_or(int p) { return cudasim::barrier(p != 0) != 0; }
CUDASIM_INLINE int __syncthreads_and(int p) { return cudasim::barrier(p == 0) == 0; }

// Threads run one at a time, so memory is always up to date. Races are the checker's business.
inline void __threadfence_block() {}
inline void __threadfence() {}
inline void __threadfence_system() {}

// ---- operations of a warp

CUDASIM_INLINE void __syncwarp(unsigned mask = ~0u) { cudasim::sync_warp(mask); }
CUDASIM_INLINE unsigned __ballot_sync(unsigned mask, int p) { return cudasim::vote(mask, p != 0); }
CUDASIM_INLINE int __any_sync(unsigned mask, int p) { return cudasim::vote(mask, p != 0) != 0; }
CUDASIM_INLINE int __all_sync(unsigned mask, int p) { return cudasim::vote(mask, p == 0) == 0; }

namespace cudasim {

// `source` is the lane whose value is wanted; a lane whose source is not `inside` keeps its own.
template <class T>
CUDASIM_INLINE T shuffled(Operation operation, unsigned mask, T value, int source, bool inside) {
  static_assert(sizeof(T) <= 8, "shuffles move at most 8 bytes");
  shuffle(operation, mask, &value, sizeof(T), inside ? source : lane());
  return value;
}

}  // namespace cudasim

// A warp is cut into segments of `width` lanes (a power of two), each of which shuffles by itself.
template <class T>
CUDASIM_INLINE T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  int segment = cudasim::lane() & ~(width - 1);
  return cudasim::shuffled(cudasim::Operation::shuffle, mask, value,
                           segment + (source & (width - 1)), true);
}

template <class T>
CUDASIM_INLINE T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  int position = cudasim::lane() & (width - 1);
  return cudasim::shuffled(cudasim::Operation::shuffle_up, mask, value,
                           cudasim::lane() - (int)delta, position >= (int)delta);
}

template <class T>
CUDASIM_INLINE T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  int position = cudasim::lane() & (width - 1);
  return cudasim::shuffled(cudasim::Operation::shuffle_down, mask, value,
                           cudasim::lane() + (int)delta, position + (int)delta < width);
}

template <class T>
CUDASIM_INLINE T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
  int source = cudasim::lane() ^ bits, segment = cudasim::lane() & ~(width - 1);
  return cudasim::shuffled(cudasim::Operation::shuffle_xor, mask, value, source,
                           source < segment + width);
}

// ---- loads that bypass or prefer a cache

template <class T>
CUDASIM_INLINE T __ldg(const T* p) {
  return *p;
}

template <class T>
CUDASIM_INLINE T __ldcs(const T* p) {
  return *p;
}

template <class T>
CUDASIM_INLINE void __stcs(T* p, T value) {
  *p = value;
}
