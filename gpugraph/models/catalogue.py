"""The networks by name, with the shape of the input that each is made for.

>>> models.catalogue.NETWORKS["resnet50"].image
(3, 224, 224)
>>> net = models.catalogue.network("resnet50").make()
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..core.errors import ArgumentError
from .alexnet import alexnet
from .densenet import densenet121
from .googlenet import googlenet
from .mobilenet import mobilenet_v1, mobilenet_v2
from .nin import nin
from .resnet import (
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
    resnext50_32x4d,
    resnext101_32x8d,
)
from .resnet_cifar import resnet20, resnet56
from .small import MLP, DigitsNet, LeNet5
from .squeezenet import squeezenet1_0, squeezenet1_1
from .unet import unet
from .vgg import vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn

__all__ = ["NETWORKS", "Network", "network"]


@dataclass(frozen=True)
class Network:
    """How a network is made, and what it takes.

    make   makes it; keywords go to the network's function
    image  shape of one input, as published, without the batch axis
    tiny   shape of a small one, for checks that should not take long
    """

    make: Callable[..., Any]
    image: tuple[int, ...]
    tiny: tuple[int, ...]


def _made_for(
    image: tuple[int, ...], tiny: tuple[int, ...], *makers: Callable[..., Any]
) -> dict[str, Network]:
    return {make.__name__: Network(make, image, tiny) for make in makers}


_IMAGENET, _CIFAR = (3, 224, 224), (3, 32, 32)

NETWORKS: dict[str, Network] = {
    "mlp": Network(partial(MLP, 784, 64, 10), (784,), (784,)),
    "digitsnet": Network(DigitsNet, (1, 8, 8), (1, 8, 8)),
    "lenet5": Network(LeNet5, (1, 28, 28), (1, 28, 28)),
    **_made_for(_CIFAR, (3, 9, 11), nin, resnet20, resnet56),
    **_made_for(_IMAGENET, (3, 67, 63), alexnet),
    **_made_for(
        _IMAGENET,
        (3, 32, 37),
        vgg11,
        vgg11_bn,
        vgg13,
        vgg13_bn,
        vgg16,
        vgg16_bn,
        vgg19,
        vgg19_bn,
    ),
    **_made_for(
        _IMAGENET,
        (3, 33, 40),
        resnet18,
        resnet34,
        resnet50,
        resnet101,
        resnet152,
        resnext50_32x4d,
        resnext101_32x8d,
        mobilenet_v1,
        mobilenet_v2,
        squeezenet1_0,
        squeezenet1_1,
        densenet121,
        googlenet,
    ),
    **_made_for((1, 572, 572), (1, 204, 188), unet),
}


def network(name: str) -> Network:
    """The network of that name; an ArgumentError that lists the names if there is none."""
    if name not in NETWORKS:
        raise ArgumentError(f"models: no network {name!r}; there are {', '.join(NETWORKS)}")
    return NETWORKS[name]
