"""What a learner page is, and the HTML around it: one file that needs no network.

A module of `gpugraph.learn.pages` declares its page by the decorator `page`. Its function computes
the page's `Content` with the library; the page's script (static/NAME.js) draws it and recomputes
live what the reader changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from importlib.resources import files
from inspect import signature
from typing import Any

from .exercise import Exercise

__all__ = ["PAGES", "Content", "Page", "index", "page", "shell"]

# Inlined into every page, in this order, before the page's own scripts.
COMMON = ("common.js", "state.js", "controls.js", "draw.js", "exercise.js")

STAGE = (
    '<section class="stage" aria-label="Interactive figure">'
    '<div id="picture" class="picture"></div><div id="controls" class="controls"></div>'
    "<noscript><p>This figure needs JavaScript.</p></noscript></section>"
)


@dataclass(frozen=True)
class Content:
    """What stands in a page.

    text       HTML: two to five short paragraphs, below the figure
    data       what the library computed, JSON with finite numbers; `learn.data` of the scripts
    scripts    names in static/, behind the common ones: ("max-pooling.js",)
    exercises  for the reader's self-check
    figure     HTML of the figure; by default empty #picture and #controls, which the script fills
    styles     names of further style sheets in static/
    lecture    pages of docs/lecture that go with it: ("09-pooling.md",)
    """

    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
    scripts: Sequence[str] = ()
    exercises: Sequence[Exercise] = ()
    figure: str = STAGE
    styles: Sequence[str] = ()
    lecture: Sequence[str] = ()


@dataclass(frozen=True)
class Page:
    """A learner page: NAME.html.

    summary   one sentence: what the reader sees there
    order     place in the course
    content   computes what stands in it; may take seconds. It may ask for what `make` knows, by
              arguments with defaults: measure, siblings, model, shape
    """

    name: str
    title: str
    summary: str
    order: int
    content: Callable[..., Content]

    def make(
        self, siblings: Collection[str] | None = None, lecture: str = "", **options: Any
    ) -> str:
        """The page as HTML.

        siblings  names of the pages that are in the same folder, to link to (default: all PAGES);
                  with none, the page stands alone
        lecture   address of the folder docs/lecture, "../lecture"; without it, no links there
        measure   with times measured on this machine, if the page has such
        model, shape  the network that it is about, if it is about one
        """
        there = list(PAGES) if siblings is None else siblings
        asked = signature(self.content).parameters
        known = {**options, "siblings": there}
        made = self.content(**{k: v for k, v in known.items() if k in asked})
        exercises = "".join(e.html(i) for i, e in enumerate(made.exercises, 1))
        if exercises:
            exercises = f'<section class="exercises"><h2>Try it</h2>{exercises}</section>'
        links = ", ".join(f'<a href="{lecture}/{p}">{p[:-3]}</a>' for p in made.lecture)
        more = f"<p>In the lecture, with code to run: {links}.</p>" if lecture and links else ""
        return shell(
            self.title,
            f'{made.figure}<section class="text">{made.text}{more}</section>{exercises}',
            made.data,
            made.scripts,
            lead=self.summary,
            nav=_nav(self, there) if there else "",
            styles=made.styles,
        )


PAGES: dict[str, Page] = {}  # by name, in the course's order


def page(
    name: str, title: str, summary: str, order: int
) -> Callable[[Callable[..., Content]], Callable[..., Content]]:
    """Declare the function below as the content of a page; see `Page`."""

    def declare(content: Callable[..., Content]) -> Callable[..., Content]:
        PAGES[name] = Page(name, title, summary, order, content)
        ordered = sorted(PAGES.values(), key=lambda p: p.order)
        PAGES.clear()
        PAGES.update({p.name: p for p in ordered})
        return content

    return declare


def shell(
    title: str,
    body: str,
    data: Mapping[str, Any] | None = None,
    scripts: Sequence[str] = (),
    *,
    lead: str = "",
    nav: str = "",
    styles: Sequence[str] = (),
) -> str:
    """A whole page in one string, with styles, scripts and data inlined.

    title, lead       text
    body, nav         HTML
    data              what JSON can hold; ValueError for a number that isn't finite
    scripts, styles   names in gpugraph/learn/static, behind the common ones
    """
    sheets = [_read("viz", "theme.css"), *(_read("learn", s) for s in ("learn.css", *styles))]
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        f"<title>{escape(title)}</title>\n<style>\n{''.join(sheets)}</style>\n</head>\n<body>\n",
        f"<header>{nav}<h1>{escape(title)}</h1>",
        f'<p class="lead">{escape(lead)}</p>' if lead else "",
        f"</header>\n<main>\n{body}\n</main>\n",
        f"<footer>{nav}</footer>\n" if nav else "",
        f'<script type="application/json" id="data">{_json(data or {})}</script>\n',
        *(f"<script>\n{_read('learn', s)}</script>\n" for s in (*COMMON, *scripts)),
        "</body>\n</html>\n",
    ]
    return "".join(parts)


def index(names: Collection[str]) -> str:
    """The page that leads to those of these names."""
    items = "".join(
        f'<li><a href="{p.name}.html">{escape(p.title)}</a><p>{escape(p.summary)}</p></li>'
        for p in PAGES.values()
        if p.name in names
    )
    lead = "Pages to play with: every number is computed, by gpugraph or live in your browser."
    text = (
        '<section class="text"><p>Each page is one file that works without a network. What you set '
        "stands in the address, so a link or a bookmark brings it back.</p>"
        "<p>Letters, on all pages: an image has <var>H</var> rows and <var>W</var> columns; "
        "<var>K</var> channels go into a layer and <var>L</var> come out, one for each filter; a "
        "filter is <var>F</var>×<var>F</var> weights for each channel it reads. So a convolution "
        "costs <var>F</var><sup>2</sup><var>K</var><var>L</var><var>H</var><var>W</var> "
        "multiply-adds.</p></section>"
    )
    return shell("Convolutional networks", f'<ol class="index">{items}</ol>{text}', lead=lead)


def _nav(page: Page, siblings: Collection[str]) -> str:
    """Links to index, previous and next page."""
    there = [p for p in PAGES.values() if p.name in siblings or p is page]
    at = there.index(page)
    parts = ['<nav aria-label="Pages"><a class="home" href="index.html">Convolutional networks</a>']
    parts.append(f'<span class="place">{at + 1} of {len(there)}</span>')
    if at:
        before = there[at - 1]
        parts.append(f'<a rel="prev" href="{before.name}.html">← {escape(before.title)}</a>')
    if at + 1 < len(there):
        behind = there[at + 1]
        parts.append(f'<a rel="next" href="{behind.name}.html">{escape(behind.title)} →</a>')
    return "".join(parts) + "</nav>"


def _json(data: Mapping[str, Any]) -> str:
    """JSON that can stand in a script element: no < or &, and plain ASCII."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


@cache
def _read(package: str, name: str) -> str:
    return (files("gpugraph") / package / "static" / name).read_text("utf-8")
