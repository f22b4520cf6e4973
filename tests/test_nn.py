"""Modules: how they find their parts, save and load, wait for sizes, and report mistakes."""

import copy
import math
import pickle

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn, optim
from gpugraph.nn import init
from gpugraph.ops.random import Generator


class Net(nn.Module):
    """At module level, so that it can be pickled; super().__init__() is not needed."""

    def __init__(self, channels=2, features=None):
        self.features = nn.Sequential(
            nn.Conv2d(channels, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.head = nn.Linear(features, 3)
        self.scale = nn.Parameter(np.ones((), np.float32))

    def forward(self, x):
        return self.head(self.features(x).flatten(1)) * self.scale


def images(n=3, channels=2, dtype=np.float32):
    return gg.Tensor(np.random.default_rng(0).standard_normal((n, channels, 6, 4)).astype(dtype))


def built():
    net = Net()
    net(images())
    return net


NAMES = [
    "scale",
    "features.0.weight",
    "features.0.bias",
    "features.1.weight",
    "features.1.bias",
    "head.weight",
    "head.bias",
]


# Finding


def test_parts_are_found_by_looking():
    net = built()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [name for name, _ in net.named_buffers()] == [
        "features.1.running_mean",
        "features.1.running_var",
        "features.1.num_batches_tracked",
    ]
    assert [name for name, _ in net.named_modules()] == [
        "",
        "features",
        "features.0",
        "features.1",
        "features.2",
        "features.3",
        "head",
    ]
    assert [name for name, _ in net.named_children()] == ["features", "head"]
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in net.parameters())
    assert sum(p.size for p in net.parameters()) == 1 + 4 * 2 * 9 + 4 + 8 + 24 * 3 + 3


def test_shared_parts_count_once():
    class Tied(nn.Module):
        def __init__(self):
            self.a = nn.Linear(3, 3)
            self.b = nn.Linear(3, 3)
            self.b.weight = self.a.weight
            self.again = self.a

    net = Tied()
    assert [n for n, _ in net.named_parameters()] == ["a.weight", "a.bias", "b.bias"]
    assert list(net.state_dict()) == ["a.weight", "a.bias", "b.bias"]
    twin = copy.deepcopy(net)
    assert twin.b.weight is twin.a.weight is not net.a.weight
    net.to("meta")
    assert net.b.weight.device == "meta"


def test_hidden_modules_are_refused():
    class Hides(nn.Module):
        def __init__(self, held):
            self.layers = held

    for held, cure in (([nn.ReLU()], "nn.ModuleList"), ({"a": nn.ReLU()}, "nn.ModuleDict")):
        with pytest.raises(gg.ArgumentError, match=f"Hides: layers is a plain .*use {cure}"):
            list(Hides(held).parameters())


def test_a_parameter_is_not_replaced_by_accident():
    layer = nn.Linear(2, 2)
    with pytest.raises(gg.DtypeError, match="Linear: weight is a Parameter; a Tensor in its place"):
        layer.weight = layer.weight * 0.5
    layer.weight = nn.Parameter(np.zeros((2, 2), np.float32))
    layer.bias = None
    assert [n for n, _ in layer.named_parameters()] == ["weight"]


def test_parameters_share_memory_and_keep_their_class():
    values = np.ones(3, np.float32)
    p = nn.Parameter(values)
    assert p.array is values and repr(p).startswith("Parameter(")
    for twin in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(twin) is nn.Parameter and twin.requires_grad and twin.array is not values
    frozen = nn.Parameter(gg.Tensor(values), requires_grad=False)
    assert not frozen.requires_grad
    with pytest.raises(gg.DtypeError, match="only floating tensors carry a gradient"):
        nn.Parameter(np.arange(3))


# Calling


def test_nodes_carry_the_path_of_modules():
    y = built()(images())
    scopes, todo = {}, [y.node]
    while todo:
        node = todo.pop()
        if node.op is not None:
            scopes[node.op.label] = node.scope
            todo += [edge[0] for edge in node.parents if edge is not None]
    assert scopes["conv"] == ("features", "0")
    assert scopes["max_pool"] == ("features", "3")
    assert scopes["linear"] == ("head",)
    assert scopes["multiply"] == ()


def test_errors_name_the_layer_and_keep_their_class():
    net = built()
    with pytest.raises(gg.ShapeError, match=r"^features\.0 \(Conv2d\): conv2d: x has 5 channels"):
        net(images(channels=5))
    with pytest.raises(gg.ShapeError, match=r"^head \(Linear\): linear: "):
        net(gg.Tensor(np.zeros((1, 2, 8, 8), np.float32)))
    with pytest.raises(gg.DtypeError, match=r"^Linear: "):
        nn.Linear(2, 2)("text")
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        nn.Module()(1)


def test_training_mode_reaches_everything():
    net = built()
    assert net.eval() is net and not any(m.training for m in net.modules())
    x = images()
    np.testing.assert_array_equal(net(x).numpy(), net(x).numpy())
    assert net.train().features[1].training
    dropout = nn.Dropout(0.5, generator=Generator(0))
    assert (dropout(x).numpy() == 0).any()
    assert dropout.eval()(x) is x


def test_apply_freeze_and_zero_grad():
    net = built()
    seen = []
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen[-1] == "Net" and seen.index("ReLU") < seen.index("Sequential")
    net(images()).sum().backward()
    net.zero_grad(set_to_none=False)
    assert all(not p.grad.numpy().any() for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.features.requires_grad_(False)
    net(images()).sum().backward()
    assert net.features[0].weight.grad is None and net.head.weight.grad is not None


def test_deepcopy_and_pickle_give_equal_strangers():
    net = built().eval()
    x = images()
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(twin(x).numpy(), net(x).numpy())
        twin.head.bias.assign(1.0)
        assert net.head.bias.tolist() != [1, 1, 1]
        assert [n for n, _ in twin.named_buffers()] == [n for n, _ in net.named_buffers()]


def test_repr_is_a_tree_with_shapes():
    assert repr(built()) == (
        "Net(  # scale ()\n"
        "  (features): Sequential(\n"
        "    (0): Conv2d(2, 4, (3, 3), padding=1)  # weight (4, 2, 3, 3), bias (4,)\n"
        "    (1): BatchNorm2d(4, eps=1e-05, momentum=0.1)  # weight (4,), bias (4,)\n"
        "    (2): ReLU()\n"
        "    (3): MaxPool2d(2)\n"
        "  )\n"
        "  (head): Linear(24, 3)  # weight (3, 24), bias (3,)\n"
        ")"
    )
    assert repr(nn.Linear(None, 3, bias=False)) == "Linear(None, 3, bias=False)"


# Place and type


def test_conversion_keeps_the_tensors_and_their_gradients():
    net = built()
    net(images()).sum().backward()
    weight, grad = net.head.weight, net.head.weight.grad.numpy()
    optimizer = optim.SGD(net.parameters(), 0.1)
    assert net.astype(gg.float64) is net
    assert net.head.weight is weight and weight.dtype == weight.grad.dtype == np.float64
    np.testing.assert_array_equal(weight.grad.numpy(), grad.astype(np.float64))
    assert net.features[1].running_var.dtype == np.float64
    optimizer.step()
    net.zero_grad()
    y = net(images(dtype=np.float64))
    y.sum().backward()
    assert y.dtype == weight.grad.dtype == np.float64
    assert net.to("cpu").head.weight is weight
    with pytest.raises(gg.DtypeError, match="astype: parameters are floating numbers"):
        net.astype(int)


def test_the_meta_device_computes_shapes_only():
    net = built().to("meta")
    x = images().to("meta")
    assert net(x).shape == (3, 3) and net(x).device == "meta"
    assert "weight (4, 2, 3, 3)" in repr(net)


def test_layers_made_on_the_meta_device_draw_nothing_and_take_no_memory():
    before = gg.random.default_generator().state
    with gg.default_device("meta"):
        net = nn.Sequential(nn.Conv2d(3, 10**6, 1001), nn.BatchNorm2d(10**6))  # 12 terabytes
        nn.init.kaiming_normal_(net[0].weight)
        lazy = nn.Linear(None, 5)
    assert gg.random.default_generator().state == before
    assert {p.device.name for p in (*net.parameters(), *net.buffers())} == {"meta"}
    assert [p.requires_grad for p in net.parameters()] == [True] * 4
    lazy.build(7, np.float64, "meta")
    assert lazy.weight.device == "meta" and lazy.weight.dtype == np.float64


# State


def test_state_goes_around():
    net = built().eval()
    state = net.state_dict()
    tracked = ("running_mean", "running_var", "num_batches_tracked")
    assert set(state) == {*NAMES, *(f"features.1.{name}" for name in tracked)}
    other = Net(features=24).eval()
    assert other.load_state_dict(state) == ([], [])
    np.testing.assert_array_equal(other(images()).numpy(), net(images()).numpy())
    net.head.bias.assign(9.0)
    assert state["head.bias"].max() < 9  # a snapshot
    other.astype(gg.float64).load_state_dict({k: gg.Tensor(v) for k, v in state.items()})
    assert other.head.bias.dtype == np.float64


def test_a_bad_state_is_told_at_once_and_nothing_is_loaded():
    net = Net(features=24)
    before = net.state_dict()
    state = {k: v + 1 for k, v in before.items()}
    del state["scale"], state["head.bias"]
    state["tail.weight"] = np.zeros(2)
    state["head.weight"] = np.zeros((3, 25))
    state["features.0.bias"] = np.zeros(4, complex)
    with pytest.raises(gg.DataError) as told:
        net.load_state_dict(state)
    assert str(told.value).split("\n  ") == [
        "load_state_dict: nothing was loaded into Net:",
        "missing: scale",
        "missing: head.bias",
        "unexpected: tail.weight",
        "features.0.bias is complex128 (4,); the module has float32 (4,)",
        "head.weight is float64 (3, 25); the module has float32 (3, 24)",
    ]
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_a_load_that_is_not_strict_tells_what_it_left():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(None, 2))
    state = {"0.weight": np.ones((2, 2)), "more": np.ones(1)}
    keys = net.load_state_dict(state, strict=False)
    assert keys.missing == ["0.bias", "1.weight", "1.bias"] and keys.unexpected == ["more"]
    assert net[0].weight.numpy().all() and net[1].weight is None
    with pytest.raises(gg.DataError, match=r"0.weight is float64 \(3,\); the module has"):
        net.load_state_dict({"0.weight": np.ones(3)}, strict=False)


def test_what_batch_norms_count_may_be_missing():
    net = nn.Sequential(nn.BatchNorm2d(2), nn.Linear(2, 2))
    state = {**net.state_dict(), "0.num_batches_tracked": np.array(7)}
    assert net.load_state_dict(state) == ([], [])
    assert net[0].num_batches_tracked.item() == 7
    older = {name: a for name, a in state.items() if "tracked" not in name}
    assert net.load_state_dict(older) == ([], [])
    assert net[0].num_batches_tracked.item() == 7
    with pytest.raises(gg.DataError, match="unexpected: 1.num_batches_tracked$"):  # of no norm
        net.load_state_dict({**state, "1.num_batches_tracked": np.array(7)})
    lazy = nn.Sequential(nn.BatchNorm2d(None), nn.Linear(None, 2))
    assert lazy.load_state_dict(state) == ([], []) and lazy[0].num_features == 2


# Layers that wait for their input size


def test_lazy_layers_learn_their_size_type_and_place_from_the_first_input():
    net = nn.Sequential(
        nn.Conv2d(None, 4, 3, groups=2), nn.BatchNorm2d(None), nn.Flatten(), nn.Linear(None, 3)
    )
    net(images(channels=6, dtype=np.float64))
    assert net[0].weight.shape == (4, 3, 3, 3) and net[0].in_channels == 6
    assert net[1].running_mean.shape == (4,)
    assert net[3].weight.shape == (3, 4 * 4 * 2)
    assert {p.dtype for p in net.parameters()} == {np.dtype(np.float64)}
    shapes = nn.Sequential(nn.ConvTranspose1d(None, 2, 3))
    shapes(gg.Tensor(np.zeros((1, 5, 7), np.float32)).to("meta"))
    assert shapes[0].weight.shape == (5, 2, 3) and shapes[0].weight.device == "meta"


def test_lazy_layers_learn_their_size_from_a_checkpoint():
    def make(a, b, c, d):
        return nn.Sequential(
            nn.Conv1d(a, 4, 3, groups=2), nn.BatchNorm1d(b), nn.ConvTranspose1d(c, 2, 3)
        ).append(nn.Linear(d, 2, bias=False))

    state = make(6, 4, 5, 7).state_dict()
    net = make(None, None, None, None)
    net.load_state_dict(state)
    assert net[0].in_channels == 6 and net[2].in_channels == 5 and net[3].in_features == 7
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, state[name])
    waiting = make(None, None, None, None)
    with pytest.raises(gg.DataError, match="missing: 1.weight"):
        waiting.load_state_dict({k: v for k, v in state.items() if k != "1.weight"})
    assert waiting[0].weight is None  # still waiting: nothing half-done


