"""What users pass to an op, made into tensors: raw arrays, weak scalars, absent inputs."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from . import backend
from .errors import DtypeError, GradientError
from .graph import Node
from .op import Op
from .tensor import Tensor, is_floating, wrap

__all__ = ["as_tensors", "refuse_complex", "unfit", "weak_dtype"]


class _Absent:
    """Stands for an optional input that was not given."""

    array = None
    edge = None


_ABSENT = _Absent()


def as_tensors(op: Op, inputs: tuple[Any, ...]) -> list[Any]:
    """Wrap raw arrays, give weak scalars the dtype of their company; refuse anything else."""
    result: list[Any] = list(inputs)
    dtypes: list[Any] = []
    scalars: list[int] = []  # their positions
    on_host = True
    for i, x in enumerate(inputs):
        if isinstance(x, Tensor):
            array = x.array
        elif type(x) is float or type(x) is int:
            scalars.append(i)
            continue
        elif (x is None and op.name_of(i, len(inputs)) in op.optional) or x is _ABSENT:
            result[i] = _ABSENT
            continue
        elif backend.is_array(x):
            if x.dtype.kind in "OSUMm":
                raise DtypeError(
                    f"{op.label}: {op.name_of(i, len(inputs))} is an array of {x.dtype}; it takes "
                    "numbers"
                )
            array = x
            result[i] = wrap(x)
        elif isinstance(x, numbers.Number) or (isinstance(x, np.generic) and _is_number(x.dtype)):
            scalars.append(i)
            continue
        else:
            raise unfit(op.label, op.name_of(i, len(inputs)), x)
        dtypes.append(array.dtype)
        on_host = on_host and type(array) is np.ndarray
    for i in scalars:
        dtype = weak_dtype(inputs[i], dtypes)
        try:  # a bare scalar fits on any device; on the CPU, arrays only make for less to go wrong
            scalar = np.array(inputs[i], dtype) if on_host else dtype.type(inputs[i])
        except OverflowError:
            raise DtypeError(
                f"{op.label}: {op.name_of(i, len(inputs))}={inputs[i]} does not fit into {dtype}"
            ) from None
        result[i] = wrap(scalar)
    return result


def unfit(label: str, name: str, x: Any, wanted: str = "tensors, arrays and numbers") -> DtypeError:
    """What to raise where something is no array, nor what else is wanted."""
    cure = "" if isinstance(x, (str, bytes, dict)) else " gpugraph.tensor(...) converts"
    if name == "w" and isinstance(x, int):
        cure = " Layers that make weights of their own are in gpugraph.nn"
    elif x is None:
        cure = " Has a function on the way, such as a forward(), forgotten its return?"
    elif hasattr(x, "forward"):
        cure = " Call the module: what it returns is a tensor"
    return DtypeError(f"{label}: {name} is a {type(x).__name__}; it takes {wanted}.{cure}")


def refuse_complex(node: Node) -> None:
    """For ops whose rules hold for real numbers only: no gradient to or from complex ones."""
    for _, dtype in (*map(node.in_spec, node.plan.wanted), *node.out_specs[-1:]):
        if dtype.kind == "c":
            raise GradientError(
                f"{node.op.label}: its rules of gradients hold for real numbers only; take `real` "
                "and `imag` of complex inputs, or detach() them"
            )


def _is_number(dtype: Any) -> bool:
    return dtype.kind in "biufc" or is_floating(dtype)


def weak_dtype(scalar: Any, dtypes: list[Any]) -> Any:
    """The dtype of a Python number among arrays of these dtypes: NumPy 2's weak promotion."""
    if len(dtypes) == 1 and dtypes[0].kind == "f" and type(scalar) is float:
        return dtypes[0]
    if isinstance(scalar, np.generic):
        scalar = scalar.item()
    if not dtypes:  # float32 by default
        return np.dtype(np.float32) if isinstance(scalar, float) else np.asarray(scalar).dtype
    common = np.result_type(*dtypes)
    if is_floating(common) and not isinstance(scalar, complex):
        return common
    return np.result_type(common, scalar)
