"""What can be compared on two devices: a script, or a function or network out of a file or at hand.

A target is made into something to call, once per device, with that device as the default one. For
scripts that is the script; networks get made-up inputs, a loss and a few steps of an optimizer.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import os
import random as python_random
import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import optim
from ..core.backend import default_device, to_device
from ..core.errors import ArgumentError
from ..core.tensor import Tensor, is_floating
from ..nn.functional import cross_entropy
from ..nn.module import Module
from ..ops import random
from ..ops.memory import to
from ..ops.random import Generator

__all__ = [
    "Lesson",
    "NoLossError",
    "Script",
    "Stop",
    "by_name",
    "drawn",
    "given",
    "member",
    "seeded",
]


class Stop(BaseException):  # so that a script's `except Exception` lets it pass
    """Ends a run that has made as many steps as it should."""


class NoLossError(ArgumentError):
    """What a function gives can't be differentiated."""


class Script:
    """Runs a Python file as ``python file args`` would, with what it prints kept aside."""

    def __init__(self, path: str, args: Sequence[str] = (), label: str = "parity") -> None:
        self.path, self.args = os.path.abspath(path), list(args)
        self.label = " ".join([path, *self.args])
        self.printed = ""  # by the last run
        if not os.path.isfile(self.path):
            raise ArgumentError(f"{label}: there is no file {path}")

    def __call__(self) -> None:
        """Run it to its end; RuntimeError if it exits with a code."""
        said = io.StringIO()
        try:
            with (
                contextlib.redirect_stdout(said),
                contextlib.redirect_stderr(said),
                _as_if_alone(self.path, [self.path, *self.args]),
            ):
                runpy.run_path(self.path, run_name="__main__")
        except SystemExit as end:
            if end.code not in (None, 0):
                raise RuntimeError(f"it exits with {end.code!r}") from None
        finally:
            self.printed = said.getvalue()


