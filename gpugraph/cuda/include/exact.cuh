// Products that round as NumPy's do.
//
// A compiler may fuse a * b + c into one instruction that rounds once (fma). That is more exact, but
// other bits than on a CPU, and which of two products gets fused is the compiler's choice.
#pragma once

// a * b, rounded before anything is added.
__device__ inline float times(float a, float b) { return __fmul_rn(a, b); }
__device__ inline double times(double a, double b) { return __dmul_rn(a, b); }
