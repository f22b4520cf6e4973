"""Parameter: a tensor that a module learns."""

from __future__ import annotations

from ..core.backend import Array
from ..core.tensor import Tensor

__all__ = ["Parameter"]


class Parameter(Tensor):
    """A tensor that a module learns: a leaf that needs a gradient. Shares the memory of `data`.

    data  a floating tensor, NumPy array or CuPy array
    """

    __slots__ = ()

    def __init__(self, data: Tensor | Array, requires_grad: bool = True) -> None:
        super().__init__(data.array if isinstance(data, Tensor) else data, requires_grad)
        if isinstance(data, Tensor):
            self.version, self.is_view = data.shared_version(), True
