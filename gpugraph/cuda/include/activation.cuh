// Activations that a kernel applies to what it has just computed, and their gradients from what came
// out of them. The Python side, with the same order, is ops/fused.py; the ops are in
// ops/activation.py.
#pragma once

enum class Activation { linear, relu, leaky_relu, elu, sigmoid, tanh };

// kind: an Activation. slope: what leaky_relu multiplies by on the left, the alpha of elu; the others
// don't read it. NaN stays NaN.
template <typename A>
__device__ A activate(int kind, A x, A slope) {
  switch ((Activation)kind) {
    case Activation::relu: return x <= 0 ? (A)0 : x;
    case Activation::leaky_relu: return x > 0 ? x : slope * x;
    case Activation::elu: return x > 0 ? x : slope * expm1(x);
    case Activation::sigmoid: return 1 / (1 + exp(-x));
    case Activation::tanh: return tanh(x);
    default: return x;
  }
}

// The gradient of x, from y = activate(kind, x, slope) and the gradient g of y.
template <typename A>
__device__ A activate_grad(int kind, A y, A slope, A g) {
  switch ((Activation)kind) {
    case Activation::relu: return y != 0 ? g : (A)0;  // y is never negative; NaN passes g on
    case Activation::leaky_relu: return y > 0 ? g : slope * g;
    case Activation::elu: return y > 0 ? g : (y + slope) * g;
    case Activation::sigmoid: return (y - y * y) * g;
    case Activation::tanh: return (1 - y * y) * g;
    default: return g;
  }
}
