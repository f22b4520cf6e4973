"""The ops, one family a file. Importing this registers them all.

Each family owns its public functions (its `__all__`). Imports between families go up this list.
"""

# ruff: noqa: I001 (in the order in which they build on each other)
from . import (
    dtypes,
    broadcast,
    elementwise,
    powers,
    special,
    angles,
    memory,
    compare,
    shape,
    arrange,
    reduce,
    extrema,
    join,
    creation,
    einsum,
    linalg,
    slices,
    gather,
    index,
    activation,
    fused,
    bias_act,
    softmax,
    losses,
    norm,
    norm_functions,
    random,
    dropout,
    conv,
    conv_functions,
    pool,
    avg_pool,
    pool_functions,
)
