"""Distances, rrelu, gumbel_softmax, multilabel margins; containers of parameters; embeddings."""

import math

import numpy as np
import pytest
import scipy.spatial.distance as distances

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn
from gpugraph.ops.random import Generator
from tests import fake_cupy

rng = np.random.default_rng(0)
NORMS = {0.0: "hamming", 1.0: "cityblock", 2.0: "euclidean", math.inf: "chebyshev"}
X1, X2 = rng.standard_normal((5, 3)), rng.standard_normal((4, 3))


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 2.0, 3.0, math.inf])
def test_distances_of_rows(p):
    kind, options = (NORMS[p], {}) if p in NORMS else ("minkowski", {"p": p})
    scale = 3 if p == 0 else 1  # SciPy's is a share of the coordinates
    bound = gg.testing.tolerance(np.float64, 16)
    want = distances.cdist(X1, X2, kind, **options) * scale
    np.testing.assert_allclose(gg.cdist(X1, X2, p).numpy(), want, rtol=bound)
    batches = F.cdist(np.stack([X1, X1])[:, None], X2, p).numpy()
    np.testing.assert_allclose(batches, np.broadcast_to(want, (2, 1, 5, 4)), rtol=bound)
    want = distances.pdist(X1, kind, **options) * scale
    np.testing.assert_allclose(F.pdist(X1, p).numpy(), want, rtol=bound)
    if p:
        order = 1 if p == math.inf else 3
        assert gg.testing.gradcheck(lambda a, b: gg.cdist(a, b, p), [X1, X2], order=order)
        assert gg.testing.gradcheck(lambda a: gg.pdist(a, p), X1, order=order)


def test_equal_and_near_and_no_rows():
    x = gg.Tensor(np.ones((3, 2)), requires_grad=True)
    for y in (gg.cdist(x, x), gg.pdist(x)):
        assert not y.numpy().any() and not gg.grad(y.sum(), x)[0].numpy().any()
    near = np.array([[1e8, 0.0]]), np.array([[1e8 + 1, 0.0]])
    assert gg.cdist(*near).tolist() == [[1.0]]  # squares and products would give 0
    assert gg.cdist(np.zeros((0, 2)), np.zeros((3, 2))).shape == (0, 3)
    assert gg.cdist(np.zeros((2, 0)), np.zeros((3, 0))).tolist() == [[0.0] * 3] * 2
    assert gg.pdist(np.zeros((1, 2))).shape == gg.pdist(np.zeros((0, 2))).shape == (0,)
    assert np.isnan(gg.cdist(np.array([[np.nan]]), np.array([[1.0]])).item())
    assert gg.cdist(X1.astype(np.float16), X2.astype(np.float16)).dtype == np.float16


def multilabel_margin(x, target):
    """The sums of the definition, class by class."""
    chosen = []
    for t in target.tolist():
        if t < 0:
            break
        chosen.append(t)
    others = [i for i in range(len(x)) if i not in chosen]
    return math.fsum(max(0.0, 1 - x[j] + x[i]) for j in chosen for i in others) / len(x)


def test_multilabel_margin_loss():
    x = rng.standard_normal((6, 4))
    target = np.array(
        [[1, 3, -1, 0], [-1, 0, 1, 2], [0, 1, 2, 3], [2, -1, 2, -1], [1, 1, -1, 0], [3, -1, -1, -1]]
    )
    want = np.array([multilabel_margin(r, t) for r, t in zip(x, target)])
    for reduction, value in (("none", want), ("mean", want.mean()), ("sum", want.sum())):
        got = F.multilabel_margin_loss(x, target, reduction=reduction)
        np.testing.assert_allclose(got.numpy(), value, rtol=1e-14)
        module = nn.MultiLabelMarginLoss(reduction)
        np.testing.assert_array_equal(module(x, target).numpy(), got.numpy())
    one = F.multilabel_margin_loss(x[0], target[0], reduction="none")
    np.testing.assert_allclose(one.numpy(), want[0])
    assert one.shape == ()
    assert gg.testing.gradcheck(lambda x: F.multilabel_margin_loss(x, target) ** 3, x, order=3)
    assert F.multilabel_margin_loss(x.astype(np.float32), target).dtype == np.float32


def test_rrelu():
    x = rng.standard_normal((40, 50))
    np.testing.assert_array_equal(F.rrelu(x).numpy(), np.where(x > 0, x, 11 / 48 * x))
    leaf = gg.Tensor(x, requires_grad=True)
    y = F.rrelu(leaf, 0.2, 0.4, training=True, generator=Generator(0))
    slope = (y / x).numpy()
    assert (slope[x > 0] == 1).all()
    slope = slope[x <= 0]
    assert slope.min() > 0.2 - 1e-12 and slope.max() < 0.4 + 1e-12
    assert abs(slope.mean() - 0.3) < 4 * 0.2 / np.sqrt(12 * slope.size)
    np.testing.assert_allclose(gg.grad(y.sum(), leaf)[0].numpy(), (y / x).numpy(), rtol=1e-14)
    layer = nn.RReLU(0.2, 0.4, generator=Generator(0))
    np.testing.assert_array_equal(layer(x).numpy(), y.numpy())
    np.testing.assert_allclose(layer.eval()(x).numpy(), np.where(x > 0, x, 0.3 * x))
    assert repr(layer) == "RReLU(0.2, 0.4)"
    zero = gg.Tensor(np.zeros(3), requires_grad=True)
    for training in (False, True):  # at 0 the slope of the left
        y = F.rrelu(zero, 0.25, 0.25, training)
        assert gg.grad(y.sum(), zero)[0].tolist() == [0.25] * 3


