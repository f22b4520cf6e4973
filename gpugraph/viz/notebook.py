"""Graphs in a notebook: text, a drawing, and the page in a frame of its own."""

from __future__ import annotations

import sys
import tempfile
import webbrowser
from html import escape
from pathlib import Path
from typing import Any

from .graph import Graph

__all__ = ["bundle", "show"]

HEIGHT = 640  # pixels of the frame


def bundle(graph: Graph) -> dict[str, str]:
    """What a notebook may show. Where it trusts no scripts, the drawing is left."""
    return {"text/plain": repr(graph), "image/svg+xml": graph.to_svg(), "text/html": frame(graph)}


def frame(graph: Graph) -> str:
    """The page in a frame which can do nothing but run its own scripts and save files."""
    return (
        f'<iframe sandbox="allow-scripts allow-downloads" width="100%" height="{HEIGHT}" '
        f'style="border:0" srcdoc="{escape(graph.to_html())}"></iframe>'
    )


class _Shown:
    """Shows itself as the page alone."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def __repr__(self) -> str:
        return repr(self.graph)

    def _repr_html_(self) -> str:
        return frame(self.graph)


def show(graph: Graph) -> Any:
    """In a notebook something that it shows; elsewhere the path of the page, which opens."""
    if "ipykernel" in sys.modules:
        return _Shown(graph)
    with tempfile.NamedTemporaryFile("w", suffix=".html", delete=False, encoding="utf-8") as file:
        file.write(graph.to_html())
    webbrowser.open(Path(file.name).as_uri())
    return file.name
