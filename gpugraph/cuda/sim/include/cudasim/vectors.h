// float4 and friends: alignment matters, since a misaligned float4 load is an error on a GPU.
#pragma once

#define CUDASIM_VECTOR_NAME(vector)              \
  template <>                                    \
  struct cudasim::TypeName<vector> {             \
    static constexpr const char* text = #vector; \
  };

#define CUDASIM_VECTORS(T, name)                                             \
  struct name##1 {                                                           \
    T x;                                                                     \
  };                                                                         \
  struct alignas(2 * sizeof(T)) name##2 {                                    \
    T x, y;                                                                  \
  };                                                                         \
  struct alignas(sizeof(T) < 4 ? 4 * sizeof(T) : 16) name##4 {               \
    T x, y, z, w;                                                            \
  };                                                                         \
  inline name##1 make_##name##1(T x) { return {x}; }                         \
  inline name##2 make_##name##2(T x, T y) { return {x, y}; }                 \
  inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }         \
  inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; } \
  CUDASIM_VECTOR_NAME(name##1)                                               \
  CUDASIM_VECTOR_NAME(name##2)                                               \
  CUDASIM_VECTOR_NAME(name##3)                                               \
  CUDASIM_VECTOR_NAME(name##4)

#define CUDASIM_VECTORS_AND_3(T, name) \
  struct name##3 {                     \
    T x, y, z;                         \
  };                                   \
  CUDASIM_VECTORS(T, name)

CUDASIM_VECTORS(unsigned, uint)  // uint3 is in interface.h
CUDASIM_VECTORS_AND_3(signed char, char)
CUDASIM_VECTORS_AND_3(unsigned char, uchar)
CUDASIM_VECTORS_AND_3(short, short)
CUDASIM_VECTORS_AND_3(unsigned short, ushort)
CUDASIM_VECTORS_AND_3(int, int)
CUDASIM_VECTORS_AND_3(long long, longlong)
CUDASIM_VECTORS_AND_3(unsigned long long, ulonglong)
CUDASIM_VECTORS_AND_3(float, float)
CUDASIM_VECTORS_AND_3(double, double)