def test_asking_too_early_is_told_with_the_cure():
    net = nn.Sequential(nn.Conv2d(None, 4, 3))
    for ask in (net.parameters, net.state_dict):
        with pytest.raises(gg.ArgumentError, match=r"0 \(Conv2d\) learns its in_channels from"):
            ask()
    net.zero_grad()
    net.train()
    with pytest.raises(gg.ShapeError, match=r"0 \(Conv2d\): conv2d: x \(3,\) must have a batch"):
        net(gg.Tensor(np.zeros(3, np.float32)))
    with pytest.raises(gg.DtypeError, match=r"0 \(Conv2d\): x is a list; the layer takes tensors"):
        net([1.0])
    assert net[0].in_channels is None  # a mistake decides nothing


# Layers


def layers():
    rng = np.random.default_rng(0)

    def draw(*shape):
        return gg.Tensor(rng.standard_normal(shape).astype(np.float32))

    yield nn.Linear(4, 3), draw(2, 5, 4), lambda m, x: F.linear(x, m.weight, m.bias)
    for n in (1, 2, 3):
        x = draw(2, 4, *(7, 6, 5)[:n])
        conv = getattr(nn, f"Conv{n}d")(4, 6, 3, 2, 1, 1, 2)
        f = getattr(F, f"conv{n}d")
        yield conv, x, lambda m, x, f=f: f(x, m.weight, m.bias, 2, 1, 1, 2)
        conv = getattr(nn, f"ConvTranspose{n}d")(4, 6, 3, 2, 1, 1, 2)
        f = getattr(F, f"conv_transpose{n}d")
        yield conv, x, lambda m, x, f=f: f(x, m.weight, m.bias, 2, 1, 1, 2)
        f = getattr(F, f"max_pool{n}d")
        yield (
            getattr(nn, f"MaxPool{n}d")(2, ceil_mode=True),
            x,
            lambda m, x, f=f: f(x, 2, 2, 0, 1, True),
        )
        f = getattr(F, f"avg_pool{n}d")
        yield getattr(nn, f"AvgPool{n}d")(3, 2, 1), x, lambda m, x, f=f: f(x, 3, 2, 1)
        f = getattr(F, f"adaptive_avg_pool{n}d")
        yield getattr(nn, f"AdaptiveAvgPool{n}d")(2), x, lambda m, x, f=f: f(x, 2)
        f = getattr(F, f"global_avg_pool{n}d")
        yield getattr(nn, f"GlobalAvgPool{n}d")(), x, lambda m, x, f=f: f(x)
        yield (
            getattr(nn, f"BatchNorm{n}d")(4, eps=0.1),
            x,
            lambda m, x: F.batch_norm(x, None, None, m.weight, m.bias, True, eps=0.1),
        )
    x = draw(3, 5)
    yield nn.ReLU(), x, lambda m, x: F.relu(x)
    yield nn.ReLU6(), 4 * x, lambda m, x: F.relu6(x)
    yield nn.LeakyReLU(0.1), x, lambda m, x: F.leaky_relu(x, 0.1)
    yield nn.ELU(0.5), x, lambda m, x: F.elu(x, 0.5)
    yield nn.Sigmoid(), x, lambda m, x: F.sigmoid(x)
    yield nn.Tanh(), x, lambda m, x: F.tanh(x)
    yield nn.Softmax(0), x, lambda m, x: F.softmax(x, 0)
    yield nn.LogSoftmax(), x, lambda m, x: F.log_softmax(x, -1)
    yield nn.Flatten(0), x, lambda m, x: x.reshape(-1)
    yield nn.Identity(), x, lambda m, x: x
    yield (
        nn.Dropout(0.5, generator=Generator(1)),
        x,
        lambda m, x: F.dropout(x, 0.5, generator=Generator(1)),
    )


