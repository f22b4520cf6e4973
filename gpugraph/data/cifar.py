"""CIFAR-10: 60,000 photographs of 32 x 32 pixels, of ten classes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DataError
from .dataset import ArrayDataset

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
RECORD = 1 + 3 * 32 * 32  # bytes: a label, then red, green and blue, each row by row
PICTURES = (".png", ".jpg", ".jpeg")


def cifar10(
    split: str = "train", root: str | PathLike[str] | None = None, raw: bool = False
) -> ArrayDataset:
    """CIFAR-10: 50,000 (train) or 10,000 (test) photographs of 32 x 32 pixels.

    split  "train" or "test"
    root   the folder with the "binary version" (data_batch_1.bin to data_batch_5.bin and
           test_batch.bin), or with pictures in folders (``train/airplane/*.png``, or .jpg, which
           need Pillow), or one that holds either as ``cifar-10-batches-bin/`` or ``cifar10/``; by
           default the environment variable GPUGRAPH_DATA, then ``data/``
    raw    leave the pixels uint8, 0 to 255, instead of float32, 0 to 1
    Items: image (3, 32, 32), label int64, the position in CIFAR10_CLASSES. Raises DataError for
    missing, corrupt or odd files.
    Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """
    if split not in ("train", "test"):
        raise ArgumentError(f"cifar10: split={split!r} must be 'train' or 'test'")
    batches = (
        [f"data_batch_{i}.bin" for i in range(1, 6)] if split == "train" else ["test_batch.bin"]
    )
    folders = list(_folders(root))
    for folder in folders:
        if all((folder / name).is_file() for name in batches):
            images, labels = _records([folder / name for name in batches])
            break
        if (folder / split).is_dir():
            images, labels = _pictures(folder / split)
            break
    else:
        raise DataError(
            f"cifar10: neither {batches[0]} nor a folder {split}/ with pictures in "
            f"{', '.join(map(str, folders))}; unpack the binary version of {CIFAR10_URL} and name "
            "the folder around it as root, or in the environment variable GPUGRAPH_DATA"
        )
    pixels = images if raw else images.astype(np.float32) / np.float32(255)
    return ArrayDataset(pixels, labels.astype(np.int64))


def _folders(root: str | PathLike[str] | None) -> Iterator[Path]:
    roots = [root] if root is not None else [os.environ.get("GPUGRAPH_DATA"), "data"]
    for name in roots:
        if name:
            yield from (Path(name) / sub for sub in ("cifar-10-batches-bin", "cifar10", ""))


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
