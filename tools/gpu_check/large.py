"""Calls of odd sizes that take many blocks: forward and all gradients, against float64 on the CPU.

The samples of the ops are small; these find what only shows when blocks run at once, when a loop
over the grid goes round, or when a workspace is cut into parts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.core.tensor import Tensor
from gpugraph.cuda import device as launcher

from .calls import (
    Call,
    allowed,
    compare,
    forward_and_gradients,
    integers,
    normal,
    numpy_dtype,
    tensors,
)
from .device import Cpu
from .setting import Setting, SkipError, right, wrong

__all__ = ["CALLS", "check"]

DTYPES = ("float32", "float64", "float16", "bfloat16")
SEED = 7  # of dropout's mask: the same on every device


def _dropout(F: Any, x: Any) -> Any:
    return F.dropout(x, 0.3, generator=gg.random.Generator(SEED))


def _evaluated(F: Any, x: Any, mean: Any, var: Any, w: Any, b: Any) -> Any:
    return F.batch_norm(x, mean, var * var + 0.5, w, b)


def _evaluated_act(F: Any, x: Any, mean: Any, var: Any, w: Any, b: Any, residual: Any) -> Any:
    return F.batch_norm_act(x, mean, var * var + 0.5, w, b, residual, "tanh")


CALLS = (
    Call("conv 3x3", lambda F, x, w, b: F.conv2d(x, w, b, padding=1),
         (normal(5, 19, 41, 37), normal(23, 19, 3, 3), normal(23))),
    Call("conv 5x4 stride, dilation", lambda F, x, w: F.conv2d(x, w, None, (2, 3), (2, 1), (1, 2)),
         (normal(3, 17, 43, 51), normal(33, 17, 5, 4))),
    Call("conv 1x1", lambda F, x, w: F.conv2d(x, w), (normal(7, 65, 23, 19), normal(35, 65, 1, 1))),
    Call("conv 1x1 stride 2", lambda F, x, w: F.conv2d(x, w, stride=2),
         (normal(7, 33, 23, 19), normal(35, 33, 1, 1))),
    Call("conv 16 channels a group", lambda F, x, w: F.conv2d(x, w, padding=1, groups=3),
         (normal(3, 48, 23, 19), normal(51, 16, 3, 3))),
    Call("conv 4 channels a group", lambda F, x, w: F.conv2d(x, w, padding=1, groups=9),
         (normal(3, 36, 23, 27), normal(36, 4, 3, 3))),
    Call("conv depthwise", lambda F, x, w: F.conv2d(x, w, padding=1, groups=67),
         (normal(35, 67, 21, 23), normal(67, 1, 3, 3))),
    Call("conv depthwise stride 2", lambda F, x, w: F.conv2d(x, w, None, 2, 2, 1, 37),
         (normal(5, 37, 45, 43), normal(74, 1, 5, 5))),
    Call("conv 1-D", lambda F, x, w: F.conv1d(x, w, None, 2, 3),
         (normal(5, 13, 1031), normal(21, 13, 7))),
    Call("conv 3-D", lambda F, x, w: F.conv3d(x, w, None, 1, 1),
         (normal(2, 7, 13, 17, 11), normal(9, 7, 3, 3, 3))),
    Call("max pool", lambda F, x: F.max_pool2d(x, 3, 2, 1), (normal(5, 37, 57, 45),)),
    Call("max pool 20x20", lambda F, x: F.max_pool2d(x, 20, 7, 3), (normal(2, 9, 131, 97),)),
    Call("avg pool", lambda F, x: F.avg_pool2d(x, 3, 2, 1), (normal(5, 37, 57, 45),)),
    Call("avg pool, global", lambda F, x: F.adaptive_avg_pool2d(x, 1), (normal(9, 131, 17, 19),)),
    Call("batch norm", lambda F, x, w, b: F.batch_norm(x, None, None, w, b, True),
         (normal(9, 37, 29, 31), normal(37), normal(37))),
    Call("batch norm of vectors", lambda F, x, w, b: F.batch_norm(x, None, None, w, b, True),
         (normal(1031, 67), normal(67), normal(67))),
    Call("batch norm, inference", _evaluated,
         (normal(9, 37, 29, 31), *[normal(37)] * 4)),
    Call("group norm", lambda F, x, w, b: F.group_norm(x, 4, w, b),
         (normal(9, 36, 29, 31), normal(36), normal(36))),
    Call("layer norm", lambda F, x, w, b: F.layer_norm(x, 67, w, b),
         (normal(1031, 67), normal(67), normal(67))),
    Call("rms norm", lambda F, x, w: F.rms_norm(x, 67, w), (normal(1031, 67), normal(67))),
    Call("bias of images", lambda F, x, b: F.bias_act(x, b),
         (normal(9, 37, 29, 31), normal(37)), needs=("bias_act",)),
    Call("bias + leaky ReLU", lambda F, x, b: F.bias_act(x, b, "leaky_relu", 0.2),
         (normal(9, 37, 29, 31), normal(37)), needs=("bias_act",)),
    Call("bias + sigmoid of vectors", lambda F, x, b: F.bias_act(x, b, "sigmoid"),
         (normal(1031, 67), normal(67)), needs=("bias_act",)),
    Call("batch norm + residual + tanh, inference", _evaluated_act,
         (normal(9, 37, 29, 31), *[normal(37)] * 4, normal(9, 37, 29, 31)),
         needs=("batch_norm_act",)),
    Call("softmax", lambda F, x: F.softmax(5 * x, 1), (normal(517, 1003),)),
    Call("softmax of short rows", lambda F, x: F.softmax(x, 1), (normal(20011, 7),)),
    Call("log softmax", lambda F, x: F.log_softmax(x, 1), (normal(517, 1003),)),
    Call("log softmax per pixel", lambda F, x: F.log_softmax(x, 1), (normal(3, 21, 43, 37),)),
    Call("cross entropy", lambda F, x, t: F.cross_entropy(x, t, reduction="none"),
         (normal(1031, 1000), integers(1000, 1031))),
    Call("cross entropy per pixel", lambda F, x, t: F.cross_entropy(x, t, reduction="none"),
         (normal(3, 21, 43, 37), integers(21, 3, 43, 37))),
    Call("dropout", _dropout, (normal(1031, 257),)),
    Call("embedding", lambda F, table, i: table[i], (normal(1009, 67), integers(1009, 5003))),
    Call("embedding, one row most", lambda F, table, i: table[i // 1000],
         (normal(101, 33), integers(1009, 3001)), terms=3001),
)  # fmt: skip


def check(setting: Setting, device: Cpu, name: str) -> dict[str, Any]:
    """One call in each dtype; in half precision only if nothing falls back to CuPy's functions."""
    call = next(call for call in CALLS if call.name == name)
    call.available(F)
    arrays = call.arrays()
    found: dict[str, Any] = {"dtypes": {}}
    faults = []
    for dtype_name in DTYPES:
        try:
            dtype = numpy_dtype(dtype_name)
            found["dtypes"][dtype_name], fault = _compared(call, device, arrays, dtype)
        except SkipError as reason:
            found["dtypes"][dtype_name] = {"skipped": str(reason)}
            continue
        faults += [f"{dtype_name}: {fault}"] if fault else []
    return wrong("; ".join(faults), **found) if faults else right(**found)


