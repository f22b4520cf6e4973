"""The same run on two devices, compared op by op: which op is the first to be wrong?

Both runs are written down (`trace`). Then each op is computed once more with the inputs exchanged,
so that two errors come apart which a look at the outputs can't tell from each other:

    error      = |yB - yA|             as they ran
    new        = |op on B (xA) - yA|   what this op does wrong, from the same inputs
    inherited  = |op on A (xB) - yA|   what comes of the inputs that it was given

where x and y are the inputs and outputs that the op had on each device. What B really gave is also
held against the op on A from B's own inputs: the larger of the two is the new error. A node fails
if its new error is over its tolerance (`rounding`); inherited error is nobody's fault but the
culprit's, and of an ill-conditioned network's.
"""

from __future__ import annotations

import contextvars
import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.backend import Device, cuda_reason, default_device
from ..core.errors import ArgumentError, DeviceError, GpugraphError
from ..core.state import observe
from ..cpu import disabled
from ..cuda import device as launching
from .parity_report import Node, Report
from .rounding import bounds, errors
from .targets import Lesson, NoLossError, Script, Stop, by_name, given, seeded
from .trace import Entry, Store, Trace

__all__ = ["ParityError", "parity"]


class ParityError(GpugraphError, RuntimeError):
    """The run that is to be compared fails by itself."""


@disabled()
def parity(
    target: Any,
    *inputs: Any,
    devices: Sequence[str] = ("cpu", "cuda"),
    steps: int = 2,
    seed: int = 0,
    input: Sequence[Sequence[int]] | None = None,
    args: Sequence[str] = (),
    loss: Callable[..., Any] | None = None,
    optimizer: Callable[..., Any] | None = None,
) -> Report:
    """Run something on two devices and compare every op: forward, gradients, optimizer steps.

    target     a function or a Module, called with the inputs; or a name: "script.py" (run as
               ``python script.py args`` would, with the default device set),
               or "file.py:name" (a network, its class, or a function)
    inputs     tensors or arrays for a function or Module; a function's floating ones get gradients
    devices    the reference, and the one that is judged: "cpu,cuda", or without a GPU "cpu,sim",
               where the CUDA source runs on the CPU. "cpu" is NumPy, without compiled kernels
    steps      optimizer steps to compare; a script that makes fewer is compared to its end
    seed       of gpugraph's, NumPy's and Python's global generators, at the start of each run
    input      for a name that is no script: shapes of its inputs, drawn from a normal distribution
    args       for a script: its arguments
    loss, optimizer   of a network's training: see `targets.Lesson`
    Returns a `Report`: ``.ok``, ``.first`` (the culprit), ``.nodes``, ``.to_dict()``, and a table
    when printed. Raises ParityError if the run fails on the reference, DeviceError if there is no
    such device, ArgumentError if there is nothing to compare.
    Every array of both runs is kept on the host: take a small batch.
    """
    a, b = _checked(devices)
    if steps < 1:
        raise ArgumentError(f"parity: steps={steps} must be at least 1")
    run: Script | Lesson
    lesson: dict[str, Any] = {"loss": loss, "optimizer": optimizer}
    if isinstance(target, (str, os.PathLike)):
        if inputs:
            raise ArgumentError("parity: inputs are for functions; for a name give input=[shape]")
        run = by_name(os.fspath(target), steps, input, seed, args, **lesson)
    else:
        label = getattr(target, "__name__", type(target).__name__)
        vary = not hasattr(target, "parameters")
        run = Lesson(label, given(target), lambda: inputs, steps, vary=vary, **lesson)
    store = Store()
    first = _record(run, a, store, steps, seed)
    if first.error is not None:
        raise ParityError(
            f"parity: {run.label} fails on {a}: {_said(first.error)}{_tail(run.printed)}"
        ) from first.error
    before = Counter(launching.launches), Counter(launching.fallbacks)
    second = _record(run, b, store, steps, seed)
    kernels = launching.launches - before[0]
    fallbacks = {f"{op}: {why}": n for (op, why), n in (launching.fallbacks - before[1]).items()}
    pairs, mismatch = _aligned(first, second)
    if second.error is None:
        _check_devices(run.label, first, second, a, b)
    else:
        mismatch = f"{mismatch or ''}{_tail(run.printed)}"
    spoilt, notes = _strays(pairs)
    return Report(
        target=run.label,
        devices=(a, b),
        steps=min(first.steps, second.steps),
        nodes=[_judge(i, x, y) for i, (x, y) in enumerate(pairs)],
        mismatch=mismatch or spoilt,
        notes=notes,
        kernels=dict(kernels),
        fallbacks=fallbacks,
    )


