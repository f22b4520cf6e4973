"""Random numbers and dropout: fixed bits, independent of device and order of work."""

import copy
import math
import pickle

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.ops.random import BLOCK, Generator, halves
from tests.oracles import dropout as judge


def philox(key, counter=0):
    return np.random.Philox(key=key, counter=counter)


def test_the_stream_is_numpys():
    g = Generator(2024)
    want = philox(2024).random_raw(40)
    np.testing.assert_array_equal(g.random_raw(8), want[:8])
    np.testing.assert_array_equal(g.random_raw(3), want[8:11])
    np.testing.assert_array_equal(g.random_raw(5), want[12:17])  # the counter moves by blocks of 4
    assert g.state == {"seed": 2024, "counter": 5}


def test_golden_words():
    """Philox4x64-10 from its paper, in Python's integers; and fixed numbers, for ever."""
    assert judge.philox(0, 0) == [
        0x16554D9ECA36314C,
        0xDB20FE9D672D0FDC,
        0xD7E772CEE186176B,
        0x7E68B68AEC7BA23B,
    ]  # the known answer of the authors' Random123 library (kat_vectors, philox4x64 10)
    words = Generator(7).random_raw(6)
    assert words.tolist() == [judge.word(7, 0, i) for i in range(6)]
    assert [hex(w) for w in words[:2]] == ["0xdf4034b829e9fba4", "0x4b9d10cdf8e64087"]


def test_halves_are_low_then_high():
    words = philox(5, 9).random_raw(3)
    want = [w >> s & 0xFFFFFFFF for w in words.tolist() for s in (0, 32)]
    assert halves(5, 9, 5).tolist() == want[:5] == [judge.half(5, 9, i) for i in range(5)]


def test_uniform_by_its_formula():
    u = Generator(3).uniform(-1.0, 2.0, (2, 3))
    assert u.dtype == np.float32 and u.shape == (2, 3)
    want = [-1.0 + 3.0 * ((judge.half(3, 0, i) >> 8) / 2**24) for i in range(6)]
    np.testing.assert_array_equal(u.numpy().ravel(), np.array(want).astype(np.float32))
    u = Generator(3).uniform(shape=5, dtype=gg.float64)
    assert u.tolist() == [(judge.word(3, 0, i) >> 11) / 2**53 for i in range(5)]
    u = Generator(0).uniform(shape=100_000).numpy()
    assert u.min() >= 0 and u.max() < 1 and abs(u.mean() - 0.5) < 4 / math.sqrt(12 * u.size)


