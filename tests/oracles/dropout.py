"""Oracles of gpugraph/ops/dropout.py: Philox4x64-10 in Python's integers, from the paper."""

import numpy as np

MASK = 2**64 - 1


def philox(key, counter):
    """Four words from a key of 128 and a counter of 256 bits (Salmon et al. 2011, section 3.3)."""
    k0, k1 = key & MASK, key >> 64
    c = [(counter >> (64 * i)) & MASK for i in range(4)]
    for _ in range(10):
        a, b = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [(b >> 64) ^ c[1] ^ k0, b & MASK, (a >> 64) ^ c[3] ^ k1, a & MASK]
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & MASK, (k1 + 0xBB67AE8584CAA73B) & MASK
    return c


def word(key, counter, i):
    return philox(key, (counter + 1 + i // 4) % 2**256)[i % 4]


def half(key, counter, i):
    return word(key, counter, i // 2) >> (32 * (i % 2)) & 0xFFFFFFFF


def mask(op, shape):
    kept = [half(op.key, op.counter, i) >= round(op.p * 2**32) for i in range(np.prod(shape))]
    return np.array(kept, dtype=bool).reshape(shape)


def dropout(op, x):
    scale = 0.0 if op.p == 1 else 1 / (1 - op.p)
    return np.where(mask(op, x.shape), x * scale, 0.0)


def dropout_gradient(op, inputs, g):
    return (dropout(op, g),)


ORACLES = {"Dropout": dropout}
GRADIENTS = {"Dropout": dropout_gradient}
