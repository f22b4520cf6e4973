"""Mistakes to plant in gpugraph: each as people make them, a few characters in one place.

(the function whose check must find it, where, the right text, the wrong text). Their names say what
is wrong; those that end in "gradient" leave every value as it is.
"""

import inspect
import sys
import textwrap
from contextlib import contextmanager
from importlib import import_module

import pytest

__all__ = ["MISTAKES", "planted"]

MISTAKES = {
    "elu: no alpha in the gradient": (
        "elu", "ops.fused:ActivationGrad.forward", "self.act.alpha, y.dtype", "1.0, y.dtype",
    ),
    "relu6: above 6 a gradient": (
        "relu6", "ops.fused:ActivationGrad.forward", "(y != 0) & (y != 6)", "y != 0",
    ),
    "gelu: the fourth digit of its constant": (
        "gelu", "ops.input_activation:GeluTanh.value", "RATE * TANH_CUBE", "RATE * 0.044725",
    ),
    "softplus: the threshold without beta": (
        "softplus", "ops.input_activation:Softplus.value", "z > self.thr", "x > self.thr",
    ),
    "glu: halves swapped": (
        "glu", "ops.activation_functions:glu", "return a * sigmoid(b)", "return b * sigmoid(a)",
    ),
    "cross_entropy: smoothing over the other classes": (
        "cross_entropy", "ops.class_losses:_cross_entropy",
        "smoothing / logits.shape[1]", "smoothing / max(1, logits.shape[1] - 1)",
    ),
    "nll_loss: a mean over what is ignored, too": (
        "nll_loss", "ops.class_losses:_over_samples",
        "weights = astype(bitwise_invert(ignored), losses.dtype)",
        "weights = astype(ignored == ignored, losses.dtype)",
    ),
    "huber_loss: no delta in the gradient": (
        "huber_loss", "ops.value_losses:_parabola_then_line",
        "slope * (size - 0.5 * edge)",
        "slope * (size.detach() - 0.5 * edge) + size - size.detach()",
    ),
    "gaussian_nll_loss: no gradient where var is below eps": (
        "gaussian_nll_loss", "ops.value_losses:gaussian_nll_loss",
        "eps + (var - var.detach())", "eps",
    ),
    "triplet_margin_loss: the anchor swapped instead of the positive": (
        "triplet_margin_loss", "ops.margin_losses:_triplet",
        "far = minimum(far, distance(positive, negative))",
        "far = minimum(far, distance(positive, anchor))",
    ),
    "max_pool2d: ceil_mode rounds down": (
        "max_pool2d", "core.window:Window.out", "(s - 1 if ceil else 0)", "0",
    ),
    "avg_pool1d: ceil_mode keeps a window in the padding": (
        "avg_pool1d", "core.window:Window.out", ">= n + low", "> n + low",
    ),
    "avg_pool2d: count_include_pad ignored at the border": (
        "avg_pool2d", "ops.avg_pool:AvgPool.bounds", "(-low, n + high)", "(0, n)",
    ),
    "avg_pool3d: what hangs out over the padding counts": (
        "avg_pool3d", "ops.avg_pool:_counts", "min(i + k, end)", "(i + k)",
    ),
    "max_pool1d: the last of equal maxima": (
        "max_pool1d", "ops.pool:MaxPool.forward", "(value > top)", "(value >= top)",
    ),
    "max_pool3d: the gradient to the first of the window": (
        "max_pool3d", "ops.pool:MaxPool.vjp_x", 'g, node["offset"]', 'g, node["offset"] * 0',
    ),
    "adaptive_avg_pool2d: windows end too early": (
        "adaptive_avg_pool2d", "ops.pool_adaptive:_windows",
        "-(-(np.arange(o) + 1) * n // o)", "np.maximum((np.arange(o) + 1) * n // o, first + 1)",
    ),
    "conv2d: dilation swapped between the axes": (
        "conv2d", "core.window:Window.of",
        "_pairs(label, padding, axes), dilation", "_pairs(label, padding, axes), dilation[::-1]",
    ),
    "conv1d: the odd zero of 'same' in front": (
        "conv1d", "core.window:Window.of", "(e // 2, e - e // 2)", "(e - e // 2, e // 2)",
    ),
    "conv_transpose2d: output padding on the wrong side": (
        "conv_transpose2d", "ops.conv_functions:_conv_transpose",
        "y = apply(ConvInput.make(window, groups, spatial), x, w)",
        "back = (..., slice(None, None, -1), slice(None, None, -1))\n"
        "    y = apply(ConvInput.make(window, groups, spatial), x[back], w[back])[back]",
    ),
    "unfold: stride and dilation swapped": (
        "unfold", "ops.unfold:unfold", "stride, padding, dilation)", "dilation, padding, stride)",
    ),
    "pad: reflect repeats the border": (
        "pad", "ops.padding:_mirrored",
        "slice(1, 1 + width) if first else slice(n - 1 - width, n - 1)",
        "slice(0, width) if first else slice(n - width, n)",
    ),
    "interpolate: align_corners off by one": (
        "interpolate", "ops.resample:_seen_by", "(n - 1) / (o - 1)", "(n - 1) / o",
    ),
    "interpolate: nearest-exact takes the corner": (
        "interpolate", "ops.resample:_seen_by", '(mode != "nearest") / 2', "0 / 2",
    ),
    "grid_sample: the border half a pixel out": (
        "grid_sample", "ops.grid_sample:Sampler.inside",
        "return _bounded(place, 0, n - 1)", "return _bounded(place, -0.5, n - 0.5)",
    ),
    "grid_sample: reflected at the middles of the corner pixels": (
        "grid_sample", "ops.grid_sample:Sampler.inside", "if self.align else", "if True else",
    ),
    "pixel_shuffle: the two factors swapped": (
        "pixel_shuffle", "ops.rearrange:pixel_shuffle", "(0, 3, 1, 4, 2)", "(0, 3, 2, 4, 1)",
    ),
    "batch_norm: the biased variance is averaged": (
        "batch_norm", "ops.norm_functions:batch_norm", "n / max(1, n - 1)", "1.0",
    ),
    "batch_norm: momentum the other way round": (
        "batch_norm", "ops.norm_functions:batch_norm",
        "running * (1 - momentum) + new * (factor * momentum)",
        "running * momentum + new * (factor * (1 - momentum))",
    ),
    "batch_norm: the statistics take no gradient": (
        "batch_norm", "ops.norm_functions:BatchNorm.vjp",
        "gx = apply(BatchNormInput.make(self.eps), gy, x, var, mean, *sums)",
        "gx = apply(BatchNormInput.make(self.eps), gy, x, var, mean, *sums) * 0 + gy * (var + "
        "self.eps).rsqrt().reshape((-1, *(1,) * (x.ndim - 2)))",
    ),
    "layer_norm: eps outside of the root": (
        "layer_norm", "ops.group_norm:GroupNorm.forward",
        "xp.sqrt(var[part] + self.eps)", "(xp.sqrt(var[part]) + self.eps)",
    ),
    "group_norm: every other channel is a group": (
        "group_norm", "ops.norm_layers:group_norm",
        'return _group_norm(x, groups, weight, bias, _checked(eps, "group_norm"))',
        "turned = x.reshape((N, C // groups, groups, -1)).swapaxes(1, 2).reshape(x.shape)\n"
        "    y = _group_norm(turned, groups, None, None, eps)\n"
        "    y = y.reshape((N, groups, C // groups, -1)).swapaxes(1, 2).reshape(x.shape)\n"
        "    for v, put in ((weight, multiply), (bias, add)):\n"
        "        y = y if v is None else put(y, v.reshape((-1, *(1,) * (x.ndim - 2))))\n"
        "    return y",
    ),
    "local_response_norm: the longer half behind": (
        "local_response_norm", "ops.norm_layers:local_response_norm",
        "(size // 2, (size - 1) // 2)", "((size - 1) // 2, size // 2)",
    ),
    "normalize: eps is added": (
        "normalize", "ops.norm_layers:normalize",
        "clip(_norm(x, p, axes), min=eps)", "(_norm(x, p, axes) + eps)",
    ),
    "embedding: a negative padding_idx has a gradient": (
        "embedding", "ops.embedding:embedding", "padding_idx % rows", "padding_idx",
    ),
    "bilinear: the weight transposed": (
        "bilinear", "ops.embedding:bilinear",
        'einsum("ni,oij->noj", x1, weight)',
        'einsum("ni,oij->noj", x1, weight.mT if len({*weight.shape[1:]}) == 1 else weight)',
    ),
    "attention: the causal mask shifted by one": (
        "scaled_dot_product_attention", "ops.attention:attention_weights",
        "device=scores.device))", "device=scores.device), k=1)",
    ),
    "attention: heads of a group not side by side": (
        "scaled_dot_product_attention", "ops.attention:_repeated",
        "(*lead, 1, S, E)), (*lead, heads // groups, S, E)",
        "(*lead[:-1], 1, *lead[-1:], S, E)), (*lead[:-1], heads // groups, *lead[-1:], S, E)",
    ),
    "LSTM: the gates in another order": (
        "LSTM", "nn.recurrent:_lstm_step", "i, f, g, o = split", "i, g, f, o = split",
    ),
    "GRU: the update gate turned round": (
        "GRU", "nn.recurrent:_gru_step", "(1 - z) * n + z *", "z * n + (1 - z) *",
    ),
    "LSTM: no gradient through the cell": (
        "LSTM", "nn.recurrent:_lstm_step",
        "sigmoid(f) * state[1]", "sigmoid(f) * state[1].detach()",
    ),
}  # fmt: skip


