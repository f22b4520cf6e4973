"""gg.linalg but for its norms: NumPy's values, second derivatives, singular cases, errors."""

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core.backend import MetaArray
from gpugraph.testing import gradcheck, tolerance

LA = gg.linalg
DTYPES = [np.float32, np.float64, np.complex64, np.complex128]


def draw(*shape, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def regular(*shape, **kw):
    x = draw(*shape, shape[-1], **kw)
    return x + 3 * np.eye(shape[-1], dtype=x.dtype)


def hermitian(*shape, **kw):
    x = draw(*shape, shape[-1], **kw)
    return x + x.swapaxes(-2, -1).conj() + 2 * np.diag(np.arange(shape[-1])).astype(x.dtype)


def definite(*shape, **kw):
    x = draw(*shape, shape[-1], **kw)
    return x @ x.swapaxes(-2, -1).conj() + np.eye(shape[-1], dtype=x.dtype)


def close(got, want, terms=64):
    want = np.asarray(want)
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    single = want.dtype in (np.float32, np.complex64)
    bound = tolerance(np.float32 if single else np.float64, terms)
    scale = 1 + np.abs(want).max(initial=0)
    np.testing.assert_allclose(got.numpy(), want, rtol=0, atol=bound * scale)


def H(x):
    return x.swapaxes(-2, -1).conj()


# Values


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", [(), (2,), (3, 1), (0,)])
def test_values_are_those_of_numpy(batch, dtype):
    a, b = regular(*batch, 3, dtype=dtype), draw(*batch, 3, 2, seed=1, dtype=dtype)
    close(LA.inv(gg.Tensor(a)), np.linalg.inv(a))
    close(LA.det(gg.Tensor(a)), np.linalg.det(a))
    for got, want in zip(LA.slogdet(a), np.linalg.slogdet(a), strict=True):
        close(got, want)
    close(LA.solve(gg.Tensor(a), b), np.linalg.solve(a, b))
    vector = draw(3, seed=2, dtype=dtype)
    close(LA.solve(a, vector), np.linalg.solve(a, vector))
    close(LA.pinv(gg.Tensor(b)), np.linalg.pinv(b))
    close(LA.svdvals(b), np.linalg.svd(b, compute_uv=False))
    a, h = definite(*batch, 3, dtype=dtype), hermitian(*batch, 3, dtype=dtype)
    close(LA.cholesky(a), np.linalg.cholesky(a))
    close(LA.eigvalsh(h), np.linalg.eigvalsh(h))
    a = regular(*batch, 3, dtype=dtype)
    for n in (-2, -1, 0, 1, 2, 3, 7):
        close(LA.matrix_power(a, n), np.linalg.matrix_power(a, n), terms=10**4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 3), (2, 3, 4), (1, 1), (3, 0, 2)])
def test_factors_make_the_matrix_again(shape, dtype):
    x = draw(*shape, dtype=dtype)
    k = min(shape[-2:])
    eye = np.broadcast_to(np.eye(k, dtype=dtype), (*shape[:-2], k, k))
    q, r = LA.qr(gg.Tensor(x))
    close(q @ r, x)
    close(gg.conj(q).mT @ q, eye)
    assert np.array_equal(r.numpy(), np.triu(r.numpy()))
    complete = LA.qr(x, mode="complete")
    assert complete.Q.shape[-2:] == (shape[-2], shape[-2])
    close(complete.Q @ complete.R, x)
    u, s, vh = LA.svd(x, full_matrices=False)
    close((u * s[..., None, :].astype(dtype)) @ vh, x)
    close(gg.conj(u).mT @ u, eye)
    close(vh @ gg.conj(vh).mT, eye)
    assert s.dtype == x.real.dtype and (np.diff(s.numpy()) <= 0).all()
    full = LA.svd(x)
    assert full.U.shape[-2:] == (shape[-2],) * 2 and full.Vh.shape[-2:] == (shape[-1],) * 2
    close(full.S, s.numpy())


