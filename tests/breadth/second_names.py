"""Second names that are functions of their own; distances of rows."""

import numpy as np
from scipy.spatial import distance

import gpugraph as gg

from .cases import A, B, C, P, V, Z, case

ROOM = gg
CASES = {
    "as_tensor": case(np.array, A),
    "take_along_dim": case(np.take_along_axis, A, np.argsort(A, 1), 1),
    "mm": case(np.dot, A, B.T),
    "bmm": case(np.matmul, C, np.swapaxes(C, 1, 2)),
    "mv": case(np.dot, A, V),
    "t": case(np.transpose, A),
    "vdot": case(np.vdot, A, B),
    "vdot, complex": case(np.vdot, Z, Z[::-1]),
    "div": case(np.divide, A, P),
    "clamp_min": case(np.maximum, A, 0.12),
    "clamp_max": case(np.minimum, A, 0.12),
    "frac": case(lambda x: np.modf(x)[0], 7 * A),
    "divmod": case(np.divmod, 7 * A, P),
    "numel": case(np.size, A),
    "ndim": case(np.ndim, A),
    "cdist": case(lambda a, b: distance.cdist(a, b), A, B),
    "cdist, p": case(lambda a, b, p: distance.cdist(a, b, "minkowski", p=p), A, B, 3.0),
    "pdist": case(lambda a: distance.pdist(a), B),
}