@contextmanager
def planted(place, right, wrong):
    """Inside, a function of gpugraph is itself with that one change, wherever it is known."""
    with pytest.MonkeyPatch.context() as patch:
        _plant(patch, place, right, wrong)
        _forget()
        yield
    _forget()


def _modules():
    return [m for n, m in sys.modules.items() if n.split(".")[0] == "gpugraph"]


def _forget():
    """What functions have kept of earlier calls could be from before, or with, the mistake."""
    for module in _modules():
        for value in list(vars(module).values()):
            if hasattr(value, "cache_clear"):
                value.cache_clear()


def _plant(monkeypatch, place, right, wrong):
    module, path = place.split(":")
    module = import_module(f"gpugraph.{module}")
    *classes, name = path.split(".")
    owner = module
    for part in classes:
        owner = getattr(owner, part)
    old = owner.__dict__[name]
    new = _changed(old, module, place, right, wrong)
    if classes:
        for key, value in list(vars(owner).items()):  # an op keeps its rules in a second place
            if value is old:
                monkeypatch.setattr(owner, key, new)
            if isinstance(value, tuple) and old in value:
                monkeypatch.setattr(owner, key, tuple(new if v is old else v for v in value))
        return
    for other in _modules():
        for key, value in list(vars(other).items()):
            if value is old:
                monkeypatch.setattr(other, key, new)
            if isinstance(value, dict):  # a table of functions
                for k in [k for k, v in value.items() if v is old and key != "__dict__"]:
                    monkeypatch.setitem(value, k, new)


def _changed(old, module, place, right, wrong):
    plain = inspect.unwrap(old.__func__ if isinstance(old, classmethod) else old)
    source = textwrap.dedent(inspect.getsource(plain))
    source = source[source.index("def ") :]  # without decorators
    assert source.count(right) == 1, f"{place} has {source.count(right)} times {right!r}, not 1"
    made = {}
    source = "from __future__ import annotations\n" + source.replace(right, wrong)
    exec(compile(source, place, "exec"), vars(module), made)
    new = made[plain.__name__]
    return classmethod(new) if isinstance(old, classmethod) else new
