"""Dispatch: run an op on its inputs and record it. The one place where both happen.

`gpugraph.cpu.dispatch` may put a compiled `apply` in the place of this one, which does the same:
what changes in `apply` or `_record` changes in ``cpu/src/python``, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import anomaly, backend
from .backend import META, Array, MetaArray
from .errors import GpugraphError
from .frames import user_frame
from .graph import new_node
from .inputs import as_tensors, refuse_complex
from .op import Op, Spec
from .state import STATE, State
from .tensor import CheckedSaved, Saved, Tensor, is_floating, wrap

__all__ = ["apply"]

_ndarray = np.ndarray
_state = STATE.get


def apply(op: Op, *inputs: Any) -> Any:
    """Run op on tensors, arrays and numbers; record it if a gradient may be asked for.

    Returns a Tensor, or a tuple of them if the op has several outputs. Python and NumPy scalars are
    weak: they take the dtype of the tensors beside them. None stands for an absent optional input.
    """
    state = _state()
    if state.casting is not None:
        inputs = state.casting(op, inputs)
    arrays = []
    watched = False
    on_numpy: bool | None = True
    try:
        for x in inputs:
            array = x.array
            if type(array) is not _ndarray:
                on_numpy = False
            arrays.append(array)
            if x.edge is not None:
                watched = True
    except AttributeError:  # not all are tensors
        on_numpy = None
    if on_numpy is None:  # outside the except block, so that errors don't show two tracebacks
        return apply(op, *as_tensors(op, inputs))

    for observer in state.observers:
        observer.applying(op, arrays)
    try:
        if on_numpy and op.plain:  # spelled out, since *arrays would take as long as the rest
            if len(arrays) == 2:
                out = op.forward(np, arrays[0], arrays[1])
            elif len(arrays) == 1:
                out = op.forward(np, arrays[0])
            else:
                out = op.forward(np, *arrays)
        else:
            out = _run(op, arrays, on_numpy)
    except (ValueError, TypeError, IndexError, GpugraphError) as error:
        raise _explained(op, arrays, error) from None

    if type(out) is tuple:
        ys = tuple([wrap(_as_array(y, arrays)) for y in out])
    else:
        ys = (wrap(out if type(out) is _ndarray else _as_array(out, arrays)),)
    if op.view:
        for y in ys:
            _share(inputs[0], y)
    if watched and state.recording and op.differentiable:
        _record(op, inputs, ys, state)
    for observer in state.observers:
        observer.applied(op, arrays, ys)
    return ys if type(out) is tuple else ys[0]


def _as_array(x: Any, arrays: list[Array]) -> Array:
    """NumPy gives a scalar where the result has no axes; tensors hold 0-d arrays.

    What comes of bare scalars alone stays one: beside arrays of a GPU it must fit anywhere, too.
    """
    if backend.is_array(x) or not any(isinstance(a, np.ndarray) for a in arrays):
        return x
    return np.asarray(x)


def _record(op: Op, inputs: tuple[Any, ...], outs: tuple[Tensor, ...], state: State) -> None:
    """Make the node of this call, with what its rules will read, and tie the outputs to it."""
    sources: list[Any] = []
    out_specs: list[Any] = []
    mask = 1  # a leading 1, then a bit for each input: does it need a gradient?
    for x in inputs:
        edge = x.edge
        if edge is not None:
            mask += mask + 1
            sources.append(edge)
        else:
            mask += mask
            array = x.array
            sources.append(None if array is None else (array.shape, array.dtype))
    plan = op.plans.get(mask) or op.plan(mask)
    node = new_node(op, plan, sources, out_specs, state.scope, user_frame(3))
    for y in outs:
        y.edge = node, len(out_specs)
        array = y.array
        out_specs.append((array.shape, array.dtype))
    for k in plan.constants:
        outs[k].edge = None
    if not op.conjugates:
        refuse_complex(node)
    if state.sweep is not None:
        node.rule = state.sweep.rule()
    if plan.keeps:
        kept: dict[str, Any] = {}
        node.kept = kept
        save = CheckedSaved if state.observers and anomaly.DETECTOR in state.observers else Saved
        for name, place in plan.keeps:
            if place >= len(inputs):
                kept[name] = save(outs[place - len(inputs)], place)
            elif place >= 0:
                x = inputs[place]
                kept[name] = None if x.array is None else save(x, place)
            else:  # all of a variadic input
                first = len(op.inputs) - 1
                kept[name] = [save(x, i) for i, x in enumerate(inputs[first:], first)]


def _run(op: Op, arrays: list[Array], on_numpy: bool) -> Any:
    """The careful way: checks first, any device, half precision, compiled rules."""
    if on_numpy and not op.checks_first:
        return _on_numpy(op, arrays)
    xp = backend.module_of(op.label, op.names(len(arrays)), arrays)
    if xp is META or op.checks_first:
        told = op.spec(*_specs(arrays))
        if xp is META:
            if isinstance(told, tuple):
                return tuple([MetaArray(s.shape, s.dtype) for s in told])
            return MetaArray(told.shape, told.dtype)
    with backend.current(arrays):
        return _compute(op, xp, arrays)


def _compute(op: Op, xp: Any, arrays: list[Array]) -> Any:
    """By the op's kernel if there is one for this case here, else by its reference rule."""
    dev = backend.launcher(arrays)
    if dev is not None and op.cuda is not None:
        reason = op.kernel_limits(*_specs(arrays))
        if reason is None:
            return op.cuda(dev, *arrays)
        dev.fall_back(op, reason)
    if xp is np:
        out = _on_numpy(op, arrays, compiled=dev is None)
    else:
        out = op.forward(xp, *arrays)
    return out if dev is None or op.moves else dev.own(out)


