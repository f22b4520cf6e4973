"""The sizes of one convolution, as its CUDA kernels need them, and the way it is computed."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from ..core.window import Window
from ..cuda.device import THREADS, workspace_limit
from ..cuda.geometry import STRUCTS, window3
from ..cuda.kernel import FLOATS, Kernel

__all__ = ["SUM_SLABS", "Layer", "blocks_for", "kernel", "over_planes"]

DIRECT_BELOW = 16  # channels per group
BLOCKS = 4096  # enough to keep the largest GPU busy, several waves of them
MOST_BLOCKS = 16 * BLOCKS  # more are not started: each block has several pieces of work instead
MOST_PARTS = 65535  # blocks along the second axis of a grid


def kernel(file: str, name: str, params: str) -> Kernel:
    """A kernel of convolution, for all floats."""
    return Kernel(f"ops/{file}", name, params, STRUCTS, T=FLOATS)


SUM_SLABS = kernel(
    "conv.cu", "sum_slabs", "const wide<T>* partial, T* total, int slabs, long long n"
)


class Layer:
    """One convolution: N images, G groups, C/G inputs and O/G outputs each.

    pointwise  a window of one position, all of them in turn: x is its own column matrix
    direct     the groups are too thin for matrix products: columns would be written and read again
               for little work
    """

    def __init__(self, window: Window, groups: int, x: tuple[int, ...], w: tuple[int, ...]) -> None:
        self.images, self.channels, self.spatial = x[0], x[1], x[2:]
        self.filters, self.out = w[0], window.out(x[2:])
        self.groups, self.inputs, self.outputs = groups, w[1], w[0] // groups
        self.taps, self.windows = prod(window.size), prod(self.out)
        self.terms = self.inputs * self.taps  # of one element of y
        self.struct = window3(window, self.spatial, self.out)
        self.x_shape, self.w_shape = x, w
        self.y_shape = (x[0], w[0], *self.out)
        self.direct = groups > 1 and self.inputs < DIRECT_BELOW
        self.pointwise = window.is_pointwise and self.spatial == self.out

    def images_at_once(self, itemsize: int, each: int, fixed: int, several: int = 0) -> int:
        """For how many images the workspace is large enough; at least one, at most all.

        each, fixed, several  how many elements are held per image, besides, and besides if the
                              batch is worked on in several parts
        """
        room = workspace_limit.get() // itemsize - fixed
        if not each or self.images * each <= room:
            return max(1, self.images)
        return max(1, (room - several) // each)

    def parts(self, step: int) -> Iterator[slice]:
        """The batch in parts of so many images; the last may have fewer."""
        return (slice(i, min(i + step, self.images)) for i in range(0, self.images, step))


def over_planes(planes: int, size: int) -> dict[str, Any]:
    """Grid and block for a kernel that works plane by plane, as ``include/place.cuh`` says."""
    block = min(THREADS, -(-size // 32) * 32) or 32
    parts = min(-(-BLOCKS // max(1, planes)), -(-size // block), MOST_PARTS)
    return {"grid": (blocks_for(planes), parts), "block": block}


def blocks_for(pieces: int) -> int:
    """How many blocks to start for so many pieces of work; in a loop over the grid."""
    return min(pieces, MOST_BLOCKS)
