"""Kernels as declared in Python: which ``__global__`` function, for which types and arguments.

    MAX_POOL = Kernel(
        "ops/pool.cu", "max_pool", "const T* x, T* y, I* offset, Window3 w, long long n",
        T=FLOATS, I=OFFSETS,
    )

The parameters are written as in the .cu file, and the simulator's tests hold them against what the
compiler makes of it. A pointer to const is an input, another pointer an output. T and I are
template parameters, in this order; an array argument decides which type each stands for. CuPy
checks nothing of this: a Python float would go in as a double, and a float64 array as whatever.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from ..core.errors import DtypeError

__all__ = ["FLOATS", "OFFSETS", "Kernel", "Parameter", "only_floats"]

# NumPy's dtype and its name in CUDA C
C_NAMES = {
    np.dtype(np.float32): "float",
    np.dtype(np.float64): "double",
    np.dtype(np.uint8): "unsigned char",
    np.dtype(np.uint16): "unsigned short",
    np.dtype(np.int32): "int",
    np.dtype(np.int64): "long long",
    np.dtype(np.uint32): "unsigned int",
    np.dtype(np.uint64): "unsigned long long",
    np.dtype(np.bool_): "bool",
}
DTYPES = {name: dtype for dtype, name in C_NAMES.items()}
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
OFFSETS = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.int32))


def only_floats(x: Any) -> str | None:
    """Why kernels compiled for FLOATS can't take an array like x, or None if they can."""
    return None if x.dtype in FLOATS else f"compiled for float32 and float64, not {x.dtype}"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel: "const T* x" is an input array of the template type T."""

    name: str
    type: str  # without const and *: a C type, a template parameter, or the name of a struct
    array: bool
    output: bool


class Kernel:
    """A kernel of a .cu file of the package.

    file       path inside the package, "ops/pool.cu"
    name       of the ``__global__`` function (template)
    params     its parameters, as they stand there
    structs    {name: structured dtype} of structs that are passed by value
    templates  {template parameter: the dtypes it is compiled for}, in the order of the template
    """

    def __init__(
        self,
        file: str,
        name: str,
        params: str,
        structs: dict[str, Any] | None = None,
        **templates: Sequence[Any],
    ) -> None:
        self.file, self.name = file, name
        self.structs = structs or {}
        self.templates = templates
        self.params = tuple([_parameter(text) for text in params.split(",")])

    def __repr__(self) -> str:
        return f"Kernel({self.file!r}, {self.name!r})"

    @cached_property
    def expressions(self) -> tuple[str, ...]:
        """The name expressions of all instances, such as "max_pool<float, unsigned char>"."""
        return tuple([self.expression(types) for types in product(*self.templates.values())])

    def expression(self, types: Sequence[Any]) -> str:
        """The name expression for these types of the template parameters."""
        if not types:
            return self.name
        return f"{self.name}<{', '.join(C_NAMES[np.dtype(t)] for t in types)}>"

    def bind(self, args: Sequence[Any]) -> tuple[str, list[Any]]:
        """(name expression, arguments ready for the launch) for a call with these arguments.

        Arrays must be C-contiguous and of the declared dtype; numbers are converted to the declared
        type if they fit. Raises DtypeError naming the kernel, the parameter and what came.
        """
        if len(args) != len(self.params):
            raise DtypeError(f"{self.name}: takes {len(self.params)} arguments, got {len(args)}")
        types: dict[str, Any] = {}
        ready = [self._checked(p, a, types) for p, a in zip(self.params, args, strict=True)]
        if unbound := [t for t in self.templates if t not in types]:
            raise DtypeError(f"{self.name}: no array argument says what {unbound[0]} is")
        return self.expression([types[t] for t in self.templates]), ready

    def _checked(self, p: Parameter, arg: Any, types: dict[str, Any]) -> Any:
        if p.array:
            return self._array(p, arg, types)
        if p.type in self.structs:
            if getattr(arg, "dtype", None) != self.structs[p.type] or arg.size != 1:
                raise DtypeError(f"{self.name}: {p.name} must be one {p.type}, got {arg!r:.80}")
            return arg
        dtype: Any = types.get(p.type) if p.type in self.templates else DTYPES[p.type]
        if dtype is None:
            raise DtypeError(f"{self.name}: {p.name} needs an array of {p.type} before it")
        return self._number(p, arg, np.dtype(dtype))

    def _array(self, p: Parameter, arg: Any, types: dict[str, Any]) -> Any:
        if not hasattr(arg, "flags") or not hasattr(arg, "dtype"):
            raise DtypeError(f"{self.name}: {p.name} must be an array, got {type(arg).__name__}")
        if p.type in self.templates:
            wanted = types.setdefault(p.type, arg.dtype)
            if arg.dtype not in self.templates[p.type]:
                allowed = ", ".join(map(str, self.templates[p.type]))
                raise DtypeError(f"{self.name}: {p.name} is {arg.dtype}; compiled for {allowed}")
        else:
            wanted = DTYPES[p.type]
        if arg.dtype != wanted:
            raise DtypeError(f"{self.name}: {p.name} is {arg.dtype}; it must be {wanted}")
        if not arg.flags.c_contiguous:
            raise DtypeError(f"{self.name}: {p.name} is not C-contiguous; use dev.contiguous")
        return arg

    def _number(self, p: Parameter, arg: Any, dtype: Any) -> Any:
        try:
            number = dtype.type(arg)
        except (OverflowError, TypeError, ValueError):
            number = None
        exact = number is not None and (dtype.kind == "f" or number == arg)
        if not exact or (isinstance(arg, float) and dtype.kind != "f"):
            raise DtypeError(f"{self.name}: {p.name}={arg!r} is no {dtype}")
        return number


def _parameter(text: str) -> Parameter:
    match = re.fullmatch(r"\s*(const\s+)?([\w ]+?)\s*(\*?)\s*(?:__restrict__\s*)?(\w+)\s*", text)
    if match is None:
        raise ValueError(f"not a kernel parameter: {text!r}")
    const, type_, star, name = match.groups()
    return Parameter(name, type_.strip(), bool(star), bool(star) and not const)
