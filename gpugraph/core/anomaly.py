"""What `detect_anomaly` looks for: the op in which a NaN is born, and kept memory that changed."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .backend import Array, MetaArray
from .errors import AnomalyError
from .graph import Node
from .state import STATE, Observer, observe

__all__ = ["DETECTOR", "check_backward", "check_kept", "checksum", "detect_anomaly"]


def checksum(array: Array) -> int:
    """CRC of an array's bytes; 0 for arrays without data here."""
    if not isinstance(array, np.ndarray):
        return 0
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data)


def check_kept(node: Node, array: Array, then: int) -> None:
    """Has an array that the node keeps the same bytes as when it was kept?"""
    if checksum(array) != then:
        raise AnomalyError(
            f"backward: an array kept by {node.op!r} (made at {node.where}) was written to "
            "from outside gpugraph since; write to a copy instead"
        )


def _has_nan(array: Array) -> bool:
    if array is None or isinstance(array, MetaArray) or array.dtype.kind in "biu":
        return False
    return bool((array != array).any())


def _any_nan(arrays: Iterable[Array]) -> bool:
    return any(_has_nan(a) for a in arrays)


class _Detector(Observer):
    def applied(self, op: Any, arrays: Sequence[Array], outs: Sequence[Any]) -> None:
        """Does a NaN leave an op that none entered?

        A sweep that records nothing looks at its rules whole, so that the op's own line is named.
        """
        state = STATE.get()
        if state.sweep is None or state.sweep.node is None or state.recording:
            _check_forward(op, arrays, outs)


DETECTOR = _Detector()


def detect_anomaly(enabled: bool = True) -> observe:
    """Stop at the first op, forward or backward, that makes a NaN from inputs without one.

    Also checksums what nodes keep, so that a raw NumPy write to a kept array is found. Slow.
    """
    return observe(DETECTOR, enabled)


def _check_forward(op: Any, arrays: Sequence[Array], outs: Sequence[Any]) -> None:
    if _any_nan(y.array for y in outs) and not _any_nan(arrays):
        given = ", ".join(
            f"{name} {a.shape}" + (f" in [{a.min()}, {a.max()}]" if a.size else "")
            for name, a in zip(op.names(len(arrays)), arrays, strict=True)
            if a is not None
        )
        made = [y.node.where for y in outs if y.node is not None]
        where = f" (made at {made[0]})" if made else ""
        raise AnomalyError(f"{op.label}: a NaN is born here{where} from {given}")


def check_backward(node: Node, position: int, g: Any, gs: Sequence[Any]) -> None:
    """Does a NaN leave a rule that none entered?"""
    if _has_nan(g.array) and not _any_nan(h.array for h in gs if h is not None):
        raise AnomalyError(
            f"backward: a NaN is born in the gradient of {node.op!r} with respect to "
            f"{node.op.name_of(position, len(node.in_specs))} (op made at {node.where})"
        )
