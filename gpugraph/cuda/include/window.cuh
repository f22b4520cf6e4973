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

// visit(tap, position) for the taps of window o that look inside, in row-major order. `position` is
// the number of the element in its plane.
template <typename Visit>
__device__ inline void each_tap(const Window3& w, const int* o, Visit visit) {
  int start[3];
  for (int axis = 0; axis < 3; ++axis) start[axis] = o[axis] * w.stride[axis] - w.low[axis];
  for (int a = 0; a < w.size[0]; ++a) {
    int z = start[0] + a * w.dilation[0];
    if (z < 0 || z >= w.in[0]) continue;
    for (int b = 0; b < w.size[1]; ++b) {
      int y = start[1] + b * w.dilation[1];
      if (y < 0 || y >= w.in[1]) continue;
      for (int c = 0; c < w.size[2]; ++c) {
        int x = start[2] + c * w.dilation[2];
        if (x >= 0 && x < w.in[2])
          visit((a * w.size[1] + b) * w.size[2] + c, (z * w.in[1] + y) * w.in[2] + x);
      }
    }
  }
}

// Along one axis: windows first to last reach over that position, some perhaps with no tap on it.
__device__ inline void windows_over(const Window3& w, int axis, int position, int* first,
                                    int* last) {
  int end = position + w.low[axis], behind = end - (w.size[axis] - 1) * w.dilation[axis];
  *first = behind > 0 ? (behind - 1) / w.stride[axis] + 1 : 0;
  *last = min(end / w.stride[axis], w.out[axis] - 1);
}

// Along one axis: the tap of window o that looks at that position; -1 if it is between two.
__device__ inline int tap_on(const Window3& w, int axis, int position, int o) {
  int from_start = position + w.low[axis] - o * w.stride[axis];
  if (w.dilation[axis] == 1) return from_start;
  return from_start % w.dilation[axis] ? -1 : from_start / w.dilation[axis];
}

// visit(tap, o) for the windows with a tap on that position, in row-major order. `o` is the number
// of the window in its plane.
template <typename Visit>
__device__ inline void each_window(const Window3& w, const int* position, Visit visit) {
  int first[3], last[3];
  for (int axis = 0; axis < 3; ++axis)
    windows_over(w, axis, position[axis], &first[axis], &last[axis]);
  for (int z = first[0]; z <= last[0]; ++z) {
    int a = tap_on(w, 0, position[0], z);
    if (a < 0) continue;
    for (int y = first[1]; y <= last[1]; ++y) {
      int b = tap_on(w, 1, position[1], y);
      if (b < 0) continue;
      for (int x = first[2]; x <= last[2]; ++x) {
        int c = tap_on(w, 2, position[2], x);
        if (c >= 0) visit((a * w.size[1] + b) * w.size[2] + c, (z * w.out[1] + y) * w.out[2] + x);
      }
    }
  }
}