@pytest.mark.parametrize("dtype", DTYPES)
def test_eigenvectors(dtype):
    x = hermitian(2, 4, dtype=dtype)
    result = LA.eigh(gg.Tensor(x))
    v = result.eigenvectors
    close((v * result.eigenvalues[..., None, :].astype(dtype)) @ gg.conj(v).mT, x)
    lower = LA.cholesky(definite(3, dtype=dtype))
    upper = LA.cholesky(definite(3, dtype=dtype), upper=True)
    close(upper, H(lower.numpy()))


def test_only_the_symmetric_part_counts():
    x = definite(3)
    skew = np.triu(draw(3, 3), 1)
    skew -= skew.T
    close(LA.cholesky(x + skew), np.linalg.cholesky(x))
    close(LA.eigvalsh(x + skew), np.linalg.eigvalsh(x))


def test_integers_are_computed_in_float64():
    a = np.array([[2, 1], [1, 3]], np.int32)
    for f in (LA.inv, LA.det, LA.cholesky, LA.svdvals, LA.eigvalsh, LA.pinv):
        assert f(a).dtype == np.float64
    close(LA.solve(a, np.array([3, 4])), np.array([1.0, 1.0]))
    assert LA.matrix_power(a, 3).dtype == np.int32
    assert LA.matrix_power(a, 3).tolist() == (a @ a @ a).tolist()


def test_lstsq_is_that_of_numpy():
    for shape in ((5, 3), (3, 5), (4, 4)):
        a, b = draw(*shape), draw(shape[0], 2, seed=1)
        for rhs in (b, b[:, 0]):
            got, want = LA.lstsq(gg.Tensor(a), rhs), np.linalg.lstsq(a, rhs)
            close(got.solution, want[0])
            close(got.residuals, want[1])
            assert got.rank.item() == want[2]
            close(got.singular_values, want[3])
    thin = draw(5, 1) @ draw(1, 3, seed=2)  # of rank 1
    got, want = LA.lstsq(thin, draw(5, 2)), np.linalg.lstsq(thin, draw(5, 2))
    close(got.solution, want[0])
    assert (got.rank.item(), got.residuals.shape) == (1, (0,))
    cut = np.diag([1.0, 1e-3])
    close(LA.lstsq(cut, np.ones(2), 1e-2).solution, np.linalg.lstsq(cut, np.ones(2), 1e-2)[0])
    batch = LA.lstsq(draw(2, 5, 3), draw(2, 5, 1))
    assert (batch.solution.shape, batch.residuals.shape, batch.rank.tolist()) == (
        (2, 3, 1),
        (2, 1),
        [3, 3],
    )


def test_pinv_of_rank_deficient_matrices():
    x = np.stack([draw(4, 1) @ draw(1, 3), draw(4, 3)])
    close(LA.pinv(gg.Tensor(x)), np.linalg.pinv(x, rcond=1e-14))
    values = np.stack([np.diag([1.0, 1e-3])] * 2)
    got = LA.pinv(values, rtol=gg.tensor([1e-2, 1e-4]))
    assert got[:, 1, 1].tolist() == [0.0, 1000.0]
    assert LA.pinv(values, rtol=1e-2)[1].tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_products_and_parts():
    x = draw(2, 4, 5)
    for k in (0, 1, -2, 4, -3, 5, -4, 9):
        want = np.diagonal(x, k, -2, -1) if -4 < k < 5 else np.zeros((2, 0))
        np.testing.assert_array_equal(LA.diagonal(gg.Tensor(x), offset=k).numpy(), want)
        np.testing.assert_allclose(LA.trace(x, offset=k).numpy(), want.sum(-1))
    assert LA.trace(np.ones((3, 3), np.int8)).dtype == np.int64
    assert LA.trace(np.ones((3, 3), np.int8), dtype=gg.uint8).dtype == np.uint8
    assert LA.diagonal(np.eye(2, dtype=bool)).tolist() == [True, True]
    a, b = draw(2, 1, 3), draw(4, 3, seed=1)
    close(LA.cross(gg.Tensor(a), b), np.cross(a, b))
    a, b = draw(3, 2), draw(3, 2, seed=1)
    close(LA.cross(a, b, axis=0), np.cross(a, b, axis=0))
    chain = [draw(2, 9), draw(9, 3), draw(3, 8), draw(8, 1)]
    close(LA.multi_dot(chain), np.linalg.multi_dot(chain))
    vectors = [chain[0][0], *chain[1:3], chain[3][:, 0]]
    close(LA.multi_dot(vectors), np.linalg.multi_dot(chain)[0, 0])
    assert LA.multi_dot([draw(2), draw(2)]).shape == ()


