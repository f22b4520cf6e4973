"""Group `steps`: training steps of networks, from the images to the new weights."""

from __future__ import annotations

from . import nets
from .work import TrainingStep, Work

__all__ = ["works"]


def works(quick: bool = False) -> list[Work]:
    """All of the group; quick ones are narrower, on batches of 2."""
    image, digit = (3, 32, 32), (1, 28, 28)
    if quick:
        tiny = (3, 8, 8)
        return [
            TrainingStep("MLP", lambda lib: nets.mlp(lib, 12, 7, 10), (12,), 2, 24, 2),
            TrainingStep("LeNet-5", nets.lenet5, digit, 2, 2 * 6 * 784, 5),
            TrainingStep("VGG-like", lambda lib: nets.vgg_like(lib, (4, 5), 8), tiny, 2, 512, 5),
            TrainingStep("ResNet-20", nets.resnet20, tiny, 2, 2 * 16 * 64, 40),
            TrainingStep(
                "MobileNet-like",
                lambda lib: nets.mobilenet_like(lib, ((40, 1), (48, 2))),
                tiny, 3, 3 * 40 * 64, 20,
            ),
        ]  # fmt: skip
    adam = {"optimizer": "Adam", "options": (("lr", 1e-3),)}
    pixels = 32 * 32 * 32  # of a batch of 32 images
    return [
        TrainingStep(
            "MLP 784-512-256-10, batch 128", lambda lib: nets.mlp(lib, 784, 512, 256, 10),
            (784,), 128, 784, 3, **adam,
        ),
        TrainingStep("LeNet-5, batch 64", nets.lenet5, digit, 64, 64 * 784, 5),
        TrainingStep("LeNet-5, batch 256", nets.lenet5, digit, 256, 256 * 784, 5),
        TrainingStep("VGG-like, batch 32", nets.vgg_like, image, 32, pixels, 7),
        TrainingStep("ResNet-20, batch 32", nets.resnet20, image, 32, pixels, 40),
        TrainingStep("MobileNet-like, batch 32", nets.mobilenet_like, image, 32, pixels, 30),
    ]  # fmt: skip
