"""gpugraph: autodiff for CuPy and NumPy arrays, with convolutional networks you can read.

Arrays speak the Array API standard at this level (``gg.sum``, ``gg.concat``, ``gg.matmul``);
networks speak PyTorch in `gpugraph.nn` and `gpugraph.nn.functional`.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

from . import cpu, ops  # cpu first: it may bring another `apply`, which ops import
from .core import errors
from .core.anomaly import detect_anomaly
from .core.apply import apply
from .core.autodiff import backward, grad
from .core.backend import Device, default_device
from .core.errors import *
from .core.guard import guard as _guard
from .core.op import REGISTRY, Cost, Op, Sample, Spec
from .core.state import enable_grad, no_grad, scope
from .core.tensor import Tensor
from .core.window import Window
from .ops.aliases import *
from .ops.angles import *
from .ops.arrange import *
from .ops.autocast import *
from .ops.broadcast import *
from .ops.closeness import *
from .ops.compare import *
from .ops.complex import *
from .ops.counting import *
from .ops.creation import *
from .ops.diagonal import *
from .ops.distances import *
from .ops.dtypes import *
from .ops.einsum import *
from .ops.elementwise import *
from .ops.extrema import *
from .ops.floats import *
from .ops.index import *
from .ops.info import __array_api_version__, __array_namespace_info__
from .ops.join import *
from .ops.linalg import *
from .ops.losses import one_hot
from .ops.memory import *
from .ops.nan import *
from .ops.powers import *
from .ops.recompute import *
from .ops.reduce import *
from .ops.sampled import *
from .ops.scan import *
from .ops.scatter import *
from .ops.sets import *
from .ops.shape import *
from .ops.sorting import *
from .ops.special import *
from .ops.statistics import *
from .ops.tiling import *

if TYPE_CHECKING:
    from . import (
        amp,
        analysis,
        cuda,
        data,
        fft,
        func,
        graph,
        io,
        linalg,
        models,
        nn,
        optim,
        random,
        testing,
        training,
        viz,
    )
    from .analysis import summary

__version__ = "0.1.0"

# Imported when first used, so that `import gpugraph` costs NumPy and little more.
_LATER = "amp analysis cuda data fft func graph io linalg models nn optim random".split()
_LATER += "testing training viz".split()

__all__ = [
    "REGISTRY",
    "Cost",
    "Device",
    "Op",
    "Sample",
    "Spec",
    "Tensor",
    "Window",
    "__array_api_version__",
    "__array_namespace_info__",
    "__version__",
    "apply",
    "backward",
    "default_device",
    "detect_anomaly",
    "enable_grad",
    "errors",
    "grad",
    "no_grad",
    "one_hot",
    "ops",
    "scope",
    "summary",
    *_LATER,
]
__all__ += errors.__all__
__all__ += ops.aliases.__all__
__all__ += ops.angles.__all__
__all__ += ops.arrange.__all__
__all__ += ops.autocast.__all__
__all__ += ops.broadcast.__all__
__all__ += ops.closeness.__all__
__all__ += ops.compare.__all__
__all__ += ops.complex.__all__
__all__ += ops.counting.__all__
__all__ += ops.creation.__all__
__all__ += ops.diagonal.__all__
__all__ += ops.distances.__all__
__all__ += ops.dtypes.__all__
__all__ += ops.einsum.__all__
__all__ += ops.elementwise.__all__
__all__ += ops.extrema.__all__
__all__ += ops.floats.__all__
__all__ += ops.index.__all__
__all__ += ops.join.__all__
__all__ += ops.linalg.__all__
__all__ += ops.memory.__all__
__all__ += ops.nan.__all__
__all__ += ops.powers.__all__
__all__ += ops.recompute.__all__
__all__ += ops.reduce.__all__
__all__ += ops.sampled.__all__
__all__ += ops.scan.__all__
__all__ += ops.scatter.__all__
__all__ += ops.sets.__all__
__all__ += ops.shape.__all__
__all__ += ops.sorting.__all__
__all__ += ops.special.__all__
__all__ += ops.statistics.__all__
__all__ += ops.tiling.__all__


_guard(globals(), ("backward", "grad"))


def __getattr__(name: str) -> Any:
    """Import a subpackage on first use; name what is missing otherwise."""
    if name in _LATER:
        return _import_module(f"{__name__}.{name}")
    if name == "summary":
        return _import_module(f"{__name__}.analysis").summary
    if name == "bfloat16":
        return ops.dtypes.bfloat16
    raise AttributeError(f"module 'gpugraph' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
