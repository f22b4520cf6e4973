"""Activations, softmax and losses: what the generic tests of all ops don't see."""

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.core.apply import apply
from gpugraph.cuda import device, sim
from gpugraph.ops.losses import CrossEntropyGrad
from gpugraph.ops.softmax import LogSoftmaxGrad, SoftmaxGrad


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_overflow_at_either_end(dtype):
    x = np.array([-1e4, -100, 0, 100, 1e4], dtype)  # pytest makes warnings errors
    tiny = 1e-38  # float32 has no smaller normal numbers
    np.testing.assert_allclose(F.sigmoid(x).numpy(), [0, 0, 0.5, 1, 1], rtol=1e-6, atol=tiny)
    np.testing.assert_allclose(F.softplus(x).numpy(), [0, 0, np.log(2), 100, 1e4], 1e-6, tiny)
    np.testing.assert_array_equal(F.elu(x).numpy(), [-1, -1, 0, 100, 1e4])
    np.testing.assert_array_equal(F.softmax(x).numpy(), [0, 0, 0, 0, 1])
    np.testing.assert_array_equal(F.log_softmax(x).numpy(), x - dtype(1e4))


def test_infinities_pass_through():
    x = gg.Tensor(np.array([-np.inf, np.inf]), requires_grad=True)
    for function, values, slopes in (
        (F.relu, [0, np.inf], [0, 1]),
        (lambda x: F.leaky_relu(x, 0.5), [-np.inf, np.inf], [0.5, 1]),
        (F.relu6, [0, 6], [0, 0]),
        (F.elu, [-1, np.inf], [0, 1]),
        (F.sigmoid, [0, 1], [0, 0]),
    ):
        y = function(x)
        np.testing.assert_array_equal(y.numpy(), values)
        (gx,) = gg.grad(y, x, np.ones(2))
        np.testing.assert_array_equal(gx.numpy(), slopes)


def test_infinite_cotangents_stay_infinite():
    x = gg.Tensor(np.array([-1.0, 2.0]), requires_grad=True)
    (gx,) = gg.grad(F.leaky_relu(x), x, np.array([np.inf, np.inf]))
    assert gx.tolist() == [np.inf, np.inf]


def test_softplus_has_the_sigmoid_as_slope_at_any_size():
    x = gg.Tensor(np.array([-np.inf, -50.0, 0.0, 1e9, np.inf]), requires_grad=True)
    (gx,) = gg.grad(F.softplus(x).sum(), x)
    np.testing.assert_allclose(gx.numpy(), [0, np.exp(-50.0), 0.5, 1, 1], rtol=1e-14)


def test_relu_takes_integers_and_the_others_say_what_they_take():
    y = F.relu(np.array([-2, 3]))
    assert y.dtype == np.int64 and y.numpy().tolist() == [0, 3]
    for function in (F.leaky_relu, F.elu, F.sigmoid, F.softmax, F.dropout):
        with pytest.raises(gg.DtypeError, match=r"x is int64; it takes floating tensors"):
            function(np.array([1, 2]))


def test_half_precision_is_computed_in_float32():
    x = np.linspace(-4, 4, 33).astype(np.float16)
    for function in (F.relu, F.leaky_relu, F.elu, F.sigmoid, F.softmax, F.log_softmax):
        y = function(x)
        assert y.dtype == np.float16
        want = function(x.astype(np.float32)).numpy().astype(np.float16)
        np.testing.assert_array_equal(y.numpy(), want)


@pytest.mark.parametrize(
    "call, told",
    [
        (lambda x: F.leaky_relu(x, -0.1), "leaky_relu: negative_slope=-0.1 must be at least 0"),
        (lambda x: F.elu(x, -1), "elu: alpha=-1 must be at least 0"),
        (lambda x: F.softmax(x, 2), "softmax: axis 2 is out of range for x"),
        (lambda x: F.log_softmax(x, -3), "log_softmax: axis -3 is out of range"),
        (lambda x: F.mse_loss(x, x[0]), r"mse_loss: x \(2, 3\) and target \(3,\) must have one"),
        (lambda x: F.mse_loss(x, x, "avg"), "mse_loss: reduction='avg' must be 'mean', 'sum' or"),
    ],
)
def test_wrong_parameters(call, told):
    with pytest.raises(gg.GpugraphError, match=told):
        call(gg.Tensor(np.zeros((2, 3), np.float32)))


def test_softmax_of_minus_infinity():
    x = np.array([[0.0, -np.inf], [-np.inf, -np.inf]])
    np.testing.assert_array_equal(F.softmax(x).numpy(), [[1, 0], [np.nan, np.nan]])
    np.testing.assert_array_equal(F.log_softmax(x).numpy(), [[0, -np.inf], [np.nan, np.nan]])


# Losses


