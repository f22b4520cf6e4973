"""What becomes of a mutant: run by the simulator until a case tells it from the original."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Mutant", "Project", "Verdict", "judge", "prepare"]

CPU_LIMIT = 2.0  # seconds for one launch, which takes milliseconds if it is right
WALL_LIMIT = 300  # seconds for one mutant

# (mode of the simulator, seed of the order of threads, dtype, whether a few threads do it all, in
# small pieces)
STAGES = (
    ("fast", 0, "float32", True),
    ("fast", 0, "float32", False),
    ("check", 1, "float32", True),
    ("check", 2, "float32", False),
    ("fast", 0, "float64", False),
    ("fast", 0, "float16", True),
)
# for those that survive, unless g++ makes the same code of them
MORE_STAGES = tuple([("check", seed, "float32", False) for seed in range(3, 8)])


class Project(NamedTuple):
    """What is mutated, and what judges: samples of ops, and direct launches of tests."""

    root: Path  # .cu and .cuh files are named by their path from here
    ops: tuple[str, ...]  # as "module:class"
    direct: str = ""  # as "module:name" of {name: function of a device} -> (got, wanted)
    sources: tuple[Path, ...] = ()  # the .cu files of those, which include headers to be judged


class Mutant(NamedTuple):
    """A file with one mistake in it, and the (file, name) of each kernel which that changes."""

    file: str
    text: str
    kernels: tuple[tuple[str, str], ...]
    original: bool = False  # no mistake in it


class Verdict(NamedTuple):
    """What became of a mutant: a word of COLUMNS, or "broken", and what was said."""

    status: str
    text: str = ""


# ---- in a worker process: one mutant at a time, each in a process of its own


class Case(NamedTuple):
    """Something to compute, and the kernels that it launches."""

    run: Callable[[Any, str], None]  # on a device, for a dtype
    kernels: frozenset[tuple[str, str]]


class Laboratory:
    """The project's cases, found by calling every rule once without launching."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.kernels: dict[tuple[str, str], Any] = {}
        self.cases = list(self._cases())

    def _cases(self) -> Iterable[Case]:
        import numpy as np

        from gpugraph.cuda.device import SimDevice
        from tests.test_kernels import small_pieces

        seen: dict[tuple[str, str], Any] = {}

        class Recorder(SimDevice):
            def _launch(self, kernel: Any, *args: Any) -> None:
                seen[kernel.file, kernel.name] = kernel

        def case(run: Callable[[Any, str], None], *launches: Callable[[Any], Any]) -> Case:
            seen.clear()
            for launch in launches:
                launch(Recorder())
                with small_pieces():
                    launch(Recorder())
            self.kernels |= seen
            return Case(run, frozenset(seen))

        for name in self.project.ops:
            for sample in _named(name).samples(np.random.default_rng(0)):
                if run := _runs(sample):
                    dtypes = {stage[2] for stage in STAGES}
                    yield case(run, *[partial(_call, sample, dtype) for dtype in dtypes])
        for function in _named(self.project.direct).values() if self.project.direct else ():
            yield case(partial(_directly, function), function)

    def judge(self, mutant: Mutant, folder: Path) -> Verdict:
        """Run the mutant until something kills it; its header is put into the folder."""
        from gpugraph.cuda.sim import CompileError, KernelError
        from tests.test_kernels import small_pieces

        source = Changed(mutant, folder)
        cases = [case for case in self.cases if not case.kernels.isdisjoint(mutant.kernels)]
        devices = {mode: mutant_device(source, mode) for mode in ("fast", "check")}
        try:
            for stages in (STAGES, MORE_STAGES):
                for mode, seed, dtype, few in stages:
                    devices[mode].seed, devices[mode].few = seed, few
                    with small_pieces() if few else nullcontext():
                        for case in cases:
                            case.run(devices[mode], dtype)
                if stages is STAGES and (mutant.original or self.same_code(source)):
                    return Verdict("same code")
        except AssertionError as error:
            if isinstance(error.__cause__, (OSError, MemoryError)):
                raise  # no fault of the mutant's
            simulated = isinstance(error.__cause__, KernelError)
            return Verdict("simulator" if simulated else "value", str(error)[:500])
        except KernelError as error:
            return Verdict("simulator", str(error)[:500])
        except CompileError as error:
            return Verdict("uncompilable", str(error)[:500])
        return Verdict("survived")

    def same_code(self, source: Changed) -> bool:
        """Does g++ -O2 make the same bytes of the original and the mutant, in all instances?"""
        plain = ("-O2", "-g0")
        for key in source.mutant.kernels:
            kernel = self.kernels[key]
            module = source.module(kernel, kernel.expressions, "bare", plain)
            made = module.path.read_bytes()
            source.forget(module)
            original = Changed(source.mutant._replace(file=""), source.folder)
            if made != original.module(kernel, kernel.expressions, "bare", plain).path.read_bytes():
                return False
        return bool(source.mutant.kernels)