def _checked(devices: Sequence[str]) -> tuple[str, str]:
    names = devices.split(",") if isinstance(devices, str) else list(devices)
    if len(names) != 2:
        raise ArgumentError(f"parity: devices={names} must be two, such as cpu,sim")
    a, b = (Device(name) for name in names)
    for device in (a, b):
        if device.type == "meta":
            raise ArgumentError("parity: nothing is computed on meta; there is nothing to compare")
        reason = cuda_reason() if device.type == "cuda" else None
        if device.type == "sim":
            from ..cuda import sim

            reason = sim.why_not()
        if reason:
            cure = "; --devices cpu,sim runs the CUDA source on this CPU" * (device.type == "cuda")
            raise DeviceError(f"parity: no device {device}: {reason}{cure}")
    return str(a), str(b)


def _record(run: Script | Lesson, device: str, store: Store, steps: int, seed: int) -> Trace:
    """The trace of one run, in a context of its own: what it sets, it leaves behind."""
    trace = Trace(store, steps)

    def go() -> None:
        default_device(device)
        with observe(trace):
            run()

    with seeded(seed):
        try:
            contextvars.copy_context().run(go)
        except Stop:
            pass
        except NoLossError as error:
            raise ArgumentError(f"parity: {error}") from None
        except Exception as error:
            if isinstance(error, ArgumentError) and str(error).startswith("parity: "):
                raise  # there is no such target
            trace.error = error
    return trace


def _aligned(first: Trace, second: Trace) -> tuple[list[tuple[Entry, Entry]], str | None]:
    """The entries that both runs have, as far as they are the same run; and why no further.

    Moves and copies compute nothing; where one device needs a move, the other may need a copy.
    """
    ours, theirs = ([e for e in t.entries if not e.moves] for t in (first, second))
    pairs: list[tuple[Entry, Entry]] = []
    for i, (x, y) in enumerate(zip(ours, theirs)):
        if difference := _difference(x, y):
            where = f" at {x.where}" if x.where else ""
            where += f" and {y.where}" if y.where not in ("", x.where) else ""
            return pairs, f"the two runs part at node {i}{where}: {difference}"
        pairs.append((x, y))
    behind = f"behind node {len(pairs) - 1}" if pairs else "at its start"
    if second.error is not None:
        return pairs, f"{behind} the second run fails: {_said(second.error)}"
    if len(ours) != len(theirs):
        longer = max(ours, theirs, key=len)
        which = "first" if longer is ours else "second"
        more = f"{abs(len(ours) - len(theirs))} more: {longer[len(pairs)].call}"
        return pairs, f"{behind} the {which} run has {more}"
    return pairs, None


def _difference(x: Entry, y: Entry) -> str | None:
    """Why two entries are not the same call on arrays of the same shapes and dtypes."""
    if type(x.call) is not type(y.call):
        return f"{x.call} against {y.call}"
    if told := x.call.differs(y.call):
        return told
    for kind, ours, theirs in (("input", x.inputs, y.inputs), ("output", x.outputs, y.outputs)):
        specs = [[None if a is None else (a.shape, a.dtype) for a in s] for s in (ours, theirs)]
        if specs[0] != specs[1]:
            told, other = (", ".join(f"{d}{list(s)}" for s, d in filter(None, k)) for k in specs)
            return f"{kind}s of {x.call}: {told} against {other}"
    if (x.phase, x.order, x.step) != (y.phase, y.order, y.step):
        return f"{x.call} in {x.phase} of step {x.step} against {y.phase} of step {y.step}"
    return None


