"""gg.linalg and gg.fft against torch.linalg and torch.fft: values, gradients and, where they
exist, second derivatives, in float64 on 50 drawn argument sets each. About 10 s."""

import math

import numpy as np
import pytest

import gpugraph as gg

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'gpugraph[peers]'")

pytestmark = pytest.mark.peers

DRAWS = 50
ORDERS = [0.5, 1, 1.5, 2, 3, -1, -2, math.inf, -math.inf]


def batch(rng):
    return tuple(rng.integers(1, 4, rng.integers(0, 3)))


def general(rng):
    return rng.standard_normal((*batch(rng), *rng.integers(1, 5, 2)))


def square(rng):
    n = rng.integers(1, 5)
    return rng.standard_normal((*batch(rng), n, n)) + 2 * np.eye(n)


def symmetric(rng):
    x = square(rng)
    return x + x.swapaxes(-2, -1) + 3 * np.diag(np.arange(x.shape[-1]))


def definite(rng):
    x = square(rng)
    return x @ x.swapaxes(-2, -1) + np.eye(x.shape[-1])


def one(draw, **choices):
    """Cases of one matrix, and keywords drawn from the choices."""

    def case(rng):
        return (draw(rng),), {k: pick(rng, v) for k, v in choices.items()}

    return case


def pick(rng, options):
    return options[rng.integers(len(options))]


def system(rng):
    a = square(rng)
    k = rng.integers(1, 4)
    if rng.integers(3) == 0:
        return (a, rng.standard_normal(a.shape[-1])), {}
    lead = a.shape[:-2] if rng.integers(2) else ()
    if (*lead, a.shape[-1], k) == a.shape[:-1]:  # for PyTorch a batch of vectors
        k += 1
    return (a, rng.standard_normal((*lead, a.shape[-1], k))), {}


def triangular(rng):
    a, left = square(rng), bool(rng.integers(2))
    b = rng.standard_normal((*a.shape[:-1], 3))
    flags = {"upper": bool(rng.integers(2)), "unitriangular": bool(rng.integers(2))}
    return (a, b if left else b.swapaxes(-2, -1)), {"left": left, **flags}


def tall(rng):
    n = rng.integers(1, 4)
    lead = batch(rng)
    m = n + rng.integers(1, 3)
    return (rng.standard_normal((*lead, m, n)), rng.standard_normal((*lead, m, 2))), {}


def vectors(rng):
    shape = [*batch(rng), 3, 2]
    axis = int(rng.integers(len(shape)))
    shape[axis] = 3
    x1, x2 = rng.standard_normal(shape), rng.standard_normal(shape)
    return (x1, x2), {"axis": axis - len(shape)}


def reduced(rng):
    x = rng.standard_normal((*batch(rng), 3, 2))
    axis = pick(rng, [None, -1, 0, (-1, -2)])
    return (x,), {"ord": pick(rng, ORDERS), "axis": axis, "keepdims": bool(rng.integers(2))}


def power(rng):
    return (square(rng) / 2,), {"n": int(rng.integers(-3, 6))}