def test_gumbel_softmax_draws_by_the_probabilities():
    logits = np.log(np.array([0.5, 0.2, 0.3]))
    many = np.broadcast_to(logits, (20000, 3))
    y = F.gumbel_softmax(many, hard=True, generator=Generator(3)).numpy()
    assert set(np.unique(y)) == {0.0, 1.0} and (y.sum(1) == 1).all()
    np.testing.assert_allclose(y.mean(0), [0.5, 0.2, 0.3], atol=4 * 0.5 / np.sqrt(20000))
    soft = F.gumbel_softmax(many, 0.7, generator=Generator(3)).numpy()
    np.testing.assert_allclose(soft.sum(1), 1, rtol=1e-14)
    np.testing.assert_array_equal(soft.argmax(1), y.argmax(1))
    assert F.gumbel_softmax(many.T.astype(np.float32), dim=0, generator=Generator(3)).dtype == "f4"


def test_gumbel_softmax_hard_has_the_gradient_of_the_soft_one():
    x, g = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 3, 4))
    found = []
    for hard in (False, True):
        leaf = gg.Tensor(x, requires_grad=True)
        y = F.gumbel_softmax(leaf, 2.0, hard, dim=1, generator=Generator(5))
        found.append(gg.grad(y, leaf, g)[0].numpy())
    np.testing.assert_array_equal(*found)
    assert gg.testing.gradcheck(
        lambda x: F.gumbel_softmax(x, 2.0, dim=1, generator=Generator(5)), x, order=3
    )


def test_rows_of_an_embedding_are_shortened_in_place():
    table = rng.standard_normal((5, 3)) * 4
    for norm in (1.0, 2.0, math.inf):
        weight = nn.Parameter(table.copy())
        y = F.embedding(np.array([[1, 3], [3, 3]]), weight, max_norm=2.0, norm_type=norm)
        lengths = np.array([np.linalg.norm(row, norm) for row in table])
        want = table.copy()
        for row in (1, 3):
            if lengths[row] > 2:
                want[row] *= 2 / (lengths[row] + 1e-7)
        np.testing.assert_allclose(weight.numpy(), want, rtol=1e-15)
        np.testing.assert_array_equal(y.numpy(), weight.numpy()[[[1, 3], [3, 3]]])
        y.sum().backward()
        assert weight.grad.numpy()[:, 0].tolist() == [0, 1, 0, 3, 0]
    short = nn.Parameter(table / 100)
    F.embedding(np.arange(5), short, max_norm=2.0)
    np.testing.assert_array_equal(short.numpy(), table / 100)
    layer = nn.Embedding(5, 3, max_norm=0.5, generator=Generator(0))
    assert np.linalg.norm(layer(np.arange(5)).numpy(), axis=1).max() <= 0.5
    with pytest.raises(gg.errors.GradientError, match="embedding: max_norm=1 writes to weight"):
        F.embedding(np.array([0]), weight * 2, max_norm=1)


def test_gradients_of_an_embedding_by_frequency():
    weight = gg.Tensor(rng.standard_normal((4, 2)), requires_grad=True)
    x = np.array([[0, 1, 1], [3, 1, 0]])
    g = rng.standard_normal((2, 3, 2))
    y = F.embedding(x, weight, padding_idx=3, scale_grad_by_freq=True)
    np.testing.assert_array_equal(y.numpy(), weight.numpy()[x])
    want = np.zeros((4, 2))
    for place in np.ndindex(x.shape):
        want[x[place]] += g[place] / (x == x[place]).sum()
    want[3] = 0
    np.testing.assert_allclose(gg.grad(y, weight, g)[0].numpy(), want, atol=1e-15)


