"""One valid call of every public function and constructor, for tests that then break it.

The arguments come from what parameters are called, all over the package; where a function needs
others they stand in `SPECIAL`. A public name without a call that works fails the test.
"""

import inspect

import numpy as np

import gpugraph as gg
import gpugraph.fft as fft
import gpugraph.func as func
import gpugraph.linalg as linalg
import gpugraph.nn as nn
import gpugraph.nn.functional as F
import gpugraph.nn.init as init
import gpugraph.nn.utils as utils
import gpugraph.optim as optim

MODULES = {
    "gg": gg,
    "F": F,
    "linalg": linalg,
    "fft": fft,
    "init": init,
    "utils": utils,
    "func": func,
    "nn": nn,
    "optim": optim,
}
RNG = np.random.default_rng(0)


def real(*shape):
    return RNG.uniform(0.1, 0.9, shape).astype(np.float32)


def whole(*shape, high=3):
    return RNG.integers(0, high, shape)


def spd(n=3):
    a = real(n, n)
    return a @ a.T + np.eye(n, dtype=np.float32)


def parameters():
    return [nn.Parameter(real(3))]


def sgd(lr=0.1):
    return optim.SGD(parameters(), lr=lr, momentum=0.9)


# What a parameter of that name takes, wherever it stands; a function makes it anew for each call.
USUAL = {
    "x": lambda: real(2, 3),
    "x1": lambda: real(2, 3),
    "x2": lambda: real(2, 3),
    "axis": lambda: 0,
    "dim": lambda: 0,
    "axes": lambda: (1, 0),
    "arrays": lambda: [real(2, 3), real(2, 3)],
    "shape": lambda: (2, 3),
    "index": lambda: whole(2, 3, high=2),
    "indices": lambda: whole(2, 3, high=2),
    "indices_or_sections": lambda: 1,
    "target": lambda: real(2, 3),
    "weight": lambda: real(3),
    "k": lambda: 1,
    "kth": lambda: 1,
    "q": lambda: 0.5,
    "mask": lambda: real(2, 3) > 0.5,
    "value": lambda: 1.5,
    "values": lambda: real(2, 3),
    "source": lambda: real(2, 3),
    "src": lambda: real(2, 3),
    "dtype": lambda: np.float32,
    "device": lambda: "cpu",
    "start": lambda: 1,
    "stop": lambda: 4,
    "num": lambda: 5,
    "kernel_size": lambda: 2,
    "output_size": lambda: 2,
    "in_channels": lambda: 2,
    "out_channels": lambda: 2,
    "in_features": lambda: 3,
    "out_features": lambda: 2,
    "num_features": lambda: 2,
    "input_size": lambda: 3,
    "hidden_size": lambda: 4,
    "norm_type": lambda: 2.0,
    "normalized_shape": lambda: (3,),
    "padding": lambda: 1,
    "params": parameters,
    "optimizer": sgd,
    "tensor": lambda: nn.Parameter(real(3, 4)),
    "parameters": parameters,
    "n": lambda: 3,
    "s": lambda: (2, 3),
    "a": lambda: 0.1,
    "ord": lambda: 2,
    "f": lambda: lambda x: (x * x).sum(),
    "running_mean": lambda: real(2),
    "running_var": lambda: real(2),
}

SPATIAL = {1: (6,), 2: (6, 5), 3: (4, 5, 6)}


