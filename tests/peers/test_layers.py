"""Layers against PyTorch's of the same name, with the same weights, in float64.

Arguments are drawn so that every keyword and every mode comes up; values, gradients and buffers are
compared. Needs PyTorch (the extra "peers"); some seconds.
"""

import numpy as np
import pytest

import gpugraph as gg
from gpugraph import nn

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'gpugraph[peers]'")

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore::UserWarning"),  # of PyTorch, about its own defaults
    pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning"),  # roots of negative sums
]
N = 60  # argument sets


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """For arrays this small, several cost more than they give."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Draw:
    """Random arguments."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def int(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def ints(self, low, high, n):
        return tuple(self.int(low, high) for _ in range(n))

    def one(self, *choices):
        return choices[self.int(0, len(choices) - 1)]

    def array(self, *shape):
        return self.rng.standard_normal(shape)


def floating(x):
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def flat(ys):
    if isinstance(ys, (tuple, list)):
        return [y for part in ys for y in flat(part)]
    return [] if ys is None else [ys]


def close(got, want, told):
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9, err_msg=told)


def layers(told, ours, theirs, *arrays, call=lambda m, *xs: m(*xs), masks=None):
    """Two layers with the same weights: values, gradients in inputs and weights, and buffers."""
    ours, theirs = ours.astype(np.float64), theirs.double()
    assert ours.load_state_dict(theirs.state_dict()) == ([], []), told
    assert set(ours.state_dict()) == set(theirs.state_dict()), told
    mine = [gg.Tensor(a.copy(), requires_grad=True) if floating(a) else a for a in arrays]
    peer = [torch.tensor(a, requires_grad=floating(a)) for a in arrays]
    got, want = flat(call(ours, *mine)), flat(call(theirs, *peer))
    assert len(got) == len(want), told
    mine_sum, peer_sum = 0.0, 0.0
    for y, t in zip(got, want):
        close(y.numpy(), t.detach().numpy(), told)
        c = np.random.default_rng(1).standard_normal(y.shape)
        mine_sum, peer_sum = mine_sum + (y * c).sum(), peer_sum + (t * torch.tensor(c)).sum()
    mine_sum.backward()
    peer_sum.backward()
    for a, p in zip(mine, peer):
        if p.requires_grad:
            close(a.grad.numpy(), p.grad.numpy(), told)
    weights = dict(theirs.named_parameters())
    for name, p in ours.named_parameters():
        if p.grad is not None:
            close(p.grad.numpy(), weights[name].grad.numpy(), f"{told}, {name}")
    buffers = dict(theirs.named_buffers())
    for name, b in ours.named_buffers():
        close(b.numpy(), buffers[name].numpy(), f"{told}, {name}")


def pair(name, *args, **options):
    return getattr(nn, name)(*args, **options), getattr(torch.nn, name)(*args, **options)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers(kind):
    for seed in range(20):
        d = Draw(seed)
        options = {
            "num_layers": d.int(1, 3), "bidirectional": d.one(False, True),
            "batch_first": d.one(False, True), "bias": d.one(False, True),
        }  # fmt: skip
        if kind == "RNN":
            options["nonlinearity"] = d.one("tanh", "relu")
        if kind == "LSTM":
            options["proj_size"] = d.one(0, 2)
        one = d.one(False, True)
        batch = () if one else ((5,) if options["batch_first"] else (2,))
        x = d.array(5, *(() if one else (2,)), 3)
        n = options["num_layers"] * (1 + options["bidirectional"])
        states = [d.array(n, *batch, options.get("proj_size") or 4)]
        states += [d.array(n, *batch, 4)] * (kind == "LSTM")
        told = f"{kind}, draw {seed}: {options}"
        layers(told, *pair(kind, 3, 4, **options), x)
        layers(
            told, *pair(kind, 3, 4, **options), x, *states,
            call=lambda m, x, *h: m(x, h if kind == "LSTM" else h[0]),
        )  # fmt: skip
        cell = pair(f"{kind}Cell", 3, 4, options["bias"])
        layers(told, *cell, d.array(2, 3))


def test_attention_with_heads():
    for seed in range(N):
        d = Draw(seed)
        options = {
            "bias": d.one(False, True), "add_bias_kv": d.one(False, True),
            "add_zero_attn": d.one(False, True), "batch_first": d.one(False, True),
        }  # fmt: skip
        k, v = d.one((6, 6), (5, 7))
        if k != 6:
            options |= {"kdim": k, "vdim": v}
        one, turned = d.one(False, True), options["batch_first"]

        def shape(n, features, one=one, turned=turned):
            return (n, features) if one else (2, n, features) if turned else (n, 2, features)

        masks = {}
        if d.int(0, 1):
            masks["attn_mask"] = d.rng.random((3, 4)) < 0.3
            masks["attn_mask"][:, 0] = False
        if d.int(0, 1):
            padding = d.rng.random((2, 4)) < 0.3
            padding[:, 0] = False
            masks["key_padding_mask"] = padding[0] if one else padding
        rest = {"average_attn_weights": d.one(False, True), "need_weights": bool(d.int(0, 3))}

        def call(layer, *xs, masks=masks, rest=rest):
            tensor = torch.tensor if isinstance(layer, torch.nn.Module) else gg.Tensor
            return layer(*xs, **{name: tensor(m) for name, m in masks.items()}, **rest)

        layers(
            f"draw {seed}: {options} {sorted(masks)} {rest}",
            *pair("MultiheadAttention", 6, 3, **options),
            d.array(*shape(3, 6)), d.array(*shape(4, k)), d.array(*shape(4, v)), call=call,
        )  # fmt: skip


