"""The viewer as one HTML file: styles, scripts and graph inside, so that no network is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from importlib import resources
from typing import Any

__all__ = ["SCRIPTS", "page"]

SCRIPTS = (  # in the order in which they are run
    "base.js",
    "model.js",
    "solve.js",
    "boxes.js",
    "tiny.js",
    "place.js",
    "route.js",
    "links.js",
    "overlay.js",
    "draw_svg.js",
    "draw_canvas.js",
    "view.js",
    "minimap.js",
    "charts.js",
    "images.js",
    "field.js",
    "panel.js",
    "search.js",
    "steps.js",
    "toolbar.js",
    "save.js",
    "keys.js",
    "app.js",
    "start.js",
)
STYLES = ("theme.css", "viewer.css")

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
{styles}</style>
</head>
<body>
<div id="app"></div>
<noscript>This page draws a graph with a script, and scripts are off.</noscript>
<script type="application/json" id="graph">{data}</script>
<script>
{scripts}</script>
</body>
</html>
"""


def page(graph: Mapping[str, Any], title: str = "") -> str:
    """The text of the HTML file that shows a graph.

    graph  as `Graph.to_dict` gives it: ``docs/graph-json.md``
    title  of the window; by default that of the graph
    """
    title = title or str(graph["meta"].get("title") or "graph")
    return PAGE.format(
        title=escape(title),
        styles="".join(map(_static, STYLES)),
        data=inside_script(json.dumps(graph, separators=(",", ":"))),
        scripts="".join(map(_static, SCRIPTS)),
    )


def inside_script(text: str) -> str:
    """JSON that may stand in a script element: no markup in it, no line ends of JavaScript."""
    for character in ("<", "\u2028", "\u2029"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _static(name: str) -> str:
    return (resources.files(__package__) / "static" / name).read_text(encoding="utf-8")
