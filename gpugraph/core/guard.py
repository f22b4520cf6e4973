"""What a public function says of arguments that its code did not foresee.

Most mistakes are refused where they matter, by the op that knows the cure. What gets past that, a
string for a probability or an array for an axis, must not end in the words of NumPy or of Python.
`guard` puts one ``try`` around each public function. Only when something was raised are the
arguments held against the signature: who is wrong is told under the name that the user called.
Gpugraph's own code calls the functions inside, and pays nothing.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, MutableMapping
from functools import lru_cache, wraps
from operator import index
from types import FunctionType
from typing import Any

import numpy as np

from . import backend
from .errors import ArgumentError, DtypeError, GpugraphError, IndexRangeError
from .frames import PACKAGE

__all__ = ["guard", "guarded", "told"]

# What code raises that was handed nonsense. Others (MemoryError, AssertionError) tell of no mistake
FOREIGN = (TypeError, ValueError, ArithmeticError, AttributeError, LookupError, RecursionError)
# Labels of what has no name as a function, or goes by another one than was called
PLAIN = ("backward:", "DLPack:")
_guards: dict[Callable[..., Any], Callable[..., Any]] = {}
LIBRARIES = {"numpy", "cupy", "ml_dtypes", *sys.stdlib_module_names} - {"__main__"}


def guard(namespace: MutableMapping[str, Any], names: Iterable[str]) -> None:
    """Put the guarded function in the place of each of these, here and where it is defined.

    Of classes the constructors are guarded, those of their bases, too. They hold the arguments
    against the signature in any case: what a layer is made with is used only much later.
    """
    for name in names:
        value: Any = namespace[name]
        if inspect.isclass(value):
            for base in value.__mro__:
                _guard_init(base)
        elif type(value) is FunctionType and value.__module__.startswith("gpugraph."):
            namespace[name] = guarded(value)
            home: dict[str, Any] = vars(sys.modules[value.__module__])
            if home.get(value.__name__) == value:  # so that it can be pickled
                home[value.__name__] = guarded(value)


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which names itself and the argument in every error about its arguments.

    The same one for each of its names, and for a guarded one.
    """
    if function in _guards:
        return _guards[function]

    @wraps(function)
    def checked(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except (GpugraphError, *FOREIGN) as error:
            ours = _explained(function.__name__, function, args, options, error)
            if ours is error:
                raise
        raise ours from ours.__cause__

    _guards[function] = _guards[checked] = checked
    return checked


def _guard_init(cls: type) -> None:
    init = vars(cls).get("__init__")
    if not inspect.isfunction(init) or init in _guards:
        return
    code = init.__code__
    named = code.co_argcount > 1 or code.co_kwonlyargcount or code.co_flags & inspect.CO_VARARGS
    if not init.__module__.startswith("gpugraph.") or not named:
        return  # of an argument without a name nothing is told; each backward makes `set_state`s

    @wraps(init)
    def checked(self: Any, *args: Any, **options: Any) -> None:
        name = type(self).__name__
        error: Exception | None
        try:
            init(self, *args, **options)
            error = _culprit(name, init, (self, *args), options)
            if error is not None and hasattr(next(iter(args), None), "array"):
                error.args = (f"{error}. Make the layer first, then call it: {name}(...)(x)",)
        except (GpugraphError, *FOREIGN) as raised:
            error = _explained(name, init, (self, *args), options, raised)
            if error is raised:
                raise
        if error is not None:
            raise error from error.__cause__

    _guards[init] = _guards[checked] = checked
    cls.__init__ = checked  # type: ignore[misc]


def told(value: Any) -> str:
    """A value in a few words: ``float32 (2, 3)`` for an array, else its repr or its type."""
    array = getattr(value, "array", value)
    if backend.is_array(array):
        return f"{array.dtype} {tuple(array.shape)}"
    if value is None or isinstance(value, (bool, int, float, complex, str, np.generic)):
        text = repr(value)
        return text if len(text) <= 40 else f"{text[:36]}..."
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, (list, tuple)) and len(value) <= 4:
        inside = ", ".join(map(told, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    return f"a {type(value).__name__}"


def _explained(
    name: str,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    options: dict[str, Any],
    error: Exception,
) -> Exception:
    """Our error in the name of the function; the same one where it already speaks well."""
    text = getattr(error, "told", str(error))
    if isinstance(error, GpugraphError) and text.startswith((f"{name}:", *PLAIN)):
        return error
    if _by_user(error):  # a function of the user's raised it: not ours to change
        return error
    if isinstance(error, TypeError) and _depth(error) == 1:  # the call itself does not fit
        said = str(error).replace(f"{function.__qualname__}()", f"{name}()")
        return TypeError(f"{said}; it takes {_signature(function)}")
    ours = _culprit(name, function, args, options)
    if ours is not None:
        return ours
    if isinstance(error, GpugraphError):  # an inner function knew: say who was called, too
        error.told = text  # type: ignore[attr-defined]
        error.args = (f"{name}: {text}",)
        return error
    given = ", ".join(f"{k}={told(v)}" for k, v in _bound(function, args, options).items())
    kind: type[GpugraphError] = ArgumentError
    if isinstance(error, IndexError):
        kind = IndexRangeError
    elif isinstance(error, (TypeError, AttributeError)):
        kind = DtypeError
    ours = kind(
        f"{name}: can't compute with {given} ({type(error).__name__}: {error}); "
        f"help({name}) tells what it takes"
    )
    ours.__cause__ = error  # if the fault should be ours, this is where
    return ours


def _culprit(
    name: str, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]
) -> GpugraphError | None:
    """The error of the first argument that is not what its annotation says."""
    parameters = signature(function).parameters
    for key, value in _bound(function, args, options).items():
        if isinstance(value, np.ndarray) and value.dtype.kind in "OSUMm":
            return DtypeError(f"{name}: {key} is an array of {value.dtype}; it takes numbers")
        wanted = _wanted(str(parameters[key].annotation), value)
        if wanted and value is not parameters[key].default:
            return DtypeError(f"{name}: {key} is {told(value)}; it must be {wanted}")
    return None


def _wanted(annotation: str, value: Any) -> str | None:
    """What an annotation asks for, in words, if the value is not that; None if it is."""
    kinds = [kind.strip() for kind in annotation.split("|")]
    if not KINDS.keys() >= set(kinds):
        return None
    if any(KINDS[kind][1](value) for kind in kinds):
        return None
    return " or ".join(KINDS[kind][0] for kind in kinds)


def _is_int(value: Any) -> bool:
    try:
        index(value)
    except TypeError:
        return False
    return True


def _is_number(value: Any) -> bool:
    if getattr(value, "shape", ()) != () or isinstance(value, (str, bytes)):
        return False
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _is_flag(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_)) or (type(value) is int and value in (0, 1))


