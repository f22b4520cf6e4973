"""Gradients, gradients of gradients, and NumPy code that is differentiated as it stands."""

import numpy as np

import gpugraph as gg

# 1. A gradient. Tensors remember how they were made; backward fills .grad of the leaves.
x = gg.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = (x**3).sum()
y.backward()
print("y = sum of x^3 at", x.tolist())
print("  gradient          ", x.grad.tolist(), "= 3 x^2")

# 2. Gradients of gradients. With create_graph the backward pass is recorded like any computation.
y = (x**3).sum()
(first,) = gg.grad(y, x, create_graph=True)
(second,) = gg.grad(first.sum(), x, create_graph=True)
(third,) = gg.grad(second.sum(), x)
print("  second derivatives", second.tolist(), "= 6 x")
print("  third derivatives ", third.tolist(), "= 6")


# 3. Plain NumPy code, which knows nothing of gpugraph: given a tensor, np.square gives a tensor.
def valley(p):
    """Rosenbrock's valley, on which optimizers are tried; smallest, 0, at (1, ..., 1)."""
    a, b = p[:-1], p[1:]
    return np.sum(100 * np.square(b - np.square(a)) + np.square(1 - a))


p = np.array([-1.2, 1.0])
gradient = gg.func.grad(valley)
print("\nRosenbrock's valley at", p.tolist())
print("  value   ", round(valley(p), 6), "(NumPy's own)")
print("  gradient", gradient(p).numpy().round(6).tolist())

# 4. A Hessian-vector product: how the gradient changes along v. It costs about two gradients, and
#    the Hessian is never formed, so it works for a million variables as well.
v = np.array([1.0, -1.0])
print("  H @ v   ", gg.func.hvp(valley, p, v).tolist(), "by a gradient of a gradient")
hessian = gg.func.hessian(valley)
print("          ", (hessian(p).numpy() @ v).tolist(), "by the whole Hessian")

# 5. Newton's method, with exact second derivatives.
print("\nNewton's method")
for step in range(1, 7):
    p = p - np.linalg.solve(hessian(p).numpy(), gradient(p).numpy())
    print(f"  step {step}  value {valley(p):9.3e}  at {np.round(p, 6).tolist()}")
