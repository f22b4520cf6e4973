"""The command line: parse, call, print. Exit codes: 0 fine, 1 failed, 2 wrong use."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .. import __version__
from ..core.errors import ArgumentError, GpugraphError
from . import demo, doctor, learn, parity, summary, view

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, by default the one of the process; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="gpugraph",
        description="Autodiff for CuPy and NumPy arrays, with convolutional networks you can read.",
    )
    parser.add_argument("--version", action="version", version=f"gpugraph {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    demo.add_parser(commands)
    doctor.add_parser(commands)
    learn.add_parser(commands)
    parity.add_parser(commands)
    summary.add_parser(commands)
    view.add_parser(commands)
    words = list(sys.argv[1:] if argv is None else argv)
    cut = words.index("--") if "--" in words else len(words)
    args = parser.parse_args(words[:cut])
    if hasattr(args, "args"):  # a command that passes on what stands behind --
        args.args = words[cut + 1 :]
    elif cut < len(words):
        parser.error(f"nothing takes what stands behind --: {' '.join(words[cut + 1 :])}")
    try:
        return args.run(args) or 0
    except BrokenPipeError:  # whoever reads has enough, as in "| head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (GpugraphError, ImportError, OSError) as error:
        print(f"gpugraph: {error}", file=sys.stderr)
        return 2 if isinstance(error, ArgumentError) else 1
    except KeyboardInterrupt:
        print("gpugraph: interrupted", file=sys.stderr)
        return 1