def _compared(call: Call, device: Cpu, arrays: list[Any], dtype: Any) -> tuple[dict[str, Any], str]:
    half = dtype.itemsize == 2
    before = launcher.fallbacks.copy()
    rounded = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]
    xs = tensors(arrays, dtype, device.name)
    if half:
        call.f(F, *xs)
        for op, reason in launcher.fallbacks - before:
            raise SkipError(f"no kernel for {op}: {reason}")

    def cotangent(y: Tensor) -> Any:
        values = np.cos(np.arange(y.size)).reshape(y.shape).astype(dtype)
        return gg.Tensor(values.astype(y.dtype)).to(y.device).array

    got, work = forward_and_gradients(call, F, xs, cotangent)
    high = [a.astype(np.float64) if a.dtype.kind != "i" else a for a in rounded]
    want, _ = forward_and_gradients(call, F, tensors(high, np.float64, "cpu"), cotangent)
    bound = allowed(dtype, max(work.terms, call.terms), len(work.ops))
    names = ["the output", *(f"the gradient of input {i}" for i in call.leaves)]
    told = [compare(y.numpy(), w.numpy(), bound) for y, w in zip(got, want, strict=True)]
    faults = [f"{name}: {fault}" for name, (_, fault) in zip(names, told, strict=True) if fault]
    found = {"error": max(error for error, _ in told), "bound": bound, "ops": sorted(set(work.ops))}
    return found, "; ".join(faults)
