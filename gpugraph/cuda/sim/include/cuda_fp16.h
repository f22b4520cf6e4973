// float16, by g++'s _Float16.
#pragma once
#include "cudasim/narrow.h"

namespace cudasim {

struct HalfFormat {
  static unsigned short round(float x) { return bits_as<unsigned short>((_Float16)x); }
  static float widen(unsigned short bits) { return (float)bits_as<_Float16>(bits); }
};

}  // namespace cudasim

using __half = cudasim::Narrow<cudasim::HalfFormat>;
using __half2 = cudasim::Pair<cudasim::HalfFormat>;
using half = __half;
using half2 = __half2;
CUDASIM_VECTOR_NAME(half)
CUDASIM_VECTOR_NAME(half2)
CUDASIM_NARROW_CONVERSIONS(half, __half, __half2)
