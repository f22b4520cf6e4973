"""What part `bench` times: a table of calls, each of gpugraph and PyTorch alike.

A name ends in what is timed: "forward"; "gradient of x", a backward pass alone for one input;
"both", forward and all gradients; "step" of an optimizer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .calls import Call, integers, normal

__all__ = ["Row", "Step", "rows", "steps"]


@dataclass(frozen=True)
class Row:
    """A call, and what of it is timed: "forward", "both", or the number of an input.

    check  instead of the comparison with PyTorch, where random numbers differ: given our output and
           the inputs as arrays it says what is wrong, or ""
    """

    call: Call
    mode: str | int = "forward"
    check: Callable[..., str] | None = None

    @property
    def leaves(self) -> tuple[int, ...]:
        """The inputs whose gradients are timed."""
        if isinstance(self.mode, int):
            return (self.mode,)
        return self.call.leaves if self.mode == "both" else ()

    @property
    def name(self) -> str:
        """Unique in the table."""
        letters = ("x", "w", "b")
        mode = self.mode if isinstance(self.mode, str) else f"gradient of {letters[self.mode]}"
        return f"{self.call.name}: {mode}"


@dataclass(frozen=True)
class Step:
    """One step of an optimizer over all parameters of a ResNet-50."""

    name: str
    optimizer: str
    options: dict[str, Any]


class _Size:
    """Sizes as they are, or no larger than a rehearsal takes."""

    def __init__(self, tiny: bool) -> None:
        self.tiny = tiny

    def images(self, n: int) -> int:
        return min(n, 2) if self.tiny else n

    def channels(self, n: int) -> int:
        return min(n, 8) if self.tiny else n

    def side(self, n: int) -> int:
        return min(n, 12) if self.tiny else n

    def length(self, n: int) -> int:
        return min(n, 300) if self.tiny else n


# name, images, channels in and out, side, kernel, stride, padding, groups (0: depthwise)
LAYERS = (
    ("3x3 64 @56", 32, 64, 64, 56, 3, 1, 1, 1),
    ("3x3 128 @28", 32, 128, 128, 28, 3, 1, 1, 1),
    ("3x3 256 @14", 32, 256, 256, 14, 3, 1, 1, 1),
    ("3x3 512 @7", 32, 512, 512, 7, 3, 1, 1, 1),
    ("3x3 stride 2 128 @56", 32, 128, 128, 56, 3, 2, 1, 1),
    ("1x1 64-256 @56", 32, 64, 256, 56, 1, 1, 0, 1),
    ("1x1 1024-256 @14", 32, 1024, 256, 14, 1, 1, 0, 1),
    ("1x1 stride 2 256-512 @56", 32, 256, 512, 56, 1, 2, 0, 1),
    ("7x7 stride 2 3-64 @224", 32, 3, 64, 224, 7, 2, 3, 1),
    ("5x5 6-16 @14", 64, 6, 16, 14, 5, 1, 0, 1),
    ("3x3 grouped 32x4d @56", 32, 128, 128, 56, 3, 1, 1, 32),
    ("3x3 grouped 32x16d @14", 32, 512, 512, 14, 3, 1, 1, 32),
    ("3x3 depthwise 32 @112", 32, 32, 32, 112, 3, 1, 1, 0),
    ("3x3 depthwise stride 2 64 @112", 32, 64, 64, 112, 3, 2, 1, 0),
    ("3x3 depthwise 512 @14", 32, 512, 512, 14, 3, 1, 1, 0),
    ("5x5 depthwise 240 @28", 32, 240, 240, 28, 5, 1, 2, 0),
)


def _conv(size: _Size, name: str, n: int, c: int, o: int, side: int, k: int,
          stride: int, padding: int, groups: int) -> Call:  # fmt: skip
    c, o = size.channels(c), size.channels(o)
    groups = c if groups == 0 else min(groups, c)
    side = size.side(side)

    def f(F: Any, x: Any, w: Any) -> Any:
        return F.conv2d(x, w, None, stride, padding, 1, groups)

    x = normal(size.images(n), c, side, side)
    return Call(f"conv {name}", f, (x, normal(o, c // groups, k, k)))


def _pools(size: _Size) -> Iterator[Row]:
    n, c, s = size.images(32), size.channels(64), size.side(112)
    for name, f in (
        ("max pool 3x3 stride 2 64 @112", lambda F, x: F.max_pool2d(x, 3, 2, 1)),
        ("max pool 2x2 64 @112", lambda F, x: F.max_pool2d(x, 2)),
        ("avg pool 2x2 64 @112", lambda F, x: F.avg_pool2d(x, 2)),
    ):
        yield Row(Call(name, f, (normal(n, c, s, s),)))
        yield Row(Call(name, f, (normal(n, c, s, s),)), "both")
    deep = normal(n, size.channels(2048), size.side(7), size.side(7))
    call = Call("global avg pool 2048 @7", lambda F, x: F.adaptive_avg_pool2d(x, 1), (deep,))
    yield Row(call, "both")


def _norms(size: _Size) -> Iterator[Row]:
    for c, s in ((64, 112), (256, 56), (2048, 7)):
        channels = size.channels(c)
        x = normal(size.images(32), channels, size.side(s), size.side(s))
        pair = (normal(channels), normal(channels))

        def train(F: Any, x: Any, w: Any, b: Any) -> Any:
            return F.batch_norm(x, None, None, w, b, True)

        def infer(F: Any, x: Any, mean: Any, var: Any, w: Any, b: Any) -> Any:
            return F.batch_norm(x, mean, var * var, w, b, False)

        yield Row(Call(f"batch norm {c} @{s}", train, (x, *pair)), "both")
        yield Row(Call(f"batch norm inference {c} @{s}", infer, (x, *pair, *pair)))

        def fused(F: Any, x: Any, mean: Any, var: Any, w: Any, b: Any, r: Any) -> Any:
            return F.batch_norm_act(x, mean, var * var, w, b, r, "relu")

        def unfused(F: Any, x: Any, mean: Any, var: Any, w: Any, b: Any, r: Any) -> Any:
            return F.relu(infer(F, x, mean, var, w, b) + r)

        inputs = (x, *pair, *pair, x)
        name = f"batch norm inference + residual + ReLU {c} @{s}"
        yield Row(Call(name, unfused, inputs))
        yield Row(Call(f"{name}, fused", fused, inputs, ("batch_norm_act",), like=unfused))
        act = Call(
            f"batch norm + ReLU {c} @{s}",
            lambda F, *v: F.relu(train(F, *v)),
            (x, *pair),
            kinks=True,
        )
        yield Row(act, "both")


def _elementwise(size: _Size) -> Iterator[Row]:
    n, c, s = size.images(32), size.channels(256), size.side(56)
    x, bias = normal(n, c, s, s), normal(c, 1, 1)
    for name, f, inputs in (
        ("add 256 @56", lambda F, x, y: x + y, (x, x)),
        ("x * y + x 256 @56", lambda F, x, y: x * y + x, (x, x)),
        ("ReLU 256 @56", lambda F, x: F.relu(x), (x,)),
        ("sigmoid 256 @56", lambda F, x: F.sigmoid(x), (x,)),
        ("bias + ReLU 256 @56", lambda F, x, b: F.relu(x + b), (x, bias)),
    ):
        yield Row(Call(name, f, inputs))
        yield Row(Call(name, f, inputs), "both")
    plain = (x, normal(c))
    for mode in ("forward", "both"):
        yield Row(
            Call(
                "bias + ReLU 256 @56, fused", lambda F, x, b: F.bias_act(x, b, "relu"), plain,
                ("bias_act",), like=lambda F, x, b: F.relu(x + b.reshape(-1, 1, 1)),
            ),
            mode,
        )  # fmt: skip
    yield Row(Call("sum over all but channels 256 @56", lambda F, x: x.sum((0, 2, 3)), (x,)))
    wide = normal(size.length(4096), size.length(4096))
    yield Row(Call("dropout 4096x4096", lambda F, x: F.dropout(x, 0.25), (wide,)), check=_dropped)


def _dropped(y: Any, x: Any) -> str:
    """Each element is 0 or x / (1 - p), and the share of zeros is p within six deviations."""
    kept = y != 0
    if not np.allclose(y[kept], x[kept] / 0.75, rtol=1e-2):
        return "an element is neither 0 nor x / 0.75"
    share, allowed = 1 - kept.mean(), 6 * (0.25 * 0.75 / y.size) ** 0.5
    return "" if abs(share - 0.25) <= allowed else f"{share:.4f} are dropped, p is 0.25"


def _losses(size: _Size) -> Iterator[Row]:
    n, classes = size.length(8192), size.length(1000)
    x, target = normal(n, classes), integers(classes, n)
    yield Row(Call("softmax 8192x1000", lambda F, x: F.softmax(x, -1), (x,)))
    yield Row(Call("softmax 8192x1000", lambda F, x: F.softmax(x, -1), (x,)), "both")
    yield Row(Call("log softmax 8192x1000", lambda F, x: F.log_softmax(x, -1), (x,)), "both")
    cross = Call("cross entropy 8192x1000", lambda F, x, t: F.cross_entropy(x, t), (x, target))
    yield Row(cross)
    yield Row(cross, "both")
    table, index = normal(size.length(30000), size.channels(512)), integers(size.length(30000), n)
    yield Row(Call("embedding 30000x512", lambda F, w, i: w[i], (table, index)))
    yield Row(Call("embedding 30000x512", lambda F, w, i: w[i], (table, index), terms=16), 0)
    layer = (
        normal(size.images(128), size.length(2048)),
        normal(size.length(1000), size.length(2048)),
    )
    yield Row(Call("linear 2048-1000", lambda F, x, w: F.linear(x, w), layer), "both")


def rows(tiny: bool) -> list[Row]:
    """The table; with tiny sizes for a rehearsal. What matters most comes first."""
    size = _Size(tiny)
    convs = [_conv(size, *layer) for layer in LAYERS]
    forward = [Row(call) for call in convs]
    backward = [Row(call, mode) for mode in (0, 1) for call in convs]
    others = [*_pools(size), *_norms(size), *_losses(size), *_elementwise(size)]
    return [*forward, *others, *backward]


def steps() -> list[Step]:
    """The optimizers; options that one of the two libraries lacks are left out there, and said."""
    sgd, adam = {"lr": 1e-3, "momentum": 0.9, "weight_decay": 1e-4}, {"lr": 1e-3}
    return [
        Step(f"{name}{', fused' if fused else ''}: step", name, options | fused)
        for name, options in (("SGD", sgd), ("Adam", adam))
        for fused in ({}, {"fused": True})
    ]
