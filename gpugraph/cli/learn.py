"""``gpugraph learn``: pages that teach convolutional networks."""

from __future__ import annotations

import argparse
import json
import webbrowser
from pathlib import Path
from typing import Any

from ..core.backend import default_device
from ..core.errors import ArgumentError, GpugraphError
from ..learn import PAGES, build
from ..learn.layers import in_a_line
from ..models.catalogue import NETWORKS, network
from ..testing.targets import member
from .parity import shape_of

__all__: list[str] = []


def add_parser(commands: Any) -> None:
    """Declare the command; `gpugraph.learn.build` is the same in Python."""
    parser = commands.add_parser(
        "learn",
        help="interactive pages that teach convolutional networks",
        description="Write pages to play with, each one HTML file that works without a network, "
        "and an index.html that leads to them. For a network, file.py:name or one of "
        "gpugraph.models such as lenet5, all pages and one about that network. Pages: "
        f"{', '.join(PAGES)}.",
    )
    parser.add_argument(
        "page", nargs="*", metavar="PAGE", help="pages to write, or a network (default: all pages)"
    )
    parser.add_argument(
        "--input",
        action="append",
        metavar="1x3x64x64",
        help="shape of the network's input; again for a second one (default of a network of "
        "gpugraph.models: one image as it is made for)",
    )
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
    targets = [word for word in args.page if word in NETWORKS or ".py" in word]
    if targets:
        files, first = _about(args, targets)
    elif args.input:
        raise ArgumentError("learn: --input is for a network: learn file.py:name --input 1x3x64x64")
    else:
        files = build(args.out, args.page or None, args.measure)
        first = files[1] if len(args.page) == 1 else files[0]
    if args.json:
        print(json.dumps({"open": str(first), "files": [str(path) for path in files]}, indent=1))
    else:
        print(f"wrote {len(files)} pages to {Path(args.out)}; open {first}")
    if args.open:
        webbrowser.open(first.resolve().as_uri())
    return 0


def _about(args: argparse.Namespace, targets: list[str]) -> tuple[list[Path], Path]:
    """Write all pages, with one about the user's network: the files, and that one."""
    if len(args.page) > 1:
        raise ArgumentError(f"learn: {targets[0]} is a network; give it alone, for all pages")
    model, shapes = _network(targets[0], [shape_of(text, "learn") for text in args.input or ()])
    files = build(args.out, None, args.measure, model, shapes)
    return files, next(path for path in files if path.name == "your-model.html")


def _network(target: str, shapes: list[tuple[int, ...]]) -> tuple[Any, list[tuple[int, ...]]]:
    """The network of that name, and the shapes of its inputs."""
    if target in NETWORKS:
        named = network(target)
        with default_device("meta"):  # untrained weights show nothing
            return named.make(), shapes or [(1, *named.image)]
    path, colon, name = target.rpartition(":")
    if not (colon and path.endswith(".py") and name):
        raise ArgumentError(f"learn: {target!r} names no network of the script: file.py:name")
    if not shapes:
        raise ArgumentError(f"learn: {target} needs the shape of its input: --input 1x3x64x64")
    try:
        return member(path, name, "learn"), shapes
    except (GpugraphError, OSError):
        raise
    except Exception as error:  # whatever a user's script may raise
        raise ArgumentError(f"learn: {target} fails: {in_a_line(error)}") from error


def _list(as_json: bool) -> None:
    if as_json:
        found = [{"name": p.name, "title": p.title, "summary": p.summary} for p in PAGES.values()]
        print(json.dumps(found, indent=1))
        return
    width = max(map(len, PAGES), default=0)
    for page in PAGES.values():
        print(f"{page.name:{width}}  {page.summary}")