@contextlib.contextmanager
def _as_if_alone(path: str, argv: list[str]) -> Iterator[None]:
    """sys.argv and sys.path as a script finds them; what it imports beside itself is forgotten."""
    folder, before = os.path.dirname(path), set(sys.modules)
    kept = sys.argv, sys.path
    sys.argv, sys.path = argv, [folder, *sys.path]
    try:
        yield
    finally:
        sys.argv, sys.path = kept
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if Path(folder) in Path(file).parents and "site-packages" not in file:
                del sys.modules[name]


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed all the generators that a script may draw from; put them back afterwards."""
    ours, numpys = random.default_generator().state, np.random.get_state()
    pythons = python_random.getstate()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    python_random.seed(seed)
    try:
        yield
    finally:
        random.default_generator().state = ours
        np.random.set_state(numpys)
        python_random.setstate(pythons)


class Lesson:
    """A few training steps of a function or network, on made-up labels.

    make       gives the function; called once per device
    inputs     tensors or arrays; moved to the device
    loss       loss(output); by default cross-entropy with the labels 0, 1, 2, ... where the output
               is (N, C), the output itself where it is one number, else the mean of its squares
    optimizer  of a list of parameters; by default SGD with lr=0.01 and momentum=0.9
    vary       ask for gradients of the floating inputs, too
    """

    printed = ""

    def __init__(
        self,
        label: str,
        make: Callable[[], Callable[..., Any]],
        inputs: Callable[[], Sequence[Any]],
        steps: int,
        loss: Callable[..., Any] | None = None,
        optimizer: Callable[[list[Tensor]], Any] | None = None,
        vary: bool = False,
    ) -> None:
        self.label, self.make, self.inputs, self.steps = label, make, inputs, steps
        self.loss = loss or made_up_loss
        self.optimizer = optimizer or (lambda ps: optim.SGD(ps, lr=0.01, momentum=0.9))
        self.vary = vary

    def __call__(self) -> None:
        """Teach it on the default device."""
        f, device = self.make(), default_device.get()
        if isinstance(f, Module):
            f.to(device)
        xs = [_moved(x, device, self.vary) for x in self.inputs()]
        optimizer = None
        for _ in range(self.steps):
            loss = self.loss(f(*xs))
            if not loss.requires_grad:
                return
            weights = f.parameters() if isinstance(f, Module) else ()
            params: list[Tensor] = [p for p in weights if p.requires_grad]
            if optimizer is None and params:  # lazy layers have theirs after the first call
                optimizer = self.optimizer(params)
            if optimizer is not None:
                optimizer.zero_grad()
            loss.backward()
            if optimizer is None:
                return  # another pass would be the same again
            optimizer.step()


def _moved(x: Any, device: Any, vary: bool) -> Any:
    if not isinstance(x, Tensor):
        x = Tensor(np.asarray(x))
    wanted = (vary or x.requires_grad) and is_floating(x.dtype)
    return Tensor(to_device(x.array, device), requires_grad=wanted)


def made_up_loss(output: Any) -> Tensor:
    """One number to differentiate, of whatever a function gives: see `Lesson`."""
    ys = output if isinstance(output, (tuple, list)) else [output]
    floating = [y for y in ys if isinstance(y, Tensor) and is_floating(y.dtype)]
    if not floating:
        raise NoLossError("the function gives no floating tensor to compare")
    total = None
    for y in floating:
        if y.ndim == 2 and y.shape[1] > 1:
            labels = np.arange(y.shape[0]) % y.shape[1]
            part = cross_entropy(y, to(Tensor(labels), y.device))
        else:
            part = y.sum() if y.size == 1 else (y * y).mean()
        total = part if total is None else total + part
    assert total is not None
    return total


def by_name(
    name: str,
    steps: int,
    input: Sequence[Sequence[int]] | None = None,
    seed: int = 0,
    args: Sequence[str] = (),
    label: str = "parity",
    **lesson: Any,
) -> Script | Lesson:
    """The target that a word on the command line means.

    "folder/file.py"       the script
    "folder/file.py:name"  a network, its class, or a function in it
    label                  of the command, for its errors
    """
    path, colon, wanted = name.rpartition(":")
    if name.endswith(".py"):
        if input or any(lesson.values()):
            raise ArgumentError(f"{label}: {name} is a script, which has its own inputs and loss")
        return Script(name, args, label)
    if args:
        raise ArgumentError(
            f"{label}: {name} is no script: it takes no arguments such as {args[0]}"
        )
    if not (colon and path.endswith(".py")):
        raise ArgumentError(
            f"{label}: {name!r} is no script (file.py) and no member of one (file.py:name)"
        )
    if not input:
        raise ArgumentError(f"{label}: {name} needs the shape of its input, such as 4x1x28x28")
    return Lesson(
        name, lambda: member(path, wanted, label), lambda: drawn(input, seed), steps, **lesson
    )


def drawn(shapes: Sequence[Sequence[int]], seed: int) -> list[Tensor]:
    """Standard normal inputs of these shapes."""
    generator = Generator(seed)
    return [generator.normal(shape=tuple(s), device="cpu") for s in shapes]


def given(f: Callable[..., Any]) -> Callable[[], Callable[..., Any]]:
    """A network of the caller's: a copy for each device; a function: itself."""
    return lambda: copy.deepcopy(f) if isinstance(f, Module) else f


def member(path: str, name: str, label: str = "parity") -> Callable[..., Any]:
    """A network, or a function, out of a file that is run as a module would be."""
    if not os.path.isfile(path):
        raise ArgumentError(f"{label}: there is no file {path}")
    with _as_if_alone(os.path.abspath(path), [path]):
        found = runpy.run_path(path, run_name=label).get(name)
    if not callable(found):
        raise ArgumentError(f"{label}: {path} has no function or network called {name!r}")
    if not isinstance(found, Module) and not _needs_arguments(found):
        found = found()  # a class, or a function that makes a network
    return found


def _needs_arguments(f: Callable[..., Any]) -> bool:
    parameters = inspect.signature(f).parameters.values()
    return any(
        p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters
    )
