"""Proof that ops are right, for users' own ops too, with gradients of any order and CUDA kernels.

gradcheck(f, inputs, order=3)  derivatives along a random direction against finite differences
check(op)                      all of an op's rules against each other, on its own samples; its
                               kernels on awkward ones, too
compare(sample, dtype, dev)    one call of a kernel against NumPy
parity(f, inputs, devices=...) the same run on two devices, compared op by op
tolerance(dtype, terms)        how far two right answers may lie apart
"""

from .checker import Report, check
from .gradcheck import GradcheckError, gradcheck
from .kernels import KernelMismatch, compare
from .parity import ParityError, parity
from .tolerance import tolerance

__all__ = [
    "GradcheckError",
    "KernelMismatch",
    "ParityError",
    "Report",
    "check",
    "compare",
    "gradcheck",
    "parity",
    "tolerance",
]
