"""Pickles read as data: an allow-list says which names may be in them; nothing else is looked up.

What the names stand for are objects of this file, which only check and write down their arguments.
No method of a class that a file names is ever called, no module imported, no attribute set.
"""

from __future__ import annotations

import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import IO, Any

from .errors import DataError

__all__ = ["Call", "load_pickle"]

# What may be done to the stack: build numbers, texts and containers, call what `names` gives, and
# tell storages by number. Not in it: INST, OBJ and NEWOBJ (make objects), EXT (names by number).
OPCODES = set(
    """PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG
    LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8
    UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 EMPTY_LIST APPEND APPENDS LIST EMPTY_TUPLE TUPLE
    TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT DICT SETITEM SETITEMS EMPTY_SET ADDITEMS FROZENSET GET BINGET
    LONG_BINGET PUT BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL REDUCE BUILD PERSID BINPERSID
    """.split()
)


class Call:
    """A name of the allow-list: a function of checked arguments. Nothing can be set on it."""

    __slots__ = ("_function",)

    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *args: Any) -> Any:
        """What it stands for."""
        return self._function(*args)

    def __setattr__(self, name: str, value: Any) -> None:
        raise DataError("a pickle sets attributes of what it names")

    def __setstate__(self, state: Any) -> None:
        raise DataError("a pickle sets the state of what it names")


def load_pickle(
    path: Any,
    file: IO[bytes],
    names: Mapping[tuple[str, str], Any],
    persistent: Callable[[Any], Any] | None = None,
    encoding: str = "utf-8",
) -> Any:
    """The object in the pickle at the place where the file stands, which is left behind it.

    path        for messages
    names       (module, name) -> what stands for it
    persistent  what stands for a "persistent id"
    encoding    of texts that Python 2 wrote; "bytes" leaves them
    Raises DataError for anything else than data and allowed names.
    """
    start = file.tell()
    try:
        _check_opcodes(file)
        file.seek(start)
        return _Unpickler(file, names, persistent, encoding).load()
    except (DataError, MemoryError):
        raise
    except Exception as error:  # what a broken or hostile pickle raises is anyone's guess
        raise DataError(f"{path}: truncated, corrupt or no such pickle ({error})") from None


def _check_opcodes(file: IO[bytes]) -> None:
    """Refuse what no honest file holds, before anything is made of it."""
    for i, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if opcode.name not in OPCODES:
            raise DataError(
                f"the pickle uses {opcode.name}, which no file of tensors needs: it makes other "
                "objects, and reading a file must not run code. Of a model save its state_dict()"
            )
        if opcode.name.endswith("PUT") and argument is not None and int(argument) > i:
            raise DataError(f"the pickle numbers object {argument} after {i} steps")


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], names: Any, persistent: Any, encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self.names, self.persistent = names, persistent

    def find_class(self, module: str, name: str) -> Any:
        found = self.names.get((module, name))
        if found is None:
            raise DataError(
                f"the pickle asks for {module}.{name}, which is not looked up: reading a file must "
                "not run code. Files that hold tensors, numbers, texts and containers can be read; "
                "of a model save its state_dict()"
            )
        return found

    def persistent_load(self, pid: Any) -> Any:
        if self.persistent is None:
            raise DataError("the pickle refers to objects outside of it")
        return self.persistent(pid)


def plain(value: Any, made: Callable[[Any], Any]) -> Any:
    """The tree with ordered dicts as dicts, and each object that is no container through `made`.

    Shared parts stay shared, so that a small file stays small; one that contains itself is refused.
    """
    done: dict[int, Any] = {}
    busy: set[int] = set()

    def walk(x: Any) -> Any:
        if not isinstance(x, (dict, list, tuple, set, frozenset)):
            return made(x)
        if id(x) in done:
            return done[id(x)]
        if id(x) in busy:
            raise DataError("the pickle has a container that contains itself")
        busy.add(id(x))
        if isinstance(x, dict):
            copy: Any = {walk(k): walk(v) for k, v in dict.items(x)}
        else:
            kind = next(k for k in (list, tuple, set, frozenset) if isinstance(x, k))
            copy = kind([walk(item) for item in x])
        busy.discard(id(x))
        done[id(x)] = copy
        return copy

    try:
        return walk(value)
    except RecursionError:
        raise DataError("the pickle is nested too deeply") from None


ORDERED_DICT = {("collections", "OrderedDict"): OrderedDict}
