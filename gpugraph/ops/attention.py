"""Scaled dot-product attention (Vaswani et al. 2017, arXiv:1706.03762, eq. 1)."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.tensor import Tensor, is_floating
from .broadcast import broadcast_to
from .compare import where
from .conv_functions import tensor_of
from .creation import ones, tril
from .dropout import dropout
from .extrema import all as all_of
from .linalg import matmul
from .random import Generator
from .softmax import softmax

__all__ = ["scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """softmax(query @ key.mT * scale + mask) @ value.

    query      (..., L, E); key (..., S, E); value (..., S, V); the axes in front broadcast
    attn_mask  broadcasts to (..., L, S): bools, True where a query may look; or numbers to add
    dropout_p  drop weights with that probability, always: pass 0 outside of training
    is_causal  query i sees keys 0 to i; not together with attn_mask
    scale      by default 1 / sqrt(E)
    enable_gqa the axis -3 (heads) of key and value may divide that of query: each serves several
    A query that may look nowhere gives zeros.
    """
    query, key, value = (
        tensor_of("scaled_dot_product_attention", name, x)
        for name, x in (("query", query), ("key", key), ("value", value))
    )
    if enable_gqa:
        key, value = _repeated(query, key), _repeated(query, value)
    weights = attention_weights(query, key, attn_mask, is_causal, scale)
    if dropout_p:
        weights = dropout(weights, dropout_p, True, generator=generator)
    if value.ndim < 2 or value.shape[-2] != key.shape[-2]:
        raise ShapeError(
            f"scaled_dot_product_attention: key {key.shape} and value {value.shape} must be "
            "equally many (axis -2)"
        )
    return matmul(weights, value)


def attention_weights(
    query: Tensor,
    key: Tensor,
    attn_mask: Any = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """How much each query looks at each key: rows that add up to 1, or are 0. (..., L, S)"""
    label = "scaled_dot_product_attention"
    if query.dtype != key.dtype or not is_floating(query.dtype):
        raise DtypeError(
            f"{label}: query is {query.dtype}, key is {key.dtype}; both must be of one floating "
            "dtype"
        )
    if min(query.ndim, key.ndim) < 2 or query.shape[-1] != key.shape[-1]:
        raise ShapeError(
            f"{label}: query {query.shape} and key {key.shape} must be (..., L, E) and (..., S, E)"
        )
    scale = 1 / sqrt(query.shape[-1]) if scale is None else scale
    scores = matmul(query * scale, key.mT)
    if is_causal:
        if attn_mask is not None:
            raise ArgumentError(f"{label}: is_causal=True and attn_mask; give one of them")
        attn_mask = tril(ones(scores.shape[-2:], dtype=np.bool_, device=scores.device))
    if attn_mask is None:
        return softmax(scores, -1)
    mask = tensor_of(label, "attn_mask", attn_mask)
    try:
        fits = np.broadcast_shapes(mask.shape, scores.shape) == scores.shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"{label}: attn_mask {mask.shape} must broadcast to the scores {scores.shape}"
        )
    if mask.dtype == np.bool_:
        scores = where(mask, scores, -np.inf)
    elif is_floating(mask.dtype):
        scores = scores + mask
    else:
        raise DtypeError(f"{label}: attn_mask is {mask.dtype}; it takes bools or floating numbers")
    blind = all_of(scores.detach() == -np.inf, axis=-1, keepdims=True)
    return where(blind, 0, softmax(where(blind, 0, scores), -1))


def _repeated(query: Tensor, x: Tensor) -> Tensor:
    """(..., G, S, E) -> (..., heads of query, S, E): each group serves neighbouring heads."""
    heads, groups = query.shape[-3], x.shape[-3]
    if heads % groups:
        raise ShapeError(
            f"scaled_dot_product_attention: query {query.shape} has {heads} heads, which must be a "
            f"multiple of the {groups} of {x.shape}"
        )
    *lead, S, E = x.shape
    wide = broadcast_to(x.reshape((*lead, 1, S, E)), (*lead, heads // groups, S, E))
    return wide.reshape((*lead[:-1], heads, S, E))
