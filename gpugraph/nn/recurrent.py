"""Recurrent layers and cells, with PyTorch's weight names and equations.

Gates are stacked along the first axis of the weights: input, forget, cell, output for an LSTM
(Hochreiter & Schmidhuber 1997); reset, update, new for a GRU (Cho et al. 2014, arXiv:1406.1078,
with the reset gate behind the product, as cuDNN has it).
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.guard import told
from ..core.tensor import Tensor
from ..core.window import per_axis
from ..ops.activation import relu, sigmoid
from ..ops.angles import tanh
from ..ops.conv_functions import tensor_of
from ..ops.creation import zeros
from ..ops.dropout import dropout
from ..ops.join import concat, split, stack, unstack
from ..ops.linalg import linear
from ..ops.random import Generator
from .embedding import parameter
from .init import uniform_
from .module import Module
from .parameter import Parameter

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]

# One step each: the part of the gates that comes from x, that from h, and the state before


def _rnn_step(from_x: Tensor, from_h: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (tanh(from_x + from_h),)


def _relu_step(from_x: Tensor, from_h: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (relu(from_x + from_h),)


def _lstm_step(from_x: Tensor, from_h: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    i, f, g, o = split(from_x + from_h, 4, axis=-1)
    c = sigmoid(f) * state[1] + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def _gru_step(from_x: Tensor, from_h: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    (xr, xz, xn), (hr, hz, hn) = split(from_x, 3, axis=-1), split(from_h, 3, axis=-1)
    z = sigmoid(xz + hz)
    n = tanh(xn + sigmoid(xr + hr) * hn)
    return ((1 - z) * n + z * state[0],)


STEPS = {"tanh": _rnn_step, "relu": _relu_step, "lstm": _lstm_step, "gru": _gru_step}
GATES = {"tanh": 1, "relu": 1, "lstm": 4, "gru": 3}


class _Recurrent(Module):
    """Base of layers and cells."""

    kind: str  # a key of STEPS
    hidden_size: int
    generator: Generator | None

    def begin(self, input_size: int, hidden_size: int, kind: str, generator: Any) -> None:
        """Check and keep the sizes."""
        name = type(self).__name__
        if kind not in STEPS:
            raise ArgumentError(f"{name}: nonlinearity={kind!r} must be 'tanh' or 'relu'")
        (self.input_size,) = per_axis(name, "input_size", input_size, 1)
        (self.hidden_size,) = per_axis(name, "hidden_size", hidden_size, 1)
        self.kind, self.generator = kind, generator

    @property
    def states(self) -> int:
        """How many tensors the state has: h, or h and c."""
        return 2 if self.kind == "lstm" else 1

    def reset_parameters(self) -> None:
        """Draw new values, all uniform on +-1/sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for _, p in self._named_tensors():
            uniform_(p, -bound, bound, self.generator)

    def named(self, name: str, suffix: str = "") -> Parameter | None:
        """The parameter of that name, if there is one."""
        found: Parameter | None = getattr(self, name + suffix, None)
        return found

    def run(self, x: Tensor, state: tuple[Tensor, ...], suffix: str) -> Any:
        """One layer in one direction over x (L, N, I): outputs, a list of (N, H); last state."""
        step = STEPS[self.kind]
        w_hh, b_hh = self.named("weight_hh", suffix), self.named("bias_hh", suffix)
        w_hr = self.named("weight_hr", suffix)
        outputs = []
        gates = linear(x, self.named("weight_ih", suffix), self.named("bias_ih", suffix))
        for from_x in unstack(gates):
            h, *rest = step(from_x, linear(state[0], w_hh, b_hh), state)
            h = h if w_hr is None else linear(h, w_hr)
            state = (h, *rest)
            outputs.append(h)
        return outputs, state