def _images():
    """The functions that come for 1, 2 and 3 spatial axes."""
    calls = {}
    for d, spatial in SPATIAL.items():

        def x(channels=2, spatial=spatial):
            return real(2, channels, *spatial)

        def w(d=d):
            return real(3, 2, *(2,) * d)

        out = tuple(n - 1 for n in spatial)
        calls[f"F.conv{d}d"] = lambda x=x, w=w: {
            "x": x(), "w": w(), "b": real(3), "stride": 1, "padding": 1, "dilation": 1, "groups": 1,
        }  # fmt: skip
        calls[f"F.conv_transpose{d}d"] = lambda x=x, w=w: {
            "x": x(3), "w": w(), "b": real(2), "stride": 2, "padding": 1, "output_padding": 1,
            "groups": 1, "dilation": 1,
        }  # fmt: skip
        calls[f"F.conv{d}d_input_grad"] = lambda w=w, spatial=spatial, out=out: {
            "input_size": (2, 2, *spatial), "w": w(), "gy": real(2, 3, *out), "stride": 1,
            "padding": 0, "dilation": 1, "groups": 1,
        }  # fmt: skip
        calls[f"F.conv{d}d_weight_grad"] = lambda x=x, d=d, out=out: {
            "x": x(), "weight_size": (3, 2, *(2,) * d), "gy": real(2, 3, *out), "stride": 1,
            "padding": 0, "dilation": 1, "groups": 1,
        }  # fmt: skip
        for kind in ("max_pool", "avg_pool", "lp_pool", "adaptive_avg_pool", "adaptive_max_pool"):
            calls[f"F.{kind}{d}d"] = lambda x=x: {"x": x(), "stride": 2}
        calls[f"F.global_avg_pool{d}d"] = lambda x=x: {"x": x()}
        calls[f"F.max_unpool{d}d"] = lambda d=d: {
            "x": real(1, 1, *(1,) * d), "indices": np.zeros((1, 1, *(1,) * d), np.int64),
            "output_size": None,
        }  # fmt: skip
        for kind in ("dropout", "instance_norm"):
            calls[f"F.{kind}{d}d"] = lambda x=x: {"x": x()}
    return calls


def tensors(*shapes):
    return [gg.Tensor(real(*s)) for s in shapes]


def loss():
    x = gg.Tensor(real(3), requires_grad=True)
    return (x * x).sum(), x


def outputs_and_inputs():
    y, x = loss()
    return {"outputs": y, "inputs": x}


def schedules():
    optimizer = sgd()
    parts = [optim.ConstantLR(optimizer), optim.ExponentialLR(optimizer, 0.9)]
    return {"optimizer": optimizer, "schedulers": parts}


def same(*names, **call):
    return dict.fromkeys(names, lambda: {k: f() for k, f in call.items()})