@pytest.mark.parametrize("dtype, ulps", [(np.float32, 1), (np.float64, 4)])
def test_normal_by_its_formula(dtype, ulps):
    got = Generator(3).normal(1.0, 2.0, (7,), dtype).numpy()
    want = []
    for i in range(7):
        if dtype == np.float32:
            a, b = (judge.half(3, 0, i - i % 2 + k) / 2**32 for k in (0, 1))
            a += 2.0**-32
        else:
            a, b = ((judge.word(3, 0, i - i % 2 + k) >> 11) / 2**53 for k in (0, 1))
            a += 2.0**-53
        r, t = math.sqrt(-2 * math.log(a)), 2 * math.pi * b
        want.append(1.0 + 2.0 * r * (math.sin(t) if i % 2 else math.cos(t)))
    np.testing.assert_array_max_ulp(got, np.array(want, dtype), ulps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("draw", ["uniform", "normal"])
def test_numbers_do_not_depend_on_the_blocks_they_are_made_in(draw, dtype, monkeypatch):
    n = 2 * BLOCK + 5
    whole = getattr(Generator(3), draw)(-1.0, 2.0, (n,), dtype).numpy()
    monkeypatch.setattr("gpugraph.ops.random.BLOCK", 2 * n)
    g = Generator(3)
    np.testing.assert_array_equal(getattr(g, draw)(-1.0, 2.0, (n,), dtype).numpy(), whole)
    words = n if dtype == np.float64 else (n + 1) // 2
    assert g.state["counter"] == (words + 3) // 4


def test_normals_have_the_moments_of_normals():
    z = Generator(1).normal(shape=(200_000,), dtype=gg.float64).numpy()
    for power, moment, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((z**power).mean() - moment) < 4 * math.sqrt(spread / z.size)
    assert np.isfinite(Generator(2).normal(shape=(10**6,)).numpy()).all()


def test_integers_by_their_formula():
    got = Generator(3).integers(-2, 5, (40,))
    assert got.dtype == np.int64
    assert got.tolist() == [-2 + (judge.word(3, 0, i) * 7 >> 64) for i in range(40)]
    full = Generator(3).integers(0, 2**32, (9,))
    assert full.tolist() == [judge.word(3, 0, i) >> 32 for i in range(9)]
    counts = np.bincount(Generator(0).integers(0, 10, 50_000).numpy(), minlength=10)
    assert ((counts - 5000) ** 2 / 5000).sum() < 27.9  # chi-square, 9 degrees, 0.1 %


def test_permutation():
    p = Generator(3).permutation(50).numpy()
    assert sorted(p.tolist()) == list(range(50))
    assert p.tolist() == sorted(range(50), key=lambda i: judge.word(3, 0, i))
    assert Generator(3).permutation(0).shape == (0,)


def test_state_goes_through_copies_and_checkpoints():
    g = Generator(11)
    g.normal(shape=(5,))
    saved, twins = g.state, (copy.deepcopy(g), pickle.loads(pickle.dumps(g)))
    want = g.random_raw(4)
    for other in (*twins, Generator(0)):
        other.state = saved
        np.testing.assert_array_equal(other.random_raw(4), want)
    assert repr(g) == "Generator(seed=11, counter=2)"


def test_the_process_wide_generator():
    assert gg.random.seed(5) is gg.random.default_generator()
    assert gg.random.initial_seed() == 5
    first = gg.random.default_generator().uniform(shape=3).numpy()
    np.testing.assert_array_equal(first, Generator(5).uniform(shape=3).numpy())
    gg.random.seed(5)
    x = np.ones(64)
    want = F.dropout(x, generator=Generator(5)).numpy()
    np.testing.assert_array_equal(F.dropout(x).numpy(), want)
    assert (F.dropout(x).numpy() != want).any()  # the generator has moved on


@pytest.mark.parametrize(
    "call, told",
    [
        (lambda: Generator(-1), r"Generator: seed=-1 must lie in 0 to 2\^64 - 1"),
        (lambda: Generator(1.5), "Generator: seed 1.5 must be an integer"),
        (lambda: Generator(0).integers(3, 3), "integers: high - low must lie in 1 to"),
        (lambda: Generator(0).normal(shape=(2,), std=-1.0), "normal: std=-1.0 must be at least 0"),
        (lambda: Generator(0).uniform(dtype=int), "uniform: dtype is int64; it takes floating"),
    ],
)
def test_refusals(call, told):
    with pytest.raises(gg.GpugraphError, match=told):
        call()


# Dropout


def test_golden_mask():
    y = F.dropout(np.ones(8, np.float32), 0.5, generator=Generator(7)).numpy()
    assert [int(v) for v in y] == [
        2 * (h >= 2**31) for h in philox(7).random_raw(4).view("<u4").tolist()
    ]
    assert y.tolist() == [0, 2, 2, 0, 0, 0, 2, 0]


def test_the_mask_depends_on_nothing_but_the_counter():
    """Not on the dtype, nor on strides; and one draw after another uses fresh words."""
    x = np.ones((6, 5))
    g = Generator(1)
    want = F.dropout(x, 0.3, generator=g).numpy()
    assert g.state["counter"] == 4  # 30 halves in 15 words in 4 blocks
    for other in (x.astype(np.float32), np.ones((5, 6)).T):
        got = F.dropout(other, 0.3, generator=Generator(1)).numpy()
        np.testing.assert_array_equal(got != 0, want != 0)
    assert (F.dropout(x, 0.3, generator=g).numpy() != want).any()


def test_backward_uses_the_same_bits_and_keeps_nothing():
    x = gg.Tensor(np.random.default_rng(0).standard_normal((20, 30)), requires_grad=True)
    y = F.dropout(x, 0.4, generator=Generator(3))
    assert not y.node.kept
    (gx,) = gg.grad(y, x, np.ones(x.shape))
    np.testing.assert_array_equal(gx.numpy(), np.where(y.numpy() != 0, 1 / 0.6, 0))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_that_is_kept(p):
    n = 100_000
    y = F.dropout(np.ones(n), p, generator=Generator(0)).numpy()
    assert abs((y != 0).mean() - (1 - p)) < 4 * math.sqrt(p * (1 - p) / n)
    assert abs(y.mean() - 1) < 4 * math.sqrt(p / (1 - p) / n)


def test_edges():
    x = gg.Tensor(np.ones(5), requires_grad=True)
    g = Generator(0)
    assert F.dropout(x, 0.0, generator=g) is x
    assert F.dropout(x, 0.7, training=False, generator=g) is x
    assert g.state["counter"] == 0
    y = F.dropout(x, 1.0, generator=g)
    assert y.tolist() == [0] * 5
    y.sum().backward()
    assert x.grad.tolist() == [0] * 5
    assert F.dropout(np.zeros((0, 3)), 0.5, generator=g).shape == (0, 3)
    for p in (-0.1, 1.1, math.nan):
        with pytest.raises(gg.ArgumentError, match=f"dropout: p={p} must lie in 0 to 1"):
            F.dropout(x, p)