def test_triangular_systems():
    a, b = regular(2, 3), draw(2, 3, 2, seed=1)
    lower, upper = np.tril(a), np.triu(a)
    close(LA.solve_triangular(a, b, upper=False), np.linalg.solve(lower, b))
    close(LA.solve_triangular(gg.Tensor(a), gg.Tensor(b), upper=True), np.linalg.solve(upper, b))
    unit = np.tril(a, -1) + np.eye(3)
    close(LA.solve_triangular(a, b, upper=False, unitriangular=True), np.linalg.solve(unit, b))
    c = b.swapaxes(1, 2)
    close(LA.solve_triangular(a, c, upper=True, left=False) @ gg.Tensor(upper), c)


def test_functions_of_the_top_level_are_the_same():
    for name in ("matmul", "matrix_transpose", "outer", "tensordot", "vecdot"):
        assert getattr(LA, name) is getattr(gg, name)
    assert issubclass(gg.LinAlgError, np.linalg.LinAlgError)


def test_numpys_functions_give_tensors_with_gradients():
    x = gg.tensor(regular(3), requires_grad=True)
    for f in (np.linalg.inv, np.linalg.det, np.linalg.svdvals, np.linalg.trace):
        y = f(x)
        assert isinstance(y, gg.Tensor) and y.requires_grad
    assert np.linalg.svd(x, full_matrices=False).S.requires_grad
    assert np.fft.irfft(np.fft.rfft(x, axis=0), n=3, axis=0).requires_grad
    close(np.linalg.solve(x, np.ones(3)).detach(), np.linalg.solve(x.numpy(), np.ones(3)))


# Gradients (those of each op alone are tested to third order in test_ops)


@pytest.mark.parametrize(
    "f, x",
    [
        (lambda x: LA.solve(x, draw(3)), regular(2, 3)),
        (lambda x: LA.solve(regular(2, 3), x), draw(3)),
        (lambda x: LA.cholesky(x @ x.mT + 1.0, upper=True), regular(2, 3)),
        (lambda x: LA.eigh(x + x.mT).eigenvalues, hermitian(2, 3)),
        (lambda x: gg.square(LA.eigh(x).eigenvectors), hermitian(3)),  # no sign
        (lambda x: LA.svd(x).S, draw(3, 4)),
        (lambda x: LA.svd(x).U[..., :1], draw(3, 3)),
        (lambda x: LA.svd(x, full_matrices=False).Vh, draw(2, 4, 3)),
        (lambda x: LA.qr(x).R, draw(4, 3)),
        (lambda x: LA.qr(x).Q, draw(2, 2, 4)),
        (lambda x: LA.qr(x, mode="complete").Q, draw(2, 3)),
        (lambda x: LA.pinv(x @ draw(1, 3)), draw(4, 1)),  # of rank 1
        (lambda x: LA.lstsq(x, draw(4, 2, seed=1)).solution, draw(4, 3)),
        (lambda x: LA.lstsq(x, draw(4, 2, seed=1)).residuals, draw(4, 3)),
        (lambda x: LA.lstsq(draw(4, 3, seed=1), x).solution, draw(4)),
        (lambda x: LA.slogdet(-x).logabsdet, regular(2, 3)),
        (lambda x: LA.matrix_power(x, 5), regular(3) / 3),
        (lambda x: LA.matrix_power(x, -3), regular(3)),
        (lambda x: LA.cross(x, x[::-1] ** 2), draw(2, 3)),
        (lambda x: LA.trace(x, offset=1) ** 2, draw(2, 3, 4)),
        (lambda x: LA.diagonal(x, offset=-1) ** 2, draw(2, 3, 4)),
        (lambda x: LA.multi_dot([x, x.T, x]), draw(2, 3)),
        (lambda x: LA.solve_triangular(x, draw(3, 2), upper=True), regular(3)),
        (lambda x: LA.solve_triangular(x, draw(2, 3), upper=False, left=False), regular(3)),
        (lambda x: gg.real(LA.inv(x * (1 + 2j) + 1j * x.mT)), regular(3)),
    ],
)
def test_derivatives_to_third_order(f, x):
    gradcheck(f, x, order=3, seed=7, nonzero=True)  # along x itself much is constant


