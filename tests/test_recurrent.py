"""Recurrent layers against their equations, step by step."""

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn
from gpugraph.testing import gradcheck

rng = np.random.default_rng(0)
LAYERS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(kind, w, x, h, c):
    """(h', c') from the textbook's equations; w: the weights by name, without their suffix."""
    a, b = x @ w["weight_ih"].T, h @ w["weight_hh"].T
    a, b = a + w.get("bias_ih", 0), b + w.get("bias_hh", 0)
    if kind == "RNN":
        return np.tanh(a + b), c
    if kind == "LSTM":
        i, f, g, o = np.split(a + b, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        return (h @ w["weight_hr"].T if "weight_hr" in w else h), c
    (ar, az, an), (br, bz, bn) = np.split(a, 3, -1), np.split(b, 3, -1)
    z = sigmoid(az + bz)
    return (1 - z) * np.tanh(an + sigmoid(ar + br) * bn) + z * h, c


def by_hand(kind, layer, x, h0, c0):
    """(L, N, I) -> outputs, last h, last c."""
    state = layer.state_dict()
    hs, cs = [], []
    for i in range(layer.num_layers):
        sides = []
        for suffix in ("", "_reverse")[: 1 + layer.bidirectional]:
            end = f"_l{i}{suffix}"
            w = {n.removesuffix(end): v for n, v in state.items() if n.endswith(end)}
            h, c = h0[len(hs)], c0[len(hs)]
            outputs = []
            for t in range(len(x))[:: -1 if suffix else 1]:
                h, c = step(kind, w, x[t], h, c)
                outputs.append(h)
            sides.append(np.stack(outputs[:: -1 if suffix else 1]))
            hs.append(h)
            cs.append(c)
        x = np.concatenate(sides, -1)
    return x, np.stack(hs), np.stack(cs)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize(
    "options",
    [{}, {"num_layers": 2, "bias": False}, {"num_layers": 2, "bidirectional": True}],
    ids=str,
)
def test_step_by_step(kind, options):
    layer = LAYERS[kind](3, 4, **options).astype(np.float64)
    x = rng.standard_normal((5, 2, 3))
    n = layer.num_layers * (1 + layer.bidirectional)
    h0, c0 = rng.standard_normal((2, n, 2, 4))
    want, h, c = by_hand(kind, layer, x, h0, c0)
    y, last = layer(x, (h0, c0) if kind == "LSTM" else h0)
    np.testing.assert_allclose(y.numpy(), want, atol=1e-13)
    for got, end in zip(last if kind == "LSTM" else [last], (h, c)):
        np.testing.assert_allclose(got.numpy(), end, atol=1e-13)
    zeros = np.zeros((n, 2, 4))
    np.testing.assert_allclose(
        layer(x)[0].numpy(), by_hand(kind, layer, x, zeros, zeros)[0], atol=1e-13
    )
    layer.batch_first = True
    turned, end = layer(x.swapaxes(0, 1))
    np.testing.assert_array_equal(turned.numpy(), layer_first(layer, x).swapaxes(0, 1))
    assert (end[0] if kind == "LSTM" else end).shape == (n, 2, 4)
    one, _ = layer(x[:, 0])
    np.testing.assert_allclose(one.numpy(), turned.numpy()[0], atol=1e-14)


def layer_first(layer, x):
    """The outputs of the same layer with time in front."""
    layer.batch_first = False
    y = layer(x)[0].numpy()
    layer.batch_first = True
    return y


def test_projections():
    layer = nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2).astype(np.float64)
    x = rng.standard_normal((5, 2, 3))
    h0, c0 = rng.standard_normal((4, 2, 2)), rng.standard_normal((4, 2, 4))
    want = by_hand("LSTM", layer, x, h0, c0)
    y, (h, c) = layer(x, (h0, c0))
    for got, wanted in zip((y, h, c), want):
        np.testing.assert_allclose(got.numpy(), wanted, atol=1e-13)