def norms(rng):
    x = rng.standard_normal(rng.integers(2, 5, rng.integers(1, 4)))
    n_axes = int(rng.integers(1, min(x.ndim, 2) + 1))
    axes = [int(a) for a in rng.permutation(x.ndim)[:n_axes]]
    orders = ORDERS if n_axes == 1 else ["fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf]
    axis = axes[0] if n_axes == 1 else tuple(axes)
    return (x,), {
        "ord": pick(rng, [None, *orders]),
        "axis": axis,
        "keepdims": bool(rng.integers(2)),
    }


def host(t):
    """A tensor of PyTorch as a NumPy array."""
    return t.detach().resolve_conj().resolve_neg().numpy()


def column_signs(x, like):
    """The signs that make the columns of x agree with another choice of gauge."""
    return np.sign((x.detach().numpy() * host(like)).sum(axis=-2, keepdims=True))


MATRIX = {"ord": ["fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf], "keepdims": [False, True]}
# Gradients of PyTorch's cond in other norms raise an error of its own
LINALG = {  # name: draws of arguments
    "cholesky": one(definite, upper=[False, True]),
    "cond": one(square, p=[None, 2, -2]),
    "cross": vectors,
    "det": one(square),
    "eigvalsh": one(symmetric),
    "inv": one(square),
    "lstsq": tall,
    "matrix_norm": one(general, **MATRIX),
    "matrix_power": power,
    "norm": norms,
    "pinv": one(general),
    "slogdet": one(square),
    "solve": system,
    "solve_triangular": triangular,
    "svdvals": one(general),
    "vecdot": vectors,
    "vector_norm": reduced,
}
PYTORCH = {"axis": "dim", "keepdims": "keepdim"}


def spectrum(rng, name):
    half = name.startswith(("irfft", "hfft"))
    real = name.startswith(("rfft", "ihfft"))
    shape = [*rng.integers(2, 6, rng.integers(2 if "2" in name else 1, 4))]
    x = rng.standard_normal(shape)
    if not real and (half or rng.integers(2)):
        x = x + 1j * rng.standard_normal(shape)
    norm = pick(rng, [None, "backward", "ortho", "forward"])
    if name.endswith(("n", "2")):
        count = 2 if "2" in name else int(rng.integers(1, len(shape) + 1))
        axes = tuple(int(a) for a in rng.permutation(len(shape))[:count])
        s = None if rng.integers(2) else tuple(int(n) for n in rng.integers(2, 7, count))
        return (x,), {"s": s, "axes": axes, "norm": norm}
    n = None if rng.integers(2) else int(rng.integers(2, 8))
    return (x,), {"n": n, "axis": int(rng.integers(-len(shape), len(shape))), "norm": norm}


FFT = "fft ifft rfft irfft hfft ihfft fftn ifftn rfftn irfftn fft2 ifft2 rfft2 irfft2".split()


def outputs(y, name):
    """The results as real tensors, of gpugraph or of PyTorch."""
    if name == "slogdet":
        y = y[1]
    if name == "lstsq":
        y = y[0]
    return y


def leaves(arrays):
    """Leaves of both libraries: complex arrays are made of two real ones."""
    ours, theirs, pairs = [], [], []
    for x in arrays:
        parts = [x.real, x.imag] if np.iscomplexobj(x) else [x]
        a = [gg.Tensor(p.copy(), requires_grad=True) for p in parts]
        b = [torch.tensor(p, requires_grad=True) for p in parts]
        ours.append(a[0] + 1j * a[1] if len(a) > 1 else a[0])
        theirs.append(torch.complex(*b) if len(b) > 1 else b[0])
        pairs += zip(a, b, strict=True)
    return ours, theirs, pairs


def compare(y, t, pairs, rng, order=2):
    """Values, then gradients of a random function of them, then those of the gradients."""
    np.testing.assert_allclose(y.numpy(), host(t), rtol=1e-9, atol=1e-11)
    if not y.requires_grad:  # the power 0
        return
    if y.dtype.kind == "c":
        y, t = gg.concat([gg.real(y), gg.imag(y)]) if y.ndim else y, torch.cat([t.real, t.imag])
    c = rng.standard_normal(y.shape)
    a, b = (gg.Tensor(c) * gg.sin(y)).sum(), (torch.tensor(c) * torch.sin(t)).sum()
    ours, theirs = [p for p, _ in pairs], [q for _, q in pairs]
    for _ in range(order):
        ga = gg.grad(a, ours, create_graph=True, allow_unused=True)
        gb = torch.autograd.grad(b, theirs, create_graph=True, allow_unused=True)
        a, b = 0.0, 0.0
        for u, v in zip(ga, gb, strict=True):
            if u is None or v is None:  # one knows that it is zero
                assert u is v or not np.any(host(v) if u is None else u.numpy())
                continue
            want = host(v)
            scale = 1 + np.abs(want).max(initial=0)
            np.testing.assert_allclose(u.numpy(), want, rtol=1e-7, atol=1e-9 * scale)
            w = rng.standard_normal(u.shape)
            a, b = a + (u * gg.Tensor(w)).sum(), b + (v * torch.tensor(w)).sum()
        if not (isinstance(a, gg.Tensor) and a.requires_grad and b.requires_grad):
            break


@pytest.mark.parametrize("name", sorted(LINALG))
def test_linalg(name):
    rng = np.random.default_rng(len(name))
    for _ in range(DRAWS):
        arrays, kw = LINALG[name](rng)
        ours, theirs, pairs = leaves(arrays)
        renamed = {PYTORCH.get(k, k): v for k, v in kw.items()}
        positional = [kw.pop("n")] if name == "matrix_power" else []
        renamed.pop("n", None)
        y = outputs(getattr(gg.linalg, name)(*ours, *positional, **kw), name)
        t = outputs(getattr(torch.linalg, name)(*theirs, *positional, **renamed), name)
        compare(y, t, pairs, rng)


@pytest.mark.parametrize("name", ["svd", "eigh", "qr"])
def test_factors_up_to_their_signs(name):
    """PyTorch's signs are put on our columns: then all must be equal, gradients, too."""
    rng = np.random.default_rng(9)
    draw = symmetric if name == "eigh" else general
    for _ in range(DRAWS):
        (x, t), *pairs = [(a, b) for a, b in leaves([draw(rng)])[2]]
        pairs = [(x, t)]
        kw = {"full_matrices": False} if name == "svd" else {}
        mine, other = getattr(gg.linalg, name)(x, **kw), getattr(torch.linalg, name)(t, **kw)
        if name == "eigh":
            signs = column_signs(mine[1], other[1])
            several = [(mine[0], other[0]), (mine[1] * gg.Tensor(signs), other[1])]
        else:
            signs = column_signs(mine[0], other[0])
            last = mine[2] if name == "svd" else mine[1]
            turned = last * gg.Tensor(signs.swapaxes(-2, -1).copy())
            several = [(mine[0] * gg.Tensor(signs), other[0]), (turned, other[-1])]
        for y, u in several:
            compare(y, u, pairs, rng)


@pytest.mark.parametrize("name", FFT)
def test_fft(name):
    rng = np.random.default_rng(len(name))
    for _ in range(DRAWS):
        arrays, kw = spectrum(rng, name)
        ours, theirs, pairs = leaves(arrays)
        renamed = {{"axis": "dim", "axes": "dim"}.get(k, k): v for k, v in kw.items()}
        y = getattr(gg.fft, name)(*ours, **kw)
        t = getattr(torch.fft, name)(*theirs, **renamed)
        compare(y, t, pairs, rng)


def test_shifts_and_frequencies():
    rng = np.random.default_rng(1)
    for _ in range(DRAWS):
        x = rng.standard_normal(rng.integers(1, 6, rng.integers(1, 4)))
        axes = pick(rng, [None, 0, -1])
        for name in ("fftshift", "ifftshift"):
            got = getattr(gg.fft, name)(x, axes=axes).numpy()
            np.testing.assert_array_equal(got, getattr(torch.fft, name)(torch.tensor(x), axes))
        n, d = int(rng.integers(1, 9)), float(rng.uniform(0.1, 2))
        for name in ("fftfreq", "rfftfreq"):
            got = getattr(gg.fft, name)(n, d=d, dtype=gg.float64).numpy()
            want = getattr(torch.fft, name)(n, d, dtype=torch.float64).numpy()
            np.testing.assert_allclose(got, want, rtol=1e-15)