@pytest.mark.parametrize("layer, x, function", list(layers()), ids=lambda v: type(v).__name__)
def test_a_layer_is_its_function(layer, x, function):
    np.testing.assert_array_equal(layer(x).numpy(), function(layer, x).numpy())
    assert repr(layer).startswith(type(layer).__name__)


def test_losses_as_modules():
    x, t = gg.Tensor(np.eye(3)), np.array([0, 1, 1])
    assert (
        nn.CrossEntropyLoss(reduction="sum")(x, t).item()
        == F.cross_entropy(x, t, reduction="sum").item()
    )
    assert nn.NLLLoss()(x, t).item() == F.nll_loss(x, t).item()
    assert nn.MSELoss()(x, x).item() == 0


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda: nn.Linear(0, 3), "Linear: in_features=0; wanted an int of at least 1"),
        (lambda: nn.Linear(3, 2.5), "Linear: out_features=2.5; wanted an int"),
        (lambda: nn.Conv2d(3, 4, 0), "Conv2d: kernel_size=0; wanted an int of at least 1, or 2"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "Conv2d: in_channels=3 must be a multiple of"),
        (lambda: nn.Conv1d(4, 3, 3, groups=2), "Conv1d: out_channels=3 must be a multiple of"),
        (lambda: nn.Dropout(1.5), "Dropout: p=1.5 must lie in 0 to 1"),
        (lambda: nn.Sequential(F.relu), r"Sequential: '0' is a function; .* nn.ReLU\(\) for relu"),
        (lambda: nn.ModuleDict({"a.b": nn.ReLU()}), "ModuleDict: 'a.b' can't be the name"),
        (lambda: nn.ModuleDict({"train": nn.ReLU()}), "ModuleDict: 'train' can't be the name"),
        (lambda: nn.Sequential(nn.ReLU())[1], "Sequential: index 1 is out of range for 1 modules"),
        (lambda: nn.ModuleDict()["a"], "ModuleDict: no module 'a'"),
        (lambda: nn.Module().register_buffer("a", 3), "register_buffer: a is a int; it must be"),
    ],
)
def test_wrong_arguments(make, told):
    with pytest.raises(gg.GpugraphError, match=told):
        make()


