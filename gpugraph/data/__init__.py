"""Datasets, loaders, and readers of real data."""

from .cifar import CIFAR10_CLASSES, cifar10
from .dataset import ArrayDataset, Dataset, Subset, collate, split
from .handwritten import digits, mnist
from .idx import read_idx, write_idx
from .loader import DataLoader

__all__ = [
    "CIFAR10_CLASSES",
    "ArrayDataset",
    "DataLoader",
    "Dataset",
    "Subset",
    "cifar10",
    "collate",
    "digits",
    "mnist",
    "read_idx",
    "split",
    "write_idx",
]