@pytest.mark.parametrize("kind", LAYERS)
def test_cells_are_single_steps(kind):
    layer = LAYERS[kind](3, 4).astype(np.float64)
    cell = getattr(nn, f"{kind}Cell")(3, 4).astype(np.float64)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x = rng.standard_normal((5, 2, 3))
    state = None
    for t in range(5):
        state = cell(x[t], state)
    h = state[0] if kind == "LSTM" else state
    np.testing.assert_allclose(h.numpy(), layer(x)[0].numpy()[-1], atol=1e-13)
    single = cell(x[0, 0])
    assert (single[0] if kind == "LSTM" else single).shape == (4,)


@pytest.mark.parametrize("kind", LAYERS)
def test_derivatives_to_third_order(kind):
    layer = LAYERS[kind](2, 3, bidirectional=True).astype(np.float64)
    names = [n for n, _ in layer.named_parameters()]
    values = [p.numpy() for p in layer.parameters()]

    def f(x, *weights):
        for name, w in zip(names, weights):
            object.__setattr__(layer, name, w)
        return layer(x)[0]

    gradcheck(f, [rng.standard_normal((3, 2, 2)), *values], order=3, nonzero=True)


def test_relu_dropout_names_and_first_values():
    layer = nn.RNN(3, 4, 2, "relu", dropout=0.5, generator=gg.random.Generator(1))
    assert set(layer.state_dict()) == {
        f"{part}_{side}_l{i}" for part in ("weight", "bias") for side in ("ih", "hh")
        for i in (0, 1)
    }  # fmt: skip
    assert all(np.abs(p.numpy()).max() <= 0.5 for p in layer.parameters())
    x = rng.standard_normal((3, 2, 3)).astype(np.float32)
    y = layer(x)[0].numpy()
    assert y.dtype == np.float32 and (y >= 0).all()
    assert (layer(x)[0].numpy() != y).any()  # other masks
    layer.eval()
    np.testing.assert_array_equal(layer(x)[0].numpy(), layer(x)[0].numpy())
    assert repr(layer).startswith("RNN(3, 4, num_layers=2, dropout=0.5)")
    with gg.default_device("meta"):
        shapes = nn.LSTM(3, 4)
        y, (h, c) = shapes(gg.zeros((5, 2, 3)))
        assert (y.shape, h.shape, c.shape) == ((5, 2, 4), (1, 2, 4), (1, 2, 4))


def test_a_gru_learns_to_remember_the_first_number():
    gg.random.seed(0)
    x = np.random.default_rng(1).integers(0, 2, (8, 64, 1)).astype(np.float32)
    layer, head = nn.GRU(1, 8), nn.Linear(8, 2)
    optimizer = gg.optim.Adam([*layer.parameters(), *head.parameters()], 0.03)
    losses = []
    for _ in range(80):
        y, _ = layer(x)
        loss = F.cross_entropy(head(y[-1]), x[0, :, 0].astype(int))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.6 and losses[-1] < 0.1


X = np.zeros((5, 2, 3), np.float32)
SHAPE, ARGUMENT = gg.errors.ShapeError, gg.errors.ArgumentError


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: nn.LSTM(4, 4)(X), SHAPE,
         "LSTM: lstm: x (5, 2, 3) must be (L, N, I), or (L, I) for one sequence, with "
         "I = input_size = 4"),
        (lambda: nn.GRU(3, 4)(X, X), SHAPE, "GRU: gru: hx (5, 2, 3) must be (1, 2, 4)"),
        (lambda: nn.LSTM(3, 4)(X, X), ARGUMENT,
         "LSTM: lstm: hx is float32 (5, 2, 3); it must be a pair (h_0, c_0)"),
        (lambda: nn.GRU(3, 4)(X[:0]), SHAPE, "GRU: gru: x has no time steps; it needs at least 1"),
        (lambda: nn.RNN(3, 4, nonlinearity="elu"), ARGUMENT,
         "RNN: nonlinearity='elu' must be 'tanh' or 'relu'"),
        (lambda: nn.LSTM(3, 4, proj_size=4), ARGUMENT,
         "LSTM: proj_size=4 must be less than hidden_size=4"),
        (lambda: nn.GRUCell(3, 4)(X), SHAPE,
         "GRUCell: gru_cell: x (5, 2, 3) must be (N, 3) or (3,)"),
    ],
)  # fmt: skip
def test_errors_say_what_came_and_what_was_wanted(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text