def _on_numpy(op: Op, arrays: list[Array], compiled: bool = True) -> Any:
    """In float32 for half precision; by a compiled rule that takes the case; by the reference."""
    if op.widens and any(map(_is_half, arrays)):
        return _widened(op, arrays)
    if compiled and op.cpu is not None:
        library = backend.cpu_library()
        if library is not None:
            out = op.cpu(library, *arrays)
            if out is not None:
                return out
    return op.forward(np, *arrays)


def _is_half(array: Array) -> bool:
    return array is not None and array.dtype.itemsize == 2 and is_floating(array.dtype)


def _widened(op: Op, arrays: list[Array]) -> Any:
    """Compute float16 and bfloat16 in float32, and round once at the end."""
    told = op.spec(*_specs(arrays))
    out = op.forward(np, *(a.astype(np.float32) if _is_half(a) else a for a in arrays))
    if isinstance(out, tuple):
        return tuple([y.astype(s.dtype) for y, s in zip(out, told, strict=True)])
    return np.asarray(out).astype(told.dtype)


def _specs(arrays: list[Array]) -> list[Spec | None]:
    return [None if a is None else Spec(a.shape, a.dtype) for a in arrays]


def _explained(op: Op, arrays: list[Array], error: Exception) -> Exception:
    """Our error for what NumPy or CuPy refused: spec knows the argument and the cure."""
    if not isinstance(error, GpugraphError):
        try:
            op.spec(*_specs(arrays))
        except GpugraphError as ours:
            return _observed(op, arrays, ours)
    return _observed(op, arrays, error)


def _observed(op: Op, arrays: list[Array], error: Exception) -> Exception:
    for observer in _state().observers:
        observer.failed(op, arrays, error)
    return error


def _share(source: Tensor, y: Tensor) -> None:
    """A view shares the write counter of what it looks into."""
    base, array = y.array.base, source.array
    if y.array is not array:
        if base is None:  # it was copied after all, or has no data
            return
        if base is not array and base is not array.base and not _overlap(y.array, array):
            return
    y.version = source.shared_version()
    y.is_view = True


def _overlap(a: Array, b: Array) -> bool:
    xp = backend.module_of("view", ("y", "x"), [a, b])
    return bool(xp.may_share_memory(a, b))
