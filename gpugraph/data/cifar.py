"""CIFAR-10: 60,000 photographs of 32 x 32 pixels, of ten classes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DataError
from .cifar_pickle import read_batch
from .dataset import ArrayDataset
from .download import download as fetch
from .download import unpack

__all__ = ["CIFAR10_CLASSES", "cifar10"]

CIFAR10_URL = "https://www.cs.toronto.edu/~kriz/cifar.html"
CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
CIFAR10_ARCHIVE = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
CIFAR10_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
TRAIN = [f"data_batch_{i}" for i in range(1, 6)]
SUBFOLDERS = ("cifar-10-batches-bin", "cifar-10-batches-py", "cifar10", "")
RECORD = 1 + 3 * 32 * 32  # bytes: a label, then red, green and blue, each row by row
PICTURES = (".png", ".jpg", ".jpeg")


def cifar10(
    split: str = "train",
    root: str | PathLike[str] | None = None,
    raw: bool = False,
    download: bool = False,
) -> ArrayDataset:
    """CIFAR-10: 50,000 (train) or 10,000 (test) photographs of 32 x 32 pixels.

    split     "train" or "test"
    root      the folder with the "binary version" (data_batch_1.bin to data_batch_5.bin and
              test_batch.bin), the "python version" (the same without .bin), or pictures in folders
              (``train/airplane/*.png``, or .jpg, which need Pillow); or one that holds it as
              ``cifar-10-batches-bin/``, ``cifar-10-batches-py/`` or ``cifar10/``; by default the
              environment variable GPUGRAPH_DATA, then ``data/``
    raw       leave the pixels uint8, 0 to 255, instead of float32, 0 to 1
    download  fetch the binary version (170 MB) there if it is missing; needs pooch and a network
    The python version is pickled; it is read without running what is in it.
    Items: image (3, 32, 32), label int64, the position in CIFAR10_CLASSES. Raises DataError for
    missing, corrupt or odd files.
    Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """
    if split not in ("train", "test"):
        raise ArgumentError(f"cifar10: split={split!r} must be 'train' or 'test'")
    batches = TRAIN if split == "train" else ["test_batch"]
    folders = list(_folders(root))
    found = _found(folders, batches, split)
    if found is None and download:
        archive = fetch(CIFAR10_ARCHIVE, folders[0].parent, f"md5:{CIFAR10_MD5}")
        unpack(archive, [f"{n}.bin" for n in (*TRAIN, "test_batch")], folders[0])
        found = _found(folders, batches, split)
    if found is None:
        raise DataError(
            f"cifar10: neither {batches[0]}.bin nor a folder {split}/ with pictures, nor the "
            f"pickled {batches[0]}, in {', '.join(map(str, folders))}; unpack the binary version "
            f"of {CIFAR10_URL} and name the folder around it as root, or in the environment "
            "variable GPUGRAPH_DATA; or pass download=True"
        )
    images, labels = found
    pixels = images if raw else images.astype(np.float32) / np.float32(255)
    return ArrayDataset(pixels, labels.astype(np.int64))


def _found(folders: list[Path], batches: list[str], split: str) -> Any:
    """Images and labels of the first folder that has them, or None."""
    for folder in folders:
        if all((folder / f"{name}.bin").is_file() for name in batches):
            return _records([folder / f"{name}.bin" for name in batches])
        if all((folder / name).is_file() for name in batches):
            parts = [read_batch(folder / name) for name in batches]
            images, labels = zip(*parts, strict=True)
            return np.concatenate(images), np.concatenate(labels)
        if (folder / split).is_dir():
            return _pictures(folder / split)
    return None


def _folders(root: str | PathLike[str] | None) -> Iterator[Path]:
    roots = [root] if root is not None else [os.environ.get("GPUGRAPH_DATA"), "data"]
    for name in roots:
        if name:
            yield from (Path(name) / sub for sub in SUBFOLDERS)


def _records(paths: list[Path]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Images (N, 3, 32, 32) and labels (N,) of binary files, one behind the other."""
    parts = []
    for path in paths:
        held = np.fromfile(path, np.uint8)
        if not held.size or held.size % RECORD:
            raise DataError(
                f"{path}: has {held.size:,} bytes; an image and its label take {RECORD}"
            )
        part = held.reshape(-1, RECORD)
        if part[:, 0].max() > 9:
            at = int(np.argmax(part[:, 0] > 9))
            raise DataError(f"{path}: label {part[at, 0]} of item {at} is no class of 0 to 9")
        parts.append(part)
    records = np.concatenate(parts)  # (N, 3073)
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]


def _pictures(folder: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The same of folders with pictures, class by class and in the order of their names."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f'pictures need Pillow ({error}); pip install "gpugraph[data]"') from None
    images, labels = [], []
    for label, name in enumerate(CIFAR10_CLASSES):
        paths = sorted(p for p in (folder / name).glob("*") if p.suffix.lower() in PICTURES)
        if not paths:
            raise DataError(f"{folder / name}: holds no pictures ({', '.join(PICTURES)})")
        for path in paths:
            try:
                with Image.open(path) as picture:
                    pixels = np.asarray(picture.convert("RGB"))  # (32, 32, 3)
            except OSError as error:
                raise DataError(f"{path}: is no picture that Pillow can read ({error})") from None
            if pixels.shape != (32, 32, 3):
                raise DataError(
                    f"{path}: has {pixels.shape[1]} x {pixels.shape[0]} pixels, not 32 x 32"
                )
            images.append(pixels)
        labels += [label] * len(paths)
    return np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2)), np.array(labels)
