"""``gpugraph parity``: the same run on two devices; which op is the first to be wrong?"""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import Any

from ..core.errors import ArgumentError, DeviceError
from ..models.catalogue import NETWORKS, network
from ..ops import random
from ..testing import parity
from ..testing.targets import drawn

__all__: list[str] = []

BATCH = 4  # made-up inputs for a network that is named


def add_parser(commands: Any) -> None:
    """Declare the command's options; each is an argument of `gpugraph.testing.parity`, too."""
    parser = commands.add_parser(
        "parity",
        help="compare a run on two devices, op by op",
        usage="gpugraph parity [TARGET] [--devices A,B] [options] [-- arguments of the script]",
        description="Run a script or a network on two devices, walk the two graphs together, and "
        "name the first op that makes an error of its own. Exit code 0: every op is within its "
        "tolerance. 1: one isn't, or the runs differ. 2: there is no such device or target.",
    )
    parser.add_argument(
        "target",
        nargs="?",
        default="digitsnet",
        metavar="TARGET",
        help="script.py, file.py:network_or_function, or a network of gpugraph.models: "
        f"{', '.join(NETWORKS)} (default: digitsnet)",
    )
    parser.add_argument(
        "--devices",
        default="cpu,cuda",
        metavar="A,B",
        help="the reference, and the device that is judged (default: cpu,cuda; without a GPU "
        "cpu,sim runs the CUDA source on this CPU)",
    )
    parser.add_argument(
        "--steps", type=int, default=2, metavar="N", help="optimizer steps to compare (default: 2)"
    )
    parser.add_argument(
        "--input",
        action="append",
        metavar="4x1x28x28",
        help="shape of the made-up input of a network or function; again for a second one",
    )
    parser.add_argument("--seed", type=int, default=0, help="of all generators (default: 0)")
    parser.add_argument("--all", action="store_true", help="show every node, not the worst")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=_run, args=[])


def _run(args: argparse.Namespace) -> int:
    shapes = [shape_of(text) for text in args.input or ()]
    options = {"devices": args.devices, "steps": args.steps, "seed": args.seed}
    try:
        if args.target in NETWORKS and not args.args:
            named = network(args.target)
            random.seed(args.seed)
            inputs = drawn(shapes or [(BATCH, *named.tiny)], args.seed)
            report = parity(named.make(), *inputs, **options)
        elif ".py" in args.target or args.args:
            report = parity(args.target, input=shapes, args=args.args, **options)
        else:
            raise ArgumentError(
                f"parity: {args.target!r} is no script (file.py), no member of one (file.py:name), "
                f"and none of {', '.join(NETWORKS)}"
            )
    except DeviceError as error:  # asked for what isn't there
        print(f"gpugraph: {error}", file=sys.stderr)
        return 2
    print(json.dumps(report.to_dict(), indent=1) if args.json else report.table(args.all))
    return 0 if report.ok else 1


def shape_of(text: str, label: str = "parity") -> tuple[int, ...]:
    """4x1x28x28 as (4, 1, 28, 28)."""
    if not re.fullmatch(r"\d+(x\d+)*", text):
        raise ArgumentError(f"{label}: input {text!r} is no shape such as 4x1x28x28")
    return tuple(map(int, text.split("x")))