def test_batch_norm_layers_check_the_axes():
    with pytest.raises(
        gg.ShapeError, match=r"batch_norm: x \(2, 3\) has 2 axes; BatchNorm2d takes 4"
    ):
        nn.BatchNorm2d(3)(gg.Tensor(np.zeros((2, 3), np.float32)))
    bare = nn.BatchNorm1d(3, affine=False, track_running_stats=False)
    assert not bare.state_dict()
    x = gg.Tensor(np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32))
    np.testing.assert_array_equal(bare.eval()(x).numpy(), bare.train()(x).numpy())


# Containers


def test_sequential():
    a, b, c = nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)
    net = nn.Sequential({"a": a, "b": b}).append(c)
    assert [n for n, _ in net.named_children()] == ["a", "b", "2"]
    assert net.a is net[0] is a and net[-1] is c and len(net) == 3 and list(net) == [a, b, c]
    x = gg.Tensor(np.ones((1, 2), np.float32))
    np.testing.assert_array_equal(net(x).numpy(), c(b(a(x))).numpy())
    tail = net[1:]
    assert isinstance(tail, nn.Sequential) and list(tail) == [b, c]
    tail.append(nn.Tanh())  # takes a free name
    assert [n for n, _ in tail.named_children()] == ["b", "2", "3"]
    net[1] = nn.Tanh()
    assert isinstance(net.b, nn.Tanh)


