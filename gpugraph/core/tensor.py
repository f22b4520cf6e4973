"""Tensor: an array, and the edge of the graph it came from."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import anomaly, backend, hints, hooks, numpy_protocol
from .array_methods import ArrayMethods
from .backend import Array, Device
from .errors import DeviceError, DtypeError, GradientError, ShapeError
from .exchange import Exchange
from .frames import user_frame
from .graph import LEAF, Node, new_node
from .methods import Methods
from .state import STATE

if TYPE_CHECKING:
    from .graph import Edge

__all__ = ["CheckedSaved", "Saved", "Tensor", "is_floating", "wrap"]

_new = object.__new__


class Tensor(Methods, ArrayMethods, Exchange):
    """An array that remembers how it was made.

    ``Tensor(array)`` wraps a NumPy or CuPy array where it is, without a copy; `gpugraph.tensor`
    copies any array-like to the default device.

    array          numpy.ndarray, cupy.ndarray or MetaArray
    requires_grad  make this a leaf of the graph, whose ``.grad`` a backward pass fills
    """

    # edge: (node, number of its output) that made it; None for a constant
    # version: [number of writes], one list shared by all views of one memory; None: never needed
    # is_view: shares memory with another tensor
    __slots__ = ("__weakref__", "_grad", "array", "edge", "is_view", "version")

    def __init__(self, array: Array, requires_grad: bool = False) -> None:
        if not backend.is_array(array):
            raise DtypeError(
                f"Tensor: wraps a numpy.ndarray or cupy.ndarray, got {type(array).__name__}; "
                "gpugraph.tensor(...) converts lists and numbers"
            )
        if array.dtype.kind in "OSUMm":
            raise DtypeError(f"Tensor: wraps arrays of numbers, got one of {array.dtype}")
        self.array = array
        self.edge: Edge | None = None
        self.version: list[int] | None = None
        self.is_view = False
        self._grad: Tensor | None = None
        if requires_grad:
            self.requires_grad = True

    # What it is

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        shape: tuple[int, ...] = self.array.shape
        return shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements, as a NumPy dtype."""
        dtype: np.dtype[Any] = self.array.dtype
        return dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.array.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(self.array.size)

    @property
    def nbytes(self) -> int:
        """Bytes that the elements take."""
        return int(self.array.size * self.array.dtype.itemsize)

    @property
    def device(self) -> Device:
        """Where the array lives."""
        return backend.device_of(self.array)

    @property
    def node(self) -> Node | None:
        """The node of the graph that made it; None for a constant."""
        return None if self.edge is None else self.edge[0]

    @property
    def index(self) -> int:
        """Which output of that node it is."""
        return 0 if self.edge is None else self.edge[1]

    # Gradients

    @property
    def requires_grad(self) -> bool:
        """Does a gradient flow to or through this tensor? Settable on leaves and constants."""
        return self.edge is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if wanted == (self.edge is not None):
            return
        if not wanted:
            if not self.is_leaf:
                raise GradientError("requires_grad: only a leaf can stop asking; use detach()")
            self.edge, self._grad = None, None
            return
        if self.array.dtype.kind == "c":
            raise DtypeError(
                f"requires_grad: {self.dtype} tensors are no leaves; make two real ones, re and "
                "im, and of them re + 1j * im"
            )
        if not is_floating(self.array.dtype):
            raise DtypeError(
                f"requires_grad: only floating tensors carry a gradient, this is {self.dtype}; "
                "use .astype(gpugraph.float32)"
            )
        spec = (self.array.shape, self.array.dtype)
        node = new_node(None, LEAF, (), (spec,), STATE.get().scope, user_frame(1))
        node.watchers = {0: weakref.ref(self)}
        self.edge = node, 0

    def requires_grad_(self, wanted: bool = True) -> Tensor:
        """Set `requires_grad` and return self."""
        self.requires_grad = wanted
        return self

    @property
    def is_leaf(self) -> bool:
        """Made by the user, not by a recorded op."""
        return self.node is None or self.node.op is None

    @property
    def grad(self) -> Tensor | None:
        """What backward passes have added up here; None before the first, and for constants."""
        if self._grad is None and not self.is_leaf:
            hints.warn_of_no_grad(self)
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise DtypeError(f"grad: must be a Tensor or None, got {type(value).__name__}")
            if value.shape != self.shape:
                raise ShapeError(f"grad: has shape {value.shape}; the tensor is {self.shape}")
            if value.dtype != self.dtype:
                raise DtypeError(f"grad: has dtype {value.dtype}; the tensor is {self.dtype}")
        self._grad = value

    def retain_grad(self) -> Tensor:
        """Ask backward to fill ``.grad`` of this intermediate tensor too; returns self."""
        if self.node is None:
            raise GradientError("retain_grad: this tensor takes no part in a gradient")
        if self.node.watchers is None:
            self.node.watchers = {}
        self.node.watchers[self.index] = weakref.ref(self)
        return self

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> hooks.Handle:
        """Call ``hook(gradient)`` in every backward pass; a tensor it returns takes the place.

        The gradient is whole, and must not be written to. With create_graph what the hook computes
        is differentiated, too. Returns a handle with ``remove()``.
        """
        return hooks.tensor_hook(self, hook)

    def detach(self) -> Tensor:
        """The same memory as a constant: no gradient flows through. Writes are still noticed."""
        constant = wrap(self.array)
        constant.version, constant.is_view = self.shared_version(), True
        return constant

    # Memory

    def shared_version(self) -> list[int]:
        """The write counter of this memory, made on first need."""
        if self.version is None:
            self.version = [0]
        return self.version

    def assign(self, value: Any) -> Tensor:
        """Write value into this tensor's memory, unrecorded; returns self.

        For optimizers and the like. Kept copies of the graph notice, as after any write.
        value: tensor, array or number that broadcasts to ``self.shape``.
        """
        array = value.array if isinstance(value, Tensor) else value
        if isinstance(self.array, np.ndarray) and not self.array.flags.writeable:
            raise GradientError("assign: the array is read-only; use copy() first")
        told = f"a {self.dtype} tensor of shape {self.shape}"
        if backend.is_array(array):
            backend.module_of("assign", ("self", "value"), [self.array, array])
            if array.dtype.kind == "c" and self.dtype.kind != "c":
                raise DtypeError(f"assign: value of {array.dtype} does not fit into {told}")
        try:
            if not isinstance(self.array, backend.MetaArray):
                backend.write(self.array, array)
        except (ValueError, TypeError, OverflowError) as error:
            shape = getattr(array, "shape", ())
            kind = ShapeError if shape else DtypeError
            raise kind(
                f"assign: value {shape or array} does not fit into {told} ({error})"
            ) from None
        self.shared_version()[0] += 1
        return self

    def numpy(self) -> np.ndarray[Any, Any]:
        """The values as a NumPy array, without graph: the same memory on the CPU, else a copy."""
        array: np.ndarray[Any, Any] = backend.to_device(self.array, backend.CPU)
        return array

    def item(self) -> Any:
        """The only element as a Python number."""
        if self.array.size != 1:
            raise ShapeError(f"item: needs one element; this tensor has shape {self.shape}")
        return self.numpy().item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self.numpy().tolist()

    # Python's protocols

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise ShapeError(
                f"bool: the truth of a tensor of shape {self.shape} is ambiguous; "
                "use .any() or .all()"
            )
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self.array.dtype.kind not in "iu":
            raise DtypeError(f"index: a {self.dtype} tensor is no index; only integers are")
        return int(self.item())

    def __len__(self) -> int:
        if not self.array.shape:
            raise DtypeError("len: a 0-d tensor has no length; use .item() for its value")
        return int(self.array.shape[0])

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __repr__(self) -> str:
        node = self.node
        tail = "" if node is None else ", requires_grad=True"
        if node is not None and node.op is not None:
            tail = f", made by {node.op.label}"
        if isinstance(self.array, backend.MetaArray):
            return f"{type(self).__name__}(shape={self.shape}, {self.dtype}, device='meta'{tail})"
        if self.device != backend.CPU:
            tail = f", device={str(self.device)!r}{tail}"
        if 0 in self.shape:
            tail = f", shape={self.shape}{tail}"
        values = np.array2string(self.numpy(), separator=", ", prefix=f"{type(self).__name__}(")
        return f"{type(self).__name__}({values}, {self.dtype}{tail})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from .notebook import bundle

        return bundle(self)

    __hash__ = object.__hash__  # by identity: == compares elements

    def __copy__(self) -> Tensor:
        twin = self._rebuilt("copy", self.array)
        twin.version, twin.is_view = self.shared_version(), True
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        return self._rebuilt("deepcopy", self.array.copy())

    def __reduce__(self) -> Any:
        self._rebuilt("pickle", self.array)
        return type(self), (self.numpy(), self.requires_grad)

    def _rebuilt(self, what: str, array: Array) -> Tensor:
        if not self.is_leaf:
            raise GradientError(
                f"{what}: this tensor was made by {self.node.op.label}; "  # type: ignore[union-attr]
                "its graph can't be copied. Use detach() first"
            )
        twin = type(self)(array, self.requires_grad)
        twin._grad = None if self._grad is None else self._grad.detach().copy()
        return twin

    # Other libraries

    __array_ufunc__ = numpy_protocol.array_ufunc
    __array_function__ = numpy_protocol.array_function

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        self._leave("np.asarray", "numpy()")
        if self.device != backend.CPU:
            raise DeviceError(
                f"np.asarray: the tensor lives on {self.device}; .numpy() copies it to the CPU"
            )
        return np.array(self.array, dtype=dtype, copy=copy)

    def _leave(self, what: str, cure: str) -> None:
        if self.requires_grad:
            raise GradientError(
                f"{what}: this tensor needs a gradient, which would be lost; .{cure} says you know"
            )


