/* All kernels for float. */
#define REAL float
#define REAL_BYTES 4
#define EXPORT(name) PUBLIC name##_f32
#include "kernels.h"