def test_lists_and_dicts_of_modules():
    layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3)).extend([nn.ReLU()])
    assert len(layers) == 4 and isinstance(layers[1:3], nn.ModuleList)
    assert [n for n, _ in layers.named_parameters()][::2] == ["0.weight", "1.weight", "2.weight"]
    heads = nn.ModuleDict({"age": nn.Linear(2, 1)})
    heads["name"] = nn.Linear(2, 5)
    assert list(heads) == heads.keys() == ["age", "name"] and "age" in heads and len(heads) == 2
    assert dict(heads.items())["name"] is heads["name"] is heads.values()[1]
    assert next(n for n, _ in heads.named_parameters()) == "age.weight"


def test_buffers():
    class Counter(nn.Module):
        def __init__(self):
            self.register_buffer("calls", gg.Tensor(np.zeros((), np.int64)))
            self.register_buffer("unset", None)

    counter = Counter()
    counter.calls = counter.calls + 3
    assert counter.state_dict() == {"calls": 3} and not list(counter.parameters())
    counter.astype(gg.float64)
    assert counter.calls.dtype == np.int64


# First values


@pytest.mark.parametrize(
    "draw, std",
    [
        (lambda w, g: init.kaiming_normal_(w, generator=g), math.sqrt(2 / 400)),
        (lambda w, g: init.kaiming_uniform_(w, generator=g), math.sqrt(2 / 400)),
        (
            lambda w, g: init.kaiming_normal_(w, 0.1, "fan_out", generator=g),
            math.sqrt(2 / 1.01 / 800),
        ),
        (
            lambda w, g: init.kaiming_uniform_(w, nonlinearity="tanh", generator=g),
            5 / 3 / math.sqrt(400),
        ),
        (lambda w, g: init.xavier_normal_(w, 2.0, g), 2 * math.sqrt(2 / 1200)),
        (lambda w, g: init.xavier_uniform_(w, 2.0, g), 2 * math.sqrt(2 / 1200)),
        (lambda w, g: init.normal_(w, 0.0, 0.3, g), 0.3),
        (lambda w, g: init.uniform_(w, -3.0, 3.0, g), math.sqrt(3)),
    ],
)
def test_the_spread_of_first_values(draw, std):
    w = nn.Parameter(np.zeros((80, 40, 5, 2), np.float32))  # fan_in 400, fan_out 800
    assert draw(w, Generator(0)) is w
    got = w.numpy()
    kurtosis = (got**4).mean() / (got**2).mean() ** 2
    assert got.std() == pytest.approx(std, rel=4 * math.sqrt(kurtosis - 1) / 2 / math.sqrt(w.size))
    assert abs(got.mean()) < 4 * std / math.sqrt(w.size)
    again = draw(nn.Parameter(np.zeros(w.shape, np.float32)), Generator(0))
    np.testing.assert_array_equal(got, again.numpy())


