"""Part `tests`: the tests marked `gpu`, in a process of their own, read line by line.

An item is a test function; its parameters are counted, and those that fail are named.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import time
from collections.abc import Iterator
from typing import Any

from .setting import ROOT, Setting, right, wrong
from .supervise import environment, started

__all__ = ["Reader", "items", "run"]

FILE = "tests/test_gpu.py"
COMMAND = [
    sys.executable, "-m", "pytest", "-m", "gpu", "-v", "-rf", "--tb=short", "--color=no",
    "-p", "no:cacheprovider", "-o", "console_output_style=classic",
]  # fmt: skip
LINE = re.compile(r"^(\S+?)::(\w+)(\[.*\])? (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)(.*)")
SUMMARY = re.compile(r"^(?:FAILED|ERROR) \S+?::(\w+)(\[.*?\])?(?: - (.*))?$")


def items(setting: Setting) -> list[str]:
    """The test functions of the file, in its order."""
    tree = ast.parse((ROOT / FILE).read_text(encoding="utf-8"))
    functions = (node.name for node in tree.body if isinstance(node, ast.FunctionDef))
    return [name for name in functions if name.startswith("test_")]


def run(setting: Setting, names: list[str], seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run them all; those that didn't get their turn in time are left out."""
    end = time.monotonic() + seconds
    if importlib.util.find_spec("pytest") is None:
        for name in names:
            yield name, {"state": "skipped", "reason": "pytest is not installed"}
        return
    if setting.device == "cpu":
        for name in names:
            yield name, {"state": "skipped", "reason": "the CPU is no other device than itself"}
        return
    if not names:
        return
    rehearsed = {"GPUGRAPH_REHEARSE_GPU": setting.device} if setting.rehearsal else {}
    command = [*COMMAND, *(f"{FILE}::{name}" for name in names)]
    with started(command, env=environment(COLUMNS="400", **rehearsed)) as process:

        def lines() -> Iterator[str]:
            while (line := process.next(end - time.monotonic())) is not None:
                yield line

        reader = Reader()
        try:
            for line in lines():
                yield from reader.read(line)
        except TimeoutError:
            yield from reader.last(cut_off=True)
            return
        yield from reader.last()
        if (how := process.ended()) and process.process.returncode not in (0, 1):
            yield "pytest itself", wrong(f"it ended with {how}")


class Reader:
    """Makes results of pytest's lines."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Any]] = {}
        self.current = ""

    def read(self, line: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """(function, result), when the next one begins; and again for what the summary explains."""
        if match := LINE.match(line):
            _, name, parameters, outcome, rest = match.groups()
            if name != self.current:
                yield from self.last()
                self.current = name
            self._count(name, parameters or "", outcome, rest)
        elif match := SUMMARY.match(line):
            name, parameters, message = match.groups()
            if name in self.found:
                self.found[name]["failures"][parameters or ""] = message or ""
                yield name, self._result(name)

    def last(self, cut_off: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
        """The result of the function that is running; cut_off: not of all its parameters."""
        if self.current:
            if cut_off:
                self.found[self.current]["cut off"] = True
            yield self.current, self._result(self.current)

    def _count(self, name: str, parameters: str, outcome: str, rest: str) -> None:
        found = self.found.setdefault(
            name, {"passed": 0, "failed": 0, "skipped": 0, "failures": {}, "reasons": {}}
        )
        if outcome in ("PASSED", "XFAIL"):
            found["passed"] += 1
        elif outcome == "SKIPPED":
            found["skipped"] += 1
            reason = re.sub(r"\[ *\d+%\]$", "", rest).strip().strip("()") or "no reason"
            found["reasons"][reason] = found["reasons"].get(reason, 0) + 1
        else:
            found["failed"] += 1
            found["failures"][parameters] = ""

    def _result(self, name: str) -> dict[str, Any]:
        found = self.found[name]
        if found["failed"]:
            told = [f"{at} {message}".strip() for at, message in found["failures"].items()]
            return wrong(f"{found['failed']} failed: {'; '.join(told[:3])}"[:1500], **found)
        if found["skipped"] and not found["passed"]:
            return {"state": "skipped", "reason": next(iter(found["reasons"])), **found}
        return right(**found)
