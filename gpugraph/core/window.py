"""Sliding windows: the geometry that convolution and pooling share.

A window of ``size`` taps, ``dilation`` apart, moves in steps of ``stride`` over an axis of length
n that is padded by (low, high). Tap i of window o sees position ``o*s + i*d`` of the padded axis,
which is ``o*s + i*d - low`` of the array. Any number of spatial axes, all treated alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from operator import index
from typing import Any

from .errors import ArgumentError, ShapeError
from .spec import Tap

__all__ = ["Window", "per_axis"]

Ints = tuple[int, ...]


@dataclass(frozen=True)
class Window:
    """Size, stride, padding and dilation per spatial axis; padding as (low, high) pairs."""

    size: Ints
    stride: Ints
    padding: tuple[tuple[int, int], ...]
    dilation: Ints

    @classmethod
    def of(
        cls, label: str, axes: int, size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1
    ) -> Window:
        """The window that a user's arguments describe; ArgumentError if they describe none.

        label    who asks, such as "conv2d", for the errors
        axes     number of spatial axes
        size, stride, dilation   an int for all axes, or one per axis; at least 1
        padding  the same from 0, or (low, high) pairs, one per axis, or "valid" (none) or "same"
                 (as many outputs as inputs; stride 1 only; the odd one goes to the high side)
        """
        size = per_axis(label, "kernel_size", size, axes)
        stride = per_axis(label, "stride", stride, axes)
        dilation = per_axis(label, "dilation", dilation, axes)
        if isinstance(padding, str) and padding == "same":
            if stride != (1,) * axes:
                raise ArgumentError(
                    f"{label}: padding='same' needs stride 1, got stride={stride}; "
                    "give the padding in numbers"
                )
            extra = [d * (k - 1) for k, d in zip(size, dilation, strict=True)]
            return cls(size, stride, tuple([(e // 2, e - e // 2) for e in extra]), dilation)
        return cls(size, stride, _pairs(label, padding, axes), dilation)

    @property
    def reach(self) -> Ints:
        """The length that one window covers: d(k-1) + 1."""
        return tuple([d * (k - 1) + 1 for k, d in zip(self.size, self.dilation, strict=True)])

    @property
    def is_pointwise(self) -> bool:
        """One tap, stride 1: each window sees one position, and they see all in turn."""
        return not any(n != 1 for n in self.size + self.stride)

    def trailing(self, first: int) -> Window:
        """The same window on the axes from `first` on only."""
        parts = (self.size, self.stride, self.padding, self.dilation)
        return Window(*(part[first:] for part in parts))  # type: ignore[arg-type]

    def behind_unit_axis(self) -> Window:
        """The same window on arrays that have one more spatial axis, of length 1, in front."""
        return Window(
            (1, *self.size), (1, *self.stride), ((0, 0), *self.padding), (1, *self.dilation)
        )

    def transposed(self) -> Window | None:
        """At stride 1 the window that takes outputs back to inputs; None if there is none.

        That is so with a stride, and where this one pads by its reach or more: the other would have
        a negative padding.
        """
        padding = tuple(
            [
                (r - 1 - low, r - 1 - high)
                for r, (low, high) in zip(self.reach, self.padding, strict=True)
            ]
        )
        if any(s > 1 for s in self.stride) or min(map(min, padding)) < 0:
            return None
        return Window(self.size, self.stride, padding, self.dilation)

    def out(self, spatial: Ints, label: str = "window", ceil: bool = False) -> Ints:
        """How many windows fit: floor((n + p0 + p1 - d(k-1) - 1)/s) + 1 along each axis.

        ceil: round up instead, but drop a last window that would start in the high padding.
        ShapeError where none fits.
        """
        counts = []
        for axis, n in enumerate(spatial):
            (low, high), s, reach = self.padding[axis], self.stride[axis], self.reach[axis]
            room = n + low + high - reach + (s - 1 if ceil else 0)
            count = room // s + 1
            if ceil and (count - 1) * s >= n + low:
                count -= 1
            if count < 1:
                raise ShapeError(
                    f"{label}: spatial axis {axis} of x has length {n}, {n + low + high} with "
                    f"padding ({low}, {high}); a kernel of {self.size[axis]} with dilation "
                    f"{self.dilation[axis]} spans {reach}. Pad more, or take a smaller kernel"
                )
            counts.append(count)
        return tuple(counts)

    def taps_of_axes(self, first: int = 2) -> list[Tap]:
        """What a window sees of each spatial axis, the first of which has that number."""
        parts = zip(self.reach, self.stride, self.padding, strict=True)
        return [Tap(first + a, r, s, -low) for a, (r, s, (low, _)) in enumerate(parts)]

    def extent(self, out: Ints) -> Ints:
        """How many positions of the padded axes that many windows cover, gaps included."""
        return tuple(
            [(o - 1) * s + r for o, s, r in zip(out, self.stride, self.reach, strict=True)]
        )

    def shifts(self, out: Ints) -> list[list[slice]]:
        """For each axis, for each of its taps: what all windows see there of a `frame`."""
        return [
            [slice(i * d, i * d + (o - 1) * s + 1, s) for i in range(k)]
            for k, s, d, o in zip(self.size, self.stride, self.dilation, out, strict=True)
        ]

    def taps(self, out: Ints) -> Iterator[tuple[Any, ...]]:
        """For each tap, in row-major order: an index of what all windows see of a `frame`."""
        return ((..., *seen) for seen in product(*self.shifts(out)))

    def views(self, xp: Any, frame: Any, out: Ints) -> Any:
        """All that each of that many windows sees of a `frame`: a view, to read only.

        (..., *extent) -> (..., *out, *size)
        """
        strides, axes = frame.strides, len(out)
        lead, steps = strides[:-axes], strides[-axes:]
        between = [s * n for s, n in zip(self.stride, steps, strict=True)]
        within = [d * n for d, n in zip(self.dilation, steps, strict=True)]
        shape = (*frame.shape[:-axes], *out, *self.size)
        return xp.lib.stride_tricks.as_strided(frame, shape, (*lead, *between, *within))

    def frame(self, xp: Any, x: Any, out: Ints, fill: float = 0.0) -> Any:
        """What that many windows see of x: cut to their extent, padded with `fill`.

        (..., *spatial) -> (..., *extent). A view of x where there is nothing to pad; else its axes
        lie in memory as those of x do.
        """
        spatial, extent = x.shape[-len(out) :], self.extent(out)
        inside, framed = self.overlap(spatial, extent)
        if not any(low for low, _ in self.padding) and all(map(int.__ge__, spatial, extent)):
            return x[inside]
        frame = xp.full_like(x, fill, shape=(*x.shape[: -len(out)], *extent))
        frame[framed] = x[inside]
        return frame

    def unframe(self, xp: Any, frame: Any, spatial: Ints) -> Any:
        """Adjoint of `frame`: drop the padding, put zeros where no window looked.

        (..., *extent) -> (..., *spatial). May be a view of the frame, or the frame itself.
        """
        extent = frame.shape[-len(spatial) :]
        if extent == spatial and not any(low for low, _ in self.padding):
            return frame
        seen = frame[self.overlap(spatial, extent)[1]]
        if seen.shape[-len(spatial) :] == spatial:
            return seen
        x = xp.empty_like(frame, shape=(*frame.shape[: -len(spatial)], *spatial))
        self.put(frame, x)
        return x

    def put(self, frame: Any, x: Any) -> None:
        """Write into x (..., *spatial) what `unframe` gives of a frame (..., *extent)."""
        axes = len(self.size)
        inside, framed = self.overlap(x.shape[-axes:], frame.shape[-axes:])
        seen = frame[framed]
        if seen.shape != x.shape:
            x[...] = 0
        x[inside] = seen

    def overlap(self, spatial: Ints, extent: Ints) -> tuple[Any, Any]:
        """Where array and frame meet: as an index into the array, and into the frame."""
        inside: list[Any] = [...]
        framed: list[Any] = [...]
        for n, e, (low, _) in zip(spatial, extent, self.padding, strict=True):
            length = max(0, min(n, e - low))
            inside.append(slice(0, length))
            framed.append(slice(low, low + length))
        return tuple(inside), tuple(framed)


def per_axis(label: str, name: str, value: Any, axes: int, least: int = 1) -> Ints:
    """An int for all axes, or one per axis, as a tuple; ArgumentError if value is neither."""
    numbers = _ints(value, axes, least)
    if numbers is None:
        raise ArgumentError(
            f"{label}: {name}={value!r}; wanted an int of at least {least}"
            + (f", or {axes} of them" if axes > 1 else "")
        )
    return numbers


def _ints(value: Any, length: int, least: int) -> Ints | None:
    try:
        several = isinstance(value, (tuple, list))
        numbers = (*map(index, value),) if several else (index(value),) * length
    except TypeError:
        return None
    return numbers if len(numbers) == length and min(numbers) >= least else None


def _pairs(label: str, padding: Any, axes: int) -> tuple[tuple[int, int], ...]:
    """Padding in numbers, of any form, as (low, high) pairs."""
    if isinstance(padding, str) and padding == "valid":
        padding = 0
    if isinstance(padding, (tuple, list)) and any(isinstance(p, (tuple, list)) for p in padding):
        pairs = [_ints(pair, 2, least=0) for pair in padding]
    else:
        pairs = [(p, p) for p in _ints(padding, axes, least=0) or ()]
    if len(pairs) != axes or None in pairs:
        raise ArgumentError(
            f"{label}: padding={padding!r}; wanted an int of at least 0, {axes} of them, {axes} "
            "(low, high) pairs, 'valid' or 'same'"
        )
    return tuple(pairs)  # type: ignore[arg-type]
