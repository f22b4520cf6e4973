"""Datasets: a length and items by number. An item is a tuple of NumPy arrays and numbers.

Any object with ``__len__`` and ``__getitem__`` will do. Deriving from `Dataset` adds `batch`, which
a dataset that can fetch many items at once (as `ArrayDataset` does) states in a faster way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..core.errors import ArgumentError, DataError, IndexRangeError, ShapeError

__all__ = ["ArrayDataset", "Dataset", "Subset", "collate", "split"]

Batch: TypeAlias = "tuple[np.ndarray[Any, Any], ...]"


class Dataset:
    """Base of datasets: state ``__len__`` and ``__getitem__``."""

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} states no __len__")

    def __getitem__(self, index: int) -> Any:
        """Item number `index`: a tuple of arrays and numbers; IndexError past the end."""
        raise NotImplementedError(f"{type(self).__name__} states no __getitem__")

    def batch(self, indices: np.ndarray[Any, Any]) -> Batch:
        """These items together: one array for each part of an item, with a leading batch axis."""
        return collate([self[int(i)] for i in indices])


class ArrayDataset(Dataset):
    """Item i is ``(array[i], ...)`` of arrays with equally many rows.

    arrays     NumPy arrays, or what `numpy.asarray` takes
    transform  maps the arrays of a batch to new ones: ``lambda x, y: (x - mean, y)``
    """

    def __init__(self, *arrays: Any, transform: Callable[..., Any] | None = None) -> None:
        self.arrays = tuple([np.asarray(a) for a in arrays])
        self.transform = transform
        lengths = [a.shape[:1] for a in self.arrays]
        if not lengths or () in lengths or len(set(lengths)) > 1:
            shapes = ", ".join(str(a.shape) for a in self.arrays) or "none"
            raise ShapeError(f"ArrayDataset: arrays must share their first length; got {shapes}")

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: int) -> Batch:
        index = _checked(index, len(self), "ArrayDataset")
        return tuple([part[0] for part in self.batch(np.array([index]))])

    def batch(self, indices: np.ndarray[Any, Any]) -> Batch:
        """These rows of each array, copied by one indexing operation."""
        parts = tuple([a[indices] for a in self.arrays])
        return parts if self.transform is None else _as_tuple(self.transform(*parts))


class Subset(Dataset):
    """The items of a dataset with these numbers, in this order."""

    def __init__(self, dataset: Any, indices: Sequence[int] | np.ndarray[Any, Any]) -> None:
        self.dataset = dataset
        self.indices = np.asarray(indices, dtype=np.int64).reshape(-1)
        outside = (self.indices < 0) | (self.indices >= len(dataset))
        if outside.any():
            raise IndexRangeError(
                f"Subset: index {self.indices[outside][0]} is outside a dataset of {len(dataset)}"
            )

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.indices[_checked(index, len(self), "Subset")])]

    def batch(self, indices: np.ndarray[Any, Any]) -> Batch:
        """These items, fetched by the dataset underneath."""
        return fetch(self.dataset, self.indices[indices])


def split(dataset: Any, fractions: Sequence[float], seed: int = 0) -> tuple[Subset, ...]:
    """Cut a dataset at random into parts without common items, the same ones for the same seed.

    fractions  of the whole, adding up to 1; what rounding leaves over goes to the last part
    """
    if not len(fractions) or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ArgumentError(
            f"split: fractions={tuple(fractions)} must be at least 0 and add up to 1"
        )
    order = shuffled(len(dataset), seed)
    ends = np.round(np.cumsum(fractions)[:-1] * len(dataset)).astype(int)
    return tuple([Subset(dataset, part) for part in np.split(order, ends)])


def shuffled(n: int, *key: int) -> np.ndarray[Any, Any]:
    """A random order of 0 to n - 1 that depends on the key alone."""
    bits = np.random.Philox(np.random.SeedSequence(key))
    return np.argsort(bits.random_raw(n), kind="stable")


def fetch(dataset: Any, indices: np.ndarray[Any, Any]) -> Batch:
    """A batch of any dataset, by the fastest way it has."""
    if isinstance(dataset, Dataset):
        return dataset.batch(indices)
    return collate([dataset[int(i)] for i in indices])


def collate(items: Sequence[Any]) -> Batch:
    """Stack the parts of some items: ``[(x0, y0), (x1, y1)]`` gives ``(x, y)``.

    Python numbers become float32, int64 or bool arrays; an item that is no tuple has one part.
    """
    rows = [_as_tuple(item) for item in items]
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise DataError(
            f"collate: items of one batch have {sorted(lengths)} parts; make them equal"
        )
    return tuple([_stacked(i, part) for i, part in enumerate(zip(*rows, strict=True))])


def _stacked(number: int, values: tuple[Any, ...]) -> np.ndarray[Any, Any]:
    arrays = [np.asarray(value) for value in values]
    if len({a.shape for a in arrays}) > 1:
        shapes = ", ".join(sorted({str(a.shape) for a in arrays}))
        raise ShapeError(f"collate: part {number} has items of shapes {shapes}; make them equal")
    array = np.stack(arrays)
    return array.astype(np.float32) if isinstance(values[0], float) else array


def _as_tuple(item: Any) -> tuple[Any, ...]:
    return tuple(item) if isinstance(item, (tuple, list)) else (item,)


def _checked(index: int, length: int, what: str) -> int:
    if not -length <= index < length:
        raise IndexRangeError(f"{what}: index {index} is outside a dataset of {length}")
    return index % length
