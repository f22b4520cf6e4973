"""Updates of large arrays, some elements at a time: what a rule makes is used again."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.backend import Array

__all__ = ["PART", "descent", "update_in_parts"]

# Elements. Measured, 2^14 to 2^17 are as fast; of more, the system hands out memory page by page
PART = 1 << 15


def update_in_parts(
    rule: Any, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
) -> None:
    """`Optimizer.update` of NumPy arrays, a part at a time if they are large and it may be so.

    Memory that the rule makes is put together; what it counts, it counts once.
    """
    arrays = {k: v for k, v in state.items() if isinstance(v, np.ndarray)}
    alike = all(a.shape == p.shape and a.flags.c_contiguous for a in (p, g, *arrays.values()))
    if p.size <= PART or not rule.elementwise or not alike:
        rule.update(np, p, descent(np, g, group), state, group)
        return
    after: dict[str, Any] = {}
    made: dict[str, Array] = {}
    given = {k: v.reshape(-1) for k, v in arrays.items()}
    flat_p, flat_g = p.reshape(-1), g.reshape(-1)
    for start in range(0, p.size, PART):
        part = slice(start, start + PART)
        before = {k: v[part] for k, v in given.items()}
        after = {**state, **before}
        rule.update(np, flat_p[part], descent(np, flat_g[part], group), after, group)
        for k in after:
            if isinstance(after[k], np.ndarray) and after[k] is not before.get(k):
                if k not in given and k not in made:
                    made[k] = np.empty(p.size, p.dtype)
                (given if k in given else made)[k][part] = after[k]
    state.update({**after, **arrays, **{k: v.reshape(p.shape) for k, v in made.items()}})


def descent(xp: Any, g: Array, group: dict[str, Any]) -> Array:
    """The gradient of what is to become small."""
    return xp.negative(g, out=xp.empty_like(g)) if group.get("maximize") else g
