"""Runs the groups: what is measured, in which order, and what is kept of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from fnmatch import fnmatch
from typing import Any

from . import growth, ops, steps
from .clock import fit
from .race import MismatchError, Pace, Side, Worker, check, peaks, race, repeats

__all__ = ["RUN"]


def told(text: str) -> None:
    """A line for who waits."""
    print(text, file=sys.stderr, flush=True)


def _rows(
    group: str, works: Sequence[Any], these: Sequence[Side], quick: bool, pace: Pace, only: str
) -> list[dict[str, Any]]:
    rows = []
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(side, pace.threads)) for side in these]
        for work in works:
            if not fnmatch(work.name, only):
                continue
            try:
                row = race(workers, group, work, quick, pace)
            except MismatchError as error:
                row = {"name": work.name, "mismatch": str(error)}
            rows.append(row)
            told(f"{group}: {work.name} {row.get('mismatch', '')}")
    return rows


def ops_rows(these: Sequence[Side], quick: bool, pace: Pace, only: str = "*") -> dict[str, Any]:
    """Group `ops`."""
    return {"rows": _rows("ops", ops.works(quick), these, quick, pace, only)}


def steps_rows(these: Sequence[Side], quick: bool, pace: Pace, only: str = "*") -> dict[str, Any]:
    """Group `steps`, with the peak memory of each."""
    works = steps.works(quick)
    rows = _rows("steps", works, these, quick, pace, only)
    for row in rows:
        if "mismatch" not in row:
            work = next(w for w in works if w.name == row["name"])
            row["peak"] = _peaks_if_known(these, "steps", work, quick, pace.threads)
    return {"rows": rows}


def _peaks_if_known(
    these: Sequence[Side], group: str, work: Any, quick: bool, threads: int
) -> dict[str, int]:
    """Empty where the system has no /proc/self/status."""
    return peaks(these, group, work, quick, threads) if sys.platform == "linux" else {}


def grow(these: Sequence[Side], quick: bool, pace: Pace, only: str = "*") -> dict[str, Any]:
    """Group `growth`: the points of each sweep, and the lines through them.

    Rounds go over all points, so that a slow spell of the machine falls on all alike. The line goes
    through the shortest times, which others on the machine have disturbed least.
    """
    works = {w.name: w for w in growth.works(quick)}
    points: dict[str, dict[str, Any]] = {name: {} for name in works}
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(side, pace.threads)) for side in these]
        for sweep, values in growth.sweeps(quick).items():
            check(workers, "growth", works[f"{sweep} {values[0]}"], quick)
        for worker, times in zip(workers, _times(workers, list(works), quick, pace)):
            for name, each in times.items():
                points[name][worker.side.name] = {"ms": 1e3 * min(each)}
    told("growth: times")
    for name, work in works.items():
        for side, peak in _peaks_if_known(these, "growth", work, quick, pace.threads).items():
            points[name][side]["peak MB"] = peak / 1e6
    told("growth: memory")
    sweeps = {}
    for sweep, values in growth.sweeps(quick).items():
        series: dict[str, Any] = {}
        for side in these:
            found = [points[f"{sweep} {v}"][side.name] for v in values]
            series[side.name] = {
                what: {"points": [p[what] for p in found],
                       "fit": fit(values, [p[what] for p in found])._asdict()}
                for what in found[0]
            }  # fmt: skip
        sweeps[sweep] = {"values": list(values), "sides": series}
    return {"sweeps": sweeps}


def _times(
    workers: Sequence[Worker], names: Sequence[str], quick: bool, pace: Pace
) -> list[dict[str, list[float]]]:
    """Seconds of a step of each worker, by name, a list of rounds."""
    counts: list[dict[str, int]] = []
    for worker in workers:
        worker.ask("forget")
        counts.append({})
        for name in names:
            worker.ask("prepare", group="growth", name=name, quick=quick, dtype="float32")
            counts[-1][name] = repeats(worker, "step", pace)
    times: list[dict[str, list[float]]] = [{name: [] for name in names} for _ in workers]
    for _ in range(pace.rounds):
        for worker, count, found in zip(workers, counts, times):
            time.sleep(pace.pause)
            for name in names:
                worker.ask("again", group="growth", name=name)
                found[name].append(
                    worker.ask("time", run="step", repeats=count[name], clock=pace.clock)
                )
    return times


def shares(these: Sequence[Side], quick: bool, pace: Pace, only: str = "*") -> dict[str, Any]:
    """Group `spent`: the ops of each training step by the time they take, in gpugraph's sides."""
    rows = []
    for side in these:
        if side.library != "gpugraph":
            continue
        with Worker(side, pace.threads) as worker:
            for work in steps.works(quick):
                if fnmatch(work.name, only):
                    worker.ask(
                        "prepare", group="steps", name=work.name, quick=quick, dtype="float32"
                    )
                    found = worker.ask("spent", times=pace.rounds, clock=pace.clock)
                    rows.append({"name": work.name, "side": side.name, "spent": found})
                    worker.ask("forget")
    return {"rows": rows}


def memories(these: Sequence[Side], quick: bool, pace: Pace, only: str = "*") -> dict[str, Any]:
    """Group `memory`: each training step of gpugraph's sides, in a fresh process, and its growth
    in another."""
    rows = []
    for side in these:
        if side.library != "gpugraph":
            continue
        for work in steps.works(quick):
            if fnmatch(work.name, only):
                with Worker(side, pace.threads) as worker:
                    row = worker.ask("memory", name=work.name, quick=quick)
                found = _peaks_if_known([side], "steps", work, quick, pace.threads)
                if side.name in found:
                    row["measured"]["growth"] = found[side.name]
                rows.append({"name": work.name, "side": side.name, **row})
                told(f"memory: {work.name}, {side.name}")
    return {"rows": rows}


RUN: dict[str, Callable[..., dict[str, Any]]] = {
    "ops": ops_rows,
    "steps": steps_rows,
    "growth": grow,
    "spent": shares,
    "memory": memories,
}
