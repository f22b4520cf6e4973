"""Group `ops`: single ops at sizes of networks for small images, and a stem of a large one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .work import OptimizerStep, Single, Work

__all__ = ["works"]

MLP = tuple(s for a, b in ((784, 512), (512, 256), (256, 10)) for s in ((b, a), (b,)))
# the many small tensors of ResNet-20: a step of an optimizer is then mostly calls
RESNET20 = (
    *((16, 3, 3, 3), *((16, 16, 3, 3),) * 6, (32, 16, 3, 3), *((32, 32, 3, 3),) * 5),
    *((64, 32, 3, 3), *((64, 64, 3, 3),) * 5, *((16,),) * 14, *((32,),) * 12, *((64,),) * 12),
    *((10, 64), (10,)),
)
UPDATES = {
    "SGD with momentum": ("SGD", (("lr", 1e-3), ("momentum", 0.9))),
    "Adam": ("Adam", (("lr", 1e-3),)),
    "AdamW": ("AdamW", (("lr", 1e-3),)),
    "RMSprop": ("RMSprop", (("lr", 1e-3),)),
}


def works(quick: bool = False) -> list[Work]:
    """All of the group; quick ones are the same on arrays of a few numbers."""
    # batch, channels, side of most images
    n, c, s = (2, 4, 8) if quick else (32, 64, 32)
    return [
        *_convolutions(n, c, s),
        *_pools_and_norms(n, c, s),
        *_activations(n, c, s),
        *_classifiers(*((4, 6, 5) if quick else (128, 784, 512))),
        *_optimizers(quick),
    ]


def _conv(name: str, x: tuple[int, ...], w: tuple[int, ...], **options: int) -> Single:
    return Single(name, lambda F, x, w, b: F.conv2d(x, w, b, **options), (x, w, (w[0],)))


def _convolutions(n: int, c: int, s: int) -> list[Work]:
    h = s // 2
    stem = 7 * s  # 224: a first layer for large images
    return [
        _conv("conv 3x3", (n, c, s, s), (c, c, 3, 3), padding=1),
        _conv("conv 3x3, small image", (n, 4 * c, s // 4, s // 4), (4 * c, 4 * c, 3, 3), padding=1),
        _conv("conv 3x3, first layer", (n, 3, s, s), (c, 3, 3, 3), padding=1),
        _conv("conv 3x3, stride 2", (n, c, s, s), (2 * c, c, 3, 3), padding=1, stride=2),
        _conv("conv 3x3, dilated", (n, c, h, h), (c, c, 3, 3), padding=2, dilation=2),
        _conv("conv 1x1", (n, c, s, s), (2 * c, c, 1, 1)),
        _conv("conv 5x5", (2 * n, 6, max(6, h - 2), max(6, h - 2)), (16, 6, 5, 5)),
        _conv("conv 7x7, stride 2", (max(1, n // 8), 3, stem, stem), (c, 3, 7, 7),
              padding=3, stride=2),
        _conv("depthwise 3x3", (n, 2 * c, h, h), (2 * c, 1, 3, 3), padding=1, groups=2 * c),
        _conv("depthwise 3x3, stride 2", (n, 2 * c, h, h), (2 * c, 1, 3, 3),
              padding=1, stride=2, groups=2 * c),
        _conv("grouped 3x3, 4 groups", (n, 2 * c, h, h), (2 * c, c // 2, 3, 3),
              padding=1, groups=4),
        Single("transposed 2x2, stride 2", lambda F, x, w: F.conv_transpose2d(x, w, stride=2),
               ((n, 2 * c, h, h), (2 * c, c, 2, 2))),
        Single("transposed 4x4, stride 2",
               lambda F, x, w: F.conv_transpose2d(x, w, stride=2, padding=1),
               ((n, 2 * c, h // 2, h // 2), (2 * c, c, 4, 4))),
    ]  # fmt: skip


def _pools_and_norms(n: int, c: int, s: int) -> list[Work]:
    x, row = (n, c, s, s), (4 * n, 8 * c)
    ones = ((c,), (c,))
    channels, features = lambda rng: [rng.uniform(0.5, 2, c)] * 2, row[1:]
    return [
        Single("max pool 2x2", lambda F, x: F.max_pool2d(x, 2), (x,)),
        Single("max pool 3x3, stride 2", lambda F, x: F.max_pool2d(x, 3, 2, 1), (x,)),
        Single("average pool 2x2", lambda F, x: F.avg_pool2d(x, 2), (x,)),
        Single("global average pool", lambda F, x: F.adaptive_avg_pool2d(x, 1), (x,)),
        Single("batch norm, training", lambda F, x, w, b: F.batch_norm(
            x, None, None, w, b, training=True), (x, *ones), layers=8),
        Single("batch norm, evaluation", lambda F, x, w, b, m, v: F.batch_norm(x, m, v, w, b),
               (x, *ones), channels),
        Single("layer norm", lambda F, x, w, b: F.layer_norm(x, features, w, b),
               (row, features, features), layers=8),
        Single("group norm, 4 groups", lambda F, x, w, b: F.group_norm(x, 4, w, b), (x, *ones),
               layers=8),
    ]  # fmt: skip


def _activations(n: int, c: int, s: int) -> list[Work]:
    calls: dict[str, Callable[..., Any]] = {
        "relu": lambda F, x: F.relu(x),
        "leaky relu": lambda F, x: F.leaky_relu(x),
        "sigmoid": lambda F, x: F.sigmoid(x),
        "tanh": lambda F, x: F.tanh(x),
        "silu": lambda F, x: F.silu(x),
        "gelu": lambda F, x: F.gelu(x),
        "add": lambda F, x, y: x + y,
    }
    shape = (n, c, s, s)
    return [
        Single(name, f, (shape,) * (2 if name == "add" else 1), layers=4)
        for name, f in calls.items()
    ]


def _classifiers(n: int, before: int, after: int) -> list[Work]:
    def labels(classes: int) -> Callable[[Any], list[Any]]:
        return lambda rng: [rng.integers(0, classes, n)]

    return [
        Single("linear", lambda F, x, w, b: F.linear(x, w, b),
               ((n, before), (after, before), (after,))),
        Single("softmax", lambda F, x: F.softmax(x, -1), ((n, 2 * after),), layers=4),
        Single("cross entropy, 10 classes", lambda F, x, t: F.cross_entropy(x, t), ((n, 10),),
               labels(10), layers=4),
        Single("cross entropy, 1000 classes", lambda F, x, t: F.cross_entropy(x, t), ((n, 1000),),
               labels(1000), layers=4),
    ]  # fmt: skip


def _optimizers(quick: bool) -> list[Work]:
    sets = {"MLP": MLP, "ResNet-20": RESNET20}
    if quick:
        sets = {"MLP": ((5, 4), (5,))}
    return [
        OptimizerStep(f"{name}, {of}", rule, shapes, options)
        for name, (rule, options) in UPDATES.items()
        for of, shapes in sets.items()
    ]
