/* All kernels for float. */
#define REAL float
#define EXPORT(name) PUBLIC name##_f32
#include "kernels.h"
