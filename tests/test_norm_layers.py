"""Norms of examples, groups, instances and vectors against NumPy; counting batches."""

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn

rng = np.random.default_rng(0)
image = 3 * rng.standard_normal((4, 6, 3, 5)) + 2


def standard(x, axes, eps=1e-5):
    """Mean 0 and variance 1 along these axes."""
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def per_channel(v):
    return v.reshape(-1, 1, 1)


def test_layers_of_any_number_of_axes():
    for shape in ((5,), (3, 5), (6, 3, 5), (4, 6, 3, 5)):
        w, b = rng.standard_normal((2, *shape))
        want = standard(image, tuple(range(4 - len(shape), 4)), 1e-3)
        got = F.layer_norm(image, shape, w, b, 1e-3).numpy()
        np.testing.assert_allclose(got, want * w + b, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(F.layer_norm(image, list(shape), eps=1e-3).numpy(), want)
        square = np.sqrt((image**2).mean(tuple(range(4 - len(shape), 4)), keepdims=True) + 1e-3)
        got = F.rms_norm(image, shape, w, 1e-3).numpy()
        np.testing.assert_allclose(got, image / square * w, rtol=1e-12)


def test_groups_and_instances():
    w, b = rng.standard_normal((2, 6))
    for groups in (1, 2, 3, 6):
        rows = image.reshape(4, groups, -1)
        want = standard(rows, 2).reshape(image.shape) * per_channel(w) + per_channel(b)
        got = F.group_norm(image, groups, w, b).numpy()
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
    want = standard(image, (2, 3)) * per_channel(w) + per_channel(b)
    got = F.instance_norm(image, weight=w, bias=b).numpy()
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def test_an_offset_costs_no_digits():
    x = (image + 1e4).astype(np.float32)
    for norm in (lambda x: F.layer_norm(x, (3, 5)), lambda x: F.group_norm(x, 2)):
        exact = norm(x.astype(np.float64)).numpy()
        assert np.abs(norm(x).numpy() - exact).max() < 2e-3  # the mean rounds to 1e4 * 2^-24


def test_half_precision_is_computed_in_single():
    x = (200 * image).astype(np.float16)  # squares overflow
    for norm in (
        lambda x: F.layer_norm(x, 5), lambda x: F.rms_norm(x, 5), lambda x: F.group_norm(x, 3),
        F.instance_norm,
    ):  # fmt: skip
        exact = norm(x.astype(np.float64)).numpy()
        got = norm(x)
        assert got.dtype == np.float16
        assert np.abs(got.numpy() - exact).max() < 2e-3 * np.abs(exact).max()


def test_one_value_and_none():
    x = np.array([[3.0], [np.inf]])
    with np.errstate(invalid="ignore"):
        got = F.layer_norm(x, 1, bias=np.array([0.5])).numpy()
    np.testing.assert_array_equal(got, [[0.5], [np.nan]])
    assert F.layer_norm(np.zeros((0, 4)), 4).shape == (0, 4)
    assert F.group_norm(np.zeros((0, 4, 2)), 2).shape == (0, 4, 2)
    assert F.instance_norm(np.zeros((0, 4, 2))).shape == (0, 4, 2)
    x = image.copy()
    x[1, 2, 0, 0] = np.nan
    seen = np.isnan(F.group_norm(x, 3).numpy())
    assert seen[1, 2:4].all() and seen.sum() == 2 * 15


def test_instances_keep_averages():
    layer = nn.InstanceNorm2d(6, momentum=0.3, affine=True, track_running_stats=True)
    layer.astype(np.float64)
    mean, var = np.zeros(6), np.ones(6)
    for seed in range(3):
        x = np.random.default_rng(seed).standard_normal((4, 6, 3, 5)) + 1
        layer(x)
        mean = 0.7 * mean + 0.3 * x.mean((2, 3)).mean(0)
        var = 0.7 * var + 0.3 * x.var((2, 3), ddof=1).mean(0)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean)
    np.testing.assert_allclose(layer.running_var.numpy(), var)
    want = (image - per_channel(mean)) / np.sqrt(per_channel(var) + 1e-5)
    np.testing.assert_allclose(layer.eval()(image).numpy(), want, rtol=1e-12)
    np.testing.assert_allclose(layer(image[0]).numpy(), want[0], rtol=1e-12)


def test_neighbouring_channels():
    for size in (1, 2, 3, 4, 9):
        total = np.zeros(image.shape)
        for c in range(6):
            low, high = c - size // 2, c + (size - 1) // 2
            for other in range(max(low, 0), min(high, 5) + 1):
                total[:, c] += image[:, other] ** 2
        want = image / (2 + 0.3 / size * total) ** 0.6
        got = nn.LocalResponseNorm(size, 0.3, 0.6, 2.0)(image).numpy()
        np.testing.assert_allclose(got, want, rtol=1e-12)


