"""Help where something is missed on a tensor: an attribute of PyTorch's, or a gradient."""

from __future__ import annotations

import warnings
from typing import Any, NoReturn

__all__ = ["spell", "warn_of_no_grad"]

# name -> how it is written here; x is the tensor
SPELLED = {
    "add_": "x = x + y, or x.assign(x + y) in place",
    "bmm": "x @ y",
    "bool": "x.astype(gpugraph.bool)",
    "clone": "x.copy()",
    "contiguous": "x itself, or x.copy()",
    "copy_": "x.assign(value)",
    "cpu": "x.to('cpu')",
    "cuda": "x.to('cuda')",
    "data": "x.detach(), or x.array for the raw array",
    "dim": "x.ndim",
    "double": "x.astype(gpugraph.float64)",
    "fill_": "x.assign(value)",
    "float": "x.astype(gpugraph.float32)",
    "half": "x.astype(gpugraph.float16)",
    "int": "x.astype(gpugraph.int32)",
    "is_cuda": "x.device.type == 'cuda'",
    "long": "x.astype(gpugraph.int64)",
    "mm": "x @ y",
    "numel": "x.size",
    "softmax": "gpugraph.nn.functional.softmax(x)",
    "sub_": "x = x - y, or x.assign(x - y) in place",
    "t": "x.T",
    "type": "x.astype(dtype)",
    "zero_": "x.assign(0)",
}


class _Missing:
    """An attribute that is not there: raises, with the way it is written here.

    One for each such name, and no ``__getattr__``: with that every attribute takes longer.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, tensor: Any, owner: type) -> NoReturn:
        what = f"type object {owner.__name__!r}" if tensor is None else f"{owner.__name__!r} object"
        raise AttributeError(
            f"{what} has no attribute {self.name!r}; here that is {SPELLED[self.name]}",
            name=self.name,
            obj=owner if tensor is None else tensor,
        )


def spell(tensor: type) -> None:
    """Let that class tell how PyTorch's attributes are written here."""
    for name in SPELLED:
        setattr(tensor, name, _Missing(name))


def warn_of_no_grad(tensor: Any) -> None:
    """Say why ``.grad`` of a computed tensor is None, unless `retain_grad` has asked for it."""
    node = tensor.node
    if node.watchers is None or tensor.index not in node.watchers:
        warnings.warn(
            f"grad: this tensor was made by {node.op.label}, and backward fills .grad of leaves "
            "only; call retain_grad() on it before backward. (After w = w - lr * w.grad, w is no "
            "leaf any more: write w.assign(w - lr * w.grad) inside no_grad())",
            stacklevel=3,
        )
