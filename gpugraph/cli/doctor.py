"""``gpugraph doctor``: does a GPU compute here, and if not, which pip line mends it?"""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..cuda import doctor

__all__: list[str] = []


def add_parser(commands: Any) -> None:
    """Declare the command; `gpugraph.cuda.doctor.report` is the same in Python."""
    parser = commands.add_parser(
        "doctor",
        help="does a GPU compute here, and if not, what mends it?",
        description="Examine driver, GPU, CuPy and CUDA's libraries, and name the first that "
        "fails, with its cure. Exit code 0: a GPU computes, or there is none and nothing is "
        "broken. 1: something installed doesn't work, or GPUGRAPH_DEVICE asks for what is not "
        "there.",
    )
    parser.add_argument("--json", action="store_true", help="print the same as JSON")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    report = doctor.report()
    print(json.dumps(report.to_dict(), indent=1) if args.json else report)
    return 0 if report.ok else 1
