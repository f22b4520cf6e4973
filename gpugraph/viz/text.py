"""Text in a picture: cleaned, cut to length, and measured from above."""

from __future__ import annotations

import re
import unicodedata
from html import escape

__all__ = ["TIMES", "clean", "element", "shorten", "valid", "width"]

# Percent of the font size, of the widest of our fonts: DejaVu Sans, of which every letter is at
# most as wide as in bold. What isn't listed is as wide as a figure.
TIMES = "\N{MULTIPLICATION SIGN}"
FIGURE, BOLD = 64, 1.18
WIDTHS = {
    **dict.fromkeys(" ',.:;|/\\ijlIJ·", 34),
    **dict.fromkeys('!"frt()[]-', 46),
    **dict.fromkeys("*_`?sczL", 56),
    **dict.fromkeys("kvxyFPTY", 63),
    **dict.fromkeys("ABCKRSUVXZ", 75),
    **dict.fromkeys("DGHNOQ&w#+<=>~^→" + TIMES, 84),
    **dict.fromkeys("MWm%@…", 100),
}
UNKNOWN = 130  # of all that is not ASCII: a pictogram is the widest
INVALID = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
STACKED = 2  # marks above or below one letter


def valid(text: str) -> str:
    """The text, with what XML doesn't allow (control characters, lone surrogates) replaced."""
    return INVALID.sub("\ufffd", text)


def clean(text: str) -> str:
    """The text as one line of visible characters: nothing reverses it, or piles up over it."""
    found: list[str] = []
    marks = 0
    for c in valid(text):
        kind = unicodedata.category(c)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if c == "\u200d" or marks > STACKED:  # joins pictograms to one
            continue
        if kind in ("Zs", "Zl", "Zp") or c in "\t\n\r":
            found.append(" ")
        else:
            found.append("\ufffd" if kind[0] == "C" else c)
    return "".join(found)


def shorten(text: str, limit: int) -> str:
    """At most so many characters: of a long text the middle is left out."""
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    return text[:head] + "…" + text[len(text) - (limit - 1 - head) :]


def width(text: str, size: float, bold: bool = False) -> float:
    """An upper bound of the width of a line in the fonts that we name."""
    percent = sum(
        WIDTHS.get(c, FIGURE if c.isascii() else UNKNOWN) * (BOLD if bold else 1) for c in text
    )
    return size * percent / 100


def element(text: str, x: float, y: float, size: float, style: str) -> str:
    """A line of text, from x to the right. `style` is its class; bold if "name" or "caption"."""
    told = ""
    if not all(c.isascii() or c in WIDTHS for c in text):
        # which font has these signs is up to the reader's machine: they are given their room
        room = width(text, size, bold=style in ("name", "caption"))
        told = f' textLength="{room:.1f}" lengthAdjust="spacingAndGlyphs"'
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}"{told}>{escape(text)}</text>'
