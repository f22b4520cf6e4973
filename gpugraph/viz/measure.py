"""What is kept of an array in a graph: statistics, and small pictures."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping
from math import ceil, sqrt
from typing import Any

import numpy as np

from ..analysis.trace import Step
from ..core.backend import to_device

__all__ = ["Pictures", "png", "statistics"]

BINS = 32
TILES, SIDE, BUDGET = 16, 64, 5_000_000  # pictures of a value; their width; bytes in a file


def statistics(array: Any) -> dict[str, Any] | None:
    """Of the finite elements; None for what is no array of numbers, or has none."""
    x = _host(array)
    if x.dtype.kind not in "fiub" or not x.size:
        return None
    if x.dtype.kind != "f" or x.dtype.itemsize < 4:
        x = x.astype(np.float32)
    finite = np.isfinite(x)
    count = int(finite.sum())
    told: dict[str, Any] = {
        "count": int(x.size),
        "zeros": float((x == 0).mean()),
        "nan": int(np.isnan(x).sum()),
        "inf": int(np.isinf(x).sum()),
    }
    if not count:
        return {**told, "mean": None, "std": None, "min": None, "max": None, "hist": []}
    values = (x if count == x.size else x[finite]).ravel()
    low, high = float(values.min()), float(values.max())
    wide = values.astype(np.float64)  # float32's sums and differences may overflow
    edges = (low, high) if np.isfinite(high - low) and high > low else (low - 0.5, low + 0.5)
    hist, _ = np.histogram(wide, BINS, edges)
    mean, std = float(wide.mean()), float(wide.std())
    return {**told, "mean": mean, "std": std, "min": low, "max": high, "hist": hist.tolist()}


class Pictures:
    """Makes pictures of filters and feature maps until so many bytes are used up."""

    def __init__(self, budget: int = BUDGET) -> None:
        self.left = budget
        self.note = ""

    def of(self, array: Any, step: Step, output: int = 0) -> Mapping[str, Any] | None:
        """The picture of a value, or None if it is none that can be seen, or no bytes are left.

        (N, C, H, W) shows the channels of the first image; of three channels that go in, one
        picture in colour. A parameter (L, K, F, F) shows its filters: in colour if K is 3, else
        their first input channel.
        """
        if len(array.shape) != 4 or array.dtype.kind not in "fu" or not min(array.shape):
            return None
        if step.op is not None and max(array.shape[2:]) < 2:
            return None
        if self.left <= 0:
            self.note = "Pictures of later values were left out: those before fill their 5 MB."
            return None
        x = _host(array)
        colour = x.shape[1] == 3 and step.op is None
        if step.kind == "parameter":
            tiles = x[:TILES] if colour else x[:TILES, 0]
            title = f"{len(tiles)} of {x.shape[0]} filters" + ("" if colour else ", first channel")
        else:
            tiles = x[:1] if colour else x[0, :TILES]
            title = "the first image" if colour else f"{len(tiles)} of {x.shape[1]} channels"
        tiles = tiles.transpose(0, 2, 3, 1) if colour else tiles
        told = _grid(
            np.asarray(tiles, np.float32), title if step.order == 0 else f"gradient, {title}"
        )
        self.left -= sum(map(len, told["tiles"]))
        return told


def _grid(tiles: np.ndarray[Any, Any], title: str) -> dict[str, Any]:
    """Tiles (n, H, W) or (n, H, W, 3), all on one scale of grey values."""
    step = max(1, ceil(max(tiles.shape[1:3]) / SIDE))
    tiles = tiles[:, ::step, ::step]
    finite = tiles[np.isfinite(tiles)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    scale = 255 / (high - low) if high > low else 0.0
    grey = np.nan_to_num((tiles.astype(np.float64) - low) * scale, nan=0.0, posinf=255, neginf=0)
    pixels = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    return {
        "title": title,
        "width": pixels.shape[2],
        "height": pixels.shape[1],
        "columns": ceil(sqrt(len(pixels))),
        "tiles": ["data:image/png;base64," + base64.b64encode(png(p)).decode() for p in pixels],
        "low": low,
        "high": high,
    }


def png(pixels: np.ndarray[Any, Any]) -> bytes:
    """A PNG file of uint8 pixels (H, W), grey, or (H, W, 3), red, green and blue (RFC 2083)."""
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + pixels[0].size), np.uint8)  # each row begins with filter type 0
    rows[:, 1:] = pixels.reshape(height, -1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), 9)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def _host(array: Any) -> np.ndarray[Any, Any]:
    return np.asarray(to_device(array, "cpu"))
