"""Numbers and tables in plain text."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["grid", "short"]


def short(n: float, unit: str = "") -> str:
    """Three digits and a letter, in steps of 1000: 25557032 is "25.6M"; below 1000, the number."""
    for letter in ("", "k", "M", "G", "T", "P"):
        if abs(n) < 999.5 or letter == "P":
            digits = 0 if not letter or abs(n) >= 99.95 else 1 if abs(n) >= 9.995 else 2
            return f"{n:.{digits}f}{letter}{unit}"
        n /= 1000
    raise AssertionError


def grid(rows: Sequence[Sequence[str]], left: set[int], width: int) -> str:
    """Rows of texts in columns, the first a heading; cut where a line would be wider than that.

    left  columns that are flush left
    """
    sizes = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    while sum(sizes) + 2 * (len(sizes) - 1) > width:  # the widest gives way
        widest = max(left, key=lambda i: sizes[i])
        if sizes[widest] <= 8:
            break
        sizes[widest] -= 1
    lines = []
    for row in rows:
        cells = [cut(t, n) for t, n in zip(row, sizes, strict=True)]
        parts = [
            t.ljust(n) if i in left else t.rjust(n)
            for i, (t, n) in enumerate(zip(cells, sizes, strict=True))
        ]
        lines.append("  ".join(parts).rstrip())
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def cut(text: str, width: int) -> str:
    """The text, its middle left out where it is too long."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}~{text[len(text) - tail :]}"
