// Undefined behaviour: g++ -fsanitize=bounds,alignment,... calls these when it sees some. They are
// ours, and libubsan is not linked.
#include <cstdio>

#include "runtime.h"

using cudasim::fail;
using cudasim::no_argument;

namespace {

// The layouts are g++'s, from gcc/ubsan.cc.
struct Location {
  const char* file;
  uint32_t line, column;
};

struct Type {
  uint16_t kind;  // 0: an integer
  uint16_t info;  // of an integer: its width's logarithm, and whether it is signed in bit 0
  char name[1];
};

struct Overflow {
  Location where;
  const Type* type;
};

struct OutOfBounds {
  Location where;
  const Type *array, *index;
};

struct Shift {
  Location where;
  const Type *value, *amount;
};

struct Mismatch {
  Location where;
  const Type* type;
  uint8_t log_alignment, kind;
};

struct Number {  // a value as text; wide ones come by address, which nobody needs here
  char text[24];

  Number(const Type* type, uintptr_t value) {
    unsigned width = 1u << (type->info >> 1);
    if (width > 64) {
      snprintf(text, sizeof text, "(%u bits)", width);
    } else if (type->info & 1) {
      snprintf(text, sizeof text, "%lld", static_cast<long long>(value << (64 - width)) >>
                                              (64 - width));
    } else {
      snprintf(text, sizeof text, "%llu", static_cast<unsigned long long>(value));
    }
  }
};

[[noreturn]] void fail_overflow(const void* site, const Overflow* o, const char* operation,
                                uintptr_t a, uintptr_t b) {
  fail({site}, no_argument, "signed overflow: %s %s %s does not fit %s", Number(o->type, a).text,
       operation, Number(o->type, b).text, o->type->name);
}

}  // namespace

extern "C" {

void __ubsan_handle_add_overflow_abort(const Overflow* o, uintptr_t a, uintptr_t b) {
  fail_overflow(CUDASIM_CALLER, o, "+", a, b);
}

void __ubsan_handle_sub_overflow_abort(const Overflow* o, uintptr_t a, uintptr_t b) {
  fail_overflow(CUDASIM_CALLER, o, "-", a, b);
}

void __ubsan_handle_mul_overflow_abort(const Overflow* o, uintptr_t a, uintptr_t b) {
  fail_overflow(CUDASIM_CALLER, o, "*", a, b);
}

void __ubsan_handle_negate_overflow_abort(const Overflow* o, uintptr_t a) {
  fail_overflow(CUDASIM_CALLER, o, "-", 0, a);
}

void __ubsan_handle_divrem_overflow_abort(const Overflow* o, uintptr_t a, uintptr_t b) {
  if (b) fail_overflow(CUDASIM_CALLER, o, "/", a, b);
  fail({CUDASIM_CALLER}, no_argument, "division of %s by zero", Number(o->type, a).text);
}

void __ubsan_handle_shift_out_of_bounds_abort(const Shift* s, uintptr_t value, uintptr_t amount) {
  fail({CUDASIM_CALLER}, no_argument, "undefined shift: %s by %s bits (%s)",
       Number(s->value, value).text, Number(s->amount, amount).text, s->value->name);
}

void __ubsan_handle_out_of_bounds_abort(const OutOfBounds* o, uintptr_t index) {
  fail({CUDASIM_CALLER}, no_argument, "index out of bounds: %s in an array of type %s",
       Number(o->index, index).text, o->array->name);
}

void __ubsan_handle_type_mismatch_v1_abort(const Mismatch* m, uintptr_t address) {
  if (m->log_alignment == 0)  // -fsanitize=object-size: a pointer into a variable, but past its end
    fail({CUDASIM_CALLER}, no_argument, "access of %s outside of the variable pointed to",
         m->type->name);
  unsigned alignment = 1u << m->log_alignment;
  fail({CUDASIM_CALLER}, no_argument,
       "misaligned access of %s: the address is %u bytes past a multiple of %u", m->type->name,
       static_cast<unsigned>(address % alignment), alignment);
}
}
