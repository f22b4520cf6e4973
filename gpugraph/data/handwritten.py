"""Handwritten digits: scikit-learn's small ones, and MNIST."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DataError
from .dataset import ArrayDataset
from .download import download_all
from .idx import read_idx

__all__ = ["FASHION_MNIST_CLASSES", "digits", "fashion_mnist", "mnist"]

FASHION_MNIST_CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
FILES = [f"{p}-{k}-ubyte.gz" for p in ("train", "t10k") for k in ("images-idx3", "labels-idx1")]
MD5_OF_MNIST = (
    "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "d53e105ee54ea40749a09fcbcd1e9432",
    "9fb629c4189551a2d022fa330f9573f3",
    "ec29112dd5afa0611ce80d1b7f02629c",
)
MD5_OF_FASHION = (
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "25c81989df183df01b3e8a0aad5dffbe",
    "bef4ecab320f06d8554ea6380940ec79",
    "bb300cfdad3c16e7a12a480ee83cd310",
)
SOURCES = {  # folder, address, checksums of the files
    "mnist": (
        "mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        {name: f"md5:{md5}" for name, md5 in zip(FILES, MD5_OF_MNIST, strict=True)},
    ),
    "fashion_mnist": (
        "fashion-mnist",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        {name: f"md5:{md5}" for name, md5 in zip(FILES, MD5_OF_FASHION, strict=True)},
    ),
}


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
    split: str = "train",
    root: str | PathLike[str] | None = None,
    raw: bool = False,
    download: bool = False,
) -> ArrayDataset:
    """MNIST: 60,000 (train) or 10,000 (test) handwritten digits of 28 x 28 pixels.

    split     "train" or "test"
    root      the folder with the four IDX files, plain or gzipped, or one that holds it as
              ``mnist/``; by default the environment variable GPUGRAPH_DATA, then ``data/``
    raw       leave the pixels uint8, 0 to 255, instead of float32, 0 to 1
    download  fetch the files into ``mnist/`` there if they are missing; needs pooch and a network
    Items: image (1, 28, 28), label int64. Raises DataError for missing, corrupt or odd files.
    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proc. IEEE 86, 1998.
    """
    return _idx_images("mnist", split, root, raw, download)


def fashion_mnist(
    split: str = "train",
    root: str | PathLike[str] | None = None,
    raw: bool = False,
    download: bool = False,
) -> ArrayDataset:
    """Fashion-MNIST: clothes in the form of `mnist`, of which all options hold.

    root      likewise, but the files may be in ``fashion-mnist/``, where `download` puts them
    Items: image (1, 28, 28), label int64, the position in FASHION_MNIST_CLASSES.
    Source: H. Xiao, K. Rasul, R. Vollgraf 2017, arXiv:1708.07747.
    """
    return _idx_images("fashion_mnist", split, root, raw, download)


def _idx_images(
    what: str, split: str, root: str | PathLike[str] | None, raw: bool, download: bool
) -> ArrayDataset:
    _check_split(what, split)
    sub, url, checksums = SOURCES[what]
    prefix = "train" if split == "train" else "t10k"
    names = [f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"]
    folders = [Path(r) / s for r in _roots(root) for s in (sub, "")]
    if download and not all(_find(name, folders) for name in names):
        download_all(url, folders[0], checksums)
    paths = []
    for name in names:
        path = _find(name, folders)
        if path is None:
            raise DataError(
                f"{what}: no file {name} or {name}.gz in {', '.join(map(str, folders))}; download "
                f"the four files of {url} into a folder {sub}/ and name the folder around it as "
                "root, or in the environment variable GPUGRAPH_DATA; or pass download=True"
            )
        paths.append(path)
    image_file, label_file = paths
    images, labels = read_idx(image_file), read_idx(label_file)
    _check(image_file, images, "uint8 (N, 28, 28)", images.shape[1:] == (28, 28))
    _check(label_file, labels, "uint8 (N,)", labels.ndim == 1)
    if len(images) != len(labels):
        raise DataError(
            f"{label_file}: has {len(labels):,} labels for {len(images):,} images of {image_file}"
        )
    if labels.size and labels.max() > 9:
        at = int(np.argmax(labels > 9))
        kind = "digit" if what == "mnist" else "class"
        raise DataError(f"{label_file}: label {labels[at]} of item {at} is no {kind} of 0 to 9")
    pixels = images[:, None]  # (N, 1, 28, 28)
    if not raw:
        pixels = pixels.astype(np.float32) / np.float32(255)
    return ArrayDataset(pixels, labels.astype(np.int64))


def _roots(root: str | PathLike[str] | None) -> list[str | PathLike[str]]:
    """Where to look: the folder asked for, or those that are usual."""
    roots = [root] if root is not None else [os.environ.get("GPUGRAPH_DATA"), "data"]
    return [r for r in roots if r]


def _find(name: str, folders: list[Path]) -> Path | None:
    paths = (path for f in folders for path in (f / name, f / f"{name}.gz"))
    return next((path for path in paths if path.is_file()), None)


def _check(path: Path, array: np.ndarray[Any, Any], wanted: str, fits: bool) -> None:
    if array.dtype != np.uint8 or not fits:
        raise DataError(f"{path}: holds {array.dtype} {array.shape}; wanted {wanted}")


def _check_split(what: str, split: str) -> None:
    if split not in ("train", "test"):
        raise ArgumentError(f"{what}: split={split!r} must be 'train' or 'test'")