hints.spell(Tensor)


def is_floating(dtype: Any) -> bool:
    """float16, float32, float64, or bfloat16 of ml_dtypes (which NumPy calls a void)."""
    kind: str = dtype.kind
    return kind == "f" or (kind == "V" and dtype.name == "bfloat16")  # a name takes microseconds


def wrap(array: Array, edge: Edge | None = None, version: list[int] | None = None) -> Tensor:
    """A Tensor around an array that is known to be one: the fast way, for the engine."""
    tensor = _new(Tensor)
    tensor.array = array
    tensor.edge = edge
    tensor.version = version
    tensor.is_view = False
    tensor._grad = None
    return tensor


class Saved:
    """An array that a node keeps, with the write counter as it was then.

    Not a Tensor: the edge is taken from the node when it is asked for, so that no cycle arises.
    position counts the inputs, then the outputs, of the node.
    """

    __slots__ = ("array", "count", "position", "version")

    def __init__(self, tensor: Tensor, position: int) -> None:
        version = tensor.version
        if version is None:
            version = tensor.version = [0]
        self.array = tensor.array
        self.version = version
        self.count = version[0]
        self.position = position

    def restore(self, node: Node) -> Tensor:
        """The tensor it was, linked to where it came from."""
        version, place = self.version, self.position
        if version[0] != self.count:
            raise GradientError(
                f"backward: {node.op!r} (made at {node.where}) kept "
                f"{node.op.name_of(place, len(node.sources))!r}, which has been "
                f"written to in place {version[0] - self.count} time(s) since; "
                "write to a copy() instead, or build the graph again"
            )
        if place in node.plan.wanted:
            return wrap(self.array, node.sources[place], version)
        k = place - len(node.sources)  # among the outputs
        if k < 0 or k in node.plan.constants:
            return wrap(self.array, None, version)
        return wrap(self.array, (node, k), version)


class CheckedSaved(Saved):
    """In anomaly mode: with a checksum, which also finds writes made behind the engine's back."""

    __slots__ = ("checksum",)

    def __init__(self, tensor: Tensor, position: int) -> None:
        super().__init__(tensor, position)
        self.checksum = anomaly.checksum(self.array)

    def restore(self, node: Node) -> Tensor:
        """The tensor it was, if its bytes are."""
        tensor = super().restore(node)
        anomaly.check_kept(node, self.array, self.checksum)
        return tensor
