"""Checkpoints and arrays on disk: safetensors, written atomically; PyTorch's files are read, too.

No code in a file is ever run.
"""

from ..core.files import write_atomically
from .checkpoint import load_checkpoint, save_checkpoint
from .tensors import load, load_metadata, save
from .torch_files import load_torch

__all__ = [
    "load",
    "load_checkpoint",
    "load_metadata",
    "load_torch",
    "save",
    "save_checkpoint",
    "write_atomically",
]