def test_layers_start_as_in_pytorch():
    for layer, fan in (
        (nn.Linear(50, 70, generator=Generator(0)), 50),
        (nn.Conv2d(10, 40, (5, 3), groups=2, generator=Generator(0)), 75),
        (nn.ConvTranspose2d(40, 10, (5, 3), groups=2, generator=Generator(0)), 75),
    ):
        for p in layer.parameters():
            largest, bound = np.abs(p.numpy()).max(), 1 / math.sqrt(fan)
            assert 0.8 * bound < largest <= bound * (1 + 1e-6)
    gg.random.seed(3)
    one = nn.Linear(3, 3).state_dict()
    gg.random.seed(3)
    two = nn.Linear(None, 3)
    two(gg.Tensor(np.ones((1, 3), np.float32)))
    np.testing.assert_array_equal(one["weight"], two.weight.numpy())


def test_init_refusals():
    w = nn.Parameter(np.zeros(3))
    for call, told in (
        (lambda: init.xavier_normal_(w), r"a weight of shape \(3,\) has no fan; it needs \(O, C\)"),
        (lambda: init.kaiming_normal_(w, mode="in"), "mode='in' must be 'fan_in' or 'fan_out'"),
        (lambda: init.calculate_gain("gelu"), "nonlinearity='gelu' must be one of"),
    ):
        with pytest.raises(gg.GpugraphError, match=told):
            call()
    assert init.ones_(w).tolist() == [1] * 3
    assert init.zeros_(w).tolist() == [0] * 3


