"""Datasets, loaders, and readers of real data."""

from .dataset import ArrayDataset, Dataset, Subset, collate, split
from .handwritten import digits, mnist
from .idx import read_idx, write_idx
from .loader import DataLoader

__all__ = [
    "ArrayDataset",
    "DataLoader",
    "Dataset",
    "Subset",
    "collate",
    "digits",
    "mnist",
    "read_idx",
    "split",
    "write_idx",
]
