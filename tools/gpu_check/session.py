"""One run: which parts, with how much time each, and what becomes of the results."""

from __future__ import annotations

import argparse
import datetime
import importlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import doctor, report
from .device import DEVICES
from .results import Results, file_stem
from .setting import ROOT, Setting
from .supervise import supervise

__all__ = ["PARTS", "budget", "main", "run_part"]

# Shares of the time, in seconds if all parts run. What one doesn't need, the later ones get.
PARTS = {
    "doctor": 20.0,
    "kernels": 90.0,
    "tests": 100.0,
    "sanitizer": 80.0,
    "parity": 40.0,
    "bench": 130.0,
    "train": 90.0,
}
MINUTES = 9.5  # a run on a borrowed machine has ten


def budget(part: str, remaining: Sequence[str], seconds: float) -> float:
    """The seconds for this part, of those left for all remaining ones, itself among them."""
    return seconds * PARTS[part] / sum(PARTS[name] for name in remaining)


def run_part(
    name: str, part: Any, setting: Setting, results: Results, seconds: float, *,
    resume: bool = False, clock: Callable[[], float] = time.monotonic,
) -> None:  # fmt: skip
    """Run one part for that long at most; whatever happens in it, the run goes on."""
    start, note = clock(), ""
    names = setting.chosen(part.items(setting)) if name != "doctor" else part.items(setting)
    names = results.begin(name, names, seconds, resume)
    try:
        if hasattr(part, "run"):
            found = part.run(setting, names, seconds)
        else:
            request = {"part": name, "device": setting.device}
            found = supervise(request, names, seconds)
        for item, result in found:
            results.add(name, item, result)
            _say(f"  {name}: {item}: {_brief(result)}")
    except Exception as error:
        note = f"{type(error).__name__}: {error}"
        results.add(name, "the part itself", {"state": "wrong", "error": note})
    results.finish(name, clock() - start, note)
    left = results.parts[name]["left_out"]
    if left:
        _say(f"  {name}: left out: {len(left)} items ({', '.join(left[:5])}...)")


def _brief(result: dict[str, Any]) -> str:
    told = result.get("error") or result.get("reason") or ""
    seconds = f" ({result['seconds']:.1f} s)" if "seconds" in result else ""
    return f"{result['state']}{seconds}" + (f": {told[:200]}" if told else "")


def _say(line: str) -> None:
    print(line, flush=True)


def _commit() -> str:
    """The commit that is checked out, "" outside of a repository."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def open_results(setting: Setting, folder: Path | None, found: dict[str, Any]) -> Results:
    """The file that carries the date and the GPU's name. found: what `doctor.report` says."""
    told = found.get("report", {})
    gpu = told["gpus"][0]["name"] if told.get("gpus") else ""
    today = datetime.date.today().isoformat()
    about = {
        "rehearsal": setting.rehearsal,
        "device": setting.device,
        "gpu": gpu,
        "date": today,
        "commit": _commit(),
        "versions": {**told.get("versions", {}), **found.get("packages", {})},
    }
    name = file_stem(setting.device, today, gpu) + ".json"
    return Results((folder or _folder(setting)) / name, about)


def _folder(setting: Setting) -> Path:
    """Where results go by default: into the repository if they are any."""
    if setting.rehearsal:
        return Path(tempfile.gettempdir()) / "gpugraph-rehearsal"
    return ROOT / "benchmarks" / "gpu"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m tools.gpu_check",
        description="Check gpugraph on a GPU and compare it with PyTorch. Exit status 0: all that "
        "ran is right. 1: something is wrong. 2: there is no GPU.",
    )
    p.add_argument("--part", action="append", choices=list(PARTS), help="repeatable; default all")
    p.add_argument("--only", action="append", default=[], help="a pattern of items, as 'Conv*'")
    p.add_argument("--device", default="cuda", choices=list(DEVICES), help="not cuda: a rehearsal")
    p.add_argument("--minutes", type=float, default=MINUTES, help=f"for all parts, {MINUTES}")
    p.add_argument("--out", type=Path, help="folder for the results; default benchmarks/gpu")
    p.add_argument("--resume", action="store_true", help="keep what the same file has already")
    return p


def main(argv: Sequence[str] | None = None, clock: Callable[[], float] = time.monotonic) -> int:
    """Run the parts asked for; the exit status."""
    args = parser().parse_args(argv)
    end = clock() + 60 * args.minutes
    setting = Setting(args.device, tuple(args.only))
    found = doctor.report(setting)
    if found["state"] == "wrong" and not setting.rehearsal:
        _say(f"gpu_check: no GPU to check: {found['error']}")
        _say("Without one, --device sim rehearses all of it in the simulator.")
        return 2
    results = open_results(setting, args.out, found)
    _say(f"gpu_check: {results.about['gpu'] or setting.device}; results in {results.path}")
    remaining = [name for name in PARTS if name == "doctor" or name in (args.part or PARTS)]
    while remaining:
        name, seconds = remaining[0], budget(remaining[0], remaining, end - clock())
        _say(f"{name}: {seconds:.0f} s at most")
        part = importlib.import_module(f"{__package__}.{name}")
        run_part(name, part, setting, results, seconds, resume=args.resume, clock=clock)
        report.write(results)
        remaining.pop(0)
    for line in results.wrong:
        _say(f"WRONG {line[:300]}")
    _say(f"{len(results.wrong)} wrong; see {results.path.with_suffix('.md')}")
    return 1 if results.wrong else 0
