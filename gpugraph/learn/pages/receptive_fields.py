"""How receptive fields grow: formulas, what gradients reach, and how much of them is where."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ... import nn
from ...analysis import receptive_field
from ...core.autodiff import grad
from ...core.tensor import Tensor

__all__ = ["PRESETS", "Layer", "chain", "data", "heard", "seen"]


@dataclass(frozen=True)
class Layer:
    """One layer of a chain: kind "conv" or "pool", window F, stride S, padding P, dilation D."""

    kind: str
    F: int
    S: int = 1
    P: int = 0
    D: int = 1


def _vgg16() -> list[Layer]:
    layers = []
    for count in (2, 2, 3, 3, 3):
        layers += [Layer("conv", 3, 1, 1)] * count + [Layer("pool", 2, 2)]
    return layers


PRESETS: dict[str, list[Layer]] = {
    "stride 1": [Layer("conv", 3, 1, 1)] * 4,
    "stride 2": [Layer("conv", 3, 2, 1)] * 4,
    "dilated": [Layer("conv", 3, 1, d, d) for d in (1, 2, 4, 8)],
    "AlexNet": [
        Layer("conv", 11, 4, 2),
        Layer("pool", 3, 2),
        Layer("conv", 5, 1, 2),
        Layer("pool", 3, 2),
        *[Layer("conv", 3, 1, 1)] * 3,
        Layer("pool", 3, 2),
    ],
    "VGG-16": _vgg16(),
}
DRAWS, IMAGES, CHANNELS, CELLS = 3, 8, 6, 56


def chain(layers: Sequence[Layer], channels: int = 1, relu: bool = False) -> nn.Sequential:
    """A network of these layers on images of one channel."""
    made: list[nn.Module] = []
    into = 1
    for layer in layers:
        if layer.kind == "pool":
            made.append(nn.MaxPool2d(layer.F, layer.S, padding=layer.P, dilation=layer.D))
            continue
        window = {"stride": layer.S, "padding": layer.P, "dilation": layer.D}
        made.append(nn.Conv2d(into, channels, layer.F, bias=False, **window))
        made += [nn.ReLU()] if relu else []
        into = channels
    return nn.Sequential(*made)


def seen(layers: Sequence[Layer]) -> dict[str, Any]:
    """(size, jump, start) behind the last layer by the formulas, and where gradients show it.

    `image` is the size of the image on which it was measured: large enough that three units in its
    middle don't see the border.
    """
    net = chain(layers)
    size, jump = 1, 1
    for layer in layers:
        size, jump = size + (layer.F - 1) * layer.D * jump, jump * layer.S
    image = size + 6 * jump
    theory = receptive_field(net, (1, 1, image, image))
    measured = receptive_field(net, (1, 1, image, image), measured=True)
    return {"image": image, "theory": list(theory[0]), "measured": list(measured[0])}


def heard(layers: Sequence[Layer], seed: int = 0) -> Any:
    """Mean |gradient| of one unit in the middle over its field, (R, R), with its sum made 1.

    Of random filters with ReLU and maxima, as training starts, over several draws of filters and
    of images (normal noise).
    """
    rng = np.random.default_rng(seed)
    net = chain(layers, CHANNELS, relu=True)
    found = seen(layers)
    size, jump, start = found["theory"]
    image, total = found["image"], np.zeros((size, size))
    for _ in range(DRAWS):
        for p in net.parameters():
            spread = np.sqrt(2 / np.prod(p.shape[1:]))
            p.array[...] = rng.normal(0, spread, p.shape)
        x = Tensor(rng.standard_normal((IMAGES, 1, image, image), np.float32), requires_grad=True)
        y = net(x)
        unit = y.shape[-1] // 2
        (gx,) = grad(y[:, :, unit, unit].sum(), x)
        assert gx is not None
        low = start + unit * jump
        total += abs(gx.numpy()[:, 0, low : low + size, low : low + size]).sum(axis=0)
    return total / total.sum()


def picture(field: Any) -> dict[str, Any]:
    """A map (R, R) of at most so many cells a side, as bytes: 255 is the largest of its means."""
    size = len(field)
    step = -(-size // CELLS)
    side = -(-size // step)
    low = (side * step - size) // 2
    padded = np.zeros((side * step, side * step))
    padded[low : low + size, low : low + size] = field
    means = padded.reshape(side, step, side, step).mean(axis=(1, 3))
    levels = np.round(255 * means / means.max()).astype(np.uint8)
    return {"side": side, "step": step, "bytes": base64.b64encode(levels.tobytes()).decode()}


def inner_share(field: Any) -> float:
    """How much of a map lies in the middle half of its width and height."""
    size = len(field)
    low = size // 4
    return float(field[low : size - low, low : size - low].sum() / field.sum())


def data() -> dict[str, Any]:
    """What the page carries: the presets with what formulas and gradients say of each."""
    presets = []
    for name, layers in PRESETS.items():
        field = heard(layers)
        presets.append(
            {
                "name": name,
                "layers": [asdict(layer) for layer in layers],
                **seen(layers),
                "heard": {**picture(field), "inner": inner_share(field)},
            }
        )
    return {"presets": presets}
