"""Kernels as declared in Python: which ``__global__`` function, for which types and arguments.

    MAX_POOL = Kernel(
        "ops/pool.cu", "max_pool", "const T* x, T* y, I* offset, Window3 w, long long n",
        T=FLOATS, I=OFFSETS,
    )

The parameters are written as in the .cu file, and the simulator's tests hold them against what the
compiler makes of it. A pointer to const is an input, another pointer an output. T and I are
template parameters, in this order; an array argument decides which type each stands for. CuPy
checks nothing of this: a Python float would go in as a double, and a float64 array as whatever.

Every launch goes through `Kernel.bind`, so what depends on dtypes alone is settled once for each
combination of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import ArgumentError, DtypeError

__all__ = ["DECLARED", "FLOATS", "OFFSETS", "Kernel", "Parameter", "only_floats", "wide"]

# the name of NumPy's dtype (bfloat16: ml_dtypes') and its name in CUDA C
C_NAMES = {
    "float16": "__half",
    "bfloat16": "__nv_bfloat16",
    "float32": "float",
    "float64": "double",
    "uint8": "unsigned char",
    "uint16": "unsigned short",
    "int32": "int",
    "int64": "long long",
    "uint32": "unsigned int",
    "uint64": "unsigned long long",
    "bool": "bool",
}
DTYPES = {c: name for name, c in C_NAMES.items()}
# wide<T> of include/wide.cuh: in what a kernel computes with what it stores as T
WIDE = {"float16": "float32", "bfloat16": "float32"}
FLOATS = ("float16", "bfloat16", "float32", "float64")
OFFSETS = ("uint8", "uint16", "int32")
PACKAGE = __package__.partition(".")[0]
DECLARED: list[Kernel] = []  # the package's own
COMMENTS = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
BOUNDS = r"(?:__launch_bounds__\s*\([^)]*\)\s*)?"
DEFINITION = re.compile(rf"__global__\s+{BOUNDS}void\s+{BOUNDS}(\w+)\s*\(([^)]*)\)")
CURE = "convert it, or let the op's kernel_limits say so: then forward computes it"


def package_files() -> Any:
    """The package's data: .cu and .cuh files."""
    from importlib.resources import files

    return files(PACKAGE)


@lru_cache
def wide(dtype: Any) -> np.dtype[Any]:
    """The dtype in which kernels compute with what is stored in this one: wide<T>."""
    return np.dtype(WIDE.get(dtype.name, dtype))


