"""Lines of a picture: smooth, and upright where they meet boxes and frames."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

__all__ = ["Point", "curve"]

Point: TypeAlias = tuple[float, float]
SAG = 18.0  # of a line that turns back


def curve(points: Sequence[Point], style: str, across: bool = False) -> str:
    """A line through the points as an SVG path; `across` if it is level at its ends."""
    told = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    down = True
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 == x1 and y0 == y1:
            continue
        if abs(x1 - x0) < 0.05 and not across:
            told.append(f"V{y1:.1f}")
        elif across:
            told.append(_bend((x0 + x1) / 2, y0, (x0 + x1) / 2, y1, x1, y1))
        elif abs(y1 - y0) < 0.05:
            y = y0 + (SAG if down else -SAG)
            told.append(_bend(x0, y, x1, y, x1, y1))
        else:
            told.append(_bend(x0, (y0 + y1) / 2, x1, (y0 + y1) / 2, x1, y1))
        if abs(y1 - y0) >= 0.05:
            down = y1 > y0
    return f'<path class="{style}" d="{"".join(told)}"/>'


def _bend(*numbers: float) -> str:
    return "C" + " ".join(f"{number:.1f}" for number in numbers)