def logits_and_target(shape=(6, 4), seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    return gg.Tensor(x, requires_grad=True), rng.integers(0, shape[1], (shape[0], *shape[2:]))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(6, 4), (2, 5, 3, 2)])
def test_cross_entropy_is_nll_of_log_softmax(shape, reduction):
    x, target = logits_and_target(shape)
    one = F.cross_entropy(x, target, reduction=reduction)
    two = F.nll_loss(F.log_softmax(x, 1), target, reduction=reduction)
    assert one.shape == two.shape == (target.shape if reduction == "none" else ())
    np.testing.assert_allclose(one.numpy(), two.numpy(), rtol=1e-13)
    g = np.random.default_rng(1).standard_normal(one.shape)
    (first,), (second,) = gg.grad(one, x, g), gg.grad(two, x, g)
    np.testing.assert_allclose(first.numpy(), second.numpy(), atol=1e-14)


def test_cross_entropy_gradient_is_softmax_minus_one_hot():
    x, target = logits_and_target()
    (gx,) = gg.grad(F.cross_entropy(x, target), x)
    want = F.softmax(x).numpy() - np.eye(4)[target]
    np.testing.assert_allclose(gx.numpy(), want / 6, atol=1e-15)


@pytest.mark.skipif(sim.why_not() is not None, reason=f"needs {sim.why_not()}")
@pytest.mark.parametrize(
    "f, kernels",
    [
        (F.softmax, {"softmax": 1, "softmax_grad": 1}),
        (F.log_softmax, {"log_softmax": 1, "log_softmax_grad": 1}),
        (
            lambda x: F.cross_entropy(
                x, gg.Tensor(np.array([1, 0, 3])).to("sim"), reduction="none"
            ),
            {"cross_entropy": 1, "cross_entropy_grad": 1},
        ),
    ],
)
def test_both_ways_are_one_launch_each(f, kernels):
    x = gg.Tensor(np.ones((3, 4), np.float32)).to("sim").requires_grad_()
    before = device.launches.copy()
    y = f(x)
    gg.grad(y, x, gg.Tensor(y.array))
    assert dict(device.launches - before) == kernels


@pytest.mark.parametrize(
    "op, inputs, told",
    [
        (SoftmaxGrad(1), ((2, 3), (3, 2)), r"softmax_grad: g .*\(3, 2\).* must be like y"),
        (LogSoftmaxGrad(2), ((2, 3), (2, 3)), "log_softmax_grad: "),
        (CrossEntropyGrad(), ((2, 3), (2,), (3,)), "cross_entropy_grad: g .* one float64 per"),
        (CrossEntropyGrad(), ((2, 3), (3,), (2,)), r"cross_entropy_grad: target \(3,\) must"),
    ],
)
def test_gradient_ops_refuse_what_does_not_fit(op, inputs, told):
    arrays = [np.zeros(shape, np.int64 if len(inputs) == 3 and i == 1 else float)
              for i, shape in enumerate(inputs)]  # fmt: skip
    with pytest.raises(gg.GpugraphError, match=told):
        apply(op, *arrays)


