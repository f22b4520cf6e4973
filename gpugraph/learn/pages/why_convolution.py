"""Why convolution: templates of whole images against small filters that are used everywhere."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ...core.backend import default_device
from ...core.tensor import Tensor
from ...data import ArrayDataset, DataLoader, digits
from ...nn import (
    AdaptiveAvgPool2d,
    Conv2d,
    CrossEntropyLoss,
    Flatten,
    Linear,
    Module,
    ReLU,
    Sequential,
)
from ...ops.random import Generator, default_generator
from ...optim import Adam
from ..exercise import Exercise
from ..few_digits import few_digits
from ..page import Content, page

STAGES = (
    '<section class="stage" aria-label="Templates and filters">'
    '<div id="picture" class="picture"></div><div id="controls" class="controls"></div>'
    '</section><section class="stage" aria-label="Limit, tile, share">'
    '<div id="wires" class="picture"></div><div id="steps" class="controls"></div>'
    "<noscript><p>These figures need JavaScript.</p></noscript></section>"
)
TEXT = """
<p>Each row of a fully connected layer has one weight for each pixel: it is a <em>template</em> of
the whole image. Its answer is the sum of template times image. Shift the digit, and it lies on
other weights: the answer is about something else.</p>
<p>A convolutional layer has small filters and lays each on every place. Shift the digit, and its
map shifts along: <em>equivariance</em>. A mean over the map then doesn't care where a stroke was,
but for what the edge cuts off; <a href="#shift=2">shift it by two</a>, and compare how many test
images each network still gets right.</p>
<p>Three steps lead from one layer to the other. <strong>Limit</strong> what an output sees to a
window. <strong>Tile</strong> the image with such windows. <strong>Share</strong> one set of weights
among all of them. The first two save weights since most connections go; the third makes what is
learned at one place known at all.</p>
"""


@page(
    "why-convolution",
    "Why convolution?",
    "A fully connected layer learns templates of whole images, a convolutional one small filters. "
    "Shift the digit, and see what each makes of it.",
    order=1,
)
def content() -> Content:
    """Two networks trained on digits, what they get right of shifted ones, and parameter counts."""
    data = learned()
    dense = _weight(Linear(32 * 32, 32 * 32, bias=False)).size
    shared = _weight(Conv2d(1, 1, 3, padding=1, bias=False)).size
    thick = _weight(Conv2d(3, 64, 7, bias=False)).size
    exercises = [
        Exercise(
            "A fully connected layer takes 32×32 pixels and makes 32×32 numbers, without biases. A "
            "convolution with one filter of 3×3 does, too. How many times fewer weights has it? "
            "(Round to a whole number.)",
            float(dense // shared),
            f"{dense:,} / {shared}. The image could be larger: the filter stays as it is.",
            tolerance=1,
        ),
        Exercise(
            "64 filters of 7×7 read a colour image of three channels. How many weights is that, "
            "without biases?",
            float(thick),
            "7 · 7 · 3 · 64, whatever the size of the image.",
        ),
        Exercise(
            "Which of the three steps leaves the number of connections as it is?",
            "share",
            "Locally connected and convolutional layers have the same connections, and the same "
            "cost: only their weights are fewer.",
            choices=("limit", "tile", "share"),
        ),
    ]
    scripts = ["windows.js", "why-convolution.js", "limit-tile-share.js"]
    return Content(
        TEXT,
        data,
        scripts,
        exercises,
        figure=STAGES,
        lecture=("01-templates.md", "02-limit-tile-share.md"),
    )


@cache
def learned() -> dict[str, Any]:
    """Weights of the first layers, ten digits, and shares that are right after shifts."""
    train, test, source = _digits()
    images, labels = test.batch(np.arange(len(test)))
    with default_device("cpu"):
        generator = default_generator()  # of the process: left as it was
        kept = generator.state
        try:
            generator.state = Generator(0).state
            dense, conv = Linear(64, 16), Conv2d(1, 8, 5, padding=2)
            networks = {
                "dense": Sequential(Flatten(), dense, ReLU(), Linear(16, 10)),
                "conv": Sequential(
                    *(conv, ReLU(), Conv2d(8, 24, 3, padding=1), ReLU()),
                    *(AdaptiveAvgPool2d(1), Flatten(), Linear(24, 10)),
                ),
            }
            for network in networks.values():
                _train(network, train, epochs=15 if len(train) > 1000 else 60)
        finally:
            generator.state = kept
        right = {
            name: [_right(network, shifted(images, by), labels) for by in range(-2, 3)]
            for name, network in networks.items()
        }
    shown = [int(np.flatnonzero(labels == k)[0]) for k in range(10)]

    rows = _weight(dense).numpy().reshape(16, 8, 8)
    three = images[shown[3], 0]
    falls = [float((row * (three - shifted(three, 1))).sum()) for row in rows]

    def numbers(array: Any) -> Any:
        return np.asarray(array, np.float64).round(4).tolist()

    return {
        "source": source,
        "digits": numbers(images[shown, 0]),
        "templates": numbers(rows),
        "filters": numbers(_weight(conv).numpy()[:, 0]),
        "unit": int(np.argmax(falls)),  # the template that a shift of the 3 costs most
        "right": right,
        "parameters": {
            name: sum(p.size for p in network.parameters()) for name, network in networks.items()
        },
    }


def shifted(images: Any, by: int) -> Any:
    """Images (..., H, W) moved to the right by so many pixels (to the left if by < 0)."""
    moved = np.zeros_like(images)
    width = images.shape[-1]
    moved[..., max(by, 0) : width + min(by, 0)] = images[..., max(-by, 0) : width - max(by, 0)]
    return moved


def _weight(layer: Linear | Conv2d) -> Tensor:
    assert layer.weight is not None  # a layer that doesn't wait for its first input
    return layer.weight


def _digits() -> tuple[ArrayDataset, ArrayDataset, str]:
    try:
        return digits("train"), digits("test"), "1,442 handwritten digits"
    except ImportError:
        few = "240 handwritten digits (with scikit-learn it would be 1,442)"
        return few_digits("train"), few_digits("test"), few


def _train(network: Module, train: ArrayDataset, epochs: int) -> None:
    optimizer = Adam(network.parameters(), lr=0.01, weight_decay=1e-3)
    loss_of = CrossEntropyLoss()
    for _ in range(epochs):
        for x, wanted in DataLoader(train, batch_size=64, shuffle=True, seed=0):
            loss = loss_of(network(x), wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def _right(network: Module, images: Any, labels: Any) -> float:
    """The share of images whose label gets the highest score."""
    return round(float((network(images).numpy().argmax(axis=1) == labels).mean()), 4)