def _runs(sample: Any) -> Callable[[Any, str], None] | None:
    """A function that holds a sample's cuda rule against its NumPy rule; None if it can't run."""
    from gpugraph.testing import compare, rules
    from gpugraph.testing.kernels import cast

    def refused(dtype: str) -> str | None:
        specs = map(rules.spec_of, cast(sample.inputs, dtype))
        return sample.op.kernel_limits(*specs)

    def run(device: Any, dtype: str) -> None:
        if not refused(dtype):
            compare(sample, dtype, device)

    return None if refused("float32") else run


def _call(sample: Any, dtype: str, device: Any) -> None:
    """A sample's cuda rule, if it takes that dtype."""
    from gpugraph.testing import rules
    from gpugraph.testing.kernels import cast

    inputs = cast(sample.inputs, dtype)
    if not sample.op.kernel_limits(*map(rules.spec_of, inputs)):
        sample.op.cuda(device, *[None if x is None else device.own(x) for x in inputs])


def _directly(function: Any, device: Any, dtype: str) -> None:
    """A case of tests/test_kernels_direct.py, which has its own dtypes."""
    import numpy as np

    if dtype == "float32":
        for got, want in zip(*function(device), strict=True):
            np.testing.assert_array_equal(np.asarray(got), want)


class Changed:
    """The sources of kernels with the mistake in them."""

    def __init__(self, mutant: Mutant, folder: Path) -> None:
        self.mutant, self.folder = mutant, folder

    def module(self, kernel: Any, expressions: Sequence[str], mode: str, options: Any = ()) -> Any:
        """A kernel's file, compiled, the mistake in it or in the header that has it."""
        from gpugraph.cuda import sim

        code, include = kernel.code, kernel.include
        if kernel.file == self.mutant.file:
            code = self.mutant.text
        elif self.mutant.file.endswith(".cuh"):
            include = [self.folder]
            self._headers(kernel.include)
        return sim.Module(
            code, expressions, filename=kernel.file, include=include, options=options, mode=mode
        )

    def _headers(self, places: Sequence[Path]) -> None:
        """Copy them all, since a header looks for others beside itself first."""
        for header in (h for place in reversed(places) for h in place.glob("*.cuh")):
            shutil.copy(header, self.folder)
        Path(self.folder, Path(self.mutant.file).name).write_text(self.mutant.text)

    def forget(self, module: Any) -> None:
        """Remove the file of a loaded module; thousands would fill the disk."""
        if not self.mutant.original:
            module.path.unlink(missing_ok=True)


def mutant_device(source: Changed, mode: str) -> Any:
    """A simulated GPU whose kernels are those of a mutant."""
    from tests.test_kernels import FewThreads

    class MutantDevice(FewThreads):
        limit = CPU_LIMIT

        def function(self, kernel: Any, expression: str) -> Any:
            if (kernel.file, kernel.name) not in source.mutant.kernels:
                return super().function(kernel, expression)
            if (kernel, expression) not in self._functions:
                module = source.module(kernel, [expression], mode)
                self._functions[kernel, expression] = module.function(expression)
                source.forget(module)
            return self._functions[kernel, expression]

    return MutantDevice(mode)


def prepare(cache: str) -> None:
    """Of a worker: compiled kernels go there, and no thread runs beside the one that forks."""
    os.environ["GPUGRAPH_SIM_CACHE"] = cache
    os.environ["OPENBLAS_NUM_THREADS"] = "1"


@cache
def laboratory(project: Project) -> Laboratory:
    """Made once in each worker."""
    return Laboratory(project)


def judge(project: Project, mutant: Mutant) -> Verdict:
    """`Laboratory.judge` in a process of its own: whatever a mutant does ends with it."""
    with tempfile.TemporaryDirectory() as folder:
        return _apart(laboratory(project), mutant, Path(folder))


def _apart(here: Laboratory, mutant: Mutant, folder: Path) -> Verdict:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(WALL_LIMIT)
        try:
            verdict = here.judge(mutant, folder)
        except BaseException as error:
            verdict = Verdict("broken", f"{type(error).__name__}: {error}")
        os.write(writer, json.dumps(verdict).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if said:
        return Verdict(*json.loads(said))
    number = os.WTERMSIG(status)
    if number == signal.SIGALRM:  # the simulator ends launches that hang; this is something else
        return Verdict("broken", f"no verdict after {WALL_LIMIT} s")
    return Verdict("simulator", f"the process died of signal {number}")


def _named(name: str) -> Any:
    """The thing that "module:name" names."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)
