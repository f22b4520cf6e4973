"""``gpugraph summary``: a network as a table of shapes, costs and receptive fields."""

from __future__ import annotations

import argparse
from typing import Any

from ..analysis import summary
from ..core.backend import default_device
from ..core.errors import ArgumentError
from ..core.files import write_atomically
from ..models.catalogue import NETWORKS, network
from ..testing.targets import member
from .parity import shape_of

__all__: list[str] = []


def add_parser(commands: Any) -> None:
    """Declare the command's options; each is an argument of `gpugraph.summary`, too."""
    parser = commands.add_parser(
        "summary",
        help="a network's shapes, parameters, costs and receptive fields",
        description="Print a table with a row for each module. Nothing is computed but shapes.",
    )
    parser.add_argument(
        "target",
        metavar="TARGET",
        help=f"file.py:network, or a network of gpugraph.models: {', '.join(NETWORKS)}",
    )
    parser.add_argument(
        "--input",
        action="append",
        metavar="1x3x224x224",
        help="shape of the input; again for a second one (default of a network of "
        "gpugraph.models: one image as it is made for)",
    )
    parser.add_argument("--depth", type=int, metavar="N", help="levels of modules to show")
    parser.add_argument("--sort", metavar="FIGURE", help="params, macs, flops, bytes, kept, ...")
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    parser.add_argument("--html", metavar="FILE", help="write the table as a page, too")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    shapes: list[tuple[int, ...]] = [shape_of(text, "summary") for text in args.input or ()]
    path, colon, name = args.target.rpartition(":")
    if args.target in NETWORKS:
        named = network(args.target)
        with default_device("meta"):
            model, shapes = named.make(), shapes or [(1, *named.image)]
    elif colon and path.endswith(".py"):
        model = member(path, name, "summary")
    else:
        raise ArgumentError(
            f"summary: {args.target!r} is no network of a script (file.py:name), and none of "
            f"{', '.join(NETWORKS)}"
        )
    if not shapes:
        raise ArgumentError(
            f"summary: {args.target} needs the shape of its input: --input 1x3x224x224"
        )
    found = summary(model, shapes, depth=args.depth, sort=args.sort)
    if args.html:
        write_atomically(args.html, found.to_html())
    print(found.to_json() if args.json else found)
    return 0
