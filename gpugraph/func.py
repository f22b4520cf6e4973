"""Derivatives as functions of functions: grad, vjp, jvp, hvp, jacobian, hessian.

Each takes a function f of tensors and nests to any order. The arguments come in as tensors, arrays
or numbers, and are not written to. Results are linked to the graph only where something outside
(an argument, or a tensor that f closes over) needs a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from .core.autodiff import grad as _grad
from .core.errors import ArgumentError, GradientError
from .core.graph import ancestors
from .core.guard import guard
from .core.state import enable_grad
from .core.tensor import Tensor
from .ops.creation import asarray, zeros, zeros_like
from .ops.join import stack

__all__ = ["grad", "hessian", "hvp", "jacfwd", "jacobian", "jacrev", "jvp", "value_and_grad", "vjp"]


def grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The function that gives the gradient of the one-element f in the arguments `argnums`.

    has_aux  f gives (value, anything else), and the function (gradient, anything else)
    Returns a tensor for one argument, a tuple for several.
    """
    both = value_and_grad(f, argnums, has_aux)

    def gradient(*args: Any, **kw: Any) -> Any:
        value, gradient = both(*args, **kw)
        return (gradient, value[1]) if has_aux else gradient

    return gradient


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The function that gives (f, its gradient in the arguments `argnums`).

    has_aux  f gives (value, anything else), and the function ((value, anything else), gradient)
    """

    def value_and_gradient(*args: Any, **kw: Any) -> tuple[Any, Any]:
        with _Call("grad", f, args, kw, argnums, has_aux) as call:
            value = call.result(call.output)
            gradient = call.pack(call.pull(None))
        return ((value, _detached(call)) if has_aux else value), gradient

    return value_and_gradient


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Tensor, Callable[[Any], Any]]:
    """(f(*primals), the function g -> g @ J), with J the Jacobian of f at the primals.

    The second gives a tensor for one primal, a tuple for several, and may be called again.
    """
    with _Call("vjp", f, primals, {}, _all(primals)) as call:
        return call.result(call.output), lambda g: call.pack(call.pull(g))


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """(f(*primals), J @ tangents): the derivative along the tangents.

    By two reverse passes: g @ J is linear in g, and its own vjp is J @ v.
    """
    primals, tangents = _several("jvp", primals, tangents)
    with _Call("jvp", f, primals, {}, range(len(primals))) as call:
        dummy = zeros_like(call.output).requires_grad_()
        pulled = zip(call.pull(dummy, create_graph=True), tangents, strict=True)
        moving = [(g, v) for g, v in pulled if g.requires_grad]  # f depends on these primals
        pushed = None
        if moving:
            gs, vs = zip(*moving, strict=True)
            (pushed,) = _grad(gs, dummy, vs, create_graph=call.linked, allow_unused=True)
        return call.result(call.output), zeros_like(dummy) if pushed is None else pushed


def hvp(f: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """H @ tangents, with H the Hessian of the one-element f at the primals.

    By reverse over reverse: the gradient of <grad f, v>; H is never formed. One primal and tangent
    may come bare; several come in tuples, and then give a tuple.
    """
    one = not isinstance(primals, (tuple, list))
    primals, tangents = _several(
        "hvp", *(((primals,), (tangents,)) if one else (primals, tangents))
    )

    def slope(*xs: Any) -> Any:
        gs = grad(f, range(len(xs)))(*xs)
        return sum((g * v).sum() for g, v in zip(gs, tangents, strict=True))

    product = grad(slope, range(len(primals)))(*primals)
    return product[0] if one else product


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function that gives d f / d x, of shape (*f.shape, *x.shape), one row per pass."""

    def rows(*args: Any, **kw: Any) -> Any:
        with _Call("jacobian", f, args, kw, argnums) as call:
            y = call.output
            parts = []
            for i in range(y.size):
                seed = zeros_like(call.output.detach()).reshape(-1)
                seed[i] = 1
                parts.append(call.pull(seed.reshape(y.shape)))
            return call.pack(
                [
                    stack([row[k] for row in parts]).reshape((*y.shape, *x.shape))
                    if parts
                    else zeros((*y.shape, *x.shape), dtype=x.dtype, device=x.device)
                    for k, x in enumerate(call.inputs)
                ]
            )

    return rows


jacrev = jacobian


