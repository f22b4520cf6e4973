#include <string.h>

#include "pool.h"
#include "vector.h"

#include "conv.h"
#include "conv_weight.h"
