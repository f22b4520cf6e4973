// Sliding windows over three spatial axes; arrays with fewer have leading axes of length 1.
// The same geometry as gpugraph/core/window.py, which computed `out`.
#pragma once

struct Window3 {
  int size[3], stride[3], low[3], dilation[3];  // low: padding before the first element
  int in[3], out[3];                            // lengths of the array's axes, number of windows
};

// Where in its plane tap t of window o looks; false if that is padding.
__device__ inline bool look(const Window3& w, const int* o, const int* t, int* position) {
  bool inside = true;
  for (int axis = 0; axis < 3; ++axis) {
    position[axis] = o[axis] * w.stride[axis] + t[axis] * w.dilation[axis] - w.low[axis];
    inside = inside && position[axis] >= 0 && position[axis] < w.in[axis];
  }
  return inside;
}

// The window whose tap t looks at that position; false if there is none.
__device__ inline bool looked_at(const Window3& w, const int* position, const int* t, int* o) {
  for (int axis = 0; axis < 3; ++axis) {
    int start = position[axis] + w.low[axis] - t[axis] * w.dilation[axis];
    if (start < 0 || start % w.stride[axis]) return false;
    o[axis] = start / w.stride[axis];
    if (o[axis] >= w.out[axis]) return false;
  }
  return true;
}

// Tap number `number` in row-major order.
__device__ inline void tap_of(int number, const Window3& w, int* t) {
  for (int axis = 2; axis >= 0; --axis) {
    t[axis] = number % w.size[axis];
    number /= w.size[axis];
  }
}

__device__ inline int taps(const Window3& w) { return w.size[0] * w.size[1] * w.size[2]; }
