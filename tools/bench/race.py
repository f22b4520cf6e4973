"""Worker processes, one for each side, that do the same work in turns."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from gpugraph.testing import tolerance

from .clock import ratios
from .work import Work

__all__ = ["SIDES", "MismatchError", "Pace", "Side", "Worker", "alternate", "check", "differences",
           "peaks", "race", "repeats", "sides"]  # fmt: skip

ROOT = Path(__file__).parent.parent.parent
SWITCH = "GPUGRAPH_CPU"
KINKS = 4


class MismatchError(Exception):
    """The sides did not do the same work, so their times say nothing."""


@dataclass(frozen=True)
class Side:
    """A library in a process of its own, with additions to the environment."""

    name: str
    library: str
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> str:
        """Why it can't run here, or nothing."""
        if self.library == "torch" and importlib.util.find_spec("torch") is None:
            return "PyTorch is not installed: pip install -e '.[peers]'"
        return ""


SIDES = {
    "torch": Side("torch", "torch"),
    "numpy": Side("numpy", "gpugraph", {SWITCH: "numpy"}),
    "compiled": Side("compiled", "gpugraph", {SWITCH: "compiled"}),
}


def sides(names: Iterable[str] = ("torch", "numpy")) -> list[Side]:
    """Those of the names that can run here; PyTorch, if it is there, first: the measure."""
    return [SIDES[name] for name in sorted(names, key="torch".__ne__) if not SIDES[name].missing]


@dataclass(frozen=True)
class Pace:
    """How long to measure.

    rounds  how often each side has its turn
    turn    seconds that a turn should take at least
    pause   seconds before each, for the threads of the side before to fall asleep
    threads of each side
    clock   "wall", or "cpu": what the processors spent, which others on the machine don't lengthen,
            but with several threads neither their waiting for each other nor their help shows
    """

    rounds: int = 15
    turn: float = 0.05
    pause: float = 0.1
    threads: int = os.cpu_count() or 1
    clock: str = "wall"


QUICK = Pace(rounds=3, turn=1e-3, pause=0.0, threads=1)


