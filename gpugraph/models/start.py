"""How networks start: first values other than those that layers draw by themselves."""

from __future__ import annotations

from .. import nn
from ..nn import init

__all__ = ["he_start"]


def he_start(net: nn.Module, mode: str = "fan_out") -> None:
    """Convolutions before a ReLU start normal (He et al. 2015, arXiv:1502.01852), biases at 0.

    mode  "fan_out" keeps the size of gradients, "fan_in" that of activations
    """
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            assert layer.weight is not None
            init.kaiming_normal_(layer.weight, mode=mode, nonlinearity="relu")
            if layer.bias is not None:
                init.zeros_(layer.bias)
