"""An op of your own in one file: its rules, its gradients of any order, and the proof of them.

Swish is x * sigmoid(beta x) (P. Ramachandran, B. Zoph, Q. Le, "Searching for Activation Functions",
2017). It could be written with existing ops; as an op of its own it is one node of the graph, and
keeps one array for the backward pass.
"""

from dataclasses import dataclass

import numpy as np

import gpugraph as gg


@dataclass(frozen=True)
class Swish(gg.Op):
    """x * sigmoid(beta * x), elementwise."""

    beta: float = 1.0
    keeps = {"x": ("x",)}  # what vjp_x reads

    def spec(self, x):
        """Shape and dtype of the output: what summaries and the meta device go by."""
        return gg.Spec(x.shape, x.dtype)

    def forward(self, xp, x):
        """The result. xp is numpy or cupy, so this runs on CPU and GPU alike."""
        return x / (1 + xp.exp(-self.beta * x))

    def vjp_x(self, node, g):
        """g times the derivative, in tensors: so it has a derivative in turn, to any order."""
        x = node["x"]
        s = 1 / (1 + gg.exp(-self.beta * x))
        return g * (s + self.beta * x * s * (1 - s))

    def cost(self, x):
        """Multiply, exp, add, divide for each element; x is read once, y written once."""
        return gg.Cost(flops=4 * x.size, bytes=2 * x.nbytes)

    @classmethod
    def samples(cls, rng):
        """Calls for the tests."""
        yield gg.Sample(cls(), (rng.standard_normal((3, 4)),))
        yield gg.Sample(cls(beta=2.5), (rng.standard_normal((4, 3)).T,), "strided")


def swish(x, beta=1.0):
    """The function that users call."""
    return gg.apply(Swish.make(beta), x)


# All rules against each other: spec, dtypes, cost, linearity, derivatives of order 1 to 3.
gg.testing.check(Swish)
print("Swish passes every check, with derivatives to third order")

# The same for one function at one point, by finite differences along a random direction.
x = gg.tensor(np.linspace(-2, 2, 5), requires_grad=True)
gg.testing.gradcheck(lambda x: swish(x, beta=1.5), x, order=3)

y = swish(x, beta=1.5)
(slope,) = gg.grad(y.sum(), x, create_graph=True)
(curvature,) = gg.grad(slope.sum(), x)
print("x        ", np.round(x.numpy(), 4).tolist())
print("swish    ", np.round(y.numpy(), 4).tolist())
print("slope    ", np.round(slope.numpy(), 4).tolist())
print("curvature", np.round(curvature.numpy(), 4).tolist())

# It is a citizen of the graph like any other op.
print("recorded as", y.node)
