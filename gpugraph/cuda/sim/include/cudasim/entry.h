// After the kernel's source: its signature as text, and the call with its arguments' types.
#pragma once

#undef __noinline__

namespace cudasim {

#define CUDASIM_TYPE_NAME(T, name)            \
  template <>                                 \
  struct TypeName<T> {                        \
    static constexpr const char* text = name; \
  };

CUDASIM_TYPE_NAME(void, "void")
CUDASIM_TYPE_NAME(bool, "bool")
CUDASIM_TYPE_NAME(char, "signed char")
CUDASIM_TYPE_NAME(signed char, "signed char")
CUDASIM_TYPE_NAME(unsigned char, "unsigned char")
CUDASIM_TYPE_NAME(short, "short")
CUDASIM_TYPE_NAME(unsigned short, "unsigned short")
CUDASIM_TYPE_NAME(int, "int")
CUDASIM_TYPE_NAME(unsigned, "unsigned int")
CUDASIM_TYPE_NAME(long, "long long")  // as wide; one name is enough
CUDASIM_TYPE_NAME(unsigned long, "unsigned long long")
CUDASIM_TYPE_NAME(long long, "long long")
CUDASIM_TYPE_NAME(unsigned long long, "unsigned long long")
CUDASIM_TYPE_NAME(float, "float")
CUDASIM_TYPE_NAME(double, "double")

struct Text {
  char* end;

  void operator+=(const char* text) {
    while (*text) *end++ = *text++;
  }
  void operator+=(size_t number) {
    if (number >= 10) *this += number / 10;
    *end++ = (char)('0' + number % 10);
  }
};

template <class T>
struct Describe {  // a number, a vector, or "struct 72": any other type by its size
  using Plain = T;
  static void to(Text& out) {
    if constexpr (TypeName<T>::text != nullptr) {
      out += TypeName<T>::text;
    } else {
      out += "struct ";
      out += sizeof(T);
    }
  }
};

template <class T>
struct Describe<const T> {
  using Plain = T;
  static void to(Text& out) {
    out += "const ";
    Describe<T>::to(out);
  }
};

template <class T>
struct Describe<T*> {
  using Plain = T*;
  static void to(Text& out) {
    Describe<T>::to(out);
    out += "*";
  }
};

// "const float*|float*|long long|"; parameters that are themselves const don't show.
template <class... P>
void signature(void (*)(P...), char* text) {
  Text out{text};
  (
      [&] {
        Describe<typename Describe<P>::Plain>::to(out);
        out += "|";
      }(),
      ...);
  *out.end = 0;
}

template <unsigned...>
struct Indices {};

// Reads the arguments' values without asking the checker: they lie in Python's memory.
template <class... P, unsigned... I>
__attribute__((noinline, no_sanitize("thread"))) void call(void (*kernel)(P...), void** values,
                                                           Indices<I...>) {
  kernel(*static_cast<typename Describe<P>::Plain*>(values[I])...);
}

template <class... P>
void call(void (*kernel)(P...), void** values) {
  call(kernel, values, Indices<__integer_pack(sizeof...(P))...>());
}

}  // namespace cudasim

// Kernel number `number` of the module, found by ctypes under these names.
#define CUDASIM_ENTRY(number, ...)                                                                \
  static void cudasim_body_##number(void** values) { cudasim::call(&__VA_ARGS__, values); }       \
  extern "C" __attribute__((visibility("default"))) void cudasim_signature_##number(char* text) { \
    cudasim::signature(&__VA_ARGS__, text);                                                       \
  }                                                                                               \
  extern "C" __attribute__((visibility("default"))) int cudasim_run_##number(                     \
      cudasim::Launch& launch) {                                                                  \
    return cudasim::run(cudasim_body_##number, launch);                                           \
  }
