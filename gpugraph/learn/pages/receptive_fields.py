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
from ..exercise import Exercise
from ..page import Content, page

__all__ = ["PRESETS", "Layer", "chain", "content", "heard", "seen"]


@dataclass(frozen=True)
class Layer:
    """One layer of a chain: kind "conv" or "pool", window F, stride S, padding P, dilation D."""

    kind: str
    F: int
    S: int = 1
    P: int = 0
    D: int = 1


CONV, POOL = Layer("conv", 3, 1, 1), Layer("pool", 2, 2)

# With the size of the image that the page draws.
PRESETS: dict[str, tuple[int, list[Layer]]] = {
    "two blocks": (32, [CONV, CONV, POOL] * 2),
    "stride 1": (16, [CONV] * 4),
    "stride 2": (64, [Layer("conv", 3, 2, 1)] * 4),
    "dilated": (48, [Layer("conv", 3, 1, d, d) for d in (1, 2, 4, 8)]),
    "AlexNet": (
        224,
        [
            Layer("conv", 11, 4, 2),
            Layer("pool", 3, 2),
            Layer("conv", 5, 1, 2),
            Layer("pool", 3, 2),
            *[CONV] * 3,
            Layer("pool", 3, 2),
        ],
    ),
    "VGG-16": (224, [layer for n in (2, 2, 3, 3, 3) for layer in [*[CONV] * n, POOL]]),
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
        made.append(nn.Conv2d(into, channels, layer.F, layer.S, layer.P, layer.D, bias=False))
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


TEXT = """
<p>A unit sees what its window covers, and each unit in there sees what <em>its</em> window covers.
From the image on, two numbers suffice: the <b>size</b> <var>r</var> that a unit sees, and the
<b>jump</b> <var>j</var>, the pixels from one unit to the next. A layer with window <var>F</var>,
stride <var>S</var> and dilation <var>D</var> makes of them</p>
<p class="formula"><var>r</var> + (<var>F</var> − 1) · <var>D</var> · <var>j</var>
&nbsp; and &nbsp; <var>j</var> · <var>S</var></p>
<p>So at stride 1 every layer adds <var>F</var> − 1, while a stride, a pool or a dilation makes all
that comes behind it see further: fields then grow like powers of two.</p>
<h2>Measured by gradients</h2>
<p>A unit depends on a pixel if its gradient there is not zero. gpugraph looks where that is, in a
network with positive weights, so that nothing cancels, and finds what the formula says:</p>
<div id="measured"></div>
<h2>Seen, but hardly heard</h2>
<p>Many paths lead from a unit to the middle of its field, and few to its border. With equal weights
the gradient counts these paths: the bell below the image, above. These are the gradients of
networks with random weights, ReLU and max pooling, as they are when training starts (mean size over
{images} images of noise and {draws} draws of the weights):</p>
<div id="maps"></div>
"""


@page(
    "receptive-fields",
    "How far does a pixel reach?",
    "Put layers on top of each other, and see what one unit sees of the image, and how well.",
    order=6,
)
def content() -> Content:
    """The presets, with what formulas and gradients say of each."""
    presets = []
    for name, (shown, layers) in PRESETS.items():
        field = heard(layers)
        presets.append(
            {
                "name": name,
                "shown": shown,
                "layers": [asdict(layer) for layer in layers],
                **seen(layers),
                "heard": {**picture(field), "inner": inner_share(field)},
            }
        )
    return Content(
        TEXT.format(images=IMAGES, draws=DRAWS),
        {"presets": presets},
        ("fields.js", "receptive-fields.js"),
        exercises(),
        styles=("receptive-fields.css",),
        lecture=["10-receptive-fields.md"],
    )


def exercises() -> list[Exercise]:
    """Questions, with answers by `gpugraph.analysis`."""
    threes, seven = seen([CONV] * 3)["theory"][0], seen([Layer("conv", 7)])["theory"][0]
    strided = seen([Layer("conv", 3, 2, 1)] * 5)["theory"][0]
    swapped = [seen(layers)["theory"][0] for layers in ([CONV, POOL], [POOL, CONV])]
    assert threes == seven
    return [
        Exercise(
            "How many layers of 3×3 with stride 1 see as far as one of 7×7?",
            3,
            f"Each adds 2 to the 1 that the image begins with: {threes} after three.",
        ),
        Exercise(
            "Five layers of 3×3, all with stride 2. How many pixels wide is the field of one unit?",
            strided,
            "1 + 2 + 4 + 8 + 16 + 32: the jump doubles with each layer, and each adds 2 jumps.",
        ),
        Exercise(
            "A convolution of 3×3 and a pool of 2×2 with stride 2: which must be first, to see "
            "more?",
            "the pool first",
            f"Behind the pool a step is 2 pixels, so the convolution adds 4: {swapped[1]} against "
            f"{swapped[0]}. Try it above with the arrows.",
            choices=("the convolution first", "the pool first", "it makes no difference"),
        ),
    ]
