"""``gpugraph learn``: pages that teach convolutional networks."""

from __future__ import annotations

import argparse
import json
import webbrowser
from pathlib import Path
from typing import Any

from ..learn import PAGES, build

__all__: list[str] = []


def add_parser(commands: Any) -> None:
    """Declare the command; `gpugraph.learn.build` is the same in Python."""
    parser = commands.add_parser(
        "learn",
        help="interactive pages that teach convolutional networks",
        description="Write pages to play with, each one HTML file that works without a network, "
        f"and an index.html that leads to them. Pages: {', '.join(PAGES)}.",
    )
    parser.add_argument("page", nargs="*", metavar="PAGE", help="pages to write (default: all)")
    parser.add_argument("-o", "--out", default="learn", metavar="DIR", help="folder to write to")
    parser.add_argument("--open", action="store_true", help="open the page in the browser, too")
    parser.add_argument(
        "--measure", action="store_true", help="with times measured here, beside the costs"
    )
    parser.add_argument("--list", action="store_true", help="say which pages there are, and stop")
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    if args.list:
        _list(args.json)
        return 0
    files = build(args.out, args.page or None, args.measure)
    first = files[1] if len(args.page) == 1 else files[0]
    if args.json:
        print(json.dumps({"open": str(first), "files": [str(path) for path in files]}, indent=1))
    else:
        print(f"wrote {len(files)} pages to {Path(args.out)}; open {first}")
    if args.open:
        webbrowser.open(first.resolve().as_uri())
    return 0


def _list(as_json: bool) -> None:
    if as_json:
        found = [{"name": p.name, "title": p.title, "summary": p.summary} for p in PAGES.values()]
        print(json.dumps(found, indent=1))
        return
    width = max(map(len, PAGES), default=0)
    for page in PAGES.values():
        print(f"{page.name:{width}}  {page.summary}")
