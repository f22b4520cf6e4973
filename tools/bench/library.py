"""The two libraries behind one face: what a piece of work needs, in the words they share.

Most words are the same in both (``nn.Conv2d``, ``F.conv2d``, ``optim.SGD``, ``backward``), so work
is written once, with the library as an argument. The rest is here.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["Gpugraph", "Library", "Torch", "first_values", "library"]


class Library:
    """`F`, `nn`, `optim` and `no_grad` of a library, and its tensors from and to arrays."""

    name: str
    F: Any
    nn: Any
    optim: Any
    no_grad: Any

    def tensor(self, a: Any, grad: bool = False) -> Any:
        """A tensor that holds a copy of the array."""
        raise NotImplementedError

    def array(self, t: Any) -> Any:
        """A NumPy array that holds a copy of the tensor."""
        raise NotImplementedError

    def state(self, net: Any) -> dict[str, Any]:
        """Parameters and buffers of a network by name, as arrays."""
        return {name: self.array(t) for name, t in net.state_dict().items()}

    def start(self, net: Any, dtype: str) -> Any:
        """The network in that dtype, in training mode, with `first_values`."""
        raise NotImplementedError

    def about(self) -> dict[str, Any]:
        """Version, threads, and what else tells this side from others."""
        raise NotImplementedError


def first_values(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Weights for a network's names: the same for the same name and shape, in any process.

    Weights of layers as He et al. 2015 draw them, factors of norms about 1, everything else small:
    no part of a network is left at a value that would hide a mistake.
    """
    values = {}
    for name, shape in shapes.items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        a = rng.standard_normal(shape)
        if name.endswith("num_batches_tracked"):
            a = np.zeros(shape, np.int64)
        elif name.endswith("running_var"):
            a = 1 + 0.1 * abs(a)
        elif len(shape) > 1:
            a *= np.sqrt(2 / np.prod(shape[1:]))
        else:
            a = 0.1 * a + name.endswith("weight")
        values[name] = a
    return values


class Gpugraph(Library):
    """gpugraph, on NumPy or on its compiled kernels, as the environment has it."""

    name = "gpugraph"

    def __init__(self) -> None:
        import gpugraph as gg
        from gpugraph import nn, optim

        self.gg, self.nn, self.optim, self.F = gg, nn, optim, nn.functional
        self.no_grad = gg.no_grad

    def tensor(self, a: Any, grad: bool = False) -> Any:  # noqa: D102
        return self.gg.Tensor(a.copy(), requires_grad=grad)

    def array(self, t: Any) -> Any:  # noqa: D102
        return np.array(t if isinstance(t, np.ndarray) else t.numpy())

    def start(self, net: Any, dtype: str) -> Any:  # noqa: D102
        net.load_state_dict(first_values({n: a.shape for n, a in net.state_dict().items()}))
        return net.astype(dtype).train()

    def about(self) -> dict[str, Any]:  # noqa: D102
        return {
            "gpugraph": self.gg.__version__,
            "numpy": np.__version__,
            "blas": np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"],
            "kernels": "compiled" if self.gg.cpu.is_available() else "numpy",
        }


class Torch(Library):
    """PyTorch, eager, as it is installed."""

    name = "torch"

    def __init__(self) -> None:
        import torch

        self.torch, self.nn, self.optim, self.F = torch, torch.nn, torch.optim, torch.nn.functional
        self.no_grad = torch.no_grad
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))

    def tensor(self, a: Any, grad: bool = False) -> Any:  # noqa: D102
        return self.torch.tensor(a, requires_grad=grad)

    def array(self, t: Any) -> Any:  # noqa: D102
        return np.array(t.detach().numpy())

    def start(self, net: Any, dtype: str) -> Any:  # noqa: D102
        values = first_values({n: tuple(t.shape) for n, t in net.state_dict().items()})
        net.load_state_dict({n: self.torch.tensor(a) for n, a in values.items()})
        return net.to(getattr(self.torch, dtype)).train()

    def about(self) -> dict[str, Any]:  # noqa: D102
        return {"torch": self.torch.__version__, "threads": self.torch.get_num_threads()}


def library(name: str) -> Library:
    """The library of that name, imported now."""
    return Torch() if name == "torch" else Gpugraph()