class Worker:
    """A side's process, started on entry and ended on exit of a `with` block."""

    def __init__(self, side: Side, threads: int) -> None:
        self.side = side
        self.environment = {
            **os.environ,
            **{f"{pool}_NUM_THREADS": str(threads) for pool in ("OMP", "OPENBLAS", "MKL")},
            "GPUGRAPH_DEVICE": "cpu",
            **side.environment,
        }

    def __enter__(self) -> Worker:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tools.bench.worker", self.side.library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=self.environment,
        )
        wanted = self.side.environment.get(SWITCH)
        if wanted:
            found = self.ask("about")["kernels"]
            if found != wanted:
                self.__exit__()
                raise MismatchError(f"{SWITCH}={wanted} was set, but gpugraph runs on {found}")
        return self

    def __exit__(self, *_: Any) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def ask(self, do: str, **request: Any) -> Any:
        """The answer to a request; RuntimeError with the worker's traceback if it failed."""
        assert self.process.stdin and self.process.stdout
        print(json.dumps({"do": do, **request}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker of {self.side.name} ended, {do} was asked")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.side.name}: {do} {request}\n{answer['error']}")
        return answer["ok"]


def bound(work: Work, dtype: str) -> float:
    """How far two right results may lie apart, relative to the largest number of the array.

    `layers` sums of `longest` terms, whose roundings are independent, one after the other.
    """
    return tolerance(dtype, work.longest * work.layers**2)


def differences(got: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, float]:
    """The largest error of each array, relative to its largest number."""
    if set(got) != set(wanted):
        raise MismatchError(f"of one side only: {', '.join(sorted(set(got) ^ set(wanted)))}")
    found = {}
    for name, right in wanted.items():
        if got[name].shape != right.shape:
            raise MismatchError(f"{name} has shape {got[name].shape}, not {right.shape}")
        error = np.abs(got[name].astype(float) - right.astype(float)).max(initial=0)
        found[name] = float(error / max(np.abs(right).max(initial=0), 1e-30))
    return found


def check(workers: Sequence[Worker], group: str, work: Work, quick: bool) -> dict[str, float]:
    """Let each do the work once in each dtype; the largest error in each, if they agree.

    In float64 roundings are far below what any other formula or option would change: there the
    sides are held against the first. float32 shows that the very thing that is timed does that
    work; it is held against the float64 of the first. It may be off by `KINKS` times what the first
    is off itself, too: where a rounding decides on which side of a kink of ReLU a number falls,
    gradients jump. The workers are left ready for float32.
    """
    worst = {}
    truth: dict[str, Any] = {}
    for dtype in ("float64", "float32"):
        worst[dtype], excused = 0.0, dict[str, float]()
        for worker in workers:
            told = _evidence(worker, group, work, quick, dtype)
            truth = truth or told
            try:
                errors = differences(told, truth)
                excused = excused or {name: KINKS * error for name, error in errors.items()}
                for name, error in errors.items():
                    allowed = max(bound(work, dtype), excused[name])
                    if not error <= allowed:  # also NaN
                        raise MismatchError(f"{name} is off by {error:.1e}, allowed {allowed:.1e}")
            except MismatchError as error:
                raise MismatchError(
                    f"{work.name}: {worker.side.name} and {workers[0].side.name} do not do the "
                    f"same in {dtype}: {error}"
                ) from None
            worst[dtype] = max(worst[dtype], *errors.values())
    return worst


def _evidence(worker: Worker, group: str, work: Work, quick: bool, dtype: str) -> dict[str, Any]:
    worker.ask("forget")
    worker.ask("prepare", group=group, name=work.name, quick=quick, dtype=dtype)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "evidence.npz"
        worker.ask("evidence", path=str(path))
        with np.load(path) as kept:
            return dict(kept)


def repeats(worker: Worker, run: str, pace: Pace) -> int:
    """How many runs fill a turn."""
    once = worker.ask("time", run=run, repeats=1)
    once = min(once, worker.ask("time", run=run, repeats=max(1, ceil(1e-3 / once))))
    return max(1, ceil(pace.turn / once))


def alternate(workers: Sequence[Worker], run: str, pace: Pace) -> list[list[float]]:
    """Seconds of one call, a list of rounds for each worker; every other round goes backwards."""
    counts = [repeats(worker, run, pace) for worker in workers]
    times: list[list[float]] = [[] for _ in workers]
    for turn in range(pace.rounds):
        order = range(len(workers)) if turn % 2 else reversed(range(len(workers)))
        for i in order:
            time.sleep(pace.pause)
            times[i].append(workers[i].ask("time", run=run, repeats=counts[i], clock=pace.clock))
    return times


def race(
    workers: Sequence[Worker], group: str, work: Work, quick: bool, pace: Pace
) -> dict[str, Any]:
    """One row: what the sides agree on, and their times, run by run."""
    errors = check(workers, group, work, quick)
    runs = workers[0].ask("prepare", group=group, name=work.name, quick=quick, dtype="float32")
    measure = workers[0].side.name
    row: dict[str, Any] = {"name": work.name, "errors": errors, "runs": {}}
    for run in runs:
        times = alternate(workers, run, pace)
        row["runs"][run] = {
            worker.side.name: {
                "ms": 1e3 * median(each),
                "shortest ms": 1e3 * min(each),
                **(ratios(times[0], each) if worker.side.name != measure else {}),
            }
            for worker, each in zip(workers, times)
        }
    return row


def peaks(
    these: Sequence[Side], group: str, work: Work, quick: bool, threads: int, steps: int = 3
) -> dict[str, int]:
    """Bytes that each side needs on top of a network and its inputs, in fresh processes."""
    found = {}
    for side in these:
        with Worker(side, threads) as worker:
            worker.ask("prepare", group=group, name=work.name, quick=quick, dtype="float32")
            found[side.name] = worker.ask("peak", steps=steps)
    return found
