"""Linear algebra under the names of the Array API standard, with NumPy's and PyTorch's besides.

All take batches: the last two axes are matrices. Integers are computed in float64; float16 is
refused. Gradients of any order flow through real matrices; through complex ones where rules are
right for them (products, solve, inv), and are refused elsewhere.

Where matrices are singular: solve, inv and cholesky raise LinAlgError (on a GPU, which does not
look, they give NaN or infinities); det has its gradient there, but no second one; slogdet has
none. pinv, lstsq and matrix_rank count what is small as zero, and their gradients hold while the
rank does not change. Eigenvectors, singular vectors and q are unique up to a choice (signs; a
rotation, where values coincide) which a loss must not depend on, and where values coincide the
gradients of vectors are infinite or NaN. Those of the values are right.
"""

from ..core.errors import LinAlgError
from ..core.guard import guard as _guard
from ..ops.einsum import outer, tensordot, vecdot
from ..ops.linalg import matmul
from ..ops.shape import matrix_transpose
from .factorizations import (
    EighResult,
    QRResult,
    SVDResult,
    cholesky,
    eigh,
    eigvalsh,
    qr,
    svd,
    svdvals,
)
from .norms import cond, matrix_norm, matrix_rank, norm, vector_norm
from .products import cross, diagonal, matrix_power, multi_dot, trace
from .systems import (
    LstsqResult,
    SlogdetResult,
    det,
    inv,
    lstsq,
    pinv,
    slogdet,
    solve,
    solve_triangular,
)

__all__ = [
    "EighResult",
    "LinAlgError",
    "LstsqResult",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]

_guard(globals(), __all__)