def test_cross_entropy_composed_to_third_order():
    """Through a layer, so that the kept log-probabilities take part in higher orders."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, 3, 4)

    def loss(x, w):
        return F.cross_entropy(F.sigmoid(x @ w), target, reduction="sum")

    assert gg.testing.gradcheck(
        loss, (rng.standard_normal((4, 2)), rng.standard_normal((2, 3))), order=3, nonzero=True
    )


def test_certain_and_impossible_classes():
    x = gg.Tensor(np.array([[500.0, -500.0], [0.0, -np.inf]]), requires_grad=True)
    loss = F.cross_entropy(x, np.array([0, 0]), reduction="none")
    np.testing.assert_array_equal(loss.numpy(), [0, 0])
    (gx,) = gg.grad(loss, x, np.ones(2))
    np.testing.assert_array_equal(gx.numpy(), np.zeros((2, 2)))
    assert F.cross_entropy(x, np.array([1, 1]), reduction="none").numpy().tolist() == [1000, np.inf]
    log_probs = np.array([[0.0, -np.inf]])
    assert F.nll_loss(log_probs, np.array([0])).item() == 0


def test_squared_error():
    x, y = np.array([1.0, 2.0, 4.0]), np.array([1.0, 0.0, 1.0])
    assert F.mse_loss(x, gg.Tensor(y)).item() == pytest.approx(13 / 3)
    assert F.mse_loss(gg.Tensor(x), y, "sum").item() == 13
    assert F.mse_loss(gg.Tensor(x), gg.Tensor(y), "none").tolist() == [0, 4, 9]


def test_an_empty_batch_has_no_loss_to_add():
    x = gg.Tensor(np.zeros((0, 3), np.float32), requires_grad=True)
    loss = F.cross_entropy(x, np.zeros(0, np.int64), reduction="sum")
    loss.backward()
    assert loss.item() == 0 and x.grad.shape == (0, 3)


@pytest.mark.parametrize(
    "target, told",
    [
        (np.array([0, 4]), "cross_entropy: target has class 4; there are 4 classes, 0 to 3"),
        (np.array([-1, 0]), "cross_entropy: target has class -1; there are 4 classes"),
        (np.array([0.0, 1.0]), "cross_entropy: target is float64; it takes class indices 0 to 3"),
        (np.array([0]), r"cross_entropy: target \(1,\) must have one class index .*: \(2,\)"),
        (
            np.eye(2, 4, dtype=int),
            r"cross_entropy: target \(2, 4\) seems to be one-hot; it takes one class index",
        ),
    ],
)
def test_wrong_targets(target, told):
    x = gg.Tensor(np.zeros((2, 4), np.float32))
    with pytest.raises(gg.GpugraphError, match=told):
        F.cross_entropy(x, target)
    with pytest.raises(gg.GpugraphError, match=told.replace("cross_entropy", "nll_loss")):
        F.nll_loss(x, target)


@pytest.mark.parametrize("shape", [(4,), (3, 0)])
def test_wrong_logits(shape):
    with pytest.raises(gg.ShapeError, match=r"cross_entropy: logits .* must be \(N, C\)"):
        F.cross_entropy(np.zeros(shape), np.zeros(shape[:1], int))


def test_one_hot():
    y = F.one_hot(np.array([[0, 2]]), 3)
    assert y.dtype == np.int64 and y.numpy().tolist() == [[[1, 0, 0], [0, 0, 1]]]
    with pytest.raises(gg.IndexRangeError, match="one_hot: target has class 3"):
        F.one_hot(np.array([3]), 3)


def test_pad_counts_axes_from_the_last():
    x = np.arange(6.0).reshape(2, 3)
    y = F.pad(gg.Tensor(x), (1, 2, 0, 3), value=9.0)
    np.testing.assert_array_equal(
        y.numpy(), np.pad(x, ((0, 3), (1, 2)), constant_values=9.0), strict=True
    )
    with pytest.raises(gg.ArgumentError, match="pad: pad=.* must be pairs"):
        F.pad(gg.Tensor(x), (1, 2, 0))


def test_raw_arrays_and_numbers_give_tensors():
    a, b = np.array([1.0, 2.0]), np.array([0.0, 0.0])
    assert F.mse_loss(a, b, "none").tolist() == [1.0, 4.0]
    assert F.mse_loss(a, b).item() == 2.5
    with gg.default_device("cpu"):
        assert F.one_hot(1, 3).tolist() == [0, 1, 0]


@pytest.mark.parametrize("classes", [2.5, -2, "3"])  # -1: as many as it takes
def test_one_hot_wants_a_number_of_classes(classes):
    with pytest.raises(gg.ArgumentError, match="one_hot: num_classes="):
        F.one_hot(np.array([0, 1]), classes)


def test_functional_pad_says_what_it_takes():
    with pytest.raises(gg.ArgumentError, match="pad: pad=1 must be pairs"):
        F.pad(np.ones((2, 2)), 1)
    with pytest.raises(gg.DtypeError, match="pad: x is a list"):
        F.pad([[1.0]], (1, 1))


def test_an_infinite_gradient_does_not_come_through_a_closed_relu():
    x = gg.Tensor(np.array([-1.0, 4.0]), requires_grad=True)
    with np.errstate(divide="ignore"):
        (g,) = gg.grad(gg.sqrt(F.relu(x)).sum(), x)
    np.testing.assert_array_equal(g.numpy(), [0.0, 0.25])


@pytest.mark.parametrize("f", [F.relu, F.relu6, F.leaky_relu, F.elu, F.sigmoid, gg.tanh])
def test_the_gradient_is_taken_from_the_output(f):
    """One op for each, which reads the output itself: no array of signs is made."""
    x, w = (gg.Tensor(np.array([-1.0, 0.5, 7.0]), requires_grad=True) for _ in range(2))
    y = f(x)
    (gx,) = gg.grad((y * w).sum(), [x], create_graph=True)
    assert gx.node.op.label == "activation_grad"
    assert np.shares_memory(gx.node["y"].array, y.array)


@pytest.mark.skipif(sim.why_not() is not None, reason=f"needs {sim.why_not()}")
def test_a_gradient_without_axes_on_the_simulated_gpu():
    """NumPy's and CuPy's ascontiguousarray would give it an axis."""
    x = gg.Tensor(np.array(0.5, np.float32)).to("sim").requires_grad_()
    F.relu(x).backward()
    assert x.grad.shape == () and x.grad.item() == 1