# Where the usual values make no valid call, or leave an argument at its default that asks for more.
SPECIAL = {
    **_images(),
    **same("gg.bitwise_not", "gg.invert", "gg.bitwise_invert", x=lambda: whole(3)),
    **same(
        *(f"gg.{f}_shift" for f in ("left", "right", "bitwise_left", "bitwise_right")),
        *(f"gg.bitwise_{f}" for f in ("and", "or", "xor")),
        x1=lambda: whole(3), x2=lambda: whole(3),
    ),
    **same("gg.dot", "gg.matmul", "gg.mm", "linalg.matmul", x2=lambda: real(3, 2)),
    **same("gg.linear", "F.linear", w=lambda: real(4, 3), b=lambda: real(4)),
    **same("gg.one_hot", "F.one_hot", x=lambda: whole(4), num_classes=lambda: 3),
    **same("gg.cumulative_sum", "gg.cumulative_prod", axis=lambda: 0),
    **same("gg.convolve", "gg.correlate", x1=lambda: real(5), x2=lambda: real(3)),
    **same("gg.index_add", "gg.index_copy", "gg.index_fill", "gg.index_select",
           index=lambda: np.array([1, 0])),
    **same(*(f"linalg.{f}" for f in "cholesky det eigh eigvalsh inv slogdet matrix_power".split()),
           x=spd),
    **same("F.cross_entropy", "F.nll_loss", logits=lambda: real(4, 3),
           log_probs=lambda: -real(4, 3), target=lambda: whole(4), weight=lambda: real(3)),
    **same("F.triplet_margin_loss", "F.triplet_margin_with_distance_loss",
           anchor=lambda: real(2, 3), positive=lambda: real(2, 3), negative=lambda: real(2, 3)),
    **same("F.batch_norm", "F.batch_norm_act", x=lambda: real(2, 2, 4),
           running_mean=lambda: real(2), running_var=lambda: real(2), weight=lambda: real(2),
           bias=lambda: real(2)),
    **same("F.channel_shuffle", "F.pixel_shuffle", x=lambda: real(1, 4, 2, 3), groups=lambda: 2,
           upscale_factor=lambda: 2),
    **same("nn.PixelShuffle", "nn.PixelUnshuffle", "nn.ChannelShuffle", "nn.LocalResponseNorm",
           "nn.GroupNorm", "nn.Threshold", upscale_factor=lambda: 2, downscale_factor=lambda: 2,
           groups=lambda: 2, size=lambda: 3, num_groups=lambda: 2, num_channels=lambda: 4,
           threshold=lambda: 0.5, value=lambda: 1.0),
    **same("optim.CosineAnnealingLR", "optim.CosineAnnealingWarmRestarts", "optim.ExponentialLR",
           "optim.LambdaLR", "optim.MultiplicativeLR", "optim.MultiStepLR", "optim.OneCycleLR",
           "optim.StepLR",
           T_max=lambda: 5, T_0=lambda: 3, gamma=lambda: 0.5, lr_lambda=lambda: lambda e: 1.0,
           milestones=lambda: [1, 3], max_lr=lambda: 0.1, total_steps=lambda: 9,
           step_size=lambda: 2),
    "gg.apply": lambda: {"op": gg.REGISTRY["Exp"](), "inputs": [real(3)]},
    "gg.backward": lambda: {"tensor": loss()[0]},
    "gg.grad": outputs_and_inputs,
    "gg.summary": lambda: {"model": nn.Linear(3, 2), "shape": (4, 3)},
    "gg.pad": lambda: {"pad_width": ((1, 0), (0, 2))},
    "gg.roll": lambda: {"shift": 1, "axis": 1},
    "gg.where": lambda: {"condition": real(2, 3) > 0.5},
    "gg.bincount": lambda: {"x": whole(5), "weights": real(5)},
    **same("gg.asarray", "gg.as_tensor", obj=lambda: [1.0, 2.0]),
    "gg.tensor": lambda: {"array_like": [1.0, 2.0]},
    "gg.eye": lambda: {"n_rows": 3, "n_cols": 2},
    "gg.full": lambda: {"fill_value": 2.0},
    "gg.full_like": lambda: {"fill_value": 2.0},
    "gg.tri": lambda: {"N": 3, "M": 2},
    "gg.vander": lambda: {"x": real(3), "N": 2},
    "gg.can_cast": lambda: {"from_": np.int8, "to": np.int16},
    "gg.finfo": lambda: {"type": np.float32},
    "gg.iinfo": lambda: {"type": np.int32},
    "gg.isdtype": lambda: {"kind": "integral"},
    "gg.result_type": lambda: {"arrays_and_dtypes": [np.float32, np.int64]},
    "gg.einsum": lambda: {"subscripts": "ij,jk->ik", "operands": [real(2, 3), real(3, 2)]},
    "gg.lerp": lambda: {"start": real(3), "end": real(3), "weight": 0.5},
    "gg.setitem": lambda: {"x": gg.Tensor(real(2, 3)), "index": 0, "value": 1.0},
    "gg.checkpoint": lambda: {"function": gg.exp, "args": [real(3)]},
    "gg.gradient": lambda: {"f": real(4, 5)},
    "gg.interp": lambda: {"x": real(4), "xp": np.array([0.0, 1.0]), "fp": np.array([1.0, 2.0])},
    **same("gg.trapezoid", "gg.trapz", y=lambda: real(4), x=lambda: np.arange(4.0)),
    "gg.delete": lambda: {"obj": 1, "axis": 0},
    "gg.insert": lambda: {"obj": 1, "values": real(3), "axis": 0},
    "gg.select": lambda: {"condlist": [real(3) > 0.5], "choicelist": [real(3)]},
    **same("gg.moveaxis", "gg.movedim", source=lambda: 0, destination=lambda: 1),
    **same("gg.swapaxes", "gg.swapdims", axis1=lambda: 0, axis2=lambda: 1),
    "gg.bmm": lambda: {"x1": real(2, 3, 4), "x2": real(2, 4, 2)},
    "gg.mv": lambda: {"x2": real(3)},
    "gg.digitize": lambda: {"bins": np.array([0.2, 0.5])},
    "gg.searchsorted": lambda: {"x1": np.arange(4.0)},
    "gg.chunk": lambda: {"chunks": 2},
    "gg.dsplit": lambda: {"x": real(2, 3, 4)},
    "gg.repeat": lambda: {"repeats": 2, "axis": 0},
    "gg.tile": lambda: {"repetitions": (2, 1)},
    "gg.unflatten": lambda: {"axis": 1, "sizes": (3, 1)},
    "gg.cross": lambda: {"x1": real(2, 3)},
    **same("gg.clip", "gg.clamp_min", "gg.clamp_max", min=lambda: 0.1, max=lambda: 0.4),
    "gg.linspace": lambda: {"start": 0.0, "stop": 1.0},
    "F.bias_act": lambda: {"b": real(3), "act": "relu"},
    "F.cosine_embedding_loss": lambda: {"target": np.array([1.0, -1.0], np.float32)},
    "F.gaussian_nll_loss": lambda: {"var": real(2, 3)},
    "F.glu": lambda: {"x": real(2, 4)},
    "F.ctc_loss": lambda: {
        "log_probs": -real(5, 2, 4), "targets": 1 + whole(2, 2), "input_lengths": [5, 4],
        "target_lengths": [2, 1],
    },
    "F.gumbel_softmax": lambda: {"logits": real(4, 3)},
    "F.multi_margin_loss": lambda: {"target": whole(2)},
    "F.multilabel_margin_loss": lambda: {"target": np.array([[2, 0, -1], [1, -1, -1]])},
    "F.threshold": lambda: {"threshold": 0.5},
    "F.scaled_dot_product_attention": lambda: {
        "query": real(2, 3, 4), "key": real(2, 5, 4), "value": real(2, 5, 4),
    },
    "F.bilinear": lambda: {"x2": real(2, 4), "weight": real(5, 3, 4), "bias": real(5)},
    "F.embedding": lambda: {"x": whole(2, 3), "weight": real(3, 4)},
    "F.local_conv2d": lambda: {"x": real(2, 2, 4, 4), "w": real(3, 3, 1, 2, 2, 2)},
    "F.affine_grid": lambda: {"theta": real(1, 2, 3), "size": (1, 1, 4, 4)},
    "F.grid_sample": lambda: {"x": real(1, 2, 4, 4), "grid": real(1, 3, 3, 2)},
    "F.instance_norm": lambda: {
        "x": real(2, 2, 4),
        "running_mean": gg.Tensor(real(2)),
        "running_var": gg.Tensor(real(2)),
        "weight": real(2),
        "bias": real(2),
    },
    "F.interpolate": lambda: {"x": real(1, 2, 4, 4), "size": 3},
    "F.group_norm": lambda: {"x": real(2, 4, 3), "num_groups": 2, "weight": real(4)},
    "F.layer_norm": lambda: {"weight": real(3), "bias": real(3)},
    "F.local_response_norm": lambda: {"x": real(1, 3, 4), "size": 3},
    "F.pad": lambda: {"pad": (1, 0)},
    "F.pixel_unshuffle": lambda: {"x": real(1, 1, 4, 6), "downscale_factor": 2},
    "F.fold": lambda: {"x": real(1, 4, 4), "output_size": (3, 3), "padding": 0},
    "F.unfold": lambda: {"x": real(1, 2, 4, 4)},
    "linalg.multi_dot": lambda: {"arrays": [real(2, 3), real(3, 4), real(4, 2)]},
    "linalg.solve": lambda: {"x1": spd(), "x2": real(3, 2)},
    "linalg.solve_triangular": lambda: {"A": spd(), "B": real(3, 2), "upper": True},
    "init.calculate_gain": lambda: {"nonlinearity": "leaky_relu", "param": 0.1},
    "init.constant_": lambda: {"val": 0.5},
    "init.dirac_": lambda: {"tensor": nn.Parameter(real(2, 2, 3))},
    "init.sparse_": lambda: {"sparsity": 0.5},
    "utils.clip_grad_norm_": lambda: {"max_norm": 1.0},
    "utils.clip_grad_value_": lambda: {"clip_value": 1.0},
    "utils.get_total_norm": lambda: {"tensors": tensors((3,), (2,))},
    "utils.vector_to_parameters": lambda: {"vec": gg.Tensor(real(3))},
    "func.hvp": lambda: {"primals": real(3), "tangents": real(3)},
    "func.jvp": lambda: {"primals": (real(3),), "tangents": (real(3),)},
    "func.vjp": lambda: {"primals": [real(3)]},
    "nn.Parameter": lambda: {"data": real(3)},
    "nn.MultiheadAttention": lambda: {"embed_dim": 4, "num_heads": 2},
    "nn.Transformer": lambda: {
        "d_model": 4, "nhead": 2, "num_encoder_layers": 1, "num_decoder_layers": 1,
        "dim_feedforward": 8,
    },
    "nn.TransformerEncoder": lambda: {
        "encoder_layer": nn.TransformerEncoderLayer(4, 2, 8), "num_layers": 2,
    },
    "nn.TransformerDecoder": lambda: {
        "decoder_layer": nn.TransformerDecoderLayer(4, 2, 8), "num_layers": 2,
    },
    **same("nn.TransformerEncoderLayer", "nn.TransformerDecoderLayer",
           d_model=lambda: 4, nhead=lambda: 2, dim_feedforward=lambda: 8),
    "nn.Unflatten": lambda: {"dim": 1, "unflattened_size": (3, 1)},
    "nn.Bilinear": lambda: {"in1_features": 3, "in2_features": 2},
    "nn.Embedding": lambda: {"num_embeddings": 5, "embedding_dim": 3},
    "nn.LocalConv2d": lambda: {"input_size": (4, 4)},
    "nn.Sequential": lambda: {"modules": [nn.ReLU()]},
    "optim.EMA": lambda: {"model": nn.Linear(3, 2)},
    "optim.ChainedScheduler": schedules,
    "optim.CyclicLR": lambda: {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 3},
    "optim.SequentialLR": lambda: {**schedules(), "milestones": [2]},
}  # fmt: skip