class _RNNBase(_Recurrent):
    mode: ClassVar[str] = ""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        generator: Generator | None = None,
        _kind: str = "",
        _proj_size: int = 0,
    ) -> None:
        name = type(self).__name__
        self.begin(input_size, hidden_size, _kind or self.mode, generator)
        (self.num_layers,) = per_axis(name, "num_layers", num_layers, 1)
        if not 0 <= dropout <= 1:
            raise ArgumentError(f"{name}: dropout={dropout} must lie in 0 to 1")
        if not 0 <= _proj_size < hidden_size:
            raise ArgumentError(
                f"{name}: proj_size={_proj_size} must be less than hidden_size={hidden_size}"
            )
        self.has_bias, self.batch_first, self.dropout = bias, batch_first, dropout
        self.bidirectional, self.proj_size = bidirectional, _proj_size
        rows, out = GATES[self.kind] * self.hidden_size, _proj_size or self.hidden_size
        for layer, suffix in self._places():
            columns = self.input_size if layer == 0 else out * len(self._directions)
            setattr(self, f"weight_ih{suffix}", parameter(rows, columns))
            setattr(self, f"weight_hh{suffix}", parameter(rows, out))
            if bias:
                setattr(self, f"bias_ih{suffix}", parameter(rows))
                setattr(self, f"bias_hh{suffix}", parameter(rows))
            if _proj_size:
                setattr(self, f"weight_hr{suffix}", parameter(out, self.hidden_size))
        self.reset_parameters()

    @property
    def _directions(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    def _places(self) -> list[tuple[int, str]]:
        """(layer, end of its parameters' names), in the order of the states."""
        return [(i, f"_l{i}{d}") for i in range(self.num_layers) for d in self._directions]

    def forward(self, x: Any, hx: Any = None) -> Any:
        label = type(self).__name__.lower()
        x = tensor_of(label, "x", x)
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            layout = "(N, L, I)" if self.batch_first else "(L, N, I)"
            raise ShapeError(
                f"{label}: x {x.shape} must be {layout}, or (L, I) for one sequence, with "
                f"I = input_size = {self.input_size}"
            )
        one = x.ndim == 2
        if one:
            x = x.reshape((x.shape[0], 1, x.shape[1]))
        elif self.batch_first:
            x = x.swapaxes(0, 1)
        if not x.shape[0]:
            raise ShapeError(f"{label}: x has no time steps; it needs at least 1")
        states = self._first_states(label, x, hx, one)
        ends: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = dropout(x, self.dropout, self.training, generator=self.generator)
            sides = []
            for direction in self._directions:
                backwards = direction == "_reverse"
                seen = x[::-1] if backwards else x
                outputs, end = self.run(seen, states[len(ends)], f"_l{layer}{direction}")
                ends.append(end)
                sides.append(stack(outputs[::-1] if backwards else outputs))
            x = concat(sides, axis=-1) if len(sides) > 1 else sides[0]
        lasts = [stack([end[k] for end in ends]) for k in range(self.states)]
        if one:
            x, lasts = x[:, 0], [last[:, 0] for last in lasts]
        elif self.batch_first:
            x = x.swapaxes(0, 1)
        return x, (lasts[0] if self.states == 1 else tuple(lasts))

    def _first_states(self, label: str, x: Tensor, hx: Any, one: bool) -> list[tuple[Tensor, ...]]:
        """For each layer and direction the state before the first step."""
        n = self.num_layers * len(self._directions)
        widths = (self.proj_size or self.hidden_size, self.hidden_size)[: self.states]
        if hx is None:
            given = [zeros((n, x.shape[1], w), dtype=x.dtype, device=x.device) for w in widths]
        else:
            given = list(hx) if isinstance(hx, (tuple, list)) else [hx]
            if len(given) != self.states:
                raise ArgumentError(
                    f"{label}: hx is {told(hx)}; it must be "
                    + ("a pair (h_0, c_0)" if self.states == 2 else "one tensor, h_0")
                )
            for k, (h, w) in enumerate(zip(given, widths, strict=True)):
                h = tensor_of(label, "hx", h)
                wanted = (n, w) if one else (n, x.shape[1], w)
                if h.shape != wanted:
                    raise ShapeError(f"{label}: hx {h.shape} must be {wanted}")
                given[k] = h.reshape((n, x.shape[1], w))
        return [tuple(h[k] for h in given) for k in range(n)]

    def extra_repr(self) -> str:
        told = f"{self.input_size}, {self.hidden_size}"
        usual = {"num_layers": 1, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        for name, value in usual.items():
            told += "" if getattr(self, name) == value else f", {name}={getattr(self, name)!r}"
        return told


class RNN(_RNNBase):
    """Elman's recurrent network: h' = tanh(W_ih x + b_ih + W_hh h + b_hh).

    input_size, hidden_size   I and H
    num_layers     the outputs of one are the inputs of the next
    nonlinearity   "tanh" or "relu"
    bias           add b_ih and b_hh
    batch_first    x and y are (N, L, ...) instead of (L, N, ...); states are not
    dropout        in training, between the layers
    bidirectional  D = 2: a second one runs backwards, and outputs stand side by side
    generator      draws the first values, and masks of dropout

    Call it with x (L, N, I), or (L, I) for one sequence, and h_0 (num_layers*D, N, H), zeros by
    default. Returns y (L, N, D*H) and h_n. Parameters are named weight_ih_l0, weight_hh_l0,
    bias_ih_l0, bias_hh_l0, and with "_reverse" behind for the second direction.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        generator: Generator | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"RNN: nonlinearity={nonlinearity!r} must be 'tanh' or 'relu'")
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            generator,
            nonlinearity,
        )


class LSTM(_RNNBase):
    """Long short-term memory; arguments as in `RNN`.

    proj_size   P: h is W_hr times the output of its gate, of that size; 0: it is that output
    i, f, o = sigmoid(...), g = tanh(...), c' = f c + i g, h' = o tanh(c').
    Call it with x and (h_0, c_0); returns y and (h_n, c_n).
    """

    mode = "lstm"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            generator,
            _proj_size=proj_size,
        )


class GRU(_RNNBase):
    """Gated recurrent units; arguments as in `RNN`, without nonlinearity.

    r, z = sigmoid(...), n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h' = (1 - z) n + z h.
    """

    mode = "gru"


class _Cell(_Recurrent):
    mode: ClassVar[str] = ""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        generator: Generator | None = None,
        _kind: str = "",
    ) -> None:
        self.begin(input_size, hidden_size, _kind or self.mode, generator)
        rows = GATES[self.kind] * self.hidden_size
        self.weight_ih = parameter(rows, self.input_size)
        self.weight_hh = parameter(rows, self.hidden_size)
        self.bias_ih = parameter(rows) if bias else None
        self.bias_hh = parameter(rows) if bias else None
        self.reset_parameters()

    def forward(self, x: Any, hx: Any = None) -> Any:
        label = type(self).__name__.lower().replace("cell", "_cell")
        x = tensor_of(label, "x", x)
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ShapeError(
                f"{label}: x {x.shape} must be (N, {self.input_size}) or ({self.input_size},)"
            )
        shape = (*x.shape[:-1], self.hidden_size)
        if hx is None:
            hx = (zeros(shape, dtype=x.dtype, device=x.device),) * self.states
        elif not isinstance(hx, (tuple, list)):
            hx = (hx,)
        if len(hx) != self.states:
            raise DtypeError(
                f"{label}: hx must be " + ("(h, c)" if self.states == 2 else "one tensor")
            )
        state = tuple([tensor_of(label, "hx", h) for h in hx])
        for h in state:
            if h.shape != shape:
                raise ShapeError(f"{label}: hx {h.shape} must be {shape}")
        from_x = linear(x, self.weight_ih, self.bias_ih)
        new = STEPS[self.kind](from_x, linear(state[0], self.weight_hh, self.bias_hh), state)
        return new[0] if self.states == 1 else new

    def extra_repr(self) -> str:
        told = f"{self.input_size}, {self.hidden_size}"
        return told if self.bias_ih is not None else f"{told}, bias=False"


class RNNCell(_Cell):
    """One step of an `RNN`: x (N, I) or (I,) and h (N, H) -> h'. nonlinearity: "tanh" or "relu"."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        generator: Generator | None = None,
    ) -> None:
        self.nonlinearity = nonlinearity
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"RNNCell: nonlinearity={nonlinearity!r} must be 'tanh' or 'relu'")
        super().__init__(input_size, hidden_size, bias, generator, nonlinearity)


class LSTMCell(_Cell):
    """One step of an `LSTM`: x (N, I) or (I,) and (h, c) -> (h', c')."""

    mode = "lstm"


class GRUCell(_Cell):
    """One step of a `GRU`: x (N, I) or (I,) and h (N, H) -> h'."""

    mode = "gru"
