"""What a network computes, as a list of steps: which op, on what shapes, from where in the code.

A network is traced by running a copy of it on the ``meta`` device, where every op computes shapes
only: no kernel runs, and no weight is copied. A tensor that has been computed already gives the
steps of its recorded graph. Either way a step's sources point to earlier steps.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from ..core.backend import MetaArray, default_device
from ..core.errors import ArgumentError, DataError, DeviceError
from ..core.frames import raised_at, user_line
from ..core.graph import Node, ancestors
from ..core.op import Op, Spec
from ..core.state import STATE, Observer, enable_grad, observe
from ..core.tensor import Tensor, is_floating
from ..nn.module import Module
from ..nn.parameter import Parameter
from ..ops.random import default_generator
from .identity import ByIdentity

__all__ = [
    "Recorder",
    "Source",
    "Step",
    "Trace",
    "graph_trace",
    "meta_inputs",
    "run_meta",
    "tensors_of",
    "trace",
    "twin",
]

Source: TypeAlias = "tuple[int, int]"  # output number int of that step


@dataclass(frozen=True)
class Step:
    """One op applied; or, with op None, a tensor that was there before.

    kind     "op", "input", "parameter" (also buffers) or "constant"
    sources  for each input the step and output it came from; None for an absent optional input
    specs    of the inputs; None for an absent one
    outs     specs of the outputs
    scope    path of the module (or of `gpugraph.scope` names) around the call
    where    "file:line" of the user's code, "" where none is known
    node     the record of the call, if it was recorded
    order    0; in a backward pass 1, in one through the graph of a backward pass 2, and so on
    of       the step whose gradient rule it serves, in a backward pass, if that was seen
    adds     it adds up cotangents of an output of step `of`
    kept     names of what it keeps for a backward pass
    """

    kind: str
    op: Op | None
    sources: tuple[Source | None, ...]
    specs: tuple[Spec | None, ...]
    outs: tuple[Spec, ...]
    scope: tuple[str, ...] = ()
    where: str = ""
    node: Node | None = None
    order: int = 0
    of: int | None = None
    adds: bool = False
    kept: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name of the op."""
        return self.kind if self.op is None else self.op.label


@dataclass
class Trace:
    """All steps in the order of their making, and which of them are inputs and results."""

    steps: list[Step] = field(default_factory=list)
    inputs: list[Source] = field(default_factory=list)
    outputs: list[Source] = field(default_factory=list)
    model: Module | None = None  # the copy on the meta device

    def ops(self) -> Iterator[tuple[int, Step]]:
        """(number, step) of all ops."""
        return ((i, step) for i, step in enumerate(self.steps) if step.op is not None)


class Recorder(Observer):
    """Writes steps down as ops are applied; tells arrays apart by their identity.

    It keeps no array alive: what it knows of one goes when the array goes.
    """

    def __init__(self) -> None:
        self.trace = Trace()
        self._made: ByIdentity[Source] = ByIdentity()
        self._numbers: WeakKeyDictionary[Node, int] = WeakKeyDictionary()

    def leaf(self, kind: str, array: Any, node: Node | None = None) -> Source:
        """The source that stands for an array which no step has made."""
        outs = (Spec(array.shape, array.dtype),)
        if node is not None:
            step = Step(kind, None, (), (), outs, where=node.where, node=node)
            self._numbers[node] = len(self.trace.steps)
        else:
            _, _, order, of, adds = self._place()
            step = Step(kind, None, (), (), outs, order=order, of=of, adds=adds)
        source = len(self.trace.steps), 0
        self.trace.steps.append(step)
        self.know(array, source)
        return source

    def know(self, array: Any, source: Source) -> None:
        """Remember where this array came from, as long as it lives."""
        self._made.put(array, source)

    def source(self, array: Any) -> Source:
        """Where the array came from."""
        return self._made.get(array) or self.leaf("constant", array)

    def number(self, node: Node | None) -> int | None:
        """The step that made this node, if it was seen."""
        return None if node is None else self._numbers.get(node)

    def applied(self, op: Any, arrays: Sequence[Any], outs: Sequence[Any]) -> None:
        """Write an op down."""
        made = next((y.node for y in outs if y.node is not None), None)
        node = made if made is not None and made.op is op else None
        self.write(op, arrays, [y.array for y in outs], node)

    def write(
        self, op: Any, arrays: Sequence[Any], outs: Sequence[Any], node: Node | None = None
    ) -> int:
        """The number of a new step, for an op on these arrays that made those."""
        for array, edge in zip(arrays, () if node is None else node.parents):
            if edge is not None and edge[0].op is None and array not in self._made:
                self.leaf("parameter" if _is_parameter(edge[0]) else "input", array, edge[0])
        sources = tuple([None if a is None else self.source(a) for a in arrays])
        specs = tuple([None if a is None else Spec(a.shape, a.dtype) for a in arrays])
        made = tuple([Spec(y.shape, y.dtype) for y in outs])
        where, scope, order, of, adds = self._place()
        where = where or user_line()
        kept = tuple(node.kept or ()) if node is not None else ()
        step = Step("op", op, sources, specs, made, scope, where, node, order, of, adds, kept)
        number = len(self.trace.steps)
        self.trace.steps.append(step)
        for k, array in enumerate(outs):
            self.know(array, (number, k))
        if node is not None:
            self._numbers[node] = number
        return number

    def _place(self) -> tuple[str, tuple[str, ...], int, int | None, bool]:
        """where, scope, order, of and adds of what is computed now; in forward where is ""."""
        state = STATE.get()
        if state.sweep is None:
            return "", state.scope, 0, None, False
        served = state.sweep.served
        order, of = state.sweep.rule()[1], self.number(served)
        adds = state.sweep.adding is not None
        if served is None:
            return "", state.scope, order, of, adds
        where = served.where if of is None else self.trace.steps[of].where
        return where, served.scope, order, of, adds


