"""Module: a function with parameters, put together from other modules.

A module is a plain Python object: parameters, buffers and submodules are its attributes, found by
looking at them. Nothing has to be registered, but for buffers, and ``super().__init__()`` is not
needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..core.backend import Array, Device, MetaArray, to_device
from ..core.errors import ArgumentError, DataError, DtypeError, GpugraphError
from ..core.hooks import Handle
from ..core.state import STATE, scope
from ..core.tensor import Tensor, is_floating
from ..ops.dtypes import as_dtype
from .hooks import ModuleHooks
from .parameter import Parameter

__all__ = ["Keys", "Module"]

M = TypeVar("M", bound="Module")


class Keys(NamedTuple):
    """What a load that was not strict left over."""

    missing: list[str]
    unexpected: list[str]


class Module:
    """Base of layers and networks: write ``forward``, call the module.

    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         self.conv = nn.Conv2d(1, 8, 3)
    ...         self.head = nn.Linear(None, 10)
    ...     def forward(self, x):
    ...         x = F.relu(self.conv(x))
    ...         return self.head(x.flatten(1))

    Nodes of the graph carry the path of attributes (``("features", "0")``) as their scope; so do
    error messages.
    """

    training: bool = True  # see train() and eval()
    # the attribute of another module that holds this one, behind those of holders without forward
    _path: tuple[str, ...] = ()
    _buffers: tuple[str, ...] = ()  # names of the attributes that are buffers
    _hooks: ModuleHooks | None = None
    _spare: tuple[str, ...] = ()  # names of buffers that a checkpoint may lack

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """What the module computes; each subclass writes its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        with scope(*self._path) if self._path else nullcontext():
            try:
                self.prepare(*inputs)
                if self._hooks is not None:
                    return self._hooks.call(self, self.forward, inputs, options)
                return self.forward(*inputs, **options)
            except GpugraphError as error:
                self._locate(error)
                raise

    def prepare(self, *inputs: Any) -> None:
        """Runs before forward; layers that wait for their input size make their parameters here."""

    def pending(self) -> str | None:
        """Why this module has not got its own parameters yet, or None if it has."""
        return None

    def _locate(self, error: GpugraphError) -> None:
        """Put the innermost module that an error went through in front of its message."""
        if hasattr(error, "module_path"):
            return
        path = ".".join(STATE.get().scope)
        error.module_path = path  # type: ignore[attr-defined]
        name = type(self).__name__
        error.args = (f"{path} ({name}): {error}" if path else f"{name}: {error}",)

    # Attributes

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Module):
            value._placed((*(() if self._is_called() else self._path), name))
        elif isinstance(vars(self).get(name), Parameter) and not isinstance(
            value, (Parameter, type(None))
        ):
            raise DtypeError(
                f"{type(self).__name__}: {name} is a Parameter; a {type(value).__name__} in its "
                f"place would not be learned. Use Parameter(...), or {name}.assign(...) for new "
                "values"
            )
        object.__setattr__(self, name, value)

    def _is_called(self) -> bool:
        """False for what only holds modules, such as a ModuleList."""
        return type(self).forward is not Module.forward

    def _placed(self, path: tuple[str, ...]) -> None:
        """Take this as the path of scopes around a call."""
        self.__dict__["_path"] = path
        if not self._is_called():
            for name, value in vars(self).items():
                if isinstance(value, Module):
                    value._placed((*path, name))

    def register_buffer(self, name: str, tensor: Tensor | None) -> None:
        """Make ``self.name`` a tensor that is saved and moved with the module, but not learned."""
        if tensor is not None and not isinstance(tensor, Tensor):
            raise DtypeError(
                f"register_buffer: {name} is a {type(tensor).__name__}; it must be a Tensor"
            )
        setattr(self, name, tensor)
        if name not in self._buffers:
            self._buffers = (*self._buffers, name)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(attribute, module) of the modules held directly."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, (list, tuple, dict)):
                self._refuse_hidden(name, value)

    def _refuse_hidden(self, name: str, held: Any) -> None:
        """Modules in a plain list would be trained, saved and moved by nobody: say so."""
        for value in held.values() if isinstance(held, dict) else held:
            if isinstance(value, (Module, Parameter)):
                kind = "ModuleDict" if isinstance(held, dict) else "ModuleList"
                raise ArgumentError(
                    f"{type(self).__name__}: {name} is a plain {type(held).__name__} that holds a "
                    f"{type(value).__name__}, which nobody would find there; use nn.{kind} for "
                    "modules and an attribute for each parameter"
                )

    def children(self) -> Iterator[Module]:
        """The modules held directly."""
        return (child for _, child in self.named_children())

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """(path, module) of this module (path "") and all below it, each once, parents first."""
        return self._walk("", set())

    def _walk(self, path: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
        if id(self) not in seen:
            seen.add(id(self))
            yield path, self
            for name, child in self.named_children():
                yield from child._walk(f"{path}.{name}" if path else name, seen)

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once, parents first."""
        return (module for _, module in self.named_modules())

    def _named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """(path, tensor) of all parameters and buffers there are, each once."""
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, value in vars(module).items():
                owned = isinstance(value, Parameter) or name in module._buffers
                if owned and value is not None and id(value) not in seen:
                    seen.add(id(value))
                    yield (f"{path}.{name}" if path else name), value

    def _all_built(self, what: str) -> None:
        for path, module in self.named_modules():
            if reason := module.pending():
                raise ArgumentError(f"{what}: {path or 'it'} ({type(module).__name__}) {reason}")

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(path, parameter) of all parameters, each once, such as ("conv.weight", ...).

        Raises ArgumentError while a layer still waits for its input size.
        """
        self._all_built("parameters")
        return ((path, p) for path, p in self._named_tensors() if isinstance(p, Parameter))

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, each once: what an optimizer takes."""
        return (p for _, p in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """(path, buffer) of all buffers, each once."""
        return ((path, b) for path, b in self._named_tensors() if not isinstance(b, Parameter))

    def buffers(self) -> Iterator[Tensor]:
        """All buffers, each once."""
        return (b for _, b in self.named_buffers())

    def apply(self: M, function: Callable[[Module], Any]) -> M:
        """Call function on every module, children before parents; returns self."""
        for module in reversed(list(self.modules())):
            function(module)
        return self

    # Hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call ``hook(module, inputs)`` before forward; what it returns takes the inputs' place.

        with_kwargs  call ``hook(module, inputs, options)``, which returns None or both
        Returns a handle with ``remove()``, as do the other three.
        """
        return Handle(self._hooked().pre, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> Handle:
        """Call ``hook(module, inputs, output)`` after forward; it may return another output.

        with_kwargs  call ``hook(module, inputs, options, output)``
        always_call  also where forward raises, with None for the output
        """
        return Handle(self._hooked().forward, (hook, with_kwargs, always_call), prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> Handle:
        """Call ``hook(module, grad_input, grad_output)`` when gradients have come to the inputs.

        Both are tuples, one for each positional input or output, with None where none flows. It may
        return another grad_input. Where no input needs a gradient it is called at the outputs.
        """
        return Handle(self._hooked().pull, hook, prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> Handle:
        """Call ``hook(module, grad_output)`` when gradients have come to the outputs.

        It may return another grad_output.
        """
        return Handle(self._hooked().pull_pre, hook, prepend)

    def _hooked(self) -> ModuleHooks:
        if self._hooks is None:
            self._hooks = ModuleHooks()
        return self._hooks

    # State

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """{path: values} of all parameters and buffers: NumPy copies, a snapshot."""
        self._all_built("state_dict")
        return {path: np.array(tensor.numpy()) for path, tensor in self._named_tensors()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> Keys:
        """Take over the values of a `state_dict`: all of them, or none if anything is wrong.

        state   {path: array or tensor}; floating values are converted to the dtype they go into
        strict  also refuse missing and unexpected names, instead of returning them
        Layers that wait for their input size take it from the shapes. The ``num_batches_tracked``
        of batch norms may be missing: it only counts. Raises DataError with every missing,
        unexpected and ill-fitting name.
        """
        arrays = {
            k: v.numpy() if isinstance(v, Tensor) else np.asarray(v) for k, v in state.items()
        }
        wanted = {path: (t.shape, t.dtype) for path, t in self._named_tensors()}
        unbuilt: list[tuple[Any, int, Any]] = []
        spare = set()
        module: Any
        for path, module in self.named_modules():
            lead = f"{path}." if path else ""
            spare |= {lead + name for name in module._spare}
            if not module.pending():
                continue
            given = {k[len(lead) :]: v for k, v in arrays.items() if k.startswith(lead)}
            size, dtype = module.size_from(given)
            wanted.update({lead + n: (s, dtype) for n, s in module.shapes(size).items()})
            unbuilt.append((module, size, dtype))
        missing = [name for name in wanted if name not in arrays and name not in spare]
        unexpected = [name for name in arrays if name not in wanted and name not in spare]
        ill = {n: wanted[n] for n, a in arrays.items() if n in wanted and not _fits(a, *wanted[n])}
        if ill or (strict and (missing or unexpected)):
            told = [f"missing: {name}" for name in missing if strict]
            told += [f"unexpected: {name}" for name in unexpected if strict]
            told += [
                f"{n} is {arrays[n].dtype} {arrays[n].shape}; the module has {dtype} {shape}"
                for n, (shape, dtype) in ill.items()
            ]
            raise DataError(
                f"load_state_dict: nothing was loaded into {type(self).__name__}:\n  "
                + "\n  ".join(told)
            )
        for module, size, dtype in unbuilt:
            if size:
                module.build(size, dtype)
        for path, tensor in self._named_tensors():
            if path in arrays:
                tensor.assign(to_device(arrays[path], tensor.device))
        return Keys(missing, unexpected)

    # Mode, place and type

    def train(self: M, mode: bool = True) -> M:
        """Put this module and all below into training mode (batch norm, dropout); returns self."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Put this module and all below into evaluation mode; returns self."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with 0."""
        for _, tensor in self._named_tensors():
            if set_to_none or tensor.grad is None:
                tensor.grad = None
            else:
                tensor.grad = tensor.grad.detach().assign(0)

    def requires_grad_(self: M, wanted: bool = True) -> M:
        """Freeze (False) or thaw all parameters; returns self."""
        for p in self.parameters():
            p.requires_grad = wanted
        return self

    def to(self: M, device: Device | str) -> M:
        """Move all parameters, their gradients and buffers to that device; returns self."""
        return self._convert(lambda array: to_device(array, device))

    def astype(self: M, dtype: Any) -> M:
        """Convert all floating parameters and buffers to that floating dtype; returns self."""
        dtype = as_dtype("astype", dtype)
        if not is_floating(dtype):
            raise DtypeError(f"astype: parameters are floating numbers, which {dtype} is not")

        def convert(array: Array) -> Array:
            if not is_floating(array.dtype) or array.dtype == dtype:
                return array
            if isinstance(array, MetaArray):
                return MetaArray(array.shape, dtype)
            return array.astype(dtype)

        return self._convert(convert)

    def _convert(self: M, function: Callable[[Array], Array]) -> M:
        """Give every tensor the memory that function makes of its array."""
        for _, tensor in self._named_tensors():
            array = function(tensor.array)
            if array is tensor.array:
                continue
            grad, leaf = tensor.grad, tensor.requires_grad
            hooks = None if tensor.node is None else tensor.node.hooks
            tensor.requires_grad = False
            tensor.array, tensor.version, tensor.is_view = array, None, False
            tensor.requires_grad = leaf  # a new leaf: the old node tells the old dtype
            if tensor.node is not None:
                tensor.node.hooks = hooks
            tensor.grad = None if grad is None else Tensor(function(grad.array))
        return self

    # For people

    def extra_repr(self) -> str:
        """The arguments that `repr` shows; each layer writes its own."""
        return ""

    def __repr__(self) -> str:
        line = f"{type(self).__name__}({self.extra_repr()})"
        own = {n: v for n, v in vars(self).items() if isinstance(v, Parameter)}
        shapes = ", ".join(f"{name} {p.shape}" for name, p in own.items())
        children = [f"({name}): {child!r}" for name, child in self.named_children()]
        if not children:
            return f"{line}  # {shapes}" if shapes else line
        inside = "\n".join(children).replace("\n", "\n  ")
        return f"{line[:-1]}{'  # ' + shapes if shapes else ''}\n  {inside}\n)"


def _fits(array: Array, shape: tuple[int, ...], dtype: Any) -> bool:
    """Can the array be written into a tensor of that shape and dtype without losing its kind?"""
    return array.shape == shape and np.can_cast(array.dtype, dtype, "same_kind")
