"""Checkpoints and arrays on disk: safetensors, written atomically, never pickle."""

from ..core.files import write_atomically
from .checkpoint import load_checkpoint, save_checkpoint
from .tensors import load, load_metadata, save

__all__ = [
    "load",
    "load_checkpoint",
    "load_metadata",
    "save",
    "save_checkpoint",
    "write_atomically",
]