def trace(model: Any, shape: Any = None, label: str = "analysis") -> Trace:
    """The steps of a network for inputs of that shape, or of a tensor that was computed.

    model  a `Module` or function; or a Tensor with a graph, which needs no shape
    shape  of the input, (N, C, H, W); or a list of shapes, `Spec`s, tensors or arrays
    Raises ArgumentError for what is neither, DataError if the network looks at values.
    """
    if isinstance(model, Tensor):
        return graph_trace([model], label)
    if not callable(model):
        raise ArgumentError(
            f"{label}: got a {type(model).__name__}; it takes a Module, a function, or a Tensor "
            "that was computed by one"
        )
    model = twin(model)
    xs = meta_inputs(model, shape, label)
    if isinstance(model, Module) and any(m.pending() for m in model.modules()):
        run_meta(model, xs, Observer(), label)  # layers that wait for their input have it now
        model = twin(model)
    recorder = Recorder()
    if isinstance(model, Module):
        for _, tensor in model._named_tensors():
            recorder.leaf("parameter", tensor.array)
    recorder.trace.inputs = [recorder.leaf("input", x.array) for x in xs]
    outs = run_meta(model, xs, recorder, label)
    found = recorder.trace
    found.outputs = [recorder.source(y.array) for y in outs]
    if isinstance(model, Module):
        found.model = model
    return found


def twin(model: Any) -> Any:
    """A copy of a module on the meta device, made without copying a single number."""
    if not isinstance(model, Module):
        return model
    memo: dict[int, Any] = {}
    for _, tensor in model._named_tensors():
        array = MetaArray(tensor.shape, tensor.dtype)
        memo[id(tensor)] = type(tensor)(array, tensor.requires_grad)
    made = copy.deepcopy(model, memo)
    made.__dict__["_path"] = ()  # paths start here, also where it is part of another
    return made


def meta_inputs(model: Any, shape: Any, label: str, requires_grad: bool = True) -> list[Tensor]:
    """Inputs of these shapes on the meta device; floating ones take the network's dtype."""
    dtype: np.dtype[Any] = np.dtype(np.float32)
    if isinstance(model, Module):
        own = (t.dtype for _, t in model._named_tensors() if is_floating(t.dtype))
        dtype = next(own, dtype)
    specs = [_as_spec(s, dtype, label) for s in _several(shape, label)]
    return [
        Tensor(MetaArray(s.shape, s.dtype), requires_grad=requires_grad and is_floating(s.dtype))
        for s in specs
    ]


