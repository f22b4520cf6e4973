"""Proof that ops are right, for users' own ops too, with gradients of any order.

gradcheck(f, inputs, order=3)  derivatives along a random direction against finite differences
check(op)                      all of an op's rules against each other, on its own samples
parity(f, inputs, devices=...) the same run on two devices, compared op by op
tolerance(dtype, terms)        how far two right answers may lie apart
"""

from .gradcheck import gradcheck
from .parity import ParityError, parity
from .rules import check
from .tolerance import tolerance

__all__ = ["ParityError", "check", "gradcheck", "parity", "tolerance"]
