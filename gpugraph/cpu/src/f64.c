/* All kernels for double. */
#define REAL double
#define EXPORT(name) PUBLIC name##_f64
#include "kernels.h"
