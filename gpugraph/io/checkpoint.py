"""Checkpoints: all that a training run needs to go on, in one safetensors file.

Arrays are stored under "model.<name>" and "<part>.<path>"; numbers, texts and the structure around
them as JSON in the file's metadata, under "gpugraph.checkpoint". Nothing in it is ever executed,
and other programs can read the weights.
"""

from __future__ import annotations

import copy
import json
import os
from os import PathLike
from typing import Any

import numpy as np

from ..core.backend import is_array
from ..core.errors import DataError, DtypeError, GpugraphError
from ..core.tensor import Tensor
from .tensors import read, save

__all__ = ["load_checkpoint", "save_checkpoint"]

KEY = "gpugraph.checkpoint"
VERSION = 1


def save_checkpoint(
    path: str | PathLike[str],
    model: Any,
    optimizer: Any = None,
    schedule: Any = None,
    extra: Any = None,
) -> None:
    """Write the states of model, optimizer and schedule, whole or not at all.

    model, optimizer, schedule  whatever has ``state_dict()``
    extra  dicts, lists, texts, numbers and arrays of your own: epoch, history, generator state
    Raises DtypeError for what JSON and safetensors can't hold, OSError if the disk refuses.
    """
    arrays = {f"model.{name}": value for name, value in model.state_dict().items()}
    tree = {"version": VERSION, "extra": _packed(extra, "extra", arrays)}
    for name, part in (("optimizer", optimizer), ("schedule", schedule)):
        if part is not None:
            tree[name] = _packed(part.state_dict(), name, arrays)
    save(path, arrays, {KEY: json.dumps(tree)})


def load_checkpoint(
    path: str | PathLike[str], model: Any, optimizer: Any = None, schedule: Any = None
) -> Any:
    """Put what `save_checkpoint` wrote into model, optimizer and schedule; returns its `extra`.

    All or nothing: if one of them refuses its part, the others get back what they had. A model with
    layers that wait for their input size takes it from the file. Raises DataError, with the path,
    if the file is missing, corrupt, no checkpoint, or doesn't fit.
    """
    arrays, metadata = read(path)
    prefix = "model."
    weights = {k[len(prefix) :]: v for k, v in arrays.items() if k.startswith(prefix)}
    parts: list[tuple[str, Any, Any]] = []
    try:
        tree = json.loads(metadata[KEY])
        if tree["version"] != VERSION:
            raise DataError(
                f"{os.fspath(path)}: a checkpoint of version {tree['version']}; "
                f"this gpugraph reads version {VERSION}"
            )
        for name, part in (("optimizer", optimizer), ("schedule", schedule)):
            if part is not None and name not in tree:
                raise DataError(f"{os.fspath(path)}: holds no state of {name}")
            if part is not None:
                parts.append((name, part, _unpacked(tree[name], arrays)))
        extra = _unpacked(tree["extra"], arrays)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{os.fspath(path)}: no checkpoint of gpugraph; io.load reads the arrays of any "
            "safetensors file"
        ) from None
    _restore(path, [*parts, ("model", model, weights)])
    return extra


def _restore(path: str | PathLike[str], parts: list[tuple[str, Any, Any]]) -> None:
    """Load every part; if one refuses, give back to those before it what they had.

    The model is the last: a module itself takes all or nothing, and may have no state yet.
    """
    before = []
    try:
        for name, part, state in parts:
            if name != "model":
                before.append((part, copy.deepcopy(part.state_dict())))
            part.load_state_dict(state)
    except (GpugraphError, KeyError, TypeError, ValueError) as error:
        for part, state in before:
            part.load_state_dict(state)
        raise DataError(f"{os.fspath(path)}: does not fit this {name}: {error}") from None


def _packed(value: Any, path: str, arrays: dict[str, Any]) -> Any:
    """A JSON value for it; arrays go into `arrays` under their path."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Tensor) or is_array(value):
        while path in arrays:  # {"a.b": x, "a": {"b": y}}
            path += "_"
        arrays[path] = value
        return {"array": path}
    if isinstance(value, dict):  # as pairs: JSON has no keys that are numbers
        items = [[_key(k, path), _packed(v, f"{path}.{k}", arrays)] for k, v in value.items()]
        return {"dict": items}
    if isinstance(value, (list, tuple)):
        return [_packed(v, f"{path}.{i}", arrays) for i, v in enumerate(value)]
    raise DtypeError(f"save_checkpoint: {path} is a {type(value).__name__}, which has no JSON form")


def _key(key: Any, path: str) -> Any:
    if isinstance(key, (int, str)):
        return key
    raise DtypeError(f"save_checkpoint: {path} has the key {key!r}; keys are texts or integers")


def _unpacked(value: Any, arrays: dict[str, Any]) -> Any:
    """What `_packed` made a JSON value of; tuples have become lists."""
    if isinstance(value, list):
        return [_unpacked(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    return {key: _unpacked(v, arrays) for key, v in value["dict"]}
