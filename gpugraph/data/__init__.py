"""Datasets, loaders, and readers of real data."""

from . import augment
from .cifar import CIFAR10_CLASSES, cifar10
from .dataset import ArrayDataset, Dataset, Subset, collate, split
from .download import download
from .handwritten import FASHION_MNIST_CLASSES, digits, fashion_mnist, mnist
from .idx import read_idx, write_idx
from .images import ImageFolder, ImageTar
from .loader import DataLoader

__all__ = [
    "CIFAR10_CLASSES",
    "FASHION_MNIST_CLASSES",
    "ArrayDataset",
    "DataLoader",
    "Dataset",
    "ImageFolder",
    "ImageTar",
    "Subset",
    "augment",
    "cifar10",
    "collate",
    "digits",
    "download",
    "fashion_mnist",
    "mnist",
    "read_idx",
    "split",
    "write_idx",
]
