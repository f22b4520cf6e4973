"""Transformers: encoder, decoder and both, with PyTorch's names (Vaswani et al. 2017,
arXiv:1706.03762). Masks are those of `MultiheadAttention`: True where a query may not look.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from ..core.window import per_axis
from ..ops.activation import relu
from ..ops.activation_functions import gelu
from ..ops.creation import full, triu
from ..ops.random import Generator
from .activation import Dropout
from .attention import MultiheadAttention
from .containers import ModuleList
from .init import xavier_uniform_
from .linear import Linear
from .module import Module
from .norm_layers import LayerNorm

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]

Activation = str | Callable[[Any], Tensor]


class _Layer(Module):
    """What the layers of encoder and decoder share: two linear layers, and attention."""

    def _begin(
        self,
        d_model: int,
        dim_feedforward: int,
        dropout: float,
        activation: Activation,
        bias: bool,
        generator: Generator | None,
    ) -> None:
        self.linear1 = Linear(d_model, dim_feedforward, bias, generator)
        self.dropout = Dropout(dropout, generator=generator)
        self.linear2 = Linear(dim_feedforward, d_model, bias, generator)
        if isinstance(activation, str):
            if activation not in ("relu", "gelu"):
                raise ArgumentError(
                    f"{type(self).__name__}: activation={activation!r} must be 'relu', 'gelu' or "
                    "a function"
                )
            activation = relu if activation == "relu" else gelu
        self.activation = activation

    @staticmethod
    def _attend(
        attention: Module, x: Any, memory: Any, mask: Any, padding: Any, is_causal: bool | None
    ) -> Tensor:
        y: Tensor
        y, _ = attention(
            x,
            memory,
            memory,
            attn_mask=mask,
            key_padding_mask=padding,
            need_weights=False,
            is_causal=bool(is_causal),
        )
        return y

    def _feed(self, x: Any) -> Tensor:
        y: Tensor = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return y


class TransformerEncoderLayer(_Layer):
    """Self-attention and two linear layers, each with a residual and a layer norm.

    d_model, nhead    features, a multiple of the heads
    dim_feedforward   features between the two linear layers
    dropout           behind attention and linear layers, and on the weights
    activation        "relu", "gelu" or a function, between the two linear layers
    layer_norm_eps    eps of the norms
    batch_first       x is (N, L, d_model) instead of (L, N, d_model)
    norm_first        norms before attention and linear layers, instead of after the residuals
    bias              of linear layers and norms
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        generator: Generator | None = None,
    ) -> None:
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, generator=generator
        )
        self._begin(d_model, dim_feedforward, dropout, activation, bias, generator)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.dropout1 = Dropout(dropout, generator=generator)
        self.dropout2 = Dropout(dropout, generator=generator)

    def forward(
        self,
        src: Any,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Tensor:
        """src (L, N, d_model) -> the same shape; masks as in `MultiheadAttention`."""
        masks = src_mask, src_key_padding_mask, is_causal

        def attend(x: Any) -> Tensor:
            y: Tensor = self.dropout1(self._attend(self.self_attn, x, x, *masks))
            return y

        if self.norm_first:
            x = src + attend(self.norm1(src))
            return x + self.dropout2(self._feed(self.norm2(x)))
        x = self.norm1(src + attend(src))
        y: Tensor = self.norm2(x + self.dropout2(self._feed(x)))
        return y


class TransformerEncoder(Module):
    """`num_layers` copies of an encoder layer, one after the other, and perhaps a norm.

    As in PyTorch, all copies start with the values of `encoder_layer`. `enable_nested_tensor` and
    `mask_check` are there for code written for PyTorch.
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        self.num_layers, self.layers = _copies("TransformerEncoder", encoder_layer, num_layers)
        self.norm = norm

    def forward(
        self,
        src: Any,
        mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """src (L, N, d_model) -> the same shape; masks as in `MultiheadAttention`."""
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, is_causal)
        return src if self.norm is None else self.norm(src)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to what an encoder gives, and two linear layers.

    Each with a residual and a layer norm; the parameters are those of `TransformerEncoderLayer`.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        generator: Generator | None = None,
    ) -> None:
        self.self_attn, self.multihead_attn = (
            MultiheadAttention(
                d_model, nhead, dropout, bias, batch_first=batch_first, generator=generator
            )
            for _ in range(2)
        )
        self._begin(d_model, dim_feedforward, dropout, activation, bias, generator)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.dropout1 = Dropout(dropout, generator=generator)
        self.dropout2 = Dropout(dropout, generator=generator)
        self.dropout3 = Dropout(dropout, generator=generator)

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool | None = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """tgt (T, N, d_model) and memory (S, N, d_model) -> the shape of tgt.

        tgt_mask, tgt_key_padding_mask        where tgt may not look in tgt, (T, T) and (N, T)
        memory_mask, memory_key_padding_mask  where it may not look in memory, (T, S) and (N, S)
        tgt_is_causal, memory_is_causal       position i sees positions 0 to i only
        """
        masks = tgt_mask, tgt_key_padding_mask, tgt_is_causal
        beside = memory_mask, memory_key_padding_mask, memory_is_causal

        def attend(x: Any) -> Tensor:
            y: Tensor = self.dropout1(self._attend(self.self_attn, x, x, *masks))
            return y

        def look(x: Any) -> Tensor:
            y: Tensor = self.dropout2(self._attend(self.multihead_attn, x, memory, *beside))
            return y

        if self.norm_first:
            x = tgt + attend(self.norm1(tgt))
            x = x + look(self.norm2(x))
            return x + self.dropout3(self._feed(self.norm3(x)))
        x = self.norm1(tgt + attend(tgt))
        x = self.norm2(x + look(x))
        y: Tensor = self.norm3(x + self.dropout3(self._feed(x)))
        return y


class TransformerDecoder(Module):
    """`num_layers` copies of a decoder layer, one after the other, and perhaps a norm.

    As in PyTorch, all copies start with the values of `decoder_layer`.
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        self.num_layers, self.layers = _copies("TransformerDecoder", decoder_layer, num_layers)
        self.norm = norm

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """As in `TransformerDecoderLayer`, through all layers."""
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask,
                memory_mask,
                tgt_key_padding_mask,
                memory_key_padding_mask,
                tgt_is_causal,
                memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder, and a decoder that looks at what it gives.

    num_encoder_layers, num_decoder_layers   how many of each
    custom_encoder, custom_decoder           modules to take instead
    The other parameters are those of `TransformerEncoderLayer`. Both end in a layer norm. Weights
    start as by `init.xavier_uniform_`.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        generator: Generator | None = None,
    ) -> None:
        told = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps)
        more = (batch_first, norm_first, bias, generator)
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*told, *more),
            num_encoder_layers,
            LayerNorm(d_model, layer_norm_eps, bias=bias),
        )
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*told, *more),
            num_decoder_layers,
            LayerNorm(d_model, layer_norm_eps, bias=bias),
        )
        for p in self.parameters():
            if p.ndim > 1:
                xavier_uniform_(p, generator=generator)

    def forward(
        self,
        src: Any,
        tgt: Any,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """src (S, N, d_model) and tgt (T, N, d_model) -> the shape of tgt.

        The masks are those of `TransformerDecoderLayer`; those of src are (S, S) and (N, S).
        """
        for name, x in (("src", src), ("tgt", tgt)):
            if x.shape[-1] != self.d_model:
                raise ShapeError(
                    f"Transformer: {name} {x.shape} must end in d_model={self.d_model} features"
                )
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        y: Tensor = self.decoder(
            tgt,
            memory,
            tgt_mask,
            memory_mask,
            tgt_key_padding_mask,
            memory_key_padding_mask,
            tgt_is_causal,
            memory_is_causal,
        )
        return y

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """(sz, sz), to be added: -inf above the diagonal, so that i sees 0 to i; 0 elsewhere."""
        return triu(full((sz, sz), -math.inf, dtype=dtype, device=device), k=1)


def _copies(label: str, layer: Module, num_layers: int) -> tuple[int, ModuleList]:
    """How many, and copies of the layer, without its gradients."""
    (n,) = per_axis(label, "num_layers", num_layers, 1)
    layers = ModuleList(copy.deepcopy(layer) for _ in range(n))
    layers.zero_grad()
    return n, layers