def only_floats(x: Any) -> str | None:
    """Why kernels compiled for FLOATS can't take an array like x, or None if they can."""
    return None if x.dtype.name in FLOATS else f"compiled for {', '.join(FLOATS)}, not {x.dtype}"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel: "const T* x" is an input array of the template type T."""

    name: str
    type: str  # without const and *: a C type, T or wide<T> of a template, or the name of a struct
    array: bool
    output: bool
    in_place: bool = False  # an output that is read first


class Plan(NamedTuple):
    """What `Kernel.bind` has found out about arguments of these dtypes."""

    expression: str
    arrays: tuple[int, ...]  # which arguments are arrays,
    structs: tuple[int, ...]
    numbers: tuple[tuple[int, Any], ...]  # and numbers, with NumPy's type of each


class Kernel:
    """A kernel in CUDA C, the package's own or yours.

    file       where its source is: a `pathlib.Path`; a string names a file of the package,
               "ops/pool.cu"
    name       of the ``__global__`` function (template)
    params     its parameters, as they stand there; by default they are read from there
    structs    {name: structured dtype} of structs that are passed by value
    code       the source itself; `file` is then only what messages call it
    in_place   names of the outputs that it reads, too: they come with values, not uninitialised
    templates  {template parameter: names of the dtypes it is compiled for}, in the order of the
               template: ``T=("float32", "float64")``

    >>> SCALE = gg.cuda.Kernel("scale.cu", "scale", code=SOURCE, T=gg.cuda.FLOATS)
    >>> SCALE = gg.cuda.Kernel(Path(__file__).with_name("scale.cu"), "scale")
    The source may include the package's headers (``gpugraph/cuda/include``) and those beside it.
    Raises ArgumentError for what can't be a parameter, or names nothing in the source.
    """

    def __init__(
        self,
        file: str | Path,
        name: str,
        params: str | None = None,
        structs: dict[str, Any] | None = None,
        *,
        code: str | None = None,
        in_place: Sequence[str] = (),
        **templates: Sequence[Any],
    ) -> None:
        self.file = file.name if isinstance(file, Path) else file
        self.name = name
        self._path = file.resolve() if isinstance(file, Path) else None
        self._code = code
        self.structs = structs or {}
        self.templates = {
            t: tuple([np.dtype(d).name if d not in C_NAMES else d for d in dtypes])
            for t, dtypes in templates.items()
        }
        texts = (self._declared() if params is None else params).split(",")
        self.params = tuple([self._parameter(text, in_place) for text in texts])
        # arrays that say what a template parameter is come before what depends on it
        self._order = sorted(
            range(len(self.params)),
            key=lambda i: not (self.params[i].array and self.params[i].type in self.templates),
        )
        self._plans: dict[tuple[Any, ...], Plan] = {}
        self._check(in_place)
        if self._path is None and code is None:
            DECLARED.append(self)

    def _declared(self) -> str:
        """The parameters as they stand in the source."""
        found = dict(DEFINITION.findall(COMMENTS.sub(" ", self.code)))
        if self.name not in found:
            there = f"there are {', '.join(found)}" if found else "there is none"
            raise ArgumentError(f"{self.file} has no __global__ void {self.name}(...); {there}")
        return found[self.name]

    def _check(self, in_place: Sequence[str]) -> None:
        """Every type and name must be known, every template parameter compiled for something."""
        known = {*DTYPES, *self.structs, *self.templates}
        known |= {f"wide<{t}>" for t in self.templates}
        for p in self.params:
            if p.type not in known:
                raise ArgumentError(
                    f"{self.name}: {p.name} has the type {p.type!r}; there are "
                    f"{', '.join(sorted(known))}. Pass a struct with structs={{name: dtype}}, a "
                    f'template parameter with T=("float32", "float64")'
                )
        for t, dtypes in self.templates.items():
            if not dtypes or (unknown := [d for d in dtypes if d not in C_NAMES]):
                told = f"{unknown[0]} is none of {', '.join(C_NAMES)}" if dtypes else "no dtypes"
                raise ArgumentError(f"{self.name}: {t}={dtypes}: {told}")
        if unknown := sorted({*in_place} - {p.name for p in self.params if p.output}):
            raise ArgumentError(f"{self.name}: in_place: {unknown[0]!r} is no output")

    def __repr__(self) -> str:
        return f"Kernel({self.file!r}, {self.name!r})"

    @cached_property
    def code(self) -> str:
        """The CUDA C source, read once."""
        if self._code is not None:
            return self._code
        file = package_files().joinpath(self.file) if self._path is None else self._path
        try:
            text: str = file.read_text(encoding="utf-8")
        except OSError:
            hint = f"; for a file of yours give pathlib.Path({self.file!r})"
            raise ArgumentError(
                f"{self.name}: no file {file}" + (hint if self._path is None else "")
            ) from None
        return text

    @property
    def include(self) -> list[Any]:
        """The folders of its headers."""
        beside = [] if self._path is None else [self._path.parent]
        return [*beside, package_files().joinpath("cuda/include")]

    @property
    def options(self) -> tuple[str, ...]:
        """What NVRTC is told, on a GPU and by tools/kernel_matrix.py; CuPy adds its own."""
        return ("-std=c++17", *(f"-I{folder}" for folder in self.include))

    @cached_property
    def expressions(self) -> tuple[str, ...]:
        """The name expressions of all instances, such as "max_pool<float, unsigned char>"."""
        return tuple([self.expression(types) for types in product(*self.templates.values())])

    @property
    def usual(self) -> str:
        """The instance that most calls want: float32 where there is a choice."""
        types = [
            d if (d := "float32") in dtypes else dtypes[0] for dtypes in self.templates.values()
        ]
        return self.expression(types)

    def expression(self, types: Sequence[str]) -> str:
        """The name expression for these types of the template parameters."""
        if not types:
            return self.name
        return f"{self.name}<{', '.join(C_NAMES[t] for t in types)}>"

    def limits(self, **arrays: Any) -> str | None:
        """Why the kernel can't take arrays of these dtypes, or None if it can.

        The arrays, or specs of them, are named as in the kernel: an op's rule may be
        ``def kernel_limits(self, x): return ROWS.limits(x=x)``.
        """
        known = {p.name: p for p in self.params if p.array}
        types: dict[str, str] = {}
        for name, array in arrays.items():
            if name not in known:
                raise ArgumentError(f"{self.name}: no array {name!r}; there are {', '.join(known)}")
            if array is None:
                continue
            told = self._mismatch(known[name], array.dtype.name, types)
            if told is not None:
                return told
        return None

    def bind(self, args: Sequence[Any], array: type = np.ndarray) -> tuple[str, list[Any]]:
        """(name expression, arguments ready for the launch) for a call with these arguments.

        Arrays must be of the class `array`, C-contiguous, and of the declared dtype; numbers are
        converted to the declared type if they fit. Raises DtypeError naming the kernel, the
        parameter and what came.
        """
        key = tuple([getattr(arg, "dtype", None) for arg in args])
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._plan(args)
        ready = list(args)
        for i in plan.arrays:
            if not isinstance(args[i], array) or not args[i].flags.c_contiguous:
                raise DtypeError(self._no_array(self.params[i], args[i], array))
        for i in plan.structs:
            if args[i].size != 1:
                raise DtypeError(self._no_struct(self.params[i], args[i]))
        for i, number in plan.numbers:
            ready[i] = self._number(self.params[i], args[i], number)
        return plan.expression, ready

    def _plan(self, args: Sequence[Any]) -> Plan:
        """What goes for all arguments of these dtypes, or a DtypeError."""
        if len(args) != len(self.params):
            names = ", ".join(p.name for p in self.params)
            told = f"takes {len(self.params)} arguments, got {len(args)}; they are {names}"
            raise DtypeError(f"{self.name}: {told}")
        types: dict[str, str] = {}
        arrays, structs, numbers = [], [], []
        for i in self._order:
            p, arg = self.params[i], args[i]
            if p.array:
                if not hasattr(arg, "dtype"):
                    raise DtypeError(self._no_array(p, arg, np.ndarray))
                mismatch = self._mismatch(p, arg.dtype.name, types)
                if mismatch is not None:
                    raise DtypeError(f"{self.name}: {mismatch}; {CURE}")
                arrays.append(i)
            elif p.type in self.structs:
                if getattr(arg, "dtype", None) != self.structs[p.type]:
                    raise DtypeError(self._no_struct(p, arg))
                structs.append(i)
            else:
                numbers.append((i, self._number_type(p, types)))
        if unbound := [t for t in self.templates if t not in types]:
            raise DtypeError(f"{self.name}: no array argument says what {unbound[0]} is")
        expression = self.expression([types[t] for t in self.templates])
        return Plan(expression, tuple(arrays), tuple(structs), tuple(numbers))

    def _dtype(self, p: Parameter, types: dict[str, str]) -> str:
        """The dtype that a parameter has, from those of the arrays before it."""
        if p.type in DTYPES:
            return DTYPES[p.type]
        template = p.type.removeprefix("wide<").removesuffix(">")
        if template not in types:
            raise DtypeError(f"{self.name}: {p.name} needs an array of {template} before it")
        dtype = types[template]
        return dtype if template == p.type else WIDE.get(dtype, dtype)

    def _mismatch(self, p: Parameter, came: str, types: dict[str, str]) -> str | None:
        """What is wrong with an array of that dtype, or None; says what a template stands for."""
        if p.type in self.templates:
            if came not in self.templates[p.type]:
                return f"{p.name} is {came}; compiled for {', '.join(self.templates[p.type])}"
            wanted = types.setdefault(p.type, came)
        else:
            wanted = self._dtype(p, types)
        return None if came == wanted else f"{p.name} is {came}; it must be {wanted}"

    def _number_type(self, p: Parameter, types: dict[str, str]) -> Any:
        name = self._dtype(p, types)
        if name in WIDE:
            raise DtypeError(
                f"{self.name}: {p.name} would be passed as a {name}; declare it as wide<{p.type}>"
            )
        return np.dtype(name).type

    def _number(self, p: Parameter, arg: Any, number: Any) -> Any:
        try:
            value = number(arg)  # of an array this is an array
            if type(arg) is int or issubclass(number, np.floating):
                exact = isinstance(value, number)
            else:
                exact = not isinstance(arg, float) and bool(value == arg)
        except (OverflowError, TypeError, ValueError):
            exact = False
        if not exact:
            told = f"{self.name}: {p.name}={arg!r:.80} is no {number.__name__}"
            if getattr(arg, "ndim", 0):
                told += f"; if it is an array, write {p.type}* {p.name}"
            raise DtypeError(told)
        return value

    def _no_array(self, p: Parameter, arg: Any, array: type) -> str:
        told = f"{self.name}: {p.name}"
        if isinstance(arg, array):
            return f"{told} is not C-contiguous; use dev.contiguous"
        if isinstance(arg, np.ndarray):
            return (
                f"{told} is an array of NumPy, on the CPU; dev.xp.asarray copies it to the GPU. "
                "dev.empty makes arrays there"
            )
        return f"{told} must be an array, got {type(arg).__name__}"

    def _no_struct(self, p: Parameter, arg: Any) -> str:
        return f"{self.name}: {p.name} must be one {p.type}, got {arg!r:.80}"

    def _parameter(self, text: str, in_place: Sequence[str]) -> Parameter:
        match = re.fullmatch(
            r"\s*(const\s+)?([\w ]+?|wide<\w+>)\s*(\*?)\s*(?:__restrict__\s*)?(\w+)\s*", text
        )
        if match is None:
            raise ArgumentError(
                f"{self.name}: not a kernel parameter: {text.strip()!r}; write "
                '"const float* x" or "int n"'
            )
        const, type_, star, name = match.groups()
        output = bool(star) and not const
        return Parameter(name, type_.strip(), bool(star), output, output and name in in_place)
