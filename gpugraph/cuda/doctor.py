"""Why the GPU computes, or what keeps it from it: `report()`, and ``gpugraph doctor``.

The stages of `checks` are examined each on its own, so the first that fails is the cause, and has
its cure. A stage that fails is "broken" if something installed doesn't work: a mixed or unusable
CuPy anywhere, and anything else where there are both a GPU and CuPy, or where GPUGRAPH_DEVICE asks
for a GPU. Else it is "missing": a machine without GPU, or a GPU for which nobody installed CuPy,
is in order, and computes on the CPU.
"""

from __future__ import annotations

import os
import platform
import textwrap
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..core.op import REGISTRY
from . import checks

__all__ = ["Report", "Stage", "report"]

VARIABLES = ("GPUGRAPH_DEVICE", "CUDA_PATH", "CUDA_VISIBLE_DEVICES")


@dataclass(frozen=True)
class Stage:
    """One thing examined: its `state` is "ok", "missing", "broken" or "not tried"."""

    name: str
    state: str
    found: str
    cure: str = ""


@dataclass(frozen=True)
class Report:
    """What was found; prints as a table.

    versions     of gpugraph, Python, NumPy and the system
    environment  the variables that matter here; None where unset
    stages       in order; see `Stage`
    gpus         device, name, compute_capability, total and free memory in bytes (free is None
                 if CuPy can't tell)
    simulator    why CUDA kernels can't be run on the CPU; None if they can
    """

    versions: dict[str, str]
    environment: dict[str, str | None]
    stages: tuple[Stage, ...]
    gpus: tuple[dict[str, Any], ...]
    simulator: str | None

    @property
    def ok(self) -> bool:
        """Is nothing broken? Then ``gpugraph doctor`` exits with 0, else with 1."""
        return all(stage.state != "broken" for stage in self.stages)

    @property
    def available(self) -> bool:
        """Does a GPU compute the right numbers?"""
        good = {stage.name for stage in self.stages if stage.state == "ok"}
        return {"kernel", "product"} <= good

    @property
    def _first(self) -> Stage | None:
        failed = [stage for stage in self.stages if stage.state in ("broken", "missing")]
        return next((stage for stage in failed if stage.state == "broken"), (*failed, None)[0])

    @property
    def cause(self) -> str | None:
        """The first stage that is broken, else missing, and how; None if none is."""
        return f"{self._first.name}: {self._first.found}" if self._first else None

    @property
    def cure(self) -> str | None:
        """The pip line that mends the cause, or what does instead; None if there is no cause."""
        return self._first.cure if self._first else None

    @property
    def device(self) -> str | None:
        """The default device before anyone sets another; None if GPUGRAPH_DEVICE is at fault."""
        last = self.stages[-1]
        return last.found.partition(" ")[0] if last.state == "ok" else None

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """What runs where, in words."""
        if self.available:
            own = sorted(op.label for op in REGISTRY.values() if op.cuda is not None)
            return (
                f"{len(own)} ops run gpugraph's kernels: {', '.join(own)}",
                "the others run CuPy's functions, and so do these on dtypes without a kernel",
            )
        kernels = "don't run" if self.simulator else "run in the simulator, with device='sim'"
        return ("arrays are NumPy's, and every op computes on the CPU", f"CUDA kernels {kernels}")

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON takes it."""
        derived = "ok available cause cure device fallbacks".split()
        return {name: getattr(self, name) for name in derived} | asdict(self)

    def __str__(self) -> str:
        rows = [(stage.name, stage.state, stage.found) for stage in self.stages]
        rows.append(("simulator", "missing" if self.simulator else "ok", self.simulator or "runs"))
        rows += [(gpu["device"], "", _described(gpu)) for gpu in self.gpus]
        rows += [(name, "", value) for name, value in self.environment.items() if value]
        rows += [("", "", line) for line in self.fallbacks]
        lines = [", ".join(f"{name} {version}" for name, version in self.versions.items()), ""]
        for name, state, found in rows:
            start = f"  {name:<18} {state:<10} "
            lines += textwrap.wrap(
                found,
                100,
                initial_indent=start,
                subsequent_indent=" " * len(start),
                break_long_words=False,
                break_on_hyphens=False,
            )
        if self.cause:
            lines += ["", f"cause  {self.cause}", f"cure   {self.cure}"]
        return "\n".join(lines)


def _described(gpu: dict[str, Any]) -> str:
    free = "" if gpu["free"] is None else f", {gpu['free'] / 2**30:.1f} GiB of it free"
    return (
        f"{gpu['name']}, compute capability {gpu['compute_capability']}, "
        f"{gpu['total'] / 2**30:.1f} GiB{free}"
    )


def report() -> Report:
    """Examine this machine for real: seconds, more of them the first time a GPU is used.

    CUDA is initialised in this process, so fork (if you must) before.
    """
    from .. import __version__

    machine = checks.Machine.look()
    stages = tuple(_examine(machine, name, check) for name, check in checks.STAGES.items())
    gpus = tuple(
        {
            "device": f"cuda:{i}",
            "name": gpu.name,
            "compute_capability": "{}.{}".format(*gpu.capability),
            "total": gpu.total,
            "free": machine.free.get(i),
        }
        for i, gpu in enumerate(machine.driver.gpus)
    )
    versions = {
        "gpugraph": __version__,
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "on": platform.platform(),
    }
    environment = {name: os.environ.get(name) for name in VARIABLES}
    return Report(versions, environment, stages, gpus, checks.simulator())


def _examine(machine: checks.Machine, name: str, check: Callable[[checks.Machine], str]) -> Stage:
    try:
        found = check(machine)
    except checks.NotTriedError as reason:
        return Stage(name, "not tried", str(reason))
    except checks.FaultError as fault:
        broken = fault.always or machine.expected
        return Stage(name, "broken" if broken else "missing", fault.found, fault.cure)
    except Exception as error:  # a diagnosis doesn't die of what it finds
        return Stage(name, "broken", checks.said(error), checks.SEE)
    machine.good.add(name)
    return Stage(name, "ok", found)
