"""Every function of gpugraph.nn.functional against PyTorch's function of that name, in float64.

Each on DRAWS sets of arguments (the draw_*.py beside this; test_coverage.py holds them against the
signatures): values, dtypes, and gradients with respect to all floating arguments.
"""

import inspect

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'gpugraph[peers]'")

from .agreement import DRAWS, agree, check  # noqa: E402
from .draw_activations import ACTIVATIONS  # noqa: E402
from .draw_layers import LAYERS  # noqa: E402
from .draw_losses import LOSSES  # noqa: E402
from .draw_windows import WINDOWS  # noqa: E402
from .drawing import REDUCTIONS, maybe, numbers  # noqa: E402

pytestmark = pytest.mark.peers

FUNCTIONS = ACTIVATIONS | LOSSES | WINDOWS | LAYERS


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """For arrays this small, several cost more than they give."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # roots of negative sums
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients(name):
    check(name, FUNCTIONS[name])


def test_certain_probabilities():
    x = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1e-14, 0.25])
    target = np.array([0.0, 1.0, 0.5, 0.0, 1.0, 1.0, 0.0])
    # PyTorch's 1e-12 is a float32
    agree("binary_cross_entropy", (x, target), {"reduction": "none"}, {"target"}, bound=1e-8)


def test_all_targets_ignored():
    x, target = np.random.default_rng(0).standard_normal((3, 4)), np.array([7, 7, 7])
    for name, options in (
        ("cross_entropy", {}),
        ("cross_entropy", {"label_smoothing": 0.2}),
        ("cross_entropy", {"weight": np.arange(4.0)}),
        ("nll_loss", {}),
        ("nll_loss", {"weight": np.arange(4.0)}),
    ):
        for reduction in REDUCTIONS:
            options = {"ignore_index": 7, "reduction": reduction, **options}
            agree(name, (x, target), options, bound=0)


# those whose other arguments have defaults, or stand below
KINKED = [n for n in ACTIVATIONS if n not in ("softmax", "log_softmax", "softmin", "prelu", "glu")]
KINKS = [-np.inf, -6.0, -3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0, np.inf]


@pytest.mark.parametrize("name", KINKED)
def test_kinks_and_infinities(name):
    more = {"threshold": (0.5, 7.0)}.get(name, ())
    smooth = name in ("gelu", "silu", "mish", "hardswish", "softsign")  # NaN at the ends, in both
    x = np.array(KINKS[1:-1] if smooth else KINKS)
    agree(name, (x, *more), {}, bound=1e-7 if name == "hardsigmoid" else 1e-14)
    nan = getattr(F, name)(np.array([np.nan]), *more).numpy()
    assert (
        np.isnan(nan).all()
        == getattr(torch.nn.functional, name)(torch.tensor([np.nan]), *more).isnan().all().item()
    )


def test_gumbel_softmax_has_their_signature():
    theirs = inspect.signature(torch.nn.functional.gumbel_softmax).parameters
    ours = inspect.signature(F.gumbel_softmax).parameters
    assert [(n, p.default) for n, p in theirs.items()] == [
        (n, p.default) for n, p in ours.items() if n != "generator"
    ]


def test_ctc_loss():
    """Behind log_softmax, where both gradients are the same."""
    rng = np.random.default_rng(10)
    for _ in range(DRAWS):
        T, N, C = int(rng.integers(3, 9)), int(rng.integers(1, 4)), int(rng.integers(2, 5))
        options = maybe(rng, reduction=REDUCTIONS, zero_infinity=[True], blank=[0, C - 1])
        steps, sizes = rng.integers(1, T + 1, N), rng.integers(0, 4, N)
        labels = [c for c in range(C) if c != options.get("blank", 0)]
        targets = (
            rng.choice(labels, (N, 3)) if rng.random() < 0.5 else rng.choice(labels, sizes.sum())
        )
        x = numbers(rng, (T, N, C))
        mine, peer = gg.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y = F.ctc_loss(F.log_softmax(mine, -1), targets, steps, sizes, **options)
        lengths = torch.tensor(steps), torch.tensor(sizes)
        log_probs = torch.nn.functional.log_softmax(peer, -1)
        want = torch.nn.functional.ctc_loss(log_probs, torch.tensor(targets), *lengths, **options)
        np.testing.assert_allclose(y.numpy(), want.detach().numpy(), rtol=1e-10, atol=1e-12)
        if np.isfinite(y.numpy()).all():
            y.sum().backward()
            want.sum().backward()
            np.testing.assert_allclose(mine.grad.numpy(), peer.grad.numpy(), atol=1e-11)
