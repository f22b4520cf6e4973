"""Receptive fields: which part of an image, or of any earlier value, a unit of a network sees.

Each op states what it sees of its inputs (`Op.sees`); from the image on, these are composed.
For a window of reach r and stride s over a value with (size, stride, start):

    size + (r - 1) * stride,  stride * s,  start - low * stride

Source of the arithmetic: Dumoulin & Visin 2016, arXiv:1603.07285; Araujo, Norris & Sim 2019,
"Computing Receptive Fields of Convolutional Neural Networks", Distill, whose padding is -start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

from ..core.errors import ArgumentError
from ..core.op import Tap
from ..core.tensor import Tensor
from .trace import Source, Step, Trace, trace

__all__ = ["ReceptiveField", "Seen", "endpoints", "fields", "receptive_field"]


class Seen(NamedTuple):
    """What output number o sees along one axis: `size` positions from start + o * stride on.

    start is the leftmost position that output 0 sees, so minus the padding. Where every output sees
    the whole axis, size is "all" and the others 0; where it is not known, all three are "?".
    """

    size: int | str
    stride: int | str
    start: int | str

    def __str__(self) -> str:
        return str(self.size) if isinstance(self.size, str) else "/".join(map(str, self))


ALL, UNKNOWN = Seen("all", 0, 0), Seen("?", "?", "?")


@dataclass(frozen=True)
class ReceptiveField:
    """What a value sees of an earlier one: `axes`, a `Seen` for each spatial axis, and `notes`.

    notes  where branches disagree, and why something is not known
    """

    axes: tuple[Seen, ...]
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int | str, ...]:
        """Positions that are seen, per axis."""
        return tuple([a.size for a in self.axes])

    @property
    def stride(self) -> tuple[int | str, ...]:
        """Positions from one output to the next, per axis."""
        return tuple([a.stride for a in self.axes])

    @property
    def start(self) -> tuple[int | str, ...]:
        """The leftmost position that output 0 sees, per axis; negative in the padding."""
        return tuple([a.start for a in self.axes])

    def __iter__(self) -> Iterator[Seen]:
        return iter(self.axes)

    def __getitem__(self, axis: int) -> Seen:
        return self.axes[axis]

    def __len__(self) -> int:
        return len(self.axes)

    def __str__(self) -> str:
        """size/stride/start; once, if all axes are alike."""
        alike = self.axes[:1] if len(set(self.axes)) == 1 else self.axes
        return " ".join(map(str, alike)) or "-"


@dataclass(frozen=True)
class Field:
    """How the positions along one axis of a value see one axis of the image.

    axis     the axis of the value that moves what is seen; None if none does
    regular  False where no stride tells where a position looks; size and start are then those of
             all positions together
    """

    axis: int | None
    size: int
    stride: int
    start: int
    regular: bool = True

    @property
    def end(self) -> int:
        return self.start + self.size


Known: TypeAlias = "Field | str"  # a reason why it isn't known
Fields: TypeAlias = "dict[int, Known]"  # by the axis of the image


def receptive_field(
    model: Any,
    shape: Any = None,
    of: Any = None,
    at: str | None = None,
    measured: bool = False,
) -> ReceptiveField:
    """What one unit of a network sees of its input: (size, stride, start) for each spatial axis.

    model     a `Module` or function; or a Tensor that was computed, with its graph
    shape     of the input, (N, C, H, W)
    of        the earlier value that is looked at, by default the input: the path of a module, whose
              result it is ("features.0"); for a computed tensor, a Tensor
    at        path of the module whose result looks, by default the network itself
    measured  instead of the formulas, look where the gradient of a unit in the middle is not zero,
              in a copy of the network with positive weights, no activations, and averages for
              maxima. The image must be large enough for the unit not to see its border

    Axes are those of (N, C, *spatial). Where what is seen runs over the border, the formula counts
    what lies outside, too. "all": every unit sees the whole axis. Batch norm's statistics see all
    of the batch; as usual, that is not counted. A transposed convolution with a stride has no
    single answer: "?", as for ops that don't state what they see.
    """
    found = trace(model, shape, "receptive_field")
    source, target = endpoints(found, of, at)
    if measured:
        from .measured import support

        return support(found, source, target)
    reached, notes = fields(found, source)
    return field_of(found, source, reached.get(target), tuple(notes))


def endpoints(found: Trace, of: Any, at: str | None) -> tuple[Source, Source]:
    """The value that is looked at, and the one that looks."""
    label = "receptive_field"
    if isinstance(of, Tensor):
        edge = of.edge
        steps = [i for i, s in enumerate(found.steps) if edge and s.node is edge[0]]
        if not edge or not steps:
            raise ArgumentError(f"{label}: of is no tensor from which this one was computed")
        source = steps[0], edge[1]
    elif of is not None:
        source = _result(found, of, "of")
    elif len(found.inputs) == 1:
        source = found.inputs[0]
    else:
        raise ArgumentError(
            f"{label}: there are {len(found.inputs)} inputs; say which value is looked at: of=..."
        )
    if at is not None:
        return source, _result(found, at, "at")
    return source, found.outputs[0]


def _result(found: Trace, path: Any, name: str) -> Source:
    """The last value that is made in a module."""
    scope = tuple(str(path).split("."))
    for i, step in reversed(list(found.ops())):
        if step.scope[: len(scope)] == scope and not _is_bookkeeping(step):
            return i, 0
    known = sorted({".".join(step.scope) for _, step in found.ops() if step.scope})
    raise ArgumentError(
        f"receptive_field: {name}={path!r} names no module that computes something; "
        f"there are {', '.join(known[:20])}"
    )


def _is_bookkeeping(step: Step) -> bool:
    return step.node is None  # running averages of a batch norm


def fields(found: Trace, source: Source) -> tuple[dict[Source, Fields], list[str]]:
    """For each value that depends on the source: how it sees its spatial axes; and notes."""
    ndim = len(found.steps[source[0]].outs[source[1]].shape)
    reached: dict[Source, Fields] = {source: {a: Field(a, 1, 1, 0) for a in range(2, ndim)}}
    lengths = found.steps[source[0]].outs[source[1]].shape
    notes: list[str] = []
    for i, step in found.ops():
        for k in range(len(step.outs)):
            if (i, k) == source:
                continue
            parts = [
                _through(step, n, k, reached[s]) for n, s in enumerate(step.sources) if s in reached
            ]
            if parts:
                reached[i, k] = {
                    a: _joined(step, a, [p[a] for p in parts], lengths[a], notes) for a in parts[0]
                }
    return reached, notes


def field_of(
    found: Trace, source: Source, seen: Fields | None, notes: tuple[str, ...] = ()
) -> ReceptiveField:
    """Fields of one value as the user sees them."""
    lengths = found.steps[source[0]].outs[source[1]].shape
    if seen is None:
        reason = "it does not depend on the value that is looked at"
        return ReceptiveField((Seen(0, 0, 0),) * max(0, len(lengths) - 2), (reason,))
    axes, reasons = [], list(notes)
    for a, field in seen.items():
        if isinstance(field, str):
            reasons += [field] if field not in reasons else []
            axes.append(UNKNOWN)
        elif not field.regular:
            reasons.append(f"axis {a}: the order of positions is not that of the image")
            axes.append(UNKNOWN)
        elif _sees_all(field, lengths[a]):
            axes.append(ALL)
        else:
            axes.append(Seen(field.size, field.stride, field.start))
    return ReceptiveField(tuple(axes), tuple(reasons))


def _sees_all(field: Field, length: int) -> bool:
    return field.axis is None and field.start <= 0 and field.end >= length


def _through(step: Step, n: int, k: int, before: Fields) -> Fields:
    """How output k sees the image by way of input n."""
    assert step.op is not None
    taps = step.op.sees(step.specs, n, k)
    spec = step.specs[n]
    assert spec is not None
    return {a: _composed(step, f, taps, spec.shape) for a, f in before.items()}


def _composed(step: Step, field: Known, taps: Any, shape: tuple[int, ...]) -> Known:
    """A field, seen through the taps of an op; lengths are those of the input."""
    if isinstance(field, str) or field.axis is None:  # what all see, all see behind any op
        return field
    tap: Tap | None = None if taps is None else taps[field.axis]
    if tap is None:
        return f"{step.label}{_at(step)} does not say what it sees of its input"
    n = shape[field.axis]
    reach = field.size + (n - 1) * field.stride if field.regular else field.size
    if not field.regular:
        if tap == Tap.all(n):
            return Field(None, reach, 0, field.start)
        if (tap.size, tap.stride, tap.start) == (1, 1, 0):
            return replace(field, axis=tap.axis)
        return f"{step.label}{_at(step)} has a window over axes that were made into one"
    if not tap.regular:
        return Field(tap.axis, reach, 0, field.start, regular=False)
    size = field.size + (tap.size - 1) * field.stride
    start = field.start + tap.start * field.stride
    return Field(tap.axis, size, field.stride * tap.stride, start)


def _joined(step: Step, axis: int, parts: list[Known], length: int, notes: list[str]) -> Known:
    """What is seen by way of all the inputs together; notes where they disagree."""
    first = parts[0]
    for part in parts[1:]:
        if isinstance(first, str):
            return first
        if isinstance(part, str):
            return part
        if _sees_all(first, length) or _sees_all(part, length):
            first = first if _sees_all(first, length) else part
            continue
        if (first.axis, first.stride, first.regular) != (part.axis, part.stride, part.regular):
            return (
                f"{step.label}{_at(step)}: branches disagree along axis {axis}: stride "
                f"{first.stride} against {part.stride}"
            )
        start, end = min(first.start, part.start), max(first.end, part.end)
        off = (part.start + part.end - first.start - first.end) / 2
        if off and first.regular:
            notes.append(
                f"{step.label}{_at(step)}: branches are centred {abs(off):g} apart along "
                f"axis {axis}"
            )
        first = replace(first, size=end - start, start=start)
    return first


def _at(step: Step) -> str:
    return f" in {'.'.join(step.scope)}" if step.scope else ""
