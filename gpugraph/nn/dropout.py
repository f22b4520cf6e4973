"""Dropout of whole channels, and alpha dropout, as layers. (`Dropout` is in activation.py.)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from ..ops.dropout_kinds import (
    alpha_dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from ..ops.random import Generator
from .module import Module

__all__ = ["AlphaDropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _Dropout(Module):
    """p: the probability to drop; generator: where the bits come from; inplace changes nothing."""

    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self, p: float = 0.5, inplace: bool = False, generator: Generator | None = None
    ) -> None:
        if not 0 <= p <= 1:
            raise ArgumentError(f"{type(self).__name__}: p={p} must lie in 0 to 1")
        self.p, self.inplace, self.generator = p, inplace, generator

    def forward(self, x: Any) -> Tensor:
        return self.function(x, self.p, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        return f"{self.p}"


class Dropout1d(_Dropout):
    """In training, zero whole channels of (N, C, L): `functional.dropout1d`."""

    function = staticmethod(dropout1d)


class Dropout2d(_Dropout):
    """In training, zero whole channels of (N, C, H, W): `functional.dropout2d`."""

    function = staticmethod(dropout2d)


class Dropout3d(_Dropout):
    """In training, zero whole channels of (N, C, D, H, W): `functional.dropout3d`."""

    function = staticmethod(dropout3d)


class AlphaDropout(_Dropout):
    """Dropout for selu networks: `functional.alpha_dropout`."""

    function = staticmethod(alpha_dropout)


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels: `functional.feature_alpha_dropout`."""

    function = staticmethod(feature_alpha_dropout)
