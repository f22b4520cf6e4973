"""A process with one library in it: does work when told to, and otherwise sleeps.

Reads requests from its standard input and answers on its standard output, a line of JSON each.
What the libraries print goes to the standard error.

    {"do": "about"}
    {"do": "prepare", "group": "ops", "name": "relu", "quick": false, "dtype": "float32"}
    {"do": "evidence", "path": "x.npz"}
    {"do": "time", "run": "forward", "repeats": 5}
    {"do": "peak", "steps": 3}
    {"do": "memory", "name": "LeNet-5, batch 64", "quick": false}
    {"do": "spent", "times": 5}
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from . import steps
from .clock import seconds
from .library import Library, library
from .work import Ready, TrainingStep

STATUS = Path("/proc/self/status")


class Server:
    """Answers requests about one library; keeps what was prepared, by (group, name)."""

    def __init__(self, lib: Library) -> None:
        self.lib = lib
        self.kept: dict[tuple[str, str], Ready] = {}
        self.now: Any = None

    def about(self) -> dict[str, Any]:
        """What runs here."""
        return self.lib.about()

    def prepare(self, group: str, name: str, quick: bool, dtype: str) -> list[str]:
        """Set work up, and make it the one that is meant from now on; the names of its runs."""
        works = import_module(f"tools.bench.{group}").works(quick)
        work = next(w for w in works if w.name == name)
        self.now = None
        self.kept[group, name] = self.now = work.ready(self.lib, dtype)
        return list(self.now.runs)

    def again(self, group: str, name: str) -> None:
        """Work prepared before is meant from now on."""
        self.now = self.kept[group, name]

    def forget(self) -> None:
        """Let go of everything prepared."""
        self.now = None
        self.kept.clear()
        gc.collect()

    def evidence(self, path: str) -> None:
        """Do the work once and write what must be equal."""
        np.savez(path, **self.now.evidence())

    def time(self, run: str, repeats: int, clock: str = "wall") -> float:
        """Seconds of one run, after one that nobody times: it wakes threads and fills caches."""
        f = self.now.runs[run]
        f()
        return seconds(f, repeats, clock)

    def peak(self, steps: int) -> int:
        """Bytes by which the process grew at most, in some runs; only a fresh process can tell."""
        (f,) = self.now.runs.values()
        with Peak() as peak:
            for _ in range(steps):
                f()
        return peak.bytes

    def memory(self, name: str, quick: bool) -> dict[str, dict[str, Any]]:
        """What gpugraph says a training step takes, and what it takes."""
        from .memory import measured, predicted

        work = next(w for w in steps.works(quick) if w.name == name)
        assert isinstance(work, TrainingStep)
        return {"predicted": predicted(work), "measured": measured(work)}

    def spent(self, times: int, clock: str = "wall") -> dict[str, dict[str, float]]:
        """Where the time of gpugraph's step goes."""
        from .spent import spent

        (f,) = self.now.runs.values()
        return spent(f, times, clock)


def _status(field: str) -> int:
    """A size of this process in bytes: VmRSS, or VmHWM, the largest it was."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field + ":"))
    return 1024 * int(line.split()[1])


class Peak:
    """The largest resident size inside the block, minus that before it.

    Only a fresh process can tell: what others let go of in the meantime hides what is new.
    Linux keeps the largest size, and forgets it when asked to. Where it can't be asked, the size is
    read every millisecond, which may miss what lives shorter.
    """

    bytes = 0

    def __enter__(self) -> Peak:
        gc.collect()
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            self.done = threading.Event()
            self.sampler = threading.Thread(target=self._sample)
            self.most = 0
        else:
            self.done = None  # type: ignore[assignment]
        self.before = _status("VmRSS")
        if self.done:
            self.sampler.start()
        return self

    def _sample(self) -> None:
        while not self.done.is_set():
            self.most = max(self.most, _status("VmRSS"))
            time.sleep(1e-3)

    def __exit__(self, *_: Any) -> None:
        if self.done:
            self.done.set()
            self.sampler.join()
        self.bytes = (self.most if self.done else _status("VmHWM")) - self.before


def main() -> None:
    """Serve until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what anybody prints
    server = Server(library(sys.argv[1]))
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"ok": getattr(server, request.pop("do"))(**request)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