def test_the_gradient_of_det_is_right_for_singular_matrices():
    x = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])
    cofactors = [[4.0, 4.0, -4.0], [-2.0, -2.0, 2.0], [0.0, 0.0, 0.0]]
    for a, want in (
        (x, cofactors),
        (np.zeros((2, 2)), np.zeros((2, 2))),
        (np.zeros((1, 1)), [[1]]),
    ):
        leaf = gg.Tensor(a, requires_grad=True)
        (g,) = gg.grad(LA.det(leaf), leaf, create_graph=True)
        np.testing.assert_allclose(g.numpy(), want, atol=1e-13)
    with pytest.raises(gg.LinAlgError, match=r"inv: x \(1, 1\) is singular"):
        gg.grad(g.sum(), leaf)


def test_values_have_gradients_where_they_coincide():
    x = gg.Tensor(np.eye(3), requires_grad=True)
    for f in (LA.svdvals, LA.eigvalsh, lambda t: LA.eigh(t)[0], lambda t: LA.svd(t)[1]):
        (g,) = gg.grad(f(x).sum(), x)
        np.testing.assert_allclose(g.numpy(), np.eye(3), atol=1e-14)


def test_symmetric_functions_have_symmetric_gradients():
    x = gg.Tensor(definite(4), requires_grad=True)
    for f in (LA.cholesky, lambda t: LA.eigh(t)[1], LA.eigvalsh):
        (g,) = gg.grad(gg.sin(f(x)).sum(), x)
        np.testing.assert_allclose(g.numpy(), g.numpy().T, atol=1e-13)


def test_autocast_gives_lapack_float32():
    x = gg.tensor(regular(3, dtype=np.float32), requires_grad=True)
    with gg.autocast(gg.float16):
        y = LA.inv(x @ x)
        values = LA.svdvals(x.astype(gg.float16))
    assert y.dtype == values.dtype == np.float32
    (g,) = gg.grad(y.sum(), x)
    assert g.dtype == np.float32


def test_on_meta():
    x = gg.Tensor(MetaArray((2, 4, 3), np.float32)).requires_grad_()
    square = x.mT @ x
    for y, shape in (
        (LA.inv(square), (2, 3, 3)),
        (LA.solve(square, x.mT), (2, 3, 4)),
        (LA.det(square), (2,)),
        (LA.slogdet(square).logabsdet, (2,)),
        (LA.cholesky(square), (2, 3, 3)),
        (LA.eigh(square).eigenvectors, (2, 3, 3)),
        (LA.svd(x, full_matrices=False).U, (2, 4, 3)),
        (LA.svd(x).S, (2, 3)),
        (LA.qr(x).R, (2, 3, 3)),
        (LA.pinv(x), (2, 3, 4)),
        (LA.lstsq(x, gg.zeros(4, device="meta")).solution, (2, 3)),
        (LA.matrix_power(square, -2), (2, 3, 3)),
        (LA.trace(x), (2,)),
    ):
        assert (y.shape, y.dtype) == (shape, np.float32)
        (g,) = gg.grad(y.sum(), x, retain_graph=True)
        assert g.shape == x.shape


# Errors

SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: LA.inv(SINGULAR), gg.LinAlgError, "inv: x (2, 2) is singular; pinv gives"),
        (
            lambda: LA.solve(SINGULAR, np.ones(2)),
            gg.LinAlgError,
            "solve: x1 (2, 2) is singular; lstsq",
        ),
        (lambda: LA.cholesky(-np.eye(2)), gg.LinAlgError, "x (2, 2) must be positive definite"),
        (
            lambda: LA.inv(draw(2, 3)),
            gg.ShapeError,
            "inv: x (2, 3) must be square, of shape (..., M",
        ),
        (lambda: LA.inv(draw(3)), gg.ShapeError, "inv: x (3,) is no matrix; it needs at least two"),
        (lambda: LA.det(draw(2, 3)), gg.ShapeError, "det: x (2, 3) must be square"),
        (lambda: LA.eigh(draw(2, 3)), gg.ShapeError, "eigh: x (2, 3) must be square"),
        (lambda: LA.svd(draw(3)), gg.ShapeError, "svd: x (3,) is no matrix"),
        (
            lambda: LA.solve(draw(3, 3), draw(2)),
            gg.ShapeError,
            "solve: x1 (3, 3) has 3 rows, x2 (2, 1) has 2; they must be equally many",
        ),
        (
            lambda: LA.solve(draw(2, 3, 3), draw(4, 3, 1)),
            gg.ShapeError,
            "solve: batch axes of x1 (2,), batch axes of x2 (4,) do not broadcast",
        ),
        (
            lambda: LA.inv(np.eye(2, dtype=np.float16)),
            gg.DtypeError,
            "inv: takes no float16 x; use .astype(gpugraph.float32)",
        ),
        (
            lambda: LA.qr(draw(2, 2), mode="full"),
            gg.ArgumentError,
            "mode='full' is neither 'reduced'",
        ),
        (
            lambda: LA.matrix_power(draw(2, 3), 2),
            gg.ShapeError,
            "matrix_power: x (2, 3) must be square",
        ),
        (
            lambda: LA.matrix_power(draw(2, 2), 0.5),
            gg.DtypeError,
            "matrix_power: n=0.5 must be an int",
        ),
        (
            lambda: LA.cross(draw(2), draw(2)),
            gg.ShapeError,
            "cross: x1 (2,) and x2 (2,) must have",
        ),
        (lambda: LA.diagonal(draw(2)), gg.ShapeError, "diagonal: x (2,) is no matrix"),
        (lambda: LA.diagonal(draw(2, 2), offset=0.5), gg.DtypeError, "offset=0.5 must be an int"),
        (lambda: LA.multi_dot([draw(2, 2)]), gg.ArgumentError, "needs two arrays or more, got 1"),
        (
            lambda: LA.multi_dot([draw(2, 2), draw(2), draw(2, 2)]),
            gg.ShapeError,
            "multi_dot: arrays[1] (2,) must be a matrix",
        ),
        (
            lambda: LA.pinv(draw(2, 3, 3), rtol=np.ones(3)),
            gg.ShapeError,
            "pinv: rtol (3,) must broadcast to the batch axes of x (2, 3, 3)",
        ),
        (
            lambda: LA.lstsq(draw(3, 2), draw(2)),
            gg.ShapeError,
            "lstsq: x1 (3, 2) has 3 rows; x2 (2,) must have as many",
        ),
    ],
)
def test_mistakes(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "f, text",
    [
        (lambda x: LA.qr(x, mode="complete").Q, "qr: mode='complete' has no gradient for x (4, 2)"),
        (lambda x: LA.svd(x).U, "full_matrices=True has no gradient for u and vh of x (4, 2)"),
        (lambda x: LA.svd(x * 1j).S, "svd: its rules of gradients hold for real numbers only"),
        (lambda x: LA.det(x.mT @ x * 1j), "det: its rules of gradients hold for real numbers"),
    ],
)
def test_gradients_that_do_not_exist_are_refused(f, text):
    x = gg.tensor(draw(4, 2), requires_grad=True)
    with pytest.raises(gg.GradientError) as caught:
        gg.square(f(x)).sum().backward()
    assert text in str(caught.value)


def test_a_singular_matrix_has_no_gradient_of_its_slogdet():
    x = gg.Tensor(SINGULAR, requires_grad=True)
    sign, logabsdet = LA.slogdet(x)
    assert (sign.item(), logabsdet.item()) == (0.0, -np.inf)
    with pytest.raises(gg.LinAlgError, match=r"inv: x \(2, 2\) is singular"):
        logabsdet.backward()
