"""The methods and operators of a tensor, declared here, implemented by the ops.

Each calls the public function of its name; ops register those with `public`. Declared one by one,
typed, so that editors and type checkers see them; a test compares this list with what exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import FunctionType, SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from .errors import DtypeError

if TYPE_CHECKING:
    from .backend import Device
    from .tensor import Tensor

__all__ = ["FUNCTIONS", "Methods", "named_tensor", "public"]

Axes: TypeAlias = "int | Sequence[int] | None"
Operand: TypeAlias = Any  # a tensor, an array or a number
F = TypeVar("F", bound=Callable[..., Any])

FUNCTIONS: Any = SimpleNamespace()

OPERATORS = {
    "add": "__add__",
    "subtract": "__sub__",
    "multiply": "__mul__",
    "divide": "__truediv__",
    "negative": "__neg__",
    "matmul": "__matmul__",
}


def public(function: F) -> F:
    """Register a function under its name, for methods, operators and the NumPy protocol.

    An operator with the same operands in the same order is the function itself: a call less.
    """
    setattr(FUNCTIONS, function.__name__, function)
    if function.__name__ in OPERATORS:
        setattr(Methods, OPERATORS[function.__name__], function)
    return function


class Methods:
    """Base of Tensor: its operators and methods, each one line."""

    __slots__ = ()

    # Operators. No __iadd__ and kin: `x += y` makes a new tensor and rebinds the name.

    def __neg__(self) -> Tensor:
        return FUNCTIONS.negative(self)

    def __pos__(self) -> Tensor:
        return FUNCTIONS.positive(self)

    def __abs__(self) -> Tensor:
        return FUNCTIONS.abs(self)

    def __add__(self, other: Operand) -> Tensor:
        return FUNCTIONS.add(self, other)

    def __radd__(self, other: Operand) -> Tensor:
        return FUNCTIONS.add(other, self)

    def __sub__(self, other: Operand) -> Tensor:
        return FUNCTIONS.subtract(self, other)

    def __rsub__(self, other: Operand) -> Tensor:
        return FUNCTIONS.subtract(other, self)

    def __mul__(self, other: Operand) -> Tensor:
        return FUNCTIONS.multiply(self, other)

    def __rmul__(self, other: Operand) -> Tensor:
        return FUNCTIONS.multiply(other, self)

    def __truediv__(self, other: Operand) -> Tensor:
        return FUNCTIONS.divide(self, other)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return FUNCTIONS.divide(other, self)

    def __floordiv__(self, other: Operand) -> Tensor:
        return FUNCTIONS.floor_divide(self, other)

    def __rfloordiv__(self, other: Operand) -> Tensor:
        return FUNCTIONS.floor_divide(other, self)

    def __mod__(self, other: Operand) -> Tensor:
        return FUNCTIONS.remainder(self, other)

    def __rmod__(self, other: Operand) -> Tensor:
        return FUNCTIONS.remainder(other, self)

    def __pow__(self, other: Operand) -> Tensor:
        return FUNCTIONS.pow(self, other)

    def __rpow__(self, other: Operand) -> Tensor:
        return FUNCTIONS.pow(other, self)

    def __matmul__(self, other: Operand) -> Tensor:
        return FUNCTIONS.matmul(self, other)

    def __rmatmul__(self, other: Operand) -> Tensor:
        return FUNCTIONS.matmul(other, self)

    def __eq__(self, other: Operand) -> Tensor:  # type: ignore[override]
        return FUNCTIONS.equal(self, other)

    def __ne__(self, other: Operand) -> Tensor:  # type: ignore[override]
        return FUNCTIONS.not_equal(self, other)

    def __lt__(self, other: Operand) -> Tensor:
        return FUNCTIONS.less(self, other)

    def __le__(self, other: Operand) -> Tensor:
        return FUNCTIONS.less_equal(self, other)

    def __gt__(self, other: Operand) -> Tensor:
        return FUNCTIONS.greater(self, other)

    def __ge__(self, other: Operand) -> Tensor:
        return FUNCTIONS.greater_equal(self, other)

    def __invert__(self) -> Tensor:
        return FUNCTIONS.bitwise_invert(self)

    def __and__(self, other: Operand) -> Tensor:
        return FUNCTIONS.bitwise_and(self, other)

    def __rand__(self, other: Operand) -> Tensor:
        return FUNCTIONS.bitwise_and(other, self)

    def __or__(self, other: Operand) -> Tensor:
        return FUNCTIONS.bitwise_or(self, other)

    def __ror__(self, other: Operand) -> Tensor:
        return FUNCTIONS.bitwise_or(other, self)

    def __xor__(self, other: Operand) -> Tensor:
        return FUNCTIONS.bitwise_xor(self, other)

    def __rxor__(self, other: Operand) -> Tensor:
        return FUNCTIONS.bitwise_xor(other, self)

    def __lshift__(self, other: Operand) -> Tensor:
        return FUNCTIONS.bitwise_left_shift(self, other)

    def __rlshift__(self, other: Operand) -> Tensor:
        return FUNCTIONS.bitwise_left_shift(other, self)

    def __rshift__(self, other: Operand) -> Tensor:
        return FUNCTIONS.bitwise_right_shift(self, other)

    def __rrshift__(self, other: Operand) -> Tensor:
        return FUNCTIONS.bitwise_right_shift(other, self)

    # Indexing

    def __getitem__(self, index: Any) -> Tensor:
        return FUNCTIONS.getitem(self, index)

    def __setitem__(self, index: Any, value: Operand) -> None:
        FUNCTIONS.setitem(self, index, value)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:  # type: ignore[attr-defined]
            raise DtypeError("iter: a 0-d tensor can't be iterated over; .item() is its value")
        return iter(FUNCTIONS.unstack(self))

    def __contains__(self, value: Operand) -> bool:
        return bool(FUNCTIONS.any(FUNCTIONS.equal(self, value)))

    # Elementwise

    def exp(self) -> Tensor:
        """`gpugraph.exp` of self."""
        return FUNCTIONS.exp(self)

    def log(self) -> Tensor:
        """`gpugraph.log` of self."""
        return FUNCTIONS.log(self)

    def sqrt(self) -> Tensor:
        """`gpugraph.sqrt` of self."""
        return FUNCTIONS.sqrt(self)

    def tanh(self) -> Tensor:
        """`gpugraph.tanh` of self."""
        return FUNCTIONS.tanh(self)

    def sin(self) -> Tensor:
        """`gpugraph.sin` of self."""
        return FUNCTIONS.sin(self)

    def cos(self) -> Tensor:
        """`gpugraph.cos` of self."""
        return FUNCTIONS.cos(self)

    def abs(self) -> Tensor:
        """`gpugraph.abs` of self."""
        return FUNCTIONS.abs(self)

    def erf(self) -> Tensor:
        """`gpugraph.erf` of self."""
        return FUNCTIONS.erf(self)

    def sigmoid(self) -> Tensor:
        """`gpugraph.nn.functional.sigmoid` of self."""
        return FUNCTIONS.sigmoid(self)

    def relu(self) -> Tensor:
        """`gpugraph.nn.functional.relu` of self."""
        return FUNCTIONS.relu(self)

    def clip(self, min: Operand = None, max: Operand = None) -> Tensor:
        """`gpugraph.clip` of self."""
        return FUNCTIONS.clip(self, min, max)

    # Reductions

    def sum(self, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
        """`gpugraph.sum` of self."""
        return FUNCTIONS.sum(self, axis=axis, dtype=dtype, keepdims=keepdims)

    def prod(self, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
        """`gpugraph.prod` of self."""
        return FUNCTIONS.prod(self, axis=axis, dtype=dtype, keepdims=keepdims)

    def mean(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """`gpugraph.mean` of self."""
        return FUNCTIONS.mean(self, axis=axis, keepdims=keepdims)

    def var(self, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
        """`gpugraph.var` of self."""
        return FUNCTIONS.var(self, axis=axis, correction=correction, keepdims=keepdims)

    def std(self, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
        """`gpugraph.std` of self."""
        return FUNCTIONS.std(self, axis=axis, correction=correction, keepdims=keepdims)

    def max(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """`gpugraph.max` of self."""
        return FUNCTIONS.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """`gpugraph.min` of self."""
        return FUNCTIONS.min(self, axis=axis, keepdims=keepdims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """`gpugraph.argmax` of self."""
        return FUNCTIONS.argmax(self, axis=axis, keepdims=keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """`gpugraph.argmin` of self."""
        return FUNCTIONS.argmin(self, axis=axis, keepdims=keepdims)

    def any(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """`gpugraph.any` of self."""
        return FUNCTIONS.any(self, axis=axis, keepdims=keepdims)

    def all(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """`gpugraph.all` of self."""
        return FUNCTIONS.all(self, axis=axis, keepdims=keepdims)

    # Shape

    @property
    def T(self) -> Tensor:  # noqa: N802
        """The axes in reverse order, as in NumPy; a matrix transposed."""
        return FUNCTIONS.transpose(self)

    @property
    def mT(self) -> Tensor:  # noqa: N802
        """The last two axes swapped."""
        return FUNCTIONS.matrix_transpose(self)

    def reshape(self, *shape: Any) -> Tensor:
        """`gpugraph.reshape` of self: ``x.reshape(2, -1)`` or ``x.reshape((2, -1))``."""
        return FUNCTIONS.reshape(self, shape[0] if len(shape) == 1 else shape)

    def view(self, *shape: Any) -> Tensor:
        """`reshape`, under PyTorch's name; it copies where the memory can't be looked at so."""
        return self.reshape(*shape)

    def flatten(self, start_axis: int = 0, end_axis: int = -1) -> Tensor:
        """`gpugraph.flatten` of self."""
        return FUNCTIONS.flatten(self, start_axis, end_axis)

    def ravel(self) -> Tensor:
        """All elements along one axis."""
        return FUNCTIONS.reshape(self, (-1,))

    def transpose(self, *axes: Any) -> Tensor:
        """`gpugraph.transpose` of self: ``x.transpose(1, 0)``, ``x.transpose((1, 0))`` or ()."""
        return FUNCTIONS.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """`gpugraph.swapaxes` of self."""
        return FUNCTIONS.swapaxes(self, axis1, axis2)

    def squeeze(self, axis: Axes = None) -> Tensor:
        """`gpugraph.squeeze` of self; without axis every axis of length 1 goes."""
        return FUNCTIONS.squeeze(self, axis)

    # Memory, type and place

    def copy(self) -> Tensor:
        """The same values in memory of their own; gradients flow through."""
        return FUNCTIONS.copy(self)

    def astype(self, dtype: Any, copy: bool = True) -> Tensor:
        """`gpugraph.astype` of self; gradients flow between floating types."""
        return FUNCTIONS.astype(self, dtype, copy=copy)

    def to(self, device: Device | str) -> Tensor:
        """On that device ("cpu", "cuda", "cuda:1"); self if it is there. Gradients flow back."""
        return FUNCTIONS.to(self, device)

    def to_device(self, device: Device | str, /, *, stream: Any = None) -> Tensor:
        """`to`, under the name of the Array API standard; it knows no streams."""
        if stream is not None:
            raise DtypeError("to_device: stream must be None; copies run on the current stream")
        return FUNCTIONS.to(self, device)

    # Differentiation

    def backward(
        self,
        gradient: Operand = None,
        retain_graph: bool = False,
        create_graph: bool = False,
    ) -> None:
        """`gpugraph.backward` of self: adds d sum(self * gradient) / dx to every leaf's x.grad."""
        FUNCTIONS.backward(self, gradient, retain_graph, create_graph)


def named_tensor(methods: type) -> None:
    """Let Python call these methods those of Tensor, where a call does not fit."""
    for method in vars(methods).values():
        if isinstance(method, FunctionType):
            method.__qualname__ = f"Tensor.{method.__name__}"


named_tensor(Methods)