# Bases, made to be subclassed; and what takes no arguments to speak of
ABSTRACT = {"optim.Optimizer", "optim.Schedule", "nn.Module", "nn.Lazy"}


def names():
    """Every public callable, as "module.name"; classes of errors and results left out."""
    found = {}
    for short, module in MODULES.items():
        for name in module.__all__:
            value = getattr(module, name)
            if not callable(value):
                continue
            if inspect.isclass(value) and (
                issubclass(value, (BaseException, tuple)) or short == "gg"
            ):
                continue
            if f"{short}.{name}" not in ABSTRACT:
                found[f"{short}.{name}"] = value
    return found


def call_of(name, function):
    """(positional, keyword) arguments of a valid call, made anew."""
    given = SPECIAL.get(name)
    given = given() if callable(given) else (given or {})
    positional, keyword = [], {}
    for p in inspect.signature(function).parameters.values():
        if p.kind is p.VAR_POSITIONAL:
            positional += given.get(p.name, ())
            continue
        if p.kind is p.VAR_KEYWORD:
            continue
        if p.name in given:
            value = given[p.name]
        elif p.default is not p.empty:
            if p.kind is p.KEYWORD_ONLY or positional is None:
                keyword[p.name] = p.default
            else:
                positional.append(p.default)
            continue
        elif p.name in USUAL:
            value = USUAL[p.name]()
        else:
            raise KeyError(f"{name}: no value for {p.name}")
        if p.kind is p.KEYWORD_ONLY:
            keyword[p.name] = value
        else:
            positional.append(value)
    return positional, keyword
