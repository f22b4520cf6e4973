"""Gradients that pass through complex numbers, each rule to third order by its real parts; and
what refuses them."""

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core.op import REGISTRY
from gpugraph.testing import gradcheck


def drawn(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


Z, W = drawn(2, 3, seed=1), drawn(3, 2, seed=2)
SQUARE = drawn(2, 2, seed=4) + 3 * np.eye(2)
X = np.random.default_rng(3).standard_normal((2, 3))
MASK = np.array([True, False, True])


def written(z):
    y = z * 1
    y[0, 1:] = z[1, :2]
    return y


def scattered(z):
    y = z * 1
    y[:, [2, 0]] = z[:, :2] * 1j
    return y


# What stands in for each op that says `conjugates`: function, inputs
CASES = {
    "Add": [(lambda z, x: z + x, Z, X), (lambda x, z: x + z, X, Z[:1])],
    "Subtract": [(lambda z, x: z - x, Z, X), (lambda x, z: x - z, X, Z)],
    "Multiply": [(lambda a, b: a * b, Z, Z[:1]), (lambda x, z: x * z, X, Z)],
    "Divide": [(lambda a, b: a / b, Z, Z[1:]), (lambda x, z: x / z, X, Z)],
    "Negative": [(lambda z: -z, Z)],
    "Positive": [(lambda z: +z, Z)],
    "Abs": [(abs, Z)],
    "PowNumber": [(lambda z: z**3, Z), (lambda z: z**-1.5, Z)],
    "Square": [(gg.square, Z)],
    "Sqrt": [(gg.sqrt, Z)],
    "Reciprocal": [(gg.reciprocal, Z)],
    "Exp": [(gg.exp, Z)],
    "Log": [(gg.log, Z)],
    "Real": [(gg.real, Z)],
    "Imag": [(gg.imag, Z)],
    "Conj": [(gg.conj, Z), (lambda z: z * gg.conj(z), Z)],
    "Reshape": [(lambda z: z.reshape(3, 2), Z)],
    "Permute": [(lambda z: z.T, Z)],
    "BroadcastTo": [(lambda z: gg.broadcast_to(z, (4, 2, 3)), Z)],
    "SumTo": [(lambda z: z * gg.broadcast_to(z[:, :1], (2, 3)), Z)],
    "Flip": [(gg.flip, Z)],
    "Roll": [(lambda z: gg.roll(z, 1, axis=1), Z)],
    "Pad": [(lambda z: gg.pad(z, 1), Z)],
    "Concat": [(lambda z, x: gg.concat([z, x]), Z, X)],
    "Split": [(lambda z: gg.split(z, 3, axis=1), Z)],
    "Stack": [(lambda z, x: gg.stack([x, z]), Z, X)],
    "Unstack": [(gg.unstack, Z)],
    "GetSlice": [(lambda z: z[1:, ::2], Z)],
    "PutSlices": [(lambda z: z[0] * z[1], Z)],
    "SetSlice": [(written, Z)],
    "GetAt": [(lambda z: z[:, [0, 0, 2]], Z)],
    "PutAt": [(lambda z: gg.take(z, gg.asarray([0, 0]), axis=1) * 1j, Z)],
    "SetAt": [(scattered, Z)],
    "Copy": [(gg.copy, Z)],
    "Cast": [(lambda x: x.astype(gg.complex128) * (1 + 2j), X), (lambda z: z.astype("c16"), Z)],
    "Move": [(lambda z: z.to("sim").to("cpu"), Z)],
    "Where": [(lambda z, x: gg.where(MASK, z, x), Z, X)],
    "Matmul": [(lambda a, b: a @ b, Z, W), (lambda x, w: x @ w, X, W), (lambda a: a @ a.T, Z)],
    "Einsum": [(lambda a, b: gg.einsum("ij,jk->k", a, b), Z, W), (gg.vecdot, Z, Z[:1])],
    "Solve": [(gg.linalg.solve, SQUARE, Z), (gg.linalg.solve, SQUARE.real, Z)],
    "Inv": [(gg.linalg.inv, SQUARE)],
    "Sum": [(lambda z: z.sum(axis=0), Z)],
    "Mean": [(gg.mean, Z)],
    "CumulativeSum": [(lambda z: gg.cumulative_sum(z, axis=1), Z)],
    "sign, of Abs": [(gg.sign, Z)],
}
SEVERAL = [(name, i) for name, several in CASES.items() for i in range(len(several))]


def test_every_op_that_says_so_is_tested():
    ours = {n: c for n, c in REGISTRY.items() if c.__module__.startswith("gpugraph.")}
    claims = {n for n, c in ours.items() if c.conjugates and not c.__module__.endswith(".fourier")}
    assert claims <= set(CASES)


@pytest.mark.parametrize("name, i", SEVERAL)
def test_derivatives_by_the_real_parts(name, i):
    f, *inputs = CASES[name][i]
    gradcheck(f, tuple(inputs), order=3, nonzero=True)


def test_the_cotangent_of_a_complex_tensor_is_that_of_its_parts():
    re, im = gg.tensor([1.0, -2.0], requires_grad=True), gg.tensor([0.5, 3.0], requires_grad=True)
    z = re + 1j * im
    assert z.dtype == gg.complex64
    energy = (z * gg.conj(z)).sum()  # re^2 + im^2
    gz, gre, gim = gg.grad(energy, [z, re, im], gg.tensor(1.0))
    np.testing.assert_allclose(gre.numpy(), [2, -4])
    np.testing.assert_allclose(gim.numpy(), [1, 6])
    np.testing.assert_allclose(gz.numpy(), [2 + 1j, -4 + 6j])
    assert (gz.dtype, gre.dtype) == (gg.complex64, gg.float32)


def test_the_absolute_value_has_gradient_0_at_0():
    re = gg.tensor([0.0], dtype=gg.float64, requires_grad=True)
    (g,) = gg.grad(abs(re + 0j).sum(), re)
    assert g.tolist() == [0.0]


def leaf():
    return gg.tensor([0.5, 2.0], dtype=gg.float64, requires_grad=True)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: gg.tanh(leaf() * 1j), gg.GradientError, "tanh: its rules of gradients hold for"),
        (lambda: gg.prod(leaf() * 1j), gg.GradientError, "take `real` and `imag` of complex"),
        (lambda: gg.var(leaf() * 1j), gg.GradientError, "var: its rules"),
        (lambda: gg.pow(leaf(), 1j), gg.GradientError, "pow: its rules"),
        (
            lambda: (leaf() * 1j).sum().backward(),
            gg.GradientError,
            "the output is complex128;",
        ),
        (
            lambda: leaf().sum().backward(gg.tensor(1j)),
            gg.DtypeError,
            "backward: the cotangent is complex64, the output float64",
        ),
        (
            lambda: gg.tensor([1j], requires_grad=True),
            gg.DtypeError,
            "requires_grad: complex64 tensors are no leaves; make two real ones, re and im",
        ),
    ],
)
def test_what_is_not_right_is_refused(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


def test_without_a_gradient_complex_numbers_go_anywhere():
    z = gg.Tensor(Z)
    np.testing.assert_allclose(gg.tanh(z).numpy(), np.tanh(Z))
    np.testing.assert_allclose(gg.prod(z).numpy(), np.prod(Z))
    np.testing.assert_allclose(gg.vecdot(z, z).numpy(), np.vecdot(Z, Z))
    np.testing.assert_allclose((z**2).numpy(), Z**2)