# annotation -> what it asks for, in words, and whether a value is that
KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "int": ("an int", _is_int),
    "float": ("a number", _is_number),
    "bool": ("True or False", _is_flag),
    "str": ("a string", lambda value: isinstance(value, str)),
    "None": ("None", lambda value: value is None),
    "Generator": (
        "a gpugraph.random.Generator",
        lambda value: hasattr(value, "advance") and hasattr(value, "uniform"),
    ),
    "Callable[..., Any]": ("a function", callable),
}


def _bound(
    function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]
) -> dict[str, Any]:
    """The arguments by name, as far as they can be told."""
    try:
        found = signature(function).bind_partial(*args, **options).arguments
    except TypeError:
        return {}
    return {key: value for key, value in found.items() if key != "self"}


@lru_cache(maxsize=4096)
def signature(function: Callable[..., Any]) -> inspect.Signature:
    """What `inspect` tells, once."""
    return inspect.signature(function)


def _signature(function: Callable[..., Any]) -> str:
    """The signature without types, as a user writes the call."""
    found = signature(function)
    bare = [p.replace(annotation=p.empty) for p in found.parameters.values() if p.name != "self"]
    return str(found.replace(parameters=bare, return_annotation=found.empty))


def _depth(error: BaseException) -> int:
    """How many frames the error has come through."""
    depth, tb = 0, error.__traceback__
    while tb is not None:
        depth, tb = depth + 1, tb.tb_next
    return depth


def _by_user(error: BaseException) -> bool:
    """Did code of the user's, called from the function, raise it? (A loss, a hook, __array__.)"""
    tb = error.__traceback__
    while tb is not None:
        frame = tb.tb_frame
        library = frame.f_globals.get("__name__", "").partition(".")[0] in LIBRARIES
        if not library and not frame.f_code.co_filename.startswith((PACKAGE, "<")):
            return True
        tb = tb.tb_next
    return False