def jacfwd(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """What `jacobian` gives, one column per pair of passes: for few inputs and many outputs."""

    def columns(*args: Any) -> Any:
        if not isinstance(argnums, int) or not -len(args) <= argnums < len(args):
            raise ArgumentError(f"jacfwd: argnums {argnums!r} of a call with {len(args)} arguments")
        x = args[argnums] if isinstance(args[argnums], Tensor) else asarray(args[argnums])

        def of_one(one: Any) -> Any:
            return f(*args[:argnums], one, *args[argnums % len(args) + 1 :])

        parts, y = [], None
        for i in range(x.size):
            seed = zeros_like(x.detach()).reshape(-1)
            seed[i] = 1
            y, column = jvp(of_one, (x,), (seed.reshape(x.shape),))
            parts.append(column)
        if y is None:  # x has no elements; the shape of f is still wanted
            y = of_one(x)
            return zeros((*y.shape, *x.shape), dtype=y.dtype, device=y.device)
        return stack(parts, axis=-1).reshape((*y.shape, *x.shape))

    return columns


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function that gives the Hessian of the one-element f in the arguments `argnums`.

    For one argument the shape is (*x.shape, *x.shape); for several, entry [i][j] of the tuple of
    tuples is d^2 f / dx_i dx_j, of shape (*x_i.shape, *x_j.shape).
    """
    if isinstance(argnums, int):
        return jacobian(grad(f, argnums), argnums)
    rows = [jacobian(grad(f, i), argnums) for i in argnums]

    def blocks(*args: Any, **kw: Any) -> Any:
        return tuple([row(*args, **kw) for row in rows])

    return blocks


class _Call:
    """One call of f on fresh edges, so that an x that f also closes over stays apart."""

    def __init__(
        self,
        caller: str,
        f: Callable[..., Any],
        args: Sequence[Any],
        kw: dict[str, Any],
        argnums: int | Sequence[int],
        has_aux: bool = False,
    ) -> None:
        self.caller, self.single = caller, isinstance(argnums, int)
        wanted = [argnums] if isinstance(argnums, int) else list(argnums)
        if any(not -len(args) <= i < len(args) for i in wanted):
            raise ArgumentError(f"{caller}: argnums {argnums} of a call with {len(args)} arguments")
        self.numbers = [i % len(args) for i in wanted]
        self.f, self.args, self.kw = f, list(args), kw
        self.has_aux, self.aux = has_aux, None

    def __enter__(self) -> _Call:
        with ExitStack() as mode:  # left at once if f raises
            mode.enter_context(enable_grad())
            self._run()
            self.mode = mode.pop_all()
        return self

    def _run(self) -> None:
        for i in self.numbers:
            x = self.args[i]
            x = x if isinstance(x, Tensor) else asarray(x)
            fresh = x.copy() if x.requires_grad else x.detach()
            self.args[i] = fresh.requires_grad_()
        self.inputs = [self.args[i] for i in self.numbers]
        self.output = self.f(*self.args, **self.kw)
        if self.has_aux:
            if not isinstance(self.output, tuple) or len(self.output) != 2:
                raise GradientError(
                    f"{self.caller}: with has_aux=True f must return (value, anything else)"
                )
            self.output, self.aux = self.output
        if not isinstance(self.output, Tensor):
            raise GradientError(
                f"{self.caller}: f must return a Tensor, got {type(self.output).__name__}"
            )
        mine = {x.node for x in self.inputs if x.is_leaf}
        below = [] if self.output.node is None else ancestors([self.output.node])
        self.linked = any(node.op is None and node not in mine for node in below)

    def __exit__(self, *exc: Any) -> None:
        self.mode.close()

    def result(self, y: Tensor) -> Tensor:
        """An output as the caller gets it."""
        return y if self.linked else y.detach()

    def pull(self, g: Any, create_graph: bool | None = None) -> list[Tensor]:
        """The cotangents of the inputs; zeros where f doesn't depend on one."""
        if self.output.node is None:
            return [zeros_like(x.detach()) for x in self.inputs]
        create_graph = self.linked if create_graph is None else create_graph
        gs = _grad(self.output, self.inputs, g, True, create_graph, allow_unused=True)
        pairs = zip(gs, self.inputs, strict=True)
        return [zeros_like(x.detach()) if g is None else g for g, x in pairs]

    def pack(self, results: list[Tensor]) -> Any:
        """One result for one argument number, a tuple for several."""
        return results[0] if self.single else tuple(results)


def _detached(call: _Call) -> Any:
    """What f gave besides: a tensor as the caller gets outputs, all else as it is."""
    return call.result(call.aux) if isinstance(call.aux, Tensor) else call.aux


def _all(primals: Sequence[Any]) -> int | range:
    return 0 if len(primals) == 1 else range(len(primals))


def _several(caller: str, primals: Any, tangents: Any) -> tuple[list[Any], list[Tensor]]:
    if len(primals) != len(tangents):
        raise ArgumentError(f"{caller}: {len(primals)} primals but {len(tangents)} tangents")
    return list(primals), [v if isinstance(v, Tensor) else asarray(v) for v in tangents]


guard(globals(), __all__)
