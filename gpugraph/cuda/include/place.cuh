// Elements of arrays of planes: a plane is one channel of one image, with three spatial axes.
//
// Kernels that work plane by plane have blocks (x, y): x counts planes, y parts of a plane, so that
// what depends on the plane alone is known to the whole block, and the rest needs 32 bits:
//
//   for (long long plane = blockIdx.x; plane < planes; plane += gridDim.x)
//     for (unsigned i = first_in_plane(); i < size; i += step_in_plane())
#pragma once

__device__ inline unsigned first_in_plane() { return blockIdx.y * blockDim.x + threadIdx.x; }

__device__ inline unsigned step_in_plane() { return gridDim.y * blockDim.x; }

struct Place {
  long long plane;
  int at[3];
};

// Element number i of planes of that size.
__device__ inline Place place_of(long long i, const int* lengths) {
  Place p;
  for (int axis = 2; axis >= 0; --axis) {
    p.at[axis] = (int)(i % lengths[axis]);
    i /= lengths[axis];
  }
  p.plane = i;
  return p;
}

// The other way round.
__device__ inline long long index_of(long long plane, const int* at, const int* lengths) {
  return ((plane * lengths[0] + at[0]) * lengths[1] + at[1]) * lengths[2] + at[2];
}

// The same inside one plane of less than 2^31 elements, where 32 bits will do.
__device__ inline void place_in(unsigned i, const int* lengths, int* at) {
  at[2] = (int)(i % lengths[2]);
  i /= lengths[2];
  at[1] = (int)(i % lengths[1]);
  at[0] = (int)(i / lengths[1]);
}

__device__ inline int index_in(const int* at, const int* lengths) {
  return (at[0] * lengths[1] + at[1]) * lengths[2] + at[2];
}

__device__ inline long long volume(const int* lengths) {
  return (long long)lengths[0] * lengths[1] * lengths[2];
}
