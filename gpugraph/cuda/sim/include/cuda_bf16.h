// bfloat16: the upper half of a float.
#pragma once
#include "cudasim/narrow.h"

namespace cudasim {

struct Bfloat16Format {
  static unsigned short round(float x) {
    unsigned bits = bits_as<unsigned>(x);
    if (x != x) return 0x7fff;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;  // to nearest, ties to even
  }
  static float widen(unsigned short bits) { return bits_as<float>((unsigned)bits << 16); }
};

}  // namespace cudasim

using __nv_bfloat16 = cudasim::Narrow<cudasim::Bfloat16Format>;
using __nv_bfloat162 = cudasim::Pair<cudasim::Bfloat16Format>;
using nv_bfloat16 = __nv_bfloat16;
using nv_bfloat162 = __nv_bfloat162;
CUDASIM_NARROW_CONVERSIONS(bfloat16, __nv_bfloat16, __nv_bfloat162)

template <>
struct cudasim::TypeName<__nv_bfloat16> {
  static constexpr const char* text = "bfloat16";
};
template <>
struct cudasim::TypeName<__nv_bfloat162> {
  static constexpr const char* text = "bfloat162";
};
