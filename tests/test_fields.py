"""Receptive fields: published ones, closed formulas, and what gradients see on random graphs."""

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn
from gpugraph.analysis import receptive_field
from gpugraph.core.op import REGISTRY


def conv(channels, size, stride=1, padding=0, **more):
    return nn.Conv2d(channels, 2, size, stride=stride, padding=padding, **more)


def alexnet(padding):
    """The feature layers of Krizhevsky et al. 2012 as torchvision has them, two channels wide."""
    return nn.Sequential(
        conv(3, 11, 4, padding), nn.ReLU(), nn.MaxPool2d(3, 2),
        conv(2, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
        conv(2, 3, 1, 1), nn.ReLU(), conv(2, 3, 1, 1), nn.ReLU(), conv(2, 3, 1, 1), nn.ReLU(),
        nn.MaxPool2d(3, 2),
    )  # fmt: skip


def vgg16():
    layers, channels = [], 3
    for depth in (2, 2, 3, 3, 3):
        for _ in range(depth):
            layers += [conv(channels, 3, 1, 1), nn.ReLU()]
            channels = 2
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


@pytest.mark.parametrize("layers", range(1, 7))
@pytest.mark.parametrize("size", [2, 3, 5])
def test_stride_1_grows_by_size_minus_1(layers, size):
    model = nn.Sequential(*[nn.Conv2d(1, 1, size) for _ in range(layers)])
    (seen, _) = receptive_field(model, (1, 1, 64, 64))
    assert seen == (1 + layers * (size - 1), 1, 0)


@pytest.mark.parametrize("layers", range(1, 6))
def test_stride_2_doubles(layers):
    model = nn.Sequential(*[nn.Conv2d(1, 1, 3, stride=2, padding=1) for _ in range(layers)])
    (seen, _) = receptive_field(model, (1, 1, 256, 256))
    assert seen == (2 ** (layers + 1) - 1, 2**layers, -(2**layers - 1))


@pytest.mark.parametrize(
    "model,want",
    [(alexnet(2), (195, 32, -66)), (alexnet(0), (195, 32, -64)), (vgg16(), (212, 32, -90))],
    ids=["alexnet", "alexnet unpadded", "vgg16"],
)
def test_published_networks(model, want):
    """Sizes, strides and paddings (-start) as Araujo, Norris & Sim 2019 print them."""
    found = receptive_field(model, (1, 3, 227, 227))
    assert found.axes == (want, want)
    assert not found.notes
    assert str(found) == "/".join(map(str, want))


def test_gradients_see_what_alexnet_sees():
    found = receptive_field(alexnet(2), (1, 3, 451, 451), measured=True)
    assert found.axes == ((195, 32, -66),) * 2


class Dag(nn.Module):
    """A random graph: each step takes one or two earlier values; branches may join."""

    def __init__(self, rng):
        self.steps = nn.ModuleList()
        self.plan = []
        scales = [1]  # stride of each value, so that only equal ones are joined
        for _ in range(rng.integers(3, 8)):
            kind = rng.choice(["conv", "max", "avg", "act", "add", "cat"])
            i = int(rng.integers(max(0, len(scales) - 3), len(scales)))
            mates = [j for j, s in enumerate(scales) if s == scales[i]]
            j = int(rng.choice(mates))
            stride = int(rng.choice([1, 1, 2])) if scales[i] < 8 else 1
            size, dilation = (int(rng.integers(1, 4)) for _ in range(2))
            padding = int(rng.integers(0, size))
            if kind == "conv":
                layer = nn.Conv2d(
                    None, 1, (size, 3), stride=stride, padding=padding, dilation=dilation
                )
            elif kind == "max":
                layer = nn.MaxPool2d(size, stride=stride, padding=size // 2)
            elif kind == "avg":
                layer = nn.AvgPool2d(size, stride=stride, padding=size // 2)
            else:
                layer, stride = nn.Identity(), 1
            self.steps.append(layer)
            self.plan.append((kind, i, j))
            scales.append(scales[i] * stride)

    def forward(self, x):
        values = [x]
        for layer, (kind, i, j) in zip(self.steps, self.plan, strict=True):
            y = values[i]
            if kind in ("add", "cat"):
                a, b = self.cropped(y, values[j])
                y = (
                    a.mean(axis=1, keepdims=True) + b
                    if kind == "add"
                    else gg.concat([a, b], axis=1)
                )
            elif kind == "act":
                y = F.relu(y)
            values.append(layer(y))
        return values[-1]

    @staticmethod
    def cropped(a, b):
        h, w = (min(m, n) for m, n in zip(a.shape[2:], b.shape[2:], strict=True))
        return a[:, :, :h, :w], b[:, :, :h, :w]


def test_formulas_are_what_gradients_see_on_200_random_graphs():
    rng = np.random.default_rng(0)
    joined = strided = 0
    for _ in range(200):
        model = Dag(rng)
        shape = (1, 1, 112, 120)
        told = receptive_field(model, shape)
        seen = receptive_field(model, shape, measured=True)
        assert told.axes == seen.axes, (model.plan, model, told, seen)
        joined += any(kind in ("add", "cat") for kind, _, _ in model.plan)
        strided += told.stride[0] > 1
    assert joined > 60 and strided > 60


class Branches(nn.Module):
    def __init__(self, a, b):
        self.a, self.b = a, b

    def forward(self, x):
        return self.a(x) + self.b(x)


def test_branches_that_disagree_are_reported():
    apart = Branches(nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3, padding=((0, 2), (1, 1))))
    found = receptive_field(apart, (1, 1, 20, 20))
    assert found.axes == ((4, 1, -1), (3, 1, -1))
    assert found.notes == ("add: branches are centred 1 apart along axis 2",)

    strides = Branches(nn.Conv2d(1, 1, 3, stride=2, padding=1), nn.Conv2d(1, 1, 1))
    strides.b = nn.Sequential(nn.Conv2d(1, 1, 11))  # 20 -> 10, too
    found = receptive_field(strides, (1, 1, 20, 20))
    assert found.axes == (("?", "?", "?"),) * 2
    assert "stride 2 against 1" in found.notes[0]


class Head(nn.Module):
    def __init__(self, how):
        self.conv, self.how = nn.Conv2d(1, 3, 3, padding=1), how
        self.fc = nn.Linear(None, 2)
        self.bn = nn.BatchNorm2d(3)

    def forward(self, x):
        y = self.bn(self.conv(x))
        if self.how == "flatten":
            return self.fc(y.flatten(1))
        if self.how == "mean":
            return self.fc(y.mean(axis=(2, 3)))
        if self.how == "part":
            return self.fc(y[:, :, 2:5, 3].mean(axis=2))
        if self.how == "gate":
            return y * gg.nn.functional.sigmoid(y.mean(axis=(2, 3), keepdims=True))
        if self.how == "turn":
            return gg.permute_dims(y, (0, 1, 3, 2))
        return y.flatten(2) if self.how == "flat" else y


@pytest.mark.parametrize(
    "how,want",
    [
        ("flatten", [("all", 0, 0)] * 2),
        ("mean", [("all", 0, 0)] * 2),
        ("gate", [("all", 0, 0)] * 2),
        ("flat", [("?", "?", "?")] * 2),
        ("part", [(5, 0, 1), (3, 0, 2)]),
        ("turn", [(3, 1, -1)] * 2),
        ("nothing", [(3, 1, -1)] * 2),
    ],
)
def test_ops_that_mix_positions(how, want):
    assert receptive_field(Head(how), (2, 1, 9, 8)).axes == tuple(want)


@pytest.mark.parametrize("how", ["flatten", "mean", "gate"])
def test_gradients_see_everything_behind_them(how):
    found = receptive_field(Head(how), (2, 1, 9, 8), measured=True)
    assert found.axes == (("all", 0, 0),) * 2


def test_transposed_convolution():
    same = receptive_field(nn.ConvTranspose2d(1, 1, 3, padding=1), (1, 1, 9, 9))
    assert same.axes == ((3, 1, -1),) * 2
    measured = nn.ConvTranspose2d(1, 1, 3, padding=1)
    assert receptive_field(measured, (1, 1, 9, 9), measured=True).axes == same.axes
    found = receptive_field(nn.ConvTranspose2d(1, 1, 3, stride=2), (1, 1, 9, 9))
    assert found.axes == (("?", "?", "?"),) * 2
    assert "does not say what it sees" in found.notes[0]


def test_between_any_two_values():
    model = vgg16()
    found = receptive_field(model, (1, 3, 64, 64), of="4", at="9")
    assert found.axes == ((6, 2, -2),) * 2  # two 3x3 and a 2x2 pool
    assert receptive_field(nn.Sequential(model), (1, 3, 64, 64), of="0.4", at="0.9") == found

    x = gg.ones((1, 1, 16, 16)).requires_grad_()
    layers = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 5, stride=2)
    y = layers[0](x)
    z = layers[1](F.relu(y))
    assert receptive_field(z).axes == ((7, 2, 0),) * 2
    assert receptive_field(z, of=y).axes == ((5, 2, 0),) * 2
    assert receptive_field(z, of=y, measured=True).axes == ((5, 2, 0),) * 2


def test_one_and_three_axes():
    model = nn.Sequential(nn.Conv1d(1, 1, 3, dilation=2, padding=1), nn.Conv1d(1, 1, 4, stride=3))
    assert receptive_field(model, (1, 1, 40)).axes == ((8, 3, -1),)
    assert receptive_field(model, (1, 1, 40), measured=True).axes == ((8, 3, -1),)
    assert receptive_field(nn.Conv3d(1, 1, (1, 2, 3)), (1, 1, 5, 5, 5)).size == (1, 2, 3)
    assert len(receptive_field(nn.Linear(4, 3), (2, 4))) == 0


@pytest.mark.parametrize(
    "args,said",
    [
        ({"at": "nowhere"}, "at='nowhere' names no module .* there are 0"),
        ({"of": gg.ones(3)}, "no tensor from which"),
    ],
)
def test_errors_say_what_is_wrong(args, said):
    with pytest.raises(gg.ArgumentError, match=said):
        receptive_field(nn.Sequential(nn.Conv2d(1, 1, 3)), (1, 1, 9, 9), **args)


def test_two_inputs_must_be_told_apart():
    with pytest.raises(gg.ArgumentError, match="2 inputs"):
        receptive_field(lambda a, b: a + b, [(1, 1, 4, 4), (1, 1, 4, 4)])


def test_a_small_image_is_reported_by_the_measurement():
    found = receptive_field(vgg16(), (1, 3, 128, 128), measured=True)
    assert found.axes == (("?", "?", "?"),) * 2
    assert "take a larger input" in found.notes[0]


def test_what_ops_say_they_see_is_what_their_gradients_see():
    """Every sample of every op that says something, axis by axis, element by element."""
    rng = np.random.default_rng(0)
    checked = set()
    for name, kind in sorted(REGISTRY.items()):
        if not kind.differentiable or kind.moves:
            continue
        for sample in kind.samples(rng):
            if sample.smooth and checked_one(sample, rng):
                checked.add(name)
    assert len(checked) >= 70, sorted(checked)


def checked_one(sample, rng):
    """Nothing outside of what the taps allow has a gradient."""
    op, inputs = sample.op, sample.inputs
    arrays = [None if x is None else np.asarray(x) for x in inputs]
    if any(a is not None and (a.dtype.kind != "f" or a.size == 0 or a.size > 300) for a in arrays):
        return False
    leaves = [None if a is None else gg.Tensor(a, requires_grad=True) for a in arrays]
    try:
        outs = gg.apply(op, *leaves)
    except gg.GradientError:
        return False
    outs = outs if isinstance(outs, tuple) else (outs,)
    specs = [None if a is None else gg.Spec(a.shape, a.dtype) for a in arrays]
    told = False
    for k, y in enumerate(outs):
        if y.node is None or y.size == 0:
            continue
        for i, x in enumerate(leaves):
            taps = None if x is None else op.sees(specs, i, k)
            if taps is None:
                continue
            told = True
            assert len(taps) == x.ndim
            if type(op).__name__ in ("BatchNorm", "GroupNorm", "RmsNorm"):
                continue  # its statistics are not counted
            for unit in [tuple(rng.integers(0, n) for n in y.shape) for _ in range(3)]:
                g = np.zeros(y.shape)
                g[unit] = 1
                (gx,) = gg.grad(y, x, g, retain_graph=True, allow_unused=True)
                check_inside(gx.numpy(), taps, unit, (type(op).__name__, sample.note, unit))
    return told


def check_inside(gx, taps, unit, what):
    for axis, tap in enumerate(taps):
        if tap is None or not tap.regular:
            continue
        o = 0 if tap.axis is None else unit[tap.axis]
        low = o * tap.stride + tap.start
        places = np.nonzero(gx)[axis]
        if places.size:
            assert low <= places.min() and places.max() < low + tap.size, what