def test_lists_and_dicts_of_parameters():
    class Net(nn.Module):
        def __init__(self):
            self.rows = nn.ParameterList([gg.ones(2), nn.Parameter(gg.zeros(3))])
            self.named = nn.ParameterDict({"left": gg.ones(1), "right": gg.ones((2, 2))})

        def forward(self, x):
            return sum(p.sum() for p in self.rows) * x + self.named["right"].sum()

    net = Net()
    paths = ["rows.0", "rows.1", "named.left", "named.right"]
    assert [n for n, _ in net.named_parameters()] == list(net.state_dict()) == paths
    net(3.0).backward()
    assert net.rows[0].grad.tolist() == [3, 3] and net.named["right"].grad.tolist() == [[1, 1]] * 2
    rows = net.rows.append(gg.ones(4)).extend([gg.ones(5)])
    assert len(rows) == 4 and [p.size for p in rows] == [2, 3, 4, 5] and rows[-1].size == 5
    assert [p.size for p in rows[1:3]] == [3, 4] and isinstance(rows[1:3], nn.ParameterList)
    rows[-1] = gg.zeros(7)
    assert isinstance(rows[3], nn.Parameter) and rows[3].size == 7
    named = net.named
    named["new"] = gg.ones(2)
    named.update([("left", gg.zeros(9))])
    assert list(named) == named.keys() == ["left", "right", "new"] and "new" in named
    assert named["left"].size == 9 and named.get("none") is None and len(named.values()) == 3
    assert named.pop("new").size == 2 and "new" not in named
    del named["left"]
    assert [n for n, _ in named.items()] == ["right"]


def test_shapes_of_layers():
    assert nn.Unflatten(1, (2, -1))(np.zeros((3, 6, 5))).shape == (3, 2, 3, 5)
    assert repr(nn.Unflatten(-1, [2, 3])) == "Unflatten(dim=-1, unflattened_size=(2, 3))"
    x = gg.ones(2)
    assert nn.Identity(54, unused=0.1)(x) is x


PLACES = {
    "cdist": (lambda a, b: gg.cdist(a, b, 3.0), [X1, X2]),
    "pdist": (gg.pdist, [X1]),
    "multilabel": (F.multilabel_margin_loss, [X1, np.array([[1, -1, 0]] * 5)]),
    "rrelu": (lambda x: F.rrelu(x, training=True, generator=Generator(1)), [X1]),
    "gumbel": (lambda x: F.gumbel_softmax(x, hard=True, generator=Generator(1)), [X1]),
    "embedding": (
        lambda w, x: F.embedding(x, w, max_norm=0.1, scale_grad_by_freq=True),
        [X1, np.array([1, 1, 0])],
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_on_another_array_module_and_on_meta(name):
    function, arrays = PLACES[name]
    here = function(*(gg.Tensor(a.copy()) for a in arrays))
    with fake_cupy.installed() as cupy:
        xs = [gg.Tensor(a.copy()).to("cuda") for a in arrays]
        leaf = xs[0].requires_grad_()
        y = function(*xs)
        assert isinstance(y.array, cupy.ndarray)
        np.testing.assert_array_equal(y.numpy(), here.numpy())
        assert gg.grad(y.sum(), leaf)[0].device == "cuda:0"
    xs = [gg.zeros(a.shape, dtype=a.dtype, device="meta") for a in arrays]
    leaf = xs[0].requires_grad_()
    y = function(*xs)
    assert (y.shape, y.dtype, y.device) == (here.shape, here.dtype, "meta")
    assert gg.grad(y.sum(), leaf)[0].shape == leaf.shape


ARGUMENT, SHAPE, DTYPE = gg.errors.ArgumentError, gg.errors.ShapeError, gg.errors.DtypeError


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: gg.cdist(X1, X2[:, :2]), SHAPE,
         "cdist: x1 (5, 3) and x2 (4, 2) must be (..., P, M), (..., R, M)"),
        (lambda: gg.cdist(X1, X2, -1), ARGUMENT, "cdist: p=-1 must be at least 0"),
        (lambda: gg.pdist(X1[0]), SHAPE, "pdist: x (3,) must be (N, M)"),
        (lambda: F.rrelu(X1, 0.5, 0.2), ARGUMENT,
         "rrelu: lower=0.5 and upper=0.2 must be 0 <= lower <= upper"),
        (lambda: F.gumbel_softmax(X1, 0), ARGUMENT, "gumbel_softmax: tau=0 must be above 0"),
        (lambda: F.multilabel_margin_loss(X1, np.zeros((5, 2), int)), SHAPE,
         "multilabel_margin_loss: x (5, 3) and target (5, 2) must both be (N, C), or (C)"),
        (lambda: F.multilabel_margin_loss(X1, np.full((5, 3), 3)), gg.errors.IndexRangeError,
         "multilabel_margin_loss: target has class 3; there are 3 classes, 0 to 2"),
        (lambda: F.multilabel_margin_loss(X1, X1), DTYPE, "target is float64; it takes class"),
        (lambda: nn.ParameterList(gg.ones(2)), DTYPE, "ParameterList: values is a Tensor; it"),
        (lambda: nn.ParameterList([1.0]), DTYPE, "ParameterList: '0' is a float; it must be a"),
        (lambda: nn.ParameterList([])[0], gg.errors.IndexRangeError, "out of range for 0 param"),
        (lambda: nn.ParameterDict({"keys": gg.ones(2)}), ARGUMENT, "'keys' can't be the name of"),
        (lambda: nn.ParameterDict()["a"], gg.errors.IndexRangeError,
         "ParameterDict: no parameter 'a'; there are []"),
    ],
)  # fmt: skip
def test_mistakes_are_explained(call, error, text):
    with pytest.raises(error) as found:
        call()
    assert text in str(found.value)
