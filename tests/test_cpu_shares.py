"""Shares of the work for several threads: order, errors, context, fork, and the threads of BLAS."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.cpu import shares
from gpugraph.cpu.shares import WORTH, blas_threads, set_blas_threads, share
from gpugraph.ops import im2col

MUCH = 100 * WORTH


@pytest.fixture
def three():
    """BLAS has three threads, whatever there are of cores."""
    before = blas_threads()
    set_blas_threads(3)
    if blas_threads() != 3:
        pytest.skip("needs an OpenBLAS for NumPy whose threads can be set")
    yield
    set_blas_threads(before)


def names(n, steps):
    """Which threads did which slice."""
    return share(n, steps, lambda part: ((part.start, part.stop), threading.get_ident()))


def test_slices_are_in_order_and_each_has_a_thread(three):
    done = names(10, MUCH)
    assert [part for part, _ in done] == [(0, 3), (3, 6), (6, 10)]
    assert len({thread for _, thread in done}) == 3
    assert done[0][1] == threading.get_ident()


@pytest.mark.parametrize(
    "n, steps, slices",
    [(0, MUCH, [(0, 0)]), (1, MUCH, [(0, 1)]), (2, MUCH, [(0, 1), (1, 2)]),
     (9, 2 * WORTH - 1, [(0, 9)]), (9, 2 * WORTH, [(0, 4), (4, 9)])],
)  # fmt: skip
def test_how_many(three, n, steps, slices):
    assert [part for part, _ in names(n, steps)] == slices


@pytest.mark.parametrize(
    "n, steps, inside",
    [(9, MUCH, 1), (9, 0, 1), (1, 0, 1), (1, MUCH, 3)],
    ids=["shared", "little", "little of one", "much of one"],
)
def test_threads_of_blas_inside_and_after(three, n, steps, inside):
    assert set(share(n, steps, lambda _: blas_threads())) == {inside}
    assert blas_threads() == 3


def test_threads_of_blas_are_all_there_are(three):
    set_blas_threads(2)
    assert len(names(9, MUCH)) == 2
    set_blas_threads(1)
    assert len(names(9, MUCH)) == 1


def test_inside_of_a_share_slices_are_the_same_but_in_one_thread(three):
    inner = share(3, MUCH, lambda _: names(10, MUCH))
    for done in inner:
        assert [part for part, _ in done] == [(0, 3), (3, 6), (6, 10)]
        assert len({thread for _, thread in done}) == 1


@pytest.mark.parametrize("bad", [0, 2])
def test_errors_come_when_all_are_done(three, bad):
    ended = []

    def f(part):
        if part.start == 3 * bad:
            raise ValueError(f"at {part.start}")
        time.sleep(0.02)
        ended.append(part.start)

    with pytest.raises(ValueError, match=f"at {3 * bad}"):
        share(10, MUCH, f)
    assert sorted(ended) == sorted({0, 3, 6} - {3 * bad})
    assert blas_threads() == 3 and len(names(10, MUCH)) == 3


def test_ctrl_c_while_waiting(three):
    """The share that was left alone is not taken for one of the next."""
    caller = threading.main_thread().ident

    def f(part):
        if part.start:
            signal.pthread_kill(caller, signal.SIGALRM)
            time.sleep(0.1)
        return "old"

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            share(10, MUCH, f)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert [part for part, _ in names(10, MUCH)] == [(0, 3), (3, 6), (6, 10)]
    assert blas_threads() == 3


def test_errstate_holds_in_all_threads(three):
    def f(part):
        return np.zeros(part.stop - part.start) / 0

    with np.errstate(all="ignore"):
        assert sum(map(len, share(10, MUCH, f))) == 10
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        share(10, MUCH, lambda part: None if part.start == 0 else f(part))


def test_many_threads_at_once(three):
    wanted, got = [(0, 3), (3, 6), (6, 10)], []

    def user():
        for _ in range(200):
            got.append([part for part, _ in names(10, MUCH)] == wanted)

    users = [threading.Thread(target=user) for _ in range(4)]
    for u in users:
        u.start()
    for u in users:
        u.join()
    assert got == [True] * 800 and blas_threads() == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork():
    """A child has none of the threads of its parent."""
    code = (
        "import os, warnings\n"
        "warnings.simplefilter('ignore')\n"  # of forking with threads
        "from gpugraph.cpu.shares import *\n"
        "set_blas_threads(2)\n"
        "f = lambda: share(9, 10**9, lambda part: part.stop)\n"
        "f()\n"
        "child = os.fork()\n"
        "if not child: os._exit(0 if f() in ([4, 9], [9]) else 1)\n"
        "assert os.waitpid(child, 0)[1] == 0, 'in the child'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)


def test_blas_that_nobody_knows(monkeypatch):
    """One thread does all, and BLAS what it likes."""
    monkeypatch.setattr(shares, "_blas", lambda: None)
    set_blas_threads(7)
    assert blas_threads() == 1 and len(names(9, MUCH)) == 1


@pytest.mark.parametrize("channels", [5, 26], ids=["slices", "rows"])
def test_convolution_in_shares(three, monkeypatch, channels):
    """The same but for the order of sums: in the filters' gradient, of images."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((7, channels, 80, 45)), rng.standard_normal((24, channels, 3, 3))
    counts = []

    def counted(n, steps, f):
        counts.append(len(done := share(n, steps, f)))
        return done

    monkeypatch.setattr(im2col, "share", counted)

    def run():
        a, b = gg.tensor(x, requires_grad=True), gg.tensor(w, requires_grad=True)
        y = gg.nn.functional.conv2d(a, b, padding=1)
        y.sum().backward()
        return y.numpy(), a.grad.numpy(), b.grad.numpy()

    with gg.cpu.disabled():
        shared = run()
        set_blas_threads(1)
        alone = run()
    assert counts == [3, 3, 3, 1, 1, 1]
    eps = np.finfo(x.dtype).eps
    terms = 9 * channels, 9 * 24, 7 * 80 * 45
    for n, s, a in zip(terms, shared, alone, strict=True):
        # normal numbers: sums of n of them are about sqrt(n), and so many errors of eps/2 add up
        assert np.abs(s - a).max() <= 4 * n * eps