def test_encoders():
    for first in (False, True):
        for turned in (False, True):
            options = {"norm_first": first, "batch_first": turned, "dropout": 0.0}
            one = pair("TransformerEncoderLayer", 6, 2, 7, **options)
            x = Draw(0).array(3, 2, 6)
            layers(f"{options}", *one, x)
            one = pair("TransformerEncoderLayer", 6, 2, 7, **options)  # without gradients
            ours = nn.TransformerEncoder(one[0], 2, nn.LayerNorm(6))
            theirs = torch.nn.TransformerEncoder(one[1], 2, torch.nn.LayerNorm(6))
            layers(f"{options}", ours, theirs, x)


def test_decoders_and_transformers():
    for seed in range(N):
        d = Draw(seed)
        turned = d.one(False, True)
        options = {
            "norm_first": d.one(False, True), "batch_first": turned, "dropout": 0.0,
            "bias": d.one(False, True), "activation": d.one("relu", "gelu"),
            "layer_norm_eps": d.one(1e-5, 0.1),
        }  # fmt: skip
        tgt, memory = (d.array(*((2, n, 6) if turned else (n, 2, 6))) for n in (3, 4))
        masks = {}
        for name, shape in (
            ("tgt_mask", (3, 3)), ("memory_mask", (3, 4)),
            ("tgt_key_padding_mask", (2, 3)), ("memory_key_padding_mask", (2, 4)),
        ):  # fmt: skip
            if d.int(0, 1):
                masks[name] = d.rng.random(shape) < 0.3
                masks[name][:, 0] = False

        def call(layer, *xs, masks=masks):
            tensor = torch.tensor if isinstance(layer, torch.nn.Module) else gg.Tensor
            return layer(*xs, **{name: tensor(m) for name, m in masks.items()})

        told = f"draw {seed}: {options} {sorted(masks)}"
        one = pair("TransformerDecoderLayer", 6, 2, 7, **options)
        layers(told, *one, tgt, memory, call=call)
        one = pair("TransformerDecoderLayer", 6, 2, 7, **options)  # without gradients
        ours = nn.TransformerDecoder(one[0], 2, nn.LayerNorm(6))
        theirs = torch.nn.TransformerDecoder(one[1], 2, torch.nn.LayerNorm(6))
        layers(told, ours, theirs, tgt, memory, call=call)
        if seed % 5 == 0:
            both = pair("Transformer", 6, 2, 2, 1, 7, **options)
            layers(told, *both, memory, tgt, call=call)
    ours, theirs = (m.Transformer.generate_square_subsequent_mask(4) for m in (nn, torch.nn))
    close(ours.numpy(), theirs.numpy(), "mask")


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_other_layers(axes):
    d = Draw(axes)
    x = d.array(2, 4, *(7, 6, 5)[:axes])
    for mode in ("zeros", "reflect", "replicate", "circular"):
        for padding in (1, 2, "same"):
            options = {"padding": padding, "padding_mode": mode, "dilation": d.int(1, 2)}
            layers(f"conv {options}", *pair(f"Conv{axes}d", 4, 6, 3, **options), x)
    for name in ("ReflectionPad", "ReplicationPad", "CircularPad", "ZeroPad"):
        layers(name, *pair(f"{name}{axes}d", d.ints(-1, 3, 2 * axes)), x)
    layers("ConstantPad", *pair(f"ConstantPad{axes}d", 2, 1.5), x)
    layers("AdaptiveMaxPool", *pair(f"AdaptiveMaxPool{axes}d", 3), x)
    layers("LPPool", *pair(f"LPPool{axes}d", 2, 2), x)
    for options in ({}, {"affine": True}, {"affine": True, "track_running_stats": True}):
        layers(f"InstanceNorm {options}", *pair(f"InstanceNorm{axes}d", 4, **options), x)
    norms = pair(f"BatchNorm{axes}d", 4, momentum=None)
    for _ in range(3):
        layers("BatchNorm", *norms, d.array(*x.shape))
    pools, back = pair(f"MaxPool{axes}d", 2, return_indices=True), pair(f"MaxUnpool{axes}d", 2)
    ours, theirs = (
        unpool(*pool(tensor(x)), output_size=x.shape).numpy()
        for pool, unpool, tensor in zip(pools, back, (gg.Tensor, torch.tensor))
    )
    close(ours, theirs, "unpool")


def test_layers_for_images():
    d = Draw(0)
    x = d.array(2, 4, 6, 8)
    for name, args, options in (
        ("AvgPool2d", (3,), {"divisor_override": 4}),
        ("LayerNorm", ((6, 8),), {}),
        ("LayerNorm", (8,), {"bias": False}),
        ("RMSNorm", (8,), {}),
        ("GroupNorm", (2, 4), {}),
        ("LocalResponseNorm", (3,), {}),
        ("Upsample", (), {"scale_factor": 2, "mode": "bilinear"}),
        ("UpsamplingBilinear2d", (), {"scale_factor": 2}),
        ("UpsamplingNearest2d", ((9, 11),), {}),
        ("PixelShuffle", (2,), {}),
        ("PixelUnshuffle", (2,), {}),
        ("ChannelShuffle", (2,), {}),
        ("Unfold", (2,), {"stride": 2}),
    ):
        layers(name, *pair(name, *args, **options), x)
    layers("Fold", *pair("Fold", (4, 5), 2), d.array(2, 12, 12))
    layers("Embedding", *pair("Embedding", 7, 3, padding_idx=2), d.rng.integers(0, 7, (2, 5)))
    layers("Bilinear", *pair("Bilinear", 3, 4, 5), d.array(2, 3), d.array(2, 4))
