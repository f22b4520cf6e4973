/* All kernels for double. */
#define REAL double
#define REAL_BYTES 8
#define EXPORT(name) PUBLIC name##_f64
#include "kernels.h"