def test_vectors_of_length_one():
    for p in (0.5, 1, 2, 3.5, np.inf, -np.inf):
        for dim in (0, 1, -1):
            size = np.linalg.norm(np.moveaxis(image, dim, 0).reshape(image.shape[dim], -1), p, 0)
            other = np.delete(image.shape, dim)
            want = image / np.expand_dims(size.reshape(other), dim)
            np.testing.assert_allclose(F.normalize(image, p, dim).numpy(), want, rtol=1e-12)
    x = gg.Tensor(np.array([[0.0, 0.0], [3.0, 4.0]]), requires_grad=True)
    y = F.normalize(x)
    np.testing.assert_allclose(y.numpy(), [[0, 0], [0.6, 0.8]])
    gx = gg.grad(y.sum(), x, create_graph=True)[0]
    np.testing.assert_allclose(gx.numpy(), [[1e12, 1e12], [0.2 * 4 / 25, -0.2 * 3 / 25]])
    assert np.isfinite(gg.grad((gx * gx).sum(), x)[0].numpy()).all()


def test_all_batches_count_alike_without_momentum():
    layer = nn.BatchNorm1d(3, momentum=None).astype(np.float64)
    batches = [rng.standard_normal((5, 3)) + seed for seed in range(4)]
    for number, x in enumerate(batches, 1):
        layer(x)
        assert layer.num_batches_tracked.item() == number
        want = np.mean([b.mean(0) for b in batches[:number]], axis=0)
        np.testing.assert_allclose(layer.running_mean.numpy(), want, rtol=1e-13)
    layer.eval()(batches[0])
    assert layer.num_batches_tracked.item() == 4
    assert layer.num_batches_tracked.dtype == np.int64
    plain = nn.BatchNorm1d(3)
    plain(np.zeros((2, 3), np.float32))
    assert plain.num_batches_tracked.item() == 1
    assert "num_batches_tracked" not in nn.BatchNorm1d(3, track_running_stats=False).state_dict()


def test_what_is_computed_again_is_not_counted_again():
    x = gg.Tensor(image, requires_grad=True)
    batch = nn.BatchNorm2d(6, momentum=None).astype(np.float64)
    instance = nn.InstanceNorm2d(6, track_running_stats=True).astype(np.float64)
    once = image.mean((0, 2, 3))
    gg.checkpoint(lambda x: instance(batch(x)), x).sum().backward()
    assert batch.num_batches_tracked.item() == 1
    np.testing.assert_allclose(batch.running_mean.numpy(), once)
    mean = instance.running_mean.numpy()
    np.testing.assert_allclose(mean, 0.1 * batch(image).numpy().mean((0, 2, 3)), atol=1e-12)


def test_layers_start_as_the_plain_norm():
    for layer, want in (
        (nn.LayerNorm((3, 5)), F.layer_norm(image, (3, 5))),
        (nn.RMSNorm(5), F.rms_norm(image, 5)),
        (nn.GroupNorm(2, 6), F.group_norm(image, 2)),
        (nn.InstanceNorm2d(6), F.instance_norm(image)),
    ):
        np.testing.assert_array_equal(layer.astype(np.float64)(image).numpy(), want.numpy())
        assert repr(layer).startswith(type(layer).__name__)
    assert set(nn.LayerNorm(4, bias=False).state_dict()) == {"weight"}
    assert not nn.LayerNorm(4, elementwise_affine=False).state_dict()
    assert nn.LayerNorm(5)(image.astype(np.float32)).dtype == np.float32


SHAPE, DTYPE, ARGUMENT = gg.errors.ShapeError, gg.errors.DtypeError, gg.errors.ArgumentError


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: F.layer_norm(image, 3), SHAPE,
         "layer_norm: normalized_shape=3 must be the lengths of the last axes of x (4, 6, 3, 5)"),
        (lambda: F.layer_norm(image, 5, np.ones(3)), SHAPE,
         "layer_norm: weight (3,) must have normalized_shape (5,)"),
        (lambda: F.layer_norm(image, 5, np.ones(5, np.float32)), DTYPE,
         "layer_norm: x is float64, weight is float32; convert one of them: "
         "weight.astype(gpugraph.float64)"),
        (lambda: F.layer_norm(image, 5, eps=-1), ARGUMENT,
         "layer_norm: eps=-1 must be at least 0"),
        (lambda: F.layer_norm(np.zeros((2, 3), int), 3), DTYPE, "layer_norm: x is int64"),
        (lambda: F.group_norm(image, 4), SHAPE,
         "group_norm: x (4, 6, 3, 5) has 6 channels, which must be a multiple of num_groups=4"),
        (lambda: F.group_norm(image, 2, np.ones(2)), SHAPE,
         "group_norm: weight (2,) must be (6,), one number for each channel of x (4, 6, 3, 5)"),
        (lambda: F.instance_norm(np.zeros((2, 3, 1))), SHAPE,
         "instance_norm: x (2, 3, 1) has one value per channel and example, which has no spread; "
         "it needs spatial axes"),
        (lambda: F.instance_norm(image, use_input_stats=False), ARGUMENT,
         "instance_norm: without use_input_stats it needs running_mean and running_var"),
        (lambda: nn.GroupNorm(4, 6), ARGUMENT,
         "GroupNorm: num_channels=6 must be a multiple of num_groups=4"),
        (lambda: nn.InstanceNorm1d(6)(image), SHAPE,
         "InstanceNorm1d: instance_norm: x (4, 6, 3, 5) has 4 axes; InstanceNorm1d takes 3, or 2 "
         "without a batch"),
    ],
)  # fmt: skip
def test_errors_say_what_came_and_what_was_wanted(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(text)
