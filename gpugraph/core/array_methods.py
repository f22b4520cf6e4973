"""More methods of a tensor: those of array functions, under NumPy's and PyTorch's names.

Each calls the public function of its name, which has the documentation. None writes to the tensor:
``x.sort()``, too, gives a new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .methods import FUNCTIONS, Axes, Operand, named_tensor

if TYPE_CHECKING:
    from .tensor import Tensor

__all__ = ["ArrayMethods"]


class ArrayMethods:
    """Base of Tensor: methods that array functions give it."""

    __slots__ = ()

    # Elementwise

    def square(self) -> Tensor:
        """`gpugraph.square` of self."""
        return FUNCTIONS.square(self)

    def reciprocal(self) -> Tensor:
        """`gpugraph.reciprocal` of self."""
        return FUNCTIONS.reciprocal(self)

    def rsqrt(self) -> Tensor:
        """`gpugraph.rsqrt` of self."""
        return FUNCTIONS.rsqrt(self)

    def log1p(self) -> Tensor:
        """`gpugraph.log1p` of self."""
        return FUNCTIONS.log1p(self)

    def log2(self) -> Tensor:
        """`gpugraph.log2` of self."""
        return FUNCTIONS.log2(self)

    def log10(self) -> Tensor:
        """`gpugraph.log10` of self."""
        return FUNCTIONS.log10(self)

    def expm1(self) -> Tensor:
        """`gpugraph.expm1` of self."""
        return FUNCTIONS.expm1(self)

    def tan(self) -> Tensor:
        """`gpugraph.tan` of self."""
        return FUNCTIONS.tan(self)

    def floor(self) -> Tensor:
        """`gpugraph.floor` of self."""
        return FUNCTIONS.floor(self)

    def ceil(self) -> Tensor:
        """`gpugraph.ceil` of self."""
        return FUNCTIONS.ceil(self)

    def round(self) -> Tensor:
        """`gpugraph.round` of self."""
        return FUNCTIONS.round(self)

    def trunc(self) -> Tensor:
        """`gpugraph.trunc` of self."""
        return FUNCTIONS.trunc(self)

    def sign(self) -> Tensor:
        """`gpugraph.sign` of self."""
        return FUNCTIONS.sign(self)

    def isnan(self) -> Tensor:
        """`gpugraph.isnan` of self."""
        return FUNCTIONS.isnan(self)

    def isinf(self) -> Tensor:
        """`gpugraph.isinf` of self."""
        return FUNCTIONS.isinf(self)

    def isfinite(self) -> Tensor:
        """`gpugraph.isfinite` of self."""
        return FUNCTIONS.isfinite(self)

    def pow(self, exponent: Operand) -> Tensor:
        """`gpugraph.pow` of self."""
        return FUNCTIONS.pow(self, exponent)

    def maximum(self, other: Operand) -> Tensor:
        """`gpugraph.maximum` of self."""
        return FUNCTIONS.maximum(self, other)

    def minimum(self, other: Operand) -> Tensor:
        """`gpugraph.minimum` of self."""
        return FUNCTIONS.minimum(self, other)

    def allclose(
        self, other: Operand, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
    ) -> bool:
        """`gpugraph.allclose` of self."""
        return FUNCTIONS.allclose(self, other, rtol, atol, equal_nan)

    # Order

    def sort(self, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
        """The elements along an axis in order, as a new tensor: `gpugraph.sort` of self."""
        return FUNCTIONS.sort(self, axis=axis, descending=descending, stable=stable)

    def argsort(self, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
        """`gpugraph.argsort` of self."""
        return FUNCTIONS.argsort(self, axis=axis, descending=descending, stable=stable)

    def topk(self, k: int, axis: int = -1, largest: bool = True, sorted: bool = True) -> Any:
        """`gpugraph.topk` of self."""
        return FUNCTIONS.topk(self, k, axis, largest, sorted)

    def searchsorted(self, values: Operand, side: str = "left", sorter: Operand = None) -> Tensor:
        """`gpugraph.searchsorted` of self."""
        return FUNCTIONS.searchsorted(self, values, side=side, sorter=sorter)

    def median(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """`gpugraph.median` of self."""
        return FUNCTIONS.median(self, axis=axis, keepdims=keepdims)

    def quantile(
        self, q: Operand, axis: Axes = None, method: str = "linear", keepdims: bool = False
    ) -> Tensor:
        """`gpugraph.quantile` of self."""
        return FUNCTIONS.quantile(self, q, axis=axis, method=method, keepdims=keepdims)

    # Along an axis

    def cumsum(self, axis: int | None = None, dtype: Any = None) -> Tensor:
        """`gpugraph.cumsum` of self."""
        return FUNCTIONS.cumsum(self, axis, dtype)

    def cumprod(self, axis: int | None = None, dtype: Any = None) -> Tensor:
        """`gpugraph.cumprod` of self."""
        return FUNCTIONS.cumprod(self, axis, dtype)

    def diff(self, axis: int = -1, n: int = 1) -> Tensor:
        """`gpugraph.diff` of self."""
        return FUNCTIONS.diff(self, axis=axis, n=n)

    def logsumexp(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """`gpugraph.logsumexp` of self."""
        return FUNCTIONS.logsumexp(self, axis=axis, keepdims=keepdims)

    def nansum(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """`gpugraph.nansum` of self."""
        return FUNCTIONS.nansum(self, axis=axis, keepdims=keepdims)

    def nanmean(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """`gpugraph.nanmean` of self."""
        return FUNCTIONS.nanmean(self, axis=axis, keepdims=keepdims)

    def count_nonzero(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """`gpugraph.count_nonzero` of self."""
        return FUNCTIONS.count_nonzero(self, axis=axis, keepdims=keepdims)

    # Picking and writing

    def take(self, indices: Any, axis: int | None = None) -> Tensor:
        """`gpugraph.take` of self."""
        return FUNCTIONS.take(self, indices, axis=axis)

    def nonzero(self) -> tuple[Tensor, ...]:
        """`gpugraph.nonzero` of self."""
        return FUNCTIONS.nonzero(self)

    def argwhere(self) -> Tensor:
        """`gpugraph.argwhere` of self."""
        return FUNCTIONS.argwhere(self)

    def gather(self, axis: int, index: Any) -> Tensor:
        """`gpugraph.gather` of self."""
        return FUNCTIONS.gather(self, axis, index)

    def scatter(self, axis: int, index: Any, src: Operand) -> Tensor:
        """`gpugraph.scatter` of self."""
        return FUNCTIONS.scatter(self, axis, index, src)

    def scatter_add(self, axis: int, index: Any, src: Operand) -> Tensor:
        """`gpugraph.scatter_add` of self."""
        return FUNCTIONS.scatter_add(self, axis, index, src)

    def index_select(self, axis: int, index: Any) -> Tensor:
        """`gpugraph.index_select` of self."""
        return FUNCTIONS.index_select(self, axis, index)

    def index_add(self, axis: int, index: Any, source: Operand, alpha: float = 1) -> Tensor:
        """`gpugraph.index_add` of self."""
        return FUNCTIONS.index_add(self, axis, index, source, alpha)

    def masked_fill(self, mask: Operand, value: Operand) -> Tensor:
        """`gpugraph.masked_fill` of self."""
        return FUNCTIONS.masked_fill(self, mask, value)

    def masked_select(self, mask: Operand) -> Tensor:
        """`gpugraph.masked_select` of self."""
        return FUNCTIONS.masked_select(self, mask)

    # Shape and place

    def permute(self, *axes: Any) -> Tensor:
        """`gpugraph.permute_dims` of self: ``x.permute(1, 0)`` or ``x.permute((1, 0))``."""
        return FUNCTIONS.permute_dims(self, axes[0] if len(axes) == 1 else axes)

    def unsqueeze(self, axis: int) -> Tensor:
        """`gpugraph.unsqueeze` of self."""
        return FUNCTIONS.unsqueeze(self, axis)

    def moveaxis(self, source: Any, destination: Any) -> Tensor:
        """`gpugraph.moveaxis` of self."""
        return FUNCTIONS.moveaxis(self, source, destination)

    def expand(self, *shape: Any) -> Tensor:
        """`gpugraph.expand` of self."""
        return FUNCTIONS.expand(self, shape[0] if len(shape) == 1 else shape)

    def flip(self, axis: Axes = None) -> Tensor:
        """`gpugraph.flip` of self."""
        return FUNCTIONS.flip(self, axis=axis)

    def roll(self, shift: Any, axis: Axes = None) -> Tensor:
        """`gpugraph.roll` of self."""
        return FUNCTIONS.roll(self, shift, axis=axis)

    def repeat(self, repeats: Any, axis: int | None = None) -> Tensor:
        """`gpugraph.repeat` of self."""
        return FUNCTIONS.repeat(self, repeats, axis=axis)

    def tile(self, *repetitions: Any) -> Tensor:
        """`gpugraph.tile` of self."""
        return FUNCTIONS.tile(self, repetitions[0] if len(repetitions) == 1 else repetitions)

    def chunk(self, chunks: int, axis: int = 0) -> tuple[Tensor, ...]:
        """`gpugraph.chunk` of self."""
        return FUNCTIONS.chunk(self, chunks, axis)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """`gpugraph.diagonal` of self."""
        return FUNCTIONS.diagonal(self, offset, axis1, axis2)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Tensor:
        """`gpugraph.trace` of self."""
        return FUNCTIONS.trace(self, offset, axis1, axis2, dtype)

    def tril(self, k: int = 0) -> Tensor:
        """`gpugraph.tril` of self."""
        return FUNCTIONS.tril(self, k=k)

    def triu(self, k: int = 0) -> Tensor:
        """`gpugraph.triu` of self."""
        return FUNCTIONS.triu(self, k=k)

    # Products

    def dot(self, other: Operand) -> Tensor:
        """`gpugraph.dot` of self."""
        return FUNCTIONS.dot(self, other)

    def matmul(self, other: Operand) -> Tensor:
        """`gpugraph.matmul` of self."""
        return FUNCTIONS.matmul(self, other)


named_tensor(ArrayMethods)
