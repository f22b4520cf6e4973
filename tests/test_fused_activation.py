"""Activations inside other ops: the kernels' code against the ops, element by element."""

import re
from pathlib import Path

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core.apply import apply
from gpugraph.cuda import device, sim
from gpugraph.cuda.kernel import Kernel
from gpugraph.ops import fused

HEADER = Path(gg.__file__).parent / "cuda" / "include" / "activation.cuh"
KERNEL = Kernel(
    "planted.cu", "both",
    "const T* x, const T* g, T* y, T* gx, int kind, T slope, int n",
    T=("float32", "float64"),
    code="""
#include "activation.cuh"
template <typename T>
__global__ void both(const T* x, const T* g, T* y, T* gx, int kind, T slope, int n) {
  int i = threadIdx.x;
  if (i >= n) return;
  T out = activate(kind, x[i], slope);
  y[i] = out;
  gx[i] = activate_grad(kind, out, slope, g[i]);
}""",
)  # fmt: skip
ACTS = [None, *((name, s) for name in fused.ACTIVATIONS for s in (None, 0.3, 0.0))]
ACTS = [a for a in ACTS if a is None or a[1] is None or a[0] in ("leaky_relu", "elu")]


def test_the_header_has_them_in_the_same_order():
    (names,) = re.findall(r"enum class Activation \{ (.*) \};", HEADER.read_text())
    assert names.split(", ") == ["linear", *fused.ACTIVATIONS]


def test_their_rules_read_their_output_alone():
    for cls in fused.ACTIVATIONS.values():
        assert cls.keeps == {"x": ("y",)}
        assert cls.outputs == ("y",)


@pytest.mark.skipif(sim.why_not() is not None, reason=f"needs {sim.why_not()}")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("act", ACTS)
def test_the_kernels_code_agrees_with_the_ops(act, dtype):
    op = None if act is None else fused.activation("test", *act)
    ends = [0.0, -0.0, np.nan, np.inf, -np.inf, 1000, -1000]
    x = np.array([*np.random.default_rng(0).standard_normal(20), *ends], dtype)
    g = np.random.default_rng(1).standard_normal(x.shape).astype(dtype)
    y, gx = np.empty_like(x), np.empty_like(x)
    dev = device.SimDevice("check")
    dev.launch(KERNEL, x, g, y, gx, *fused.activation_code(op), x.size, threads=x.size)

    leaf = gg.Tensor(x, requires_grad=True)
    with np.errstate(invalid="ignore"):  # 0 times infinity, where the slope is 0
        want = leaf if op is None else apply(op, leaf)
        (wanted,) = gg.grad(want, leaf, gg.Tensor(g))
    bound = gg.testing.tolerance(dtype)
    np.testing.assert_allclose(y, want.numpy(), rtol=bound, atol=bound)
    np.testing.assert_allclose(gx, wanted.numpy(), rtol=bound, atol=bound)


@pytest.mark.parametrize(
    "act,told",
    [
        (("gelu",), "conv: act='gelu' is none of 'relu', 'leaky_relu', .* or None"),
        (("relu", 0.1), "conv: act='relu' has no slope, got slope=0.1"),
        ((None, 0.1), "conv: act=None has no slope"),
        (("leaky_relu", -1.0), "conv: slope=-1.0 must be at least 0"),
        (("elu", float("nan")), "conv: slope=nan must be at least 0"),
    ],
)
def test_refusals(act, told):
    with pytest.raises(gg.ArgumentError, match=told):
        fused.activation("conv", *act)
