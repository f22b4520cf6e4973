"""Look-up tables and bilinear forms; dropout of channels and alpha dropout."""

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn
from gpugraph.ops.random import Generator

rng = np.random.default_rng(0)


def test_rows_are_looked_up_and_their_gradients_added():
    table, x = rng.standard_normal((5, 3)), np.array([[1, 4, 1], [0, 1, 3]])
    for padding in (None, 1, -1):
        leaf = gg.Tensor(table, requires_grad=True)
        y = F.embedding(x, leaf, padding)
        np.testing.assert_array_equal(y.numpy(), table[x])
        g = rng.standard_normal(y.shape)
        want = np.zeros((5, 3))
        for place in np.ndindex(x.shape):
            if padding is None or x[place] != padding % 5:
                want[x[place]] += g[place]
        np.testing.assert_allclose(gg.grad(y, leaf, g)[0].numpy(), want, atol=1e-15)
    assert F.embedding(np.zeros((0, 2), int), table).shape == (0, 2, 3)
    assert F.embedding(np.array(2), table).shape == (3,)


def test_embedding_layers():
    layer = nn.Embedding(1000, 4, padding_idx=-1, generator=Generator(0))
    weight = layer.weight.numpy()
    assert layer.padding_idx == 999 and not weight[999].any()
    assert abs(weight[:-1].std() - 1) < 0.05 and abs(weight.mean()) < 0.1
    fixed = nn.Embedding.from_pretrained(gg.Tensor(np.eye(3)))
    assert fixed(np.array([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert not fixed.weight.requires_grad
    assert repr(fixed) == "Embedding(3, 3)  # weight (3, 3)"


def test_bilinear_forms():
    x1, x2 = rng.standard_normal((2, 5, 3)), rng.standard_normal((2, 5, 4))
    layer = nn.Bilinear(3, 4, 6).astype(np.float64)
    want = np.einsum("abi,oij,abj->abo", x1, layer.weight.numpy(), x2) + layer.bias.numpy()
    np.testing.assert_allclose(layer(x1, x2).numpy(), want, atol=1e-14)
    assert np.abs(layer.weight.numpy()).max() <= 1 / np.sqrt(3)
    assert layer(x1[:0], x2[:0]).shape == (0, 5, 6)
    assert F.bilinear(x1[0, 0], x2[0, 0], layer.weight).shape == (6,)


CHANNELS = {
    F.dropout1d: ((40, 50, 3), (2000, 3)), F.dropout2d: ((40, 50, 2, 3), (40, 50, 3)),
    F.dropout3d: ((40, 50, 2, 1, 3), (2000, 2, 1, 3)),
}  # fmt: skip


@pytest.mark.parametrize("function", CHANNELS)
def test_whole_channels_are_dropped(function):
    for shape in CHANNELS[function]:
        x = rng.standard_normal(shape)
        y = function(x, 0.3, True, generator=Generator(1)).numpy()
        kept = (y != 0).reshape(2000, -1)
        assert (kept.all(1) | ~kept.any(1)).all()
        assert abs(kept.mean() - 0.7) < 4 * np.sqrt(0.21 / 2000)
        np.testing.assert_allclose(y[y != 0], (x / 0.7)[y != 0], rtol=1e-14)
        np.testing.assert_array_equal(function(x, 0.3, False).numpy(), x)
        assert not function(x, 1.0).numpy().any()


def test_alpha_dropout_keeps_mean_and_variance():
    x = rng.standard_normal((400, 500))
    y = F.alpha_dropout(x, 0.2, True, generator=Generator(2)).numpy()
    assert abs(y.mean()) < 0.02 and abs(y.std() - 1) < 0.02
    # the elements dropped are all one number; the others are a line of x
    number, times = max(zip(*np.unique(y, return_counts=True)), key=lambda pair: pair[1])
    assert abs(times / y.size - 0.2) < 0.005
    slope, level = np.polyfit(x[y != number], y[y != number], 1)
    np.testing.assert_allclose(y[y != number], slope * x[y != number] + level, atol=1e-12)
    alpha = -1.0507009873554805 * 1.6732632423543772  # selu far to the left
    np.testing.assert_allclose(number, slope * alpha + level, rtol=1e-12)
    by_channel = F.feature_alpha_dropout(
        x[..., None] * np.ones(3), 0.2, True, generator=Generator(2)
    )
    np.testing.assert_array_equal(by_channel.numpy()[..., 1], y)
    assert not F.alpha_dropout(x, 1.0, True).numpy().any()
    np.testing.assert_array_equal(F.alpha_dropout(x, 0.5).numpy(), x)  # not in training


def test_dropout_layers_follow_the_mode():
    x = np.ones((2, 30, 4, 4))
    for layer in (
        nn.Dropout2d(0.5), nn.AlphaDropout(0.5), nn.FeatureAlphaDropout(0.5),
    ):  # fmt: skip
        assert (layer(x).numpy() != x).any()
        np.testing.assert_array_equal(layer.eval()(x).numpy(), x)
        assert repr(layer) == f"{type(layer).__name__}(0.5)"
    assert nn.Dropout1d()(x[0]).shape == (30, 4, 4) and nn.Dropout3d()(x).shape == x.shape


SHAPE, DTYPE, ARGUMENT = gg.errors.ShapeError, gg.errors.DtypeError, gg.errors.ArgumentError
TABLE = np.zeros((5, 3))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: F.embedding(np.array([5]), TABLE), gg.errors.IndexRangeError,
         "embedding: row 5 does not exist; weight (5, 3) has rows 0 to 4"),
        (lambda: F.embedding(np.array([-1]), TABLE), gg.errors.IndexRangeError,
         "embedding: row -1 does not exist; weight (5, 3) has rows 0 to 4"),
        (lambda: F.embedding(np.array([1.0]), TABLE), DTYPE,
         "embedding: x is float64; it must hold integers, the numbers of rows"),
        (lambda: F.embedding(np.array([1]), TABLE, sparse=True), ARGUMENT,
         "embedding: sparse=True is not available; leave it away"),
        (lambda: nn.Embedding(3, 2, sparse=True), ARGUMENT,
         "Embedding: sparse=True is not available; leave it away"),
        (lambda: F.embedding(np.array([1]), TABLE, 7), ARGUMENT,
         "embedding: padding_idx=7 must lie in -5 to 4"),
        (lambda: F.bilinear(TABLE, TABLE, TABLE), SHAPE,
         "bilinear: x1 (5, 3), x2 (5, 3) and weight (5, 3) don't fit; they must be (..., I), "
         "(..., J) and (O, I, J)"),
        (lambda: F.dropout2d(TABLE), SHAPE, "dropout2d: x (5, 3) has 2 axes; it takes 3 or 4"),
        (lambda: F.dropout1d(TABLE, 1.5), ARGUMENT, "dropout1d: p=1.5 must lie in 0 to 1"),
    ],
)  # fmt: skip
def test_errors_say_what_came_and_what_was_wanted(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text
