"""F.ctc_loss against the sum over all paths, one by one."""

import itertools
import math

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn
from tests import fake_cupy


def by_paths(log_probs, target, blank):
    """-log of the probability of all paths (T classes each) that are read as the target."""
    found = 0.0
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        read = [c for c, _ in itertools.groupby(path) if c != blank]
        if read == list(target):
            found += math.exp(sum(log_probs[t, c] for t, c in enumerate(path)))
    return -math.log(found) if found else math.inf


def logs(rng, *shape):
    x = rng.standard_normal(shape)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


TARGETS = [[1, 2], [], [2, 2], [2], [1, 1, 1], [1, 2, 1]]
STEPS = [5, 4, 5, 0, 4, 3]  # the last but two has no steps, the last but one too few


@pytest.mark.parametrize("blank", [0, 1])
def test_all_paths(blank):
    rng = np.random.default_rng(blank)
    x = logs(rng, 5, 6, 3)
    targets = [
        [{0: 0, 1: 1, 2: 2}[c] if not blank else {1: 0, 2: 2}[c] for c in t] for t in TARGETS
    ]
    sizes = [len(t) for t in targets]
    want = np.array([by_paths(x[:n, i], t, blank)
                     for i, (t, n) in enumerate(zip(targets, STEPS))])  # fmt: skip
    assert np.isinf(want).tolist() == [False, False, False, True, True, False]
    rows = np.array([[*t, *[0] * (4 - len(t))] for t in targets])
    flat = np.concatenate([np.array(t, int) for t in targets])
    bound = gg.testing.tolerance(np.float64, 100)
    for given in (rows, flat, gg.Tensor(flat)):
        got = F.ctc_loss(x, given, STEPS, sizes, blank, "none").numpy()
        np.testing.assert_allclose(got, want, rtol=bound)
        got = F.ctc_loss(x, given, gg.tensor(STEPS), np.array(sizes), blank, "none", True).numpy()
        np.testing.assert_allclose(got, np.where(np.isinf(want), 0, want), rtol=bound)
    fits = np.where(np.isinf(want), 0, want)
    mean = (fits / np.maximum(sizes, 1)).mean()
    layer = nn.CTCLoss(blank, zero_infinity=True)
    np.testing.assert_allclose(layer(x, rows, STEPS, sizes).item(), mean, rtol=bound)
    total = F.ctc_loss(x, rows, STEPS, sizes, blank, "sum", True)
    np.testing.assert_allclose(total.item(), fits.sum(), rtol=bound)
    one = F.ctc_loss(x[:, 0], rows[0], 5, 2, blank, "none")
    np.testing.assert_allclose(one.numpy(), want[0], rtol=bound)
    assert one.shape == ()


def test_gradients():
    rng = np.random.default_rng(2)
    x, rows = rng.standard_normal((4, 3, 3)), np.array([[1, 2], [2, 2], [1, 0]])

    def loss(x):
        return F.ctc_loss(F.log_softmax(x, -1), rows, [4, 4, 3], [2, 2, 1], reduction="none")

    assert gg.testing.gradcheck(loss, x, order=3)
    leaf = gg.Tensor(logs(rng, 4, 3, 3), requires_grad=True)
    y = F.ctc_loss(leaf, rows, [4, 2, 3], [2, 2, 1], reduction="none")
    assert np.isinf(y.numpy()).tolist() == [False, True, False]  # two equal labels need 3 steps
    (g,) = gg.grad(y.sum(), leaf)
    assert np.isfinite(g.numpy()).all() and not g.numpy()[:, 1].any()
    np.testing.assert_allclose(g.numpy()[:, 0].sum(-1), -1)  # each step goes to one class or other
    assert not g.numpy()[3, 2].any()


def test_certain_and_impossible_classes():
    x = np.full((3, 1, 3), -np.inf)
    x[[0, 1, 2], 0, [1, 0, 2]] = 0
    leaf = gg.Tensor(x, requires_grad=True)
    y = F.ctc_loss(leaf, np.array([[1, 2]]), [3], [2])
    assert y.item() == 0 and np.isfinite(gg.grad(y, leaf)[0].numpy()).all()
    assert F.ctc_loss(x, np.array([[2, 1]]), [3], [2]).item() == math.inf


def test_float32_other_modules_and_meta():
    rng = np.random.default_rng(3)
    x, rows = logs(rng, 30, 2, 5).astype(np.float32), np.array([[1, 2, 3, 4], [4, 4, 1, 0]])
    here = F.ctc_loss(x, rows, [30, 25], [4, 3])
    assert here.dtype == np.float32
    exact = F.ctc_loss(x.astype(float), rows, [30, 25], [4, 3]).item()
    np.testing.assert_allclose(here.item(), exact, rtol=gg.testing.tolerance(np.float32, 200))
    with fake_cupy.installed() as cupy:
        leaf = gg.Tensor(x).to("cuda").requires_grad_()
        y = F.ctc_loss(leaf, gg.Tensor(rows).to("cuda"), [30, 25], gg.tensor([4, 3]).to("cuda"))
        assert isinstance(y.array, cupy.ndarray) and y.item() == here.item()
        assert gg.grad(y, leaf)[0].device == "cuda:0"
    y = F.ctc_loss(gg.zeros(x.shape, device="meta"), rows, [30, 25], [4, 3], reduction="none")
    assert (y.shape, y.device) == ((2,), "meta")


X = np.zeros((4, 2, 3))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: F.ctc_loss(X[0, 0], [1], 1, 1), gg.ShapeError, "log_probs (3,) must be (T, N, C)"),
        (lambda: F.ctc_loss(X, [[1], [2]], [4, 5], [1, 1]), gg.ArgumentError,
         "ctc_loss: input_lengths=[4, 5] must be 0 to 4"),
        (lambda: F.ctc_loss(X, [[1], [2]], [4], [1, 1]), gg.ShapeError,
         "ctc_loss: input_lengths is int64 (1,); it takes 2 integers, one for each sequence"),
        (lambda: F.ctc_loss(X, [[1], [3]], [4, 4], [1, 1]), gg.errors.IndexRangeError,
         "ctc_loss: targets has class 3; there are 3 classes, 0 to 2"),
        (lambda: F.ctc_loss(X, [1, 2, 1], [4, 4], [1, 1]), gg.ShapeError,
         "ctc_loss: targets (3,) must be (2, 1) or more, or all 2 labels one behind the other"),
        (lambda: F.ctc_loss(X, [[1.0], [2]], [4, 4], [1, 1]), gg.DtypeError, "targets is float64"),
        (lambda: F.ctc_loss(X, [[1], [2]], [4, 4], [1, 1], 3), gg.ArgumentError,
         "ctc_loss: blank=3 must lie in 0 to 2"),
    ],
)  # fmt: skip
def test_mistakes_are_explained(call, error, text):
    with pytest.raises(error) as found:
        call()
    assert text in str(found.value)