def test_clipping():
    a, b = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(1))
    a.grad, b.grad = gg.Tensor(np.array([3.0, 0.0])), gg.Tensor(np.array([4.0]))
    assert nn.utils.clip_grad_norm_([a, b], 10.0) == 5.0 and a.grad.tolist() == [3, 0]
    assert nn.utils.clip_grad_norm_([a, b, nn.Parameter(np.ones(1))], 1.0) == 5.0
    np.testing.assert_allclose([*a.grad.tolist(), *b.grad.tolist()], [0.6, 0, 0.8], rtol=1e-15)
    with pytest.raises(gg.ArgumentError, match="clip_grad_norm_: max_norm=0 must be above 0"):
        nn.utils.clip_grad_norm_([a], 0)


def test_a_small_network_learns():
    gg.random.seed(0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 1, 6, 6)).astype(np.float32)
    t = (x[:, 0, :3].sum(axis=(1, 2)) > x[:, 0, 3:].sum(axis=(1, 2))).astype(np.int64)
    net = nn.Sequential(
        nn.Conv2d(None, 8, 3), nn.BatchNorm2d(None), nn.ReLU(), nn.Flatten(), nn.Linear(None, 2)
    )
    net(x)
    optimizer = optim.AdamW(net.parameters(), 0.01)
    for _ in range(40):
        loss = F.cross_entropy(net(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    assert (net.eval()(x).numpy().argmax(axis=1) == t).mean() > 0.9


def test_clip_grad_norm_takes_one_tensor_and_halves():
    for dtype in (np.float16, np.float32):
        p = gg.Tensor(np.zeros(2, dtype), requires_grad=True)
        p.grad = gg.Tensor(np.array([300.0, 400.0], dtype))  # 300^2 is no float16
        assert nn.utils.clip_grad_norm_(p, 5.0) == 500.0
        np.testing.assert_allclose(p.grad.numpy(), [3.0, 4.0], rtol=1e-3)


def test_astype_refuses_what_is_no_dtype():
    with pytest.raises(gg.DtypeError, match="astype: dtype='nope' is no type of numbers"):
        nn.Linear(2, 2).astype("nope")
