"""A tensor as a notebook shows it."""

from __future__ import annotations

import math
import os
from html import escape
from typing import TYPE_CHECKING, Any

from .backend import MetaArray, current, module_of

if TYPE_CHECKING:
    from .tensor import Tensor

__all__ = ["bundle"]

SHOWN = 1000  # elements; of more the numbers are left out


def bundle(x: Tensor) -> dict[str, str]:
    """Text and a table. Of arrays on a GPU only the numbers shown are copied to the host."""
    rows = {
        "shape": str(x.shape),
        "dtype": str(x.dtype),
        "device": str(x.device),
        "made by": _maker(x),
        "gradient": "yes" if x.requires_grad else "no",
        **_statistics(x.array),
    }
    cells = "".join(
        f"<tr><th style='text-align:left'>{escape(k)}</th>"
        f"<td style='text-align:left'>{escape(v)}</td></tr>"
        for k, v in rows.items()
    )
    html = f"<table>{cells}</table>"
    if not isinstance(x.array, MetaArray) and 0 < x.size <= SHOWN:
        html += f"<pre>{escape(str(x.numpy()))}</pre>"
    text = repr(x) if x.size <= SHOWN else f"Tensor({', '.join(rows.values())})"
    return {"text/plain": text, "text/html": html}


def _maker(x: Tensor) -> str:
    """The op and the user's line, "conv at net.py:12"."""
    node = x.node
    if node is None:
        return "the user, as a constant"
    file, _, line = node.where.rpartition(":")
    where = f" at {os.path.basename(file)}:{line}" if line else ""
    return ("the user, as a leaf" if node.op is None else node.op.label) + where


def _statistics(array: Any) -> dict[str, str]:
    """Of all elements, computed where they are."""
    if isinstance(array, MetaArray) or not array.size or array.dtype.kind not in "fiu":
        return {}
    xp = module_of("show", ("x",), [array])
    with current([array]):
        wide = array.astype(xp.float32) if array.dtype.itemsize < 4 else array
        bad = int((~xp.isfinite(wide)).sum()) if array.dtype.kind == "f" else 0
        told = {"mean": wide.mean(), "deviation": wide.std(), "min": wide.min(), "max": wide.max()}
        numbers = {name: float(value) for name, value in told.items()}
    texts = {k: f"{v:.4g}" if math.isfinite(v) else str(v) for k, v in numbers.items()}
    return {**texts, "NaN or infinite": str(bad)} if bad else texts