def _judge(index: int, x: Entry, y: Entry) -> Node:
    """Compare one call; the output and element that use most of their tolerance speak for it."""
    equal = all(p is q for p, q in zip(x.inputs, y.inputs))  # see Store
    given = x.outputs if equal else x.again(y.inputs)
    trials = [(y.outputs if equal else y.again(x.inputs), x.outputs, x.inputs)]
    if not equal:
        trials.append((y.outputs, given, y.inputs))
    totals = [errors(q, p) for q, p in zip(y.outputs, x.outputs)]
    found = []
    for got, want, inputs in trials:
        for k, bound in enumerate(bounds(x.call, inputs, want)):
            new, off = errors(got[k], want[k])
            at, used = _worst(off, totals[k][1], bound.limit)
            found.append((used, k, at, new, bound, got[k], want[k]))
    used, k, at, _, bound, got_, want_ = max(found, key=lambda f: f[0])
    number = bool(got_.size)
    return Node(
        index=index,
        op=repr(x.call),
        label=x.call.label,
        phase=x.phase,
        order=x.order,
        step=x.step,
        of=x.of,
        where=x.where,
        scope=x.scope,
        devices=(x.device, y.device),
        kernels=y.kernels,
        output=x.call.names(len(x.inputs), len(x.outputs))[1][k],
        shape=x.outputs[k].shape,
        dtype=x.outputs[k].dtype.name,
        error=totals[k][0],
        new=max((f[3] for f in found if f[1] == k), key=lambda e: e.abs),
        inherited=errors(given[k], x.outputs[k])[0],
        tolerance=float(bound.limit[at]) if number else 0.0,
        used=used,
        reason=bound.reason,
        short=bound.short,
        at=at,
        got=got_[at].item() if number else None,
        want=want_[at].item() if number else None,
    )


def _worst(new: Any, total: Any, limit: Any) -> tuple[tuple[int, ...], float]:
    """Where most of the tolerance is used, and how much of it; without new error, where most error
    is, or else the widest tolerance.
    """
    if not new.size:
        return (), 0.0
    with np.errstate(all="ignore"):
        used = np.where(new == 0, 0.0, new / limit)
    telling = next((e for e in (used, total, limit) if e.any()), used)
    at = np.unravel_index(int(telling.argmax()), used.shape)
    return tuple(map(int, at)), float(used[at])


def _strays(pairs: list[tuple[Entry, Entry]]) -> tuple[str | None, list[str]]:
    """Inputs that differ though no op made them differ: (memory written over, different data).

    Values are known by their copies (`Store`); numbers pass through Python, too, as from .item().
    """
    made: dict[int, list[tuple[int, int]]] = {}  # a value of the first run -> which outputs it is
    spoilt: str | None = None
    notes: list[str] = []
    for i, pair in enumerate(pairs):
        for k, (p, q) in enumerate(zip(*(entry.inputs for entry in pair))):
            if p is q or not p.ndim:
                continue
            origins = made.get(id(p), [])
            if any(pairs[j][1].outputs[n] is q for j, n in origins):
                continue
            call = pair[0].call
            name = call.names(len(pair[0].inputs), len(pair[0].outputs))[0][k]
            told = f"{name} of node {i} ({call.label}) differs by {errors(q, p)[0].abs:.1e}"
            if origins and spoilt is None:
                spoilt = (
                    f"{told} from what node {origins[-1][0]} made\nof it on the second device, and "
                    "no op changed it: does a kernel write outside of its arrays?"
                )
            elif not origins and not notes:
                notes.append(
                    f"{told} between the runs, and no op made it.\nIs all data seeded? "
                    "(What is computed outside of ops, as by clip_grad_norm_, may differ a little.)"
                )
        for n, y in enumerate(pair[0].outputs):
            made.setdefault(id(y), []).append((i, n))
    return spoilt, notes


def _check_devices(label: str, first: Trace, second: Trace, a: str, b: str) -> None:
    if not first.entries:
        raise ArgumentError(
            f"parity: {label} applies no op of gpugraph; there is nothing to compare"
        )
    for trace, device in ((first, a), (second, b)):
        if not any(e.device == device for e in trace.entries if not e.moves):
            raise ArgumentError(
                f"parity: {label}: with {device} as the default device nothing ran there; let the "
                "script make its tensors on the default device, and move none itself"
            )


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _tail(printed: str) -> str:
    lines = printed.strip().splitlines()[-5:]
    return "".join(f"\n  | {line}" for line in lines)
