"""NumPy on several cores: each thread takes a share of the work, and BLAS is on one core meanwhile.

NumPy's loops use one core. Its BLAS would use all of them, but gains little with products as small
as those of a few images; and its threads then wait in a loop for some 20 ms, on cores that others
could use. So ops that are worth it hand out shares of a batch, as many as BLAS may have threads:
$OMP_NUM_THREADS, $OPENBLAS_NUM_THREADS and threadpoolctl set that. Where BLAS is none whose threads
we know how to set, one thread does all.
"""

from __future__ import annotations

import _thread
import contextvars
import ctypes
import functools
import os
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

__all__ = ["MACS", "WORTH", "blas_threads", "set_blas_threads", "share", "slices_of"]

R = TypeVar("R")

# Steps of a loop, such as a sum of two numbers, that a share must have: to wake a thread and to
# wait for it takes some 50 us, in which NumPy does so many. (Four times as many: a step of LeNet-5
# or of a MobileNet takes a twentieth longer.)
WORTH = 1 << 18
MACS = 8  # multiply-adds of a matrix product that take as long as one such step


def share(n: int, steps: int, f: Callable[[slice], R]) -> list[R]:
    """What f gives for slices that make up range(n), one for each thread, in their order.

    steps: of all the work, see WORTH. Too little to share is done by one thread, in BLAS, too; one
    thing alone by whatever threads BLAS takes. Inside of f, or while another thread shares, slices
    are the same, but done one after the other: sums in f must not depend on who is busy. Errors are
    raised when all threads are done.
    """
    global _threads
    free = _busy.acquire(blocking=False)
    if free:
        _threads = blas_threads()
    slices = _cut(n, steps, _threads)
    if not free:
        return [f(part) for part in slices]
    try:
        if len(slices) == 1 and (_threads == 1 or steps >= 2 * WORTH):
            return [f(slices[0])]
        set_blas_threads(1)
        try:
            return _side_by_side(f, slices)
        finally:
            set_blas_threads(_threads)
    finally:
        _busy.release()


def slices_of(n: int, steps: int) -> list[slice]:
    """The slices that `share` would make now."""
    return _cut(n, steps, blas_threads())


def _cut(n: int, steps: int, threads: int) -> list[slice]:
    count = max(1, min(n, steps // WORTH, threads))
    cuts = [n * i // count for i in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(cuts)]


def _side_by_side(f: Callable[[slice], R], slices: list[slice]) -> list[R]:
    """f of the first slice, and of each other one in a thread of its own."""
    while len(_workers) < len(slices) - 1:
        _workers.append(_Worker())
    helpers = _workers[: len(slices) - 1]
    try:
        for helper, part in zip(helpers, slices[1:], strict=True):
            helper.start(f, part)
        mine = _Outcome(f, slices[0])
        outcomes = [mine, *(helper.finish() for helper in helpers)]
    except BaseException:  # Ctrl-C in between: who knows what each is about now
        _workers.clear()
        raise
    return [outcome.result() for outcome in outcomes]


class _Outcome:
    """What a call returned or raised."""

    def __init__(self, f: Callable[[slice], Any], part: slice) -> None:
        self.value = self.error = None
        try:
            self.value = f(part)
        except BaseException as error:  # also Ctrl-C: the other threads must have ended
            self.error = error

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


class _Worker:
    """A thread that waits for one call at a time, in the context of who asks for it.

    Two locks are quicker than a queue: what they cost is the larger part of sharing a small op.
    """

    def __init__(self) -> None:
        self.begin, self.end = _thread.allocate_lock(), _thread.allocate_lock()
        self.begin.acquire()
        self.end.acquire()
        self.call: Any = None
        threading.Thread(target=self._serve, name="gpugraph share", daemon=True).start()

    def _serve(self) -> None:
        while True:
            self.begin.acquire()
            context, f, part = self.call
            self.call = context.run(_Outcome, f, part)
            del context, f
            self.end.release()

    def start(self, f: Callable[[slice], Any], part: slice) -> None:
        self.call = contextvars.copy_context(), f, part  # np.errstate lives in the context
        self.begin.release()

    def finish(self) -> _Outcome:
        for _ in range(SPINS):  # sleeping and being woken would take longer
            if self.end.acquire(blocking=False):
                break
            _give_way()
        else:
            self.end.acquire()
        outcome, self.call = self.call, None
        return outcome


SPINS = 100
_give_way = getattr(os, "sched_yield", lambda: None)
_busy = _thread.allocate_lock()
_workers: list[_Worker] = []
_threads = 1  # of BLAS, as it was when nobody had set it for a share


def _after_fork() -> None:
    """A child has no threads but the one that forked, and that may have been in the middle."""
    global _busy
    _workers.clear()
    _busy = _thread.allocate_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@functools.cache
def _blas() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """How to ask for and set the number of threads of the OpenBLAS that NumPy is linked to."""
    try:
        dll = ctypes.CDLL(np.linalg._umath_linalg.__file__)  # finds what that is linked to, too
    except (AttributeError, OSError):
        return None
    for form in ("scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_",
                 "scipy_openblas_{}_num_threads", "openblas_{}_num_threads"):  # fmt: skip
        if hasattr(dll, form.format("set")):
            ask, tell = (getattr(dll, form.format(verb)) for verb in ("get", "set"))
            ask.argtypes, ask.restype = [], ctypes.c_int
            tell.argtypes, tell.restype = [ctypes.c_int], None
            return ask, tell
    return None


def blas_threads() -> int:
    """How many threads NumPy's BLAS may use; 1 where we don't know how to ask."""
    blas = _blas()
    return 1 if blas is None else blas[0]()


def set_blas_threads(n: int) -> None:
    """Set that, where we know how to."""
    blas = _blas()
    if blas is not None:
        blas[1](n)
