// Functions of the headers, called with what no launch by an op gives them here: thread numbers,
// volumes and planes past 2^32, and a team of 1024.

struct {
  unsigned x;
} constexpr huge{1u << 30};

#define blockIdx huge
#define gridDim huge
#include "index.cuh"
#undef blockIdx
#undef gridDim

#include "place.cuh"
#include "reduce.cuh"

__device__ inline void tell(long long* first, long long* all) {
  *first = first_thread();
  *all = all_threads();
}

// In block 2^30 of 2^30 + 1.
__global__ void far_threads(long long* first, long long* all) {
  tell(first + threadIdx.x, all + threadIdx.x);
}

// The places of elements, and back.
__global__ void far_places(const long long* i, const int* lengths, long long* plane, int* at,
                           long long* back, long long* size) {
  Place p = place_of(i[threadIdx.x], lengths);
  plane[threadIdx.x] = p.plane;
  for (int axis = 0; axis < 3; ++axis) at[3 * threadIdx.x + axis] = p.at[axis];
  back[threadIdx.x] = index_of(p.plane, p.at, lengths);
  size[threadIdx.x] = volume(lengths);
}

__global__ void block_total(const float* x, float* y) {
  y[threadIdx.x] = team_total(x[threadIdx.x], blockDim.x, Plus());
}