def _several(shape: Any, label: str) -> Sequence[Any]:
    """What was given as shapes, one for each input."""
    if shape is None:
        raise ArgumentError(f"{label}: needs the shape of the input, such as (1, 3, 224, 224)")
    if isinstance(shape, (Spec, Tensor, np.ndarray)):
        return [shape]
    if isinstance(shape, (tuple, list)) and all(isinstance(n, (int, np.integer)) for n in shape):
        return [tuple(shape)]
    if isinstance(shape, (tuple, list)):
        return shape
    raise ArgumentError(f"{label}: shape={shape!r} is no shape such as (1, 3, 224, 224)")


def _as_spec(given: Any, dtype: Any, label: str) -> Spec:
    if isinstance(given, (Spec, Tensor, np.ndarray)):
        return Spec(tuple(given.shape), given.dtype)
    if isinstance(given, (tuple, list)) and all(
        isinstance(n, (int, np.integer)) and n >= 0 for n in given
    ):
        return Spec(tuple(map(int, given)), dtype)
    raise ArgumentError(f"{label}: {given!r} is no shape such as (1, 3, 224, 224)")


def run_meta(f: Callable[..., Any], xs: Sequence[Tensor], observer: Observer, label: str) -> Any:
    """Call f on meta tensors under an observer; the tensors that it gives, in a list."""
    try:
        with default_device("meta"), _generator_kept(), enable_grad(), observe(observer):
            return tensors_of(f(*xs), label)
    except DataError as error:
        raise DataError(
            f"{label}: the network looks at values ({_at(error)}), and shapes are all that is "
            f"known here; run it, and analyse the tensor it gives. ({error})"
        ) from None
    except DeviceError as error:
        raise DeviceError(
            f"{label}: a tensor that the network uses is no parameter or buffer of it, so it "
            f"stayed on its device ({_at(error)}); make it one: register_buffer. ({error})"
        ) from None


@contextmanager
def _generator_kept() -> Iterator[None]:
    """Whoever draws random numbers next gets those that they would have got."""
    generator = default_generator()
    state = generator.state
    try:
        yield
    finally:
        generator.state = state


def tensors_of(value: Any, label: str) -> list[Tensor]:
    """All tensors in what a network gives: one, or tuples, lists and dicts of them."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [t for part in value for t in tensors_of(part, label)]
    raise ArgumentError(f"{label}: the network gives a {type(value).__name__}, not a Tensor")


def graph_trace(ys: Sequence[Tensor], label: str) -> Trace:
    """The steps of a recorded graph, inputs being all leaves but parameters."""
    for y in ys:
        if y.node is None:
            raise ArgumentError(
                f"{label}: the tensor (shape {y.shape}) has no graph: it depends on nothing with "
                "requires_grad=True, or was made under no_grad()"
            )
    found = Trace()
    numbers: dict[Node, int] = {}
    seqs: dict[int, int] = {}

    def add(step: Step) -> Source:
        found.steps.append(step)
        return len(found.steps) - 1, 0

    for node in reversed(ancestors([y.node for y in ys if y.node is not None])):
        outs = tuple([Spec(*spec) for spec in node.out_specs])
        if node.op is None:
            kind = "parameter" if _is_parameter(node) else "input"
            source = add(Step(kind, None, (), (), outs, node.scope, node.where, node))
            if kind == "input":
                found.inputs.append(source)
        else:
            specs = tuple([None if s is None else Spec(*s) for s in node.in_specs])
            seq, order = node.rule or (-1, 0)
            of = seqs.get(seq)
            sources: list[Source | None] = []
            for edge, spec in zip(node.parents, specs, strict=True):
                if edge is not None:
                    sources.append((numbers[edge[0]], edge[1]))
                elif spec is not None:
                    constant = Step("constant", None, (), (), (spec,), order=order, of=of)
                    sources.append(add(constant))
                else:
                    sources.append(None)
            rest = node.scope, node.where, node, order, of, False, tuple(node.kept or ())
            source = add(Step("op", node.op, tuple(sources), specs, outs, *rest))
        numbers[node] = seqs[node.seq] = source[0]
    found.outputs = [(numbers[y.node], y.index) for y in ys if y.node is not None]
    return found


def _is_parameter(node: Node) -> bool:
    """Is this leaf a module's parameter, as far as it is still there?"""
    return isinstance(node.watchers[0]() if node.watchers else None, Parameter)


def _at(error: BaseException) -> str:
    return raised_at(error) or "in gpugraph"
