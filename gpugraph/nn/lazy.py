"""Layers that may learn the size of their input from their first input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..core.backend import Array, Device, default_device, device_of, is_array
from ..core.errors import DtypeError
from ..core.tensor import Tensor, is_floating
from ..core.window import per_axis
from ..ops.creation import empty
from .module import Module
from .parameter import Parameter

__all__ = ["Lazy"]


class Lazy(Module):
    """Base of layers whose parameters' shapes follow from the size of their input.

    With None for that size the layer waits for its first call, or for a checkpoint, and takes the
    size, dtype and device from there. A subclass ends its __init__ with `begin(size)`, and writes
    `shapes`, `reset_parameters` and `size_of`.
    """

    size_name: ClassVar[str] = "in_features"
    size_axis: ClassVar[int] = 1  # of the weight
    buffer_names: ClassVar[tuple[str, ...]] = ()

    @property
    def size(self) -> int | None:
        """The size of the input; None while it is open."""
        size: int | None = getattr(self, self.size_name)
        return size

    def shapes(self, size: int) -> dict[str, tuple[int, ...]]:
        """Shapes of all parameters and buffers, by name, for that input size."""
        raise NotImplementedError(f"{type(self).__name__} has no shapes")

    def reset_parameters(self) -> None:
        """Draw new values for all parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no reset_parameters")

    def size_of(self, x: Any) -> int:
        """The size that this input asks for; an error if it is no input for the layer."""
        raise NotImplementedError(f"{type(self).__name__} has no size_of")

    def size_from(self, given: Mapping[str, Array]) -> tuple[int, Any]:
        """(size, dtype) that a checkpoint's arrays for this layer ask for; size 0: unknown."""
        array = next((given[name] for name in self.shapes(0) if name in given), None)
        if array is None or array.ndim <= self.size_axis or not is_floating(array.dtype):
            return 0, np.dtype(np.float32)
        return array.shape[self.size_axis], array.dtype

    def begin(self, size: int | None) -> None:
        """The end of every __init__: make the parameters now if the size is known."""
        setattr(self, self.size_name, None)
        if size is not None:
            (checked,) = per_axis(type(self).__name__, self.size_name, size, 1)
            self.build(checked)

    def build(self, size: int, dtype: Any = np.float32, device: Device | str | None = None) -> None:
        """Make the parameters: drawn on the CPU, in float32, and moved (to the default device).

        On the meta device they take no memory, and nothing is drawn.
        """
        home = default_device.get() if device is None else Device(str(device))
        at_first = "meta" if home.type == "meta" else "cpu"
        shapes = self.shapes(size)
        setattr(self, self.size_name, size)
        for name, shape in shapes.items():
            new = empty(shape, dtype=np.float32, device=at_first)
            if name in self.buffer_names:
                self.register_buffer(name, new)
            else:
                setattr(self, name, Parameter(new.array))
        self.reset_parameters()
        self.astype(dtype).to(home)

    def pending(self) -> str | None:
        if self.size is not None:
            return None
        return (
            f"learns its {self.size_name} from its first input; call the model on one batch, or "
            "load a checkpoint, first"
        )

    def prepare(self, *inputs: Any) -> None:
        if self.size is not None or not inputs:
            return
        x = inputs[0]
        array = x.array if isinstance(x, Tensor) else x
        if not is_array(array):
            raise DtypeError(f"x is a {type(x).__name__}; the layer takes tensors and arrays")
        dtype = array.dtype if is_floating(array.dtype) else np.float32
        self.build(self.size_of(array), dtype, device_of(array))
