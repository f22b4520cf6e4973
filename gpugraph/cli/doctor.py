"""``gpugraph doctor``: does a GPU compute here, and if not, which pip line mends it?"""

from __future__ import annotations

import argparse
import json
from typing import Any

from .. import cpu
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
        "there. Tells, too, what computes on the CPU.",
    )
    parser.add_argument("--json", action="store_true", help="print the same as JSON")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    report = doctor.report()
    threads = cpu.threads()  # compiles the kernels, if that is yet to be done
    reason = None if cpu.is_available() else cpu.why_not() or "the compiler failed, see above"
    if args.json:
        told = {**report.to_dict(), "cpu": {"compiled": reason is None, "reason": reason}}
        print(json.dumps(told, indent=1))
    else:
        how = f"NumPy: {reason}" if reason else f"compiled kernels, threads: {threads}"
        print(f"{report}\n\nCPU    {how}")
        if reason is None:
            print(f"       ops are applied by {_applied_by()}")
    return 0 if report.ok else 1


def _applied_by() -> str:
    reason = cpu.dispatch.why_not()
    return "C" if reason is None else f"Python: {reason}"
