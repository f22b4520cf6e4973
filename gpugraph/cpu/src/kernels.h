#include <string.h>

#include "pool.h"
#include "vector.h"
#include "transpose.h"

#include "conv_geometry.h"
#include "conv_dense.h"
#include "conv_depthwise.h"
#include "conv.h"
#include "conv_weight.h"
#include "conv_depthwise_weight.h"
