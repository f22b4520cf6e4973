"""The pictures of the lecture: `tiles` shows arrays side by side, `curves` plots functions.

Places are set, not found by a layout engine, so that all versions of matplotlib draw the same.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

INK, SOFT, GRID = "#26324a", "#6b778c", "#d5dbe5"
LINES = ("#3a6ea5", "#d9822b", "#5b9a68", "#8a6bb1")
PALE = LinearSegmentedColormap.from_list("pale", ["#7fa8d1", "#ffffff", "#e8a25f"])
MAPS = {"signed": "RdBu_r", "ink": "gray_r", "photo": "gray", "cells": PALE, "kinds": "viridis"}
MARGIN, TITLE, GAP, DPI = 0.15, 0.34, 0.22, 110  # inches, dots per inch
LETTER = 0.088  # width of a letter of a title in inches, at most


def tiles(
    pictures: Sequence[Any],
    path: str,
    titles: Sequence[str] = (),
    *,
    columns: int = 8,
    size: float = 1.0,
    colour: str | Sequence[str] = "signed",
    limit: float | None = None,
    numbers: bool = False,
    signs: Sequence[str] = (),
    frames: Mapping[int, Sequence[tuple[int, int, int, int]]] | None = None,
) -> None:
    """Write arrays to a PNG file, side by side, `columns` in a row.

    pictures  each (H, W), or (H, W, 3) for colours from 0 to 1; a NaN stays white;
              None leaves a place empty
    titles    a text above each
    size      width of a picture in inches; of one cell, with numbers
    colour    for all, or of each. "signed": blue below 0, white at 0, red above it; "cells": the
              same in pale, to be written on; "ink": 0 is white; "photo": 0 is black; "kinds": one
              colour for each whole number
    limit     the number of the deepest colour of "signed"; by default that of each picture
    numbers   write the number into each cell, and draw all cells in one size
    signs     what to write in the gaps between them, such as "*" and "="
    frames    for pictures, by number: rectangles (top, left, height, width) in cells
    """
    shown = [np.zeros((1, 1)) if p is None else np.asarray(p) for p in pictures]
    colours = [colour] * len(shown) if isinstance(colour, str) else colour
    titles = [*titles, *[""] * (len(shown) - len(titles))]
    scale = [size if numbers else size / p.shape[1] for p in shown]
    sizes = [(p.shape[1] * s, p.shape[0] * s) for p, s in zip(shown, scale)]
    slots = [max(w, LETTER * len(title)) for (w, _), title in zip(sizes, titles)]
    gap = GAP + (0.3 if signs else 0)
    rows = [range(i, min(i + columns, len(shown))) for i in range(0, len(shown), columns)]
    above = [TITLE if any(titles[i] for i in row) else 0.0 for row in rows]
    heights = [max(sizes[i][1] for i in row) for row in rows]
    width = max(sum(slots[i] + gap for i in row) for row in rows) - gap
    height = sum(heights) + sum(above) + GAP * (len(rows) - 1)
    figure = _figure(width + 2 * MARGIN, height + 2 * MARGIN)
    top = height + MARGIN
    for row, title_height, row_height in zip(rows, above, heights):
        middle = top - title_height - row_height / 2
        left = MARGIN
        for i in row:
            w, h = sizes[i]
            if pictures[i] is not None:
                axes = _axes(figure, (left + (slots[i] - w) / 2, middle - h / 2, w, h))
                _tile(axes, shown[i], colours[i], limit, size if numbers else 0)
                _frames(axes, (frames or {}).get(i, ()))
                _text(figure, left + slots[i] / 2, middle + h / 2 + 0.08, titles[i], va="bottom")
            if i < len(signs):
                _text(figure, left + slots[i] + gap / 2, middle, signs[i], fontsize=15, va="center")
            left += slots[i] + gap
        top -= title_height + row_height + GAP
    _save(figure, path)


def curves(panels: Mapping[str, Mapping[str, tuple[Any, Any]]], path: str) -> None:
    """Write panels of curves to a PNG file: {title: {name: (x, y)}}."""
    width, height = 2.5, 1.9
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    values = [y for lines in panels.values() for _, y in lines.values()]
    low, high = min(map(np.min, values)), max(map(np.max, values))
    figure = _figure((width + 0.45) * len(panels) + 0.2, height + 1.15)
    for i, (title, lines) in enumerate(panels.items()):
        axes = _axes(figure, (0.45 + i * (width + 0.45), 0.8, width, height))
        axes.axhline(0, color=GRID, lw=1)
        axes.axvline(0, color=GRID, lw=1)
        for name, (x, y) in lines.items():
            k = names.index(name)
            style = "--" if k % 2 else "-"
            axes.plot(x, y, color=LINES[k % 4], lw=2, ls=style, label=name)
        axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        axes.set_title(title, color=INK, fontsize=10, loc="left")
        axes.tick_params(colors=SOFT, labelsize=8, length=0)
        for side in axes.spines.values():
            side.set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    kind = {"frameon": False, "labelcolor": INK, "fontsize": 9, "loc": "lower center"}
    figure.legend(handles, labels, ncols=len(names), **kind)
    _save(figure, path)


def _tile(axes: Any, picture: Any, colour: str, limit: float | None, cell: float) -> None:
    axes.set(xticks=[], yticks=[])
    low, high = {"ink": (0, None), "photo": (None, None), "kinds": (None, None)}.get(colour, (0, 0))
    if colour in ("signed", "cells"):
        high = limit or np.nanmax(np.abs(picture)) or 1.0
        low = -high
    axes.imshow(picture, cmap=MAPS[colour], vmin=low, vmax=high, aspect="auto")
    for side in axes.spines.values():
        side.set_color(GRID)
    if not cell:
        return
    for i, j in np.ndindex(picture.shape):
        corner = (j - 0.5, i - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=GRID, linewidth=0.8))
        if not np.isnan(picture[i, j]):
            text = f"{picture[i, j]:.3g}"
            fit = min(10.0, 72 * cell / (0.75 * max(2, len(text))))  # points
            axes.text(j, i, text, ha="center", va="center", color=INK, fontsize=fit)


def _frames(axes: Any, frames: Sequence[tuple[int, int, int, int]]) -> None:
    for top, left, height, width in frames:
        kind = {"fill": False, "edgecolor": INK, "linewidth": 2.2, "clip_on": False, "zorder": 4}
        axes.add_patch(Rectangle((left - 0.5, top - 0.5), width, height, **kind))


def _figure(width: float, height: float) -> Figure:
    """A figure of a whole number of pixels, and a hair, so that no rounding takes one away."""
    return Figure([(round(inches * DPI) + 0.01) / DPI for inches in (width, height)], dpi=DPI)


def _axes(figure: Figure, place: tuple[float, float, float, float]) -> Any:
    """Axes at (left, bottom, width, height) in inches, moved to whole pixels."""
    left, bottom, w, h = (round(inches * DPI) / DPI for inches in place)
    width, height = figure.get_size_inches()
    return figure.add_axes((left / width, bottom / height, w / width, h / height))


def _text(figure: Figure, x: float, y: float, text: str, fontsize: float = 9, **kind: Any) -> None:
    width, height = figure.get_size_inches()
    figure.text(x / width, y / height, text, ha="center", color=INK, fontsize=fontsize, **kind)


def _save(figure: Figure, path: str) -> None:
    Path(path).parent.mkdir(exist_ok=True)
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    if len(png.getvalue()) > 50_000:  # photographs
        with Image.open(png) as picture:
            picture.convert("RGB").quantize(144).save(path, optimize=True)
    else:
        Path(path).write_bytes(png.getvalue())
