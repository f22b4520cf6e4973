// Elements of arrays of planes: a plane is one channel of one image, with three spatial axes.
#pragma once

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

__device__ inline long long volume(const int* lengths) {
  return (long long)lengths[0] * lengths[1] * lengths[2];
}
