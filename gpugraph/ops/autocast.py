"""autocast: products in half precision, sums of many terms in float32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..core import backend
from ..core.errors import ArgumentError, DtypeError
from ..core.op import Op
from ..core.state import STATE, set_state
from ..core.tensor import Tensor, is_floating
from .dtypes import as_dtype
from .memory import astype

__all__ = ["autocast"]


class autocast(set_state):  # noqa: N801 (a function to its users)
    """Inside the block, convolutions and products take float16 or bfloat16; also a decorator.

    >>> with gg.autocast(gg.float16):
    ...     loss = F.cross_entropy(model(x), labels)
    >>> scaler.scale(loss).backward()              # outside, with a `gg.amp.GradScaler`

    Each op says what it is for: convolution, linear, matmul and einsum get their float32 inputs
    rounded to that dtype ("low"); exponentials, powers, sums, norms, softmax and losses get half
    precision inputs as float32 ("high"); all others take what comes, and promote as NumPy does.
    float64 is left alone. Kernels, and the CPU, add up half precision in float32. Gradients are
    cast back on their way, so those of float32 parameters are float32. Backward passes run as the
    forward pass was recorded, whether inside the block or not.

    device_type  "cuda" or "cpu", as PyTorch wants it: it may be left out, and changes nothing
    dtype        float16 (default) or bfloat16
    enabled      False: no casts inside the block
    """

    def __init__(self, device_type: Any = None, dtype: Any = None, enabled: bool = True) -> None:
        if device_type is not None and device_type not in ("cuda", "cpu", "meta"):
            if dtype is not None:
                raise ArgumentError(
                    f"autocast: device_type={device_type!r} must be 'cuda' or 'cpu', or left out"
                )
            dtype = device_type
        self.dtype = as_dtype("autocast", np.float16 if dtype is None else dtype)
        if self.dtype.name not in ("float16", "bfloat16"):
            raise DtypeError(f"autocast: dtype={self.dtype} must be float16 or bfloat16")
        self.enabled = enabled
        super().__init__()

    def __enter__(self) -> None:
        casting = self._cast if self.enabled else None
        self.tokens.append(STATE.set(replace(STATE.get(), casting=casting)))

    def _recreate_cm(self) -> autocast:
        return autocast(dtype=self.dtype, enabled=self.enabled)

    def _cast(self, op: Op, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """The inputs in the precision that the op is for."""
        if op.precision == "any":
            return tuple(inputs)
        floats = [x.dtype for x in inputs if _is_floating(x)]
        if any(dtype.itemsize > 4 for dtype in floats):
            return tuple(inputs)
        wanted = self.dtype if op.precision == "low" else np.dtype(np.float32)
        return tuple([astype(x, wanted, copy=False) if _is_floating(x) else x for x in inputs])


def _is_floating(x: Any) -> bool:
    return (isinstance(x, Tensor) or backend.is_array(x)) and is_floating(x.dtype)
