"""Attention with several heads, with PyTorch's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.tensor import Tensor, is_floating
from ..core.window import per_axis
from ..ops.attention import attention_weights
from ..ops.broadcast import broadcast_to
from ..ops.compare import bitwise_invert, where
from ..ops.conv_functions import tensor_of
from ..ops.creation import ones, tril, zeros
from ..ops.dropout import dropout
from ..ops.join import concat, split
from ..ops.linalg import linear, matmul
from ..ops.random import Generator
from .embedding import parameter
from .init import xavier_normal_, xavier_uniform_, zeros_
from .linear import Linear
from .module import Module
from .parameter import Parameter

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention of `num_heads` heads beside each other (Vaswani et al. 2017, arXiv:1706.03762).

    embed_dim, num_heads   E, a multiple of the heads
    dropout        in training, drop weights with that probability
    bias           add one to all projections
    add_bias_kv    learn one more key and value
    add_zero_attn  one more key and value of zeros
    kdim, vdim     features of keys and values; by default E
    batch_first    inputs and output are (N, L, E) instead of (L, N, E)
    generator      draws the first values, and masks of dropout
    Parameters: in_proj_weight (3E, E), or q_proj_weight, k_proj_weight and v_proj_weight where kdim
    or vdim differ; in_proj_bias (3E); out_proj.weight (E, E), out_proj.bias; bias_k, bias_v.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        generator: Generator | None = None,
    ) -> None:
        (E,) = per_axis("MultiheadAttention", "embed_dim", embed_dim, 1)
        (self.num_heads,) = per_axis("MultiheadAttention", "num_heads", num_heads, 1)
        if E % self.num_heads:
            raise ArgumentError(
                f"MultiheadAttention: embed_dim={E} must be a multiple of num_heads={num_heads}"
            )
        self.embed_dim, self.head_dim = E, E // self.num_heads
        self.kdim, self.vdim = E if kdim is None else kdim, E if vdim is None else vdim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        self.generator = generator
        self.in_proj_weight = self.in_proj_bias = None
        if self.kdim == self.vdim == E:
            self.in_proj_weight = parameter(3 * E, E)
        else:
            self.q_proj_weight = parameter(E, E)
            self.k_proj_weight = parameter(E, self.kdim)
            self.v_proj_weight = parameter(E, self.vdim)
        if bias:
            self.in_proj_bias = parameter(3 * E)
        self.out_proj = Linear(E, E, bias, generator)
        self.bias_k = parameter(1, 1, E) if add_bias_kv else None
        self.bias_v = parameter(1, 1, E) if add_bias_kv else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values for the projections; biases start at 0."""
        for weight in self._projections():
            xavier_uniform_(weight, generator=self.generator)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                zeros_(bias)
        for row in (self.bias_k, self.bias_v):
            if row is not None:
                xavier_normal_(row, generator=self.generator)

    def _projections(self) -> list[Parameter]:
        """The weight for all three, or one for each."""
        if self.in_proj_weight is not None:
            return [self.in_proj_weight]
        return [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Each query's mean of the values, weighted by how its keys fit.

        query      (L, N, E), key (S, N, kdim), value (S, N, vdim); without N for one example; with
                   N in front if batch_first
        key_padding_mask  (N, S): True (or -inf, added) for keys that nobody may look at
        attn_mask  (L, S), or (N*heads, L, S): True where a query may NOT look, or numbers to add
        is_causal  query i sees keys 0 to i only
        Returns the output, like query, and the weights (N, L, S), averaged over the heads, or
        (N, heads, L, S); None unless need_weights.
        """
        query, key, value, one = self._batched(query, key, value)
        q, k, v = self._projected(query, key, value)  # (N, L, E), (N, S, E) twice
        if self.bias_k is not None and self.bias_v is not None:
            k, v = (
                concat([x, broadcast_to(b, (x.shape[0], 1, self.embed_dim))], axis=1)
                for x, b in ((k, self.bias_k), (v, self.bias_v))
            )
        if self.add_zero_attn:
            nothing = zeros((k.shape[0], 1, self.embed_dim), dtype=k.dtype, device=k.device)
            k, v = concat([k, nothing], axis=1), concat([v, nothing], axis=1)
        q, k, v = (self._heads(x) for x in (q, k, v))  # (N, heads, L, E/heads)
        mask = self._mask(q, k, key.shape[1], key_padding_mask, attn_mask, is_causal)
        weights = attention_weights(q, k, mask)
        if self.dropout and self.training:
            weights = dropout(weights, self.dropout, True, generator=self.generator)
        y = matmul(weights, v).swapaxes(1, 2)  # (N, L, heads, E/heads)
        y = self.out_proj(y.reshape((*y.shape[:2], self.embed_dim)))
        if average_attn_weights:
            weights = weights.mean(axis=1)
        if one:
            y, weights = y[0], weights[0]
        elif not self.batch_first:
            y = y.swapaxes(0, 1)
        return y, (weights if need_weights else None)

    def _batched(self, *inputs: Any) -> tuple[Tensor, Tensor, Tensor, bool]:
        """Query, key and value as (N, L, features), and whether they were one example."""
        names = ("query", "key", "value")
        xs = [tensor_of("multihead_attention", n, x) for n, x in zip(names, inputs, strict=True)]
        one = xs[0].ndim == 2
        for name, x, features in zip(names, xs, (self.embed_dim, self.kdim, self.vdim)):
            if x.ndim != (2 if one else 3) or x.shape[-1] != features:
                layout = "(N, L, features)" if self.batch_first else "(L, N, features)"
                raise ShapeError(
                    f"multihead_attention: {name} {x.shape} must be {layout}, or all "
                    f"(L, features), with {features} features"
                )
        if one:
            xs = [x.reshape((1, *x.shape)) for x in xs]
        elif not self.batch_first:
            xs = [x.swapaxes(0, 1) for x in xs]
        query, key, value = xs
        if key.shape[:2] != value.shape[:2] or key.shape[0] != query.shape[0]:
            raise ShapeError(
                f"multihead_attention: query {inputs[0].shape}, key {inputs[1].shape} and value "
                f"{inputs[2].shape} must be of one batch, and key and value equally long"
            )
        return query, key, value, one

    def _projected(self, *inputs: Tensor) -> list[Tensor]:
        weights = self._projections()
        if len(weights) == 1:
            weights = list(split(weights[0], 3))  # type: ignore[arg-type]
        biases: Any = (None,) * 3 if self.in_proj_bias is None else split(self.in_proj_bias, 3)
        return [linear(x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True)]

    def _heads(self, x: Tensor) -> Tensor:
        """(N, L, E) -> (N, heads, L, E/heads)."""
        return x.reshape((*x.shape[:2], self.num_heads, self.head_dim)).swapaxes(1, 2)

    def _mask(
        self, q: Tensor, k: Tensor, keys: int, padding: Any, attn_mask: Any, is_causal: bool
    ) -> Tensor | None:
        """All masks as one that is added, or None: broadcasts to (N, heads, L, S)."""
        (N, heads, L), S = q.shape[:3], k.shape[2]
        masks = []
        if is_causal and attn_mask is None:
            attn_mask = bitwise_invert(tril(ones((L, keys), dtype=np.bool_, device=q.device)))
        if attn_mask is not None:
            mask = tensor_of("multihead_attention", "attn_mask", attn_mask)
            if mask.shape not in ((L, keys), (N * heads, L, keys)):
                raise ShapeError(
                    f"multihead_attention: attn_mask {mask.shape} must be {(L, keys)} or "
                    f"{(N * heads, L, keys)}"
                )
            masks.append(mask.reshape((-1, heads, L, keys) if mask.ndim == 3 else (1, 1, L, keys)))
        if padding is not None:
            mask = tensor_of("multihead_attention", "key_padding_mask", padding)
            if mask.shape not in ((N, keys), (N * keys,)) or (mask.ndim == 1 and N > 1):
                raise ShapeError(
                    f"multihead_attention: key_padding_mask {mask.shape} must be {(N, keys)}"
                )
            masks.append(mask.reshape((N, 1, 1, keys)))
        total: Any = None
        for mask in masks:
            added = _added(mask, q.dtype)
            total = added if total is None else total + added
        if total is not None and keys < S:  # the extra keys are open to all
            open_ = zeros((*total.shape[:-1], S - keys), dtype=q.dtype, device=q.device)
            total = concat([total, open_], axis=-1)
        return total

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, {self.num_heads}"


def _added(mask: Tensor, dtype: Any) -> Tensor:
    """True -> -inf, False -> 0; numbers stay."""
    if mask.dtype == np.bool_:
        return where(mask, -np.inf, 0.0).astype(dtype)
    if not is_floating(mask.dtype):
        raise DtypeError(
            f"multihead_attention: a mask is {mask.dtype}; it takes bools or floating numbers"
        )
    return mask.astype(dtype)
