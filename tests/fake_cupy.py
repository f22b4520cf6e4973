"""A stand-in for CuPy on machines without a GPU: NumPy behind a wall.

Its arrays are no NumPy arrays, convert to none on the way, and mix with none, as CuPy's don't; its
functions are NumPy's. So code that runs on it has not smuggled its data through NumPy. It says
nothing about kernels or about names that CuPy lacks.
"""

import contextlib
import sys
import types
from pathlib import Path

import numpy as np

BANNED = {"add.at", "nditer", "ndindex", "vectorize", "fromiter"}


class ndarray:  # noqa: N801
    """What cupy.ndarray looks like from outside."""

    __slots__ = ("_a",)
    __hash__ = None

    def __init__(self, a):
        self._a = a

    def __array__(self, *args, **kw):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Use `.get()`")

    def __array_ufunc__(self, ufunc, method, *args, **kw):
        return _wrapped(getattr(ufunc, method), f"{ufunc.__name__}.{method}")(*args, **kw)

    def __array_function__(self, func, types, args, kw):
        return _wrapped(func, func.__name__)(*args, **kw)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(self._a, name)
        if name == "base":
            return None if value is None else ndarray(value)
        return _wrapped(value, name) if callable(value) else _out(value)

    @property
    def device(self):
        return types.SimpleNamespace(id=0)

    @property
    def data(self):
        return types.SimpleNamespace(ptr=self._a.ctypes.data)

    def get(self):
        return self._a.copy()

    def __setitem__(self, index, value):
        self._a[_in(index)] = _in(value)

    def __len__(self):
        return len(self._a)

    def __bool__(self):
        return bool(self._a)

    def __float__(self):
        return float(self._a)

    def __int__(self):
        return int(self._a)


def _operator(name):
    def method(self, *args):
        return _wrapped(getattr(np.ndarray, name), name)(self, *args)

    return method


for _name in (
    "add sub mul truediv floordiv mod pow matmul radd rsub rmul rtruediv rfloordiv rmod rpow "
    "neg pos abs invert and or xor rand ror rxor lshift rshift eq ne lt le gt ge getitem"
).split():
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))


def _in_place(name):
    def method(self, other):
        getattr(self._a, name)(_in(other))
        return self

    return method


for _name in "iadd isub imul itruediv".split():
    setattr(ndarray, f"__{_name}__", _in_place(f"__{_name}__"))


def _in(x):
    if isinstance(x, ndarray):
        return x._a
    if isinstance(x, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(x, (tuple, list)):
        return type(x)(_in(item) for item in x)
    if isinstance(x, dict):
        return {k: _in(v) for k, v in x.items()}
    return x


def _out(x):
    if isinstance(x, (np.ndarray, np.generic)):
        return ndarray(np.asarray(x))
    if isinstance(x, tuple):  # also named ones, of linalg
        return tuple(_out(item) for item in x)
    return [_out(item) for item in x] if type(x) is list else x


def _wrapped(function, name):
    def call(*args, **kw):
        if name in BANNED or name.endswith(".at"):
            raise AttributeError(f"cupy has no deterministic {name}")
        return _out(function(*_in(args), **_in(kw)))

    return call


class _Module(types.ModuleType):
    def __init__(self, name, numpy_module):
        super().__init__(name)
        self._numpy = numpy_module

    def __getattr__(self, name):
        value = getattr(self._numpy, name)
        if isinstance(value, types.ModuleType):
            return _Module(f"cupy.{name}", value)
        if isinstance(value, np.ufunc):
            return _Ufunc(value)
        if isinstance(value, type) or not callable(value):
            return value
        return _wrapped(value, name)


class _Ufunc:
    def __init__(self, ufunc):
        self._ufunc = ufunc

    def __call__(self, *args, **kw):
        return _wrapped(self._ufunc, self._ufunc.__name__)(*args, **kw)

    def __getattr__(self, name):
        return _wrapped(getattr(self._ufunc, name), f"{self._ufunc.__name__}.{name}")


def asarray(a, dtype=None, **kw):
    """Here a NumPy array may come in: that is the copy to the device."""
    a = a._a if isinstance(a, ndarray) else a
    return ndarray(np.array(a, dtype=dtype, **kw))


class Device(contextlib.nullcontext):
    """The one GPU."""

    id = 0

    def __init__(self, index=0):
        super().__init__()


class CompileException(Exception):  # noqa: N818
    """What CuPy raises with NVRTC's message."""


COMPILER = types.SimpleNamespace(CompileException=CompileException)


class RawModule:
    """The simulator in the place of NVRTC and the GPU; takes what CuPy's takes."""

    def __init__(self, code, *, options=(), name_expressions=()):
        from gpugraph.cuda import sim

        assert not any(o.startswith("-I") and not Path(o[2:]).is_dir() for o in options), options
        include = [Path(option[2:]) for option in options if option.startswith("-I")]
        self._module = sim.Module(code, name_expressions, include=include)

    def get_function(self, name):
        kernel = self._module.function(name)

        def launch(grid, block, args, *, shared_mem=0):
            assert not any(isinstance(a, np.ndarray) and a.size != 1 for a in args)
            kernel.launch(grid, block, [_in(a) for a in map(_struct, args)], shared=shared_mem)

        return launch


def _struct(x):
    """A struct comes as a NumPy array of one element, and is passed by value."""
    return x[0] if isinstance(x, np.ndarray) else x


def make():
    """A module to put into ``sys.modules["cupy"]``."""
    module = _Module("cupy", np)
    module.ndarray = ndarray
    module.asarray = module.array = asarray
    module.may_share_memory = lambda a, b: np.may_share_memory(a._a, b._a)
    runtime = types.SimpleNamespace(getDeviceCount=lambda: 1)
    module.cuda = types.SimpleNamespace(Device=Device, compiler=COMPILER, runtime=runtime)
    module.RawModule = RawModule
    module.ElementwiseKernel = lambda *spec: lambda x: ndarray(2 * x._a)
    return module


@contextlib.contextmanager
def installed(kernels=False):
    """A GPU as far as gpugraph can tell, inside the block; kernels run in the simulator, or not."""
    from gpugraph.core import backend

    before = sys.modules.get("cupy")
    sys.modules["cupy"] = make()
    backend.cuda_reason.cache_clear()
    launcher = backend.launchers["cuda"]
    if not kernels:  # the reference rules are tested
        del backend.launchers["cuda"]
    try:
        yield sys.modules["cupy"]
    finally:
        backend.launchers["cuda"] = launcher
        backend.cuda_reason.cache_clear()
        if before is None:
            del sys.modules["cupy"]
        else:
            sys.modules["cupy"] = before
