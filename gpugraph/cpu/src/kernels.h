#include <math.h>
#include <stdint.h>
#include <string.h>
#include <tgmath.h>

/* Products and sums are fused where the processor can; GCC does so unasked. */
#ifdef __clang__
#pragma clang fp contract(fast)
#endif

#include "pool.h"
#include "vector.h"
#include "whole.h"
#include "transpose.h"
#include "turn.h"
#include "exp.h"
#include "erf.h"

#include "conv_geometry.h"
#include "conv_dense.h"
#include "conv_depthwise.h"
#include "winograd_transform.h"
#include "winograd.h"
#include "conv.h"
#include "conv_weight.h"
#include "winograd_weight.h"
#include "conv_depthwise_weight.h"

#include "max_pool.h"
#include "max_pool_grad.h"
#include "avg_pool.h"

#include "activation.h"
#include "channels.h"
#include "channel_pass.h"
#include "norm.h"
#include "group_norm.h"

#include "softmax.h"
#include "optim.h"
