"""Handwritten digits: scikit-learn's small ones, and MNIST."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DataError
from .dataset import ArrayDataset
from .idx import read_idx

__all__ = ["digits", "mnist"]

MNIST_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"


def digits(split: str = "train") -> ArrayDataset:
    """The 1,797 real handwritten digits of 8 x 8 pixels that come with scikit-learn.

    split  "train" (1,442 images) or "test" (355). Fixed and stratified: of the images of each
           class, in the order of the data set, every fifth goes to the test set
    Items: image float32 (1, 8, 8) in 0 to 1, label int64. Needs scikit-learn, no network.
    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.
    """
    _check_split("digits", split)
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            f'digits need scikit-learn ({error}); pip install "gpugraph[demo]"'
        ) from None
    images, labels = load_digits(return_X_y=True)
    in_test = np.zeros(len(labels), bool)
    for digit in range(10):
        in_test[np.flatnonzero(labels == digit)[4::5]] = True
    chosen = in_test if split == "test" else ~in_test
    images = (images[chosen] / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    return ArrayDataset(images, labels[chosen].astype(np.int64))


def mnist(
    split: str = "train", root: str | PathLike[str] | None = None, raw: bool = False
) -> ArrayDataset:
    """MNIST: 60,000 (train) or 10,000 (test) handwritten digits of 28 x 28 pixels.

    split  "train" or "test"
    root   the folder with the four IDX files, plain or gzipped, or one that holds it as ``mnist/``;
           by default the environment variable GPUGRAPH_DATA, then ``data/``
    raw    leave the pixels uint8, 0 to 255, instead of float32, 0 to 1
    Items: image (1, 28, 28), label int64. Raises DataError for missing, corrupt or odd files.
    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proc. IEEE 86, 1998.
    """
    _check_split("mnist", split)
    prefix = "train" if split == "train" else "t10k"
    image_file = _find(f"{prefix}-images-idx3-ubyte", root)
    label_file = _find(f"{prefix}-labels-idx1-ubyte", root)
    images, labels = read_idx(image_file), read_idx(label_file)
    _check(image_file, images, "uint8 (N, 28, 28)", images.shape[1:] == (28, 28))
    _check(label_file, labels, "uint8 (N,)", labels.ndim == 1)
    if len(images) != len(labels):
        raise DataError(
            f"{label_file}: has {len(labels):,} labels for {len(images):,} images of {image_file}"
        )
    if labels.size and labels.max() > 9:
        at = int(np.argmax(labels > 9))
        raise DataError(f"{label_file}: label {labels[at]} of item {at} is no digit of 0 to 9")
    pixels = images[:, None]  # (N, 1, 28, 28)
    if not raw:
        pixels = pixels.astype(np.float32) / np.float32(255)
    return ArrayDataset(pixels, labels.astype(np.int64))


def _find(name: str, root: str | PathLike[str] | None) -> Path:
    roots = [root] if root is not None else [os.environ.get("GPUGRAPH_DATA"), "data"]
    folders = [Path(r) / sub for r in roots if r for sub in ("mnist", "")]
    for folder in folders:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    raise DataError(
        f"mnist: no file {name} or {name}.gz in {', '.join(map(str, folders))}; download the four "
        f"files of {MNIST_URL} into a folder mnist/ and name the folder around it as root, or in "
        "the environment variable GPUGRAPH_DATA"
    )


def _check(path: Path, array: np.ndarray[Any, Any], wanted: str, fits: bool) -> None:
    if array.dtype != np.uint8 or not fits:
        raise DataError(f"{path}: holds {array.dtype} {array.shape}; wanted {wanted}")


def _check_split(what: str, split: str) -> None:
    if split not in ("train", "test"):
        raise ArgumentError(f"{what}: split={split!r} must be 'train' or 'test'")
