"""Look-up tables, bilinear forms and locally connected layers."""

from __future__ import annotations

import math
from typing import Any

from ..core.backend import MetaArray, default_device
from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from ..core.window import Window, per_axis
from ..ops.creation import empty
from ..ops.embedding import bilinear, embedding, local_conv2d
from ..ops.random import Generator
from .init import normal_, uniform_
from .module import Module
from .parameter import Parameter

__all__ = ["Bilinear", "Embedding", "LocalConv2d"]


def parameter(*shape: int) -> Parameter:
    """A parameter of that shape on the default device, its values to be drawn."""
    return Parameter(empty(shape, device=default_device.get()).array)


class Embedding(Module):
    """A table of vectors, looked up by number: (...) integers -> (..., embedding_dim).

    num_embeddings, embedding_dim   rows, and the length of each
    padding_idx   a row that starts at 0 and takes no gradient; from the end if negative
    max_norm, norm_type, scale_grad_by_freq   as in `functional.embedding`; so is sparse: refused
    generator     draws the first values, normal with standard deviation 1
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        generator: Generator | None = None,
    ) -> None:
        if sparse:
            raise ArgumentError("Embedding: sparse=True is not available; leave it away")
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        (self.num_embeddings,) = per_axis("Embedding", "num_embeddings", num_embeddings, 1)
        (self.embedding_dim,) = per_axis("Embedding", "embedding_dim", embedding_dim, 1)
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ArgumentError(
                    f"Embedding: padding_idx={padding_idx} must lie in {-num_embeddings} to "
                    f"{num_embeddings - 1}"
                )
            padding_idx %= num_embeddings
        self.padding_idx, self.generator = padding_idx, generator
        self.weight = parameter(self.num_embeddings, self.embedding_dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values; 0 for the row of padding."""
        normal_(self.weight, generator=self.generator)
        if self.padding_idx is not None and not isinstance(self.weight.array, MetaArray):
            self.weight.array[self.padding_idx] = 0

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An embedding with these rows (V, D); freeze: they are not learned."""
        if embeddings.ndim != 2:
            raise ShapeError(f"Embedding: embeddings {embeddings.shape} must have 2 axes")
        rows, features = embeddings.shape
        options = (max_norm, norm_type, scale_grad_by_freq, sparse)
        made = cls(rows, features, padding_idx, *options)
        made.weight = Parameter(embeddings.detach(), requires_grad=not freeze)
        return made

    def forward(self, x: Any) -> Tensor:
        options = (self.max_norm, self.norm_type, self.scale_grad_by_freq)
        return embedding(x, self.weight, self.padding_idx, *options)

    def extra_repr(self) -> str:
        told = f"{self.num_embeddings}, {self.embedding_dim}"
        return told if self.padding_idx is None else f"{told}, padding_idx={self.padding_idx}"


class Bilinear(Module):
    """y[o] = x1 @ weight[o] @ x2 + bias[o]: `functional.bilinear`.

    in1_features, in2_features, out_features   I, J and O
    bias        add one
    generator   draws the first values, uniform on +-1/sqrt(in1_features)
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        generator: Generator | None = None,
    ) -> None:
        (self.in1_features,) = per_axis("Bilinear", "in1_features", in1_features, 1)
        (self.in2_features,) = per_axis("Bilinear", "in2_features", in2_features, 1)
        (self.out_features,) = per_axis("Bilinear", "out_features", out_features, 1)
        self.generator = generator
        self.weight = parameter(self.out_features, self.in1_features, self.in2_features)
        self.bias = parameter(self.out_features) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values."""
        bound = 1 / math.sqrt(self.in1_features)
        uniform_(self.weight, -bound, bound, self.generator)
        if self.bias is not None:
            uniform_(self.bias, -bound, bound, self.generator)

    def forward(self, x1: Any, x2: Any) -> Tensor:
        return bilinear(x1, x2, self.weight, self.bias)

    def extra_repr(self) -> str:
        told = f"{self.in1_features}, {self.in2_features}, {self.out_features}"
        return told if self.bias is not None else f"{told}, bias=False"


class LocalConv2d(Module):
    """A convolution with filters of its own at each place: `functional.local_conv2d`.

    in_channels, out_channels   C and O
    input_size   (H, W) of the images, or an int for both: it fixes how many filters there are
    kernel_size, stride, padding, dilation   as in `Conv2d`
    bias         add one number per filter and place
    generator    draws the first values
    Weight (oh, ow, O, C, kh, kw) and bias (O, oh, ow) start uniform on +-1/sqrt(C*kh*kw).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        input_size: Any,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        bias: bool = True,
        generator: Generator | None = None,
    ) -> None:
        (self.in_channels,) = per_axis("LocalConv2d", "in_channels", in_channels, 1)
        (self.out_channels,) = per_axis("LocalConv2d", "out_channels", out_channels, 1)
        self.input_size = per_axis("LocalConv2d", "input_size", input_size, 2)
        self.kernel_size = per_axis("LocalConv2d", "kernel_size", kernel_size, 2)
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.generator = generator
        window = Window.of("LocalConv2d", 2, self.kernel_size, stride, padding, dilation)
        out = window.out(self.input_size, "LocalConv2d")
        self.weight = parameter(*out, self.out_channels, self.in_channels, *self.kernel_size)
        self.bias = parameter(self.out_channels, *out) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values."""
        bound = 1 / math.sqrt(self.in_channels * math.prod(self.kernel_size))
        uniform_(self.weight, -bound, bound, self.generator)
        if self.bias is not None:
            uniform_(self.bias, -bound, bound, self.generator)

    def forward(self, x: Any) -> Tensor:
        return local_conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation)

    def extra_repr(self) -> str:
        sizes = f"input_size={self.input_size}, kernel_size={self.kernel_size}"
        return f"{self.in_channels}, {self.out_channels}, {sizes}"
