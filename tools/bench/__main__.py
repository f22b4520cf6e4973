"""The command line of the suite."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

GROUPS = ("overhead", "ops", "steps", "growth", "spent", "memory", "sizes")


def main(argv: list[str] | None = None) -> int:
    """Run the groups named on the command line; 1 if something was wrong with the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench", description="gpugraph against PyTorch on the CPU"
    )
    parser.add_argument("groups", nargs="+", choices=[*GROUPS, "all"], metavar="GROUP",
                        help=f"{', '.join(GROUPS)}, or all")  # fmt: skip
    parser.add_argument("--write", type=Path, metavar="FOLDER",
                        help="also write GROUP.json, .md and .svg there")  # fmt: skip
    parser.add_argument("--only", default="*", metavar="PATTERN", help='rows, as in "conv*"')
    parser.add_argument("--sides", nargs="+", default=["torch", "numpy"],
                        choices=["torch", "numpy", "compiled"],
                        help="PyTorch, gpugraph on NumPy, on compiled kernels")  # fmt: skip
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of each side")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall",
                        help="cpu: for one thread on a busy machine")  # fmt: skip
    parser.add_argument("--rounds", type=int, help="turns of each side")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does the suite work?")
    args = parser.parse_args(argv)
    wrong = False
    for group in GROUPS if "all" in args.groups else dict.fromkeys(args.groups):
        found, text, files = run(group, args)
        print(text)
        if args.write:
            args.write.mkdir(parents=True, exist_ok=True)
            kept = {"about": about(args, group), group: found}
            files |= {f"{group}.md": text, f"{group}.json": json.dumps(kept, indent=1) + "\n"}
            for name, content in files.items():
                (args.write / name).write_text(content, encoding="utf-8")
        wrong |= complain(group, found)
    return int(wrong)


def about(args: argparse.Namespace, group: str) -> dict[str, Any]:
    """What the figures depend on."""
    import numpy

    import gpugraph

    facts = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "gpugraph": gpugraph.__version__,
    }
    if group not in ("overhead", "sizes"):
        from .race import sides

        facts["threads"], facts["clock"] = args.threads, args.clock
        if any(side.name == "torch" for side in sides(args.sides)):
            from importlib.metadata import version

            facts["torch"] = version("torch")
    return facts


def run(group: str, args: argparse.Namespace) -> tuple[dict[str, Any], str, dict[str, str]]:
    """Figures of a group, its Markdown, and its charts by file name."""
    if group == "overhead":
        from . import overhead

        found = overhead.overhead(args.quick)
        return found, overhead.markdown(about(args, group), found), {}
    from .groups import RUN
    from .race import QUICK, SIDES, Pace, sides
    from .report import charts, markdown
    from .sizes import sizes

    if group == "sizes":
        found = sizes(args.quick)
    else:
        pace = replace(QUICK if args.quick else Pace(), threads=args.threads, clock=args.clock)
        if args.rounds:
            pace = replace(pace, rounds=args.rounds)
        for name in args.sides:
            if SIDES[name].missing:
                print(SIDES[name].missing, file=sys.stderr)
        found = RUN[group](sides(args.sides), args.quick, pace, args.only)
    return found, markdown(group, about(args, group), found), charts(group, found)


def complain(group: str, found: dict[str, Any]) -> bool:
    """Say what no figure may be, and whether there was any."""
    wrong = [row["mismatch"] for row in found.get("rows", ()) if "mismatch" in row]
    if group == "sizes":
        if found["MB"] > found["limit MB"]:
            wrong.append(f"installed size {found['MB']:.1f} MB is over {found['limit MB']} MB")
        if found["import"]["extra"] > found["limit seconds"]:
            wrong.append(f"importing takes {found['import']['extra']:.3f} s longer than NumPy")
    for line in wrong:
        print(line, file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
