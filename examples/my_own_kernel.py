"""An op with a CUDA kernel of your own, and the proof that it is right, with or without a GPU.

RMS norm (B. Zhang, R. Sennrich, "Root Mean Square Layer Normalization", 2019) divides each row by
the root of its mean square and scales the columns. A block of threads takes a row: all of them add
up squares, and meet in shared memory to add up what they have.
"""

from dataclasses import dataclass

import numpy as np

import gpugraph as gg

SOURCE = """
#include "wide.cuh"  // wide<T>: float for 16-bit numbers, which are stored as they are

// y[row, i] = gain[i] x[row, i] / sqrt(mean_i(x[row, i]^2) + eps). One block per row.
template <typename T>
__global__ void rms_norm(const T* x, const T* gain, T* y, long long width, wide<T> eps) {
  __shared__ wide<T> sums[128];
  long long row = blockIdx.x * width;
  wide<T> sum = 0;
  for (long long i = threadIdx.x; i < width; i += 128) {
    wide<T> v = (wide<T>)x[row + i];
    sum += v * v;
  }
  sums[threadIdx.x] = sum;
  for (int half = 64; half > 0; half /= 2) {  // pairs, in the same order every time
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  __syncthreads();
  wide<T> scale = 1 / sqrt(sums[0] / width + eps);
  for (long long i = threadIdx.x; i < width; i += 128)
    y[row + i] = (T)((wide<T>)gain[i] * (wide<T>)x[row + i] * scale);
}
"""
KERNEL = gg.cuda.Kernel("rms_norm.cu", "rms_norm", code=SOURCE, T=gg.cuda.FLOATS)


@dataclass(frozen=True)
class RMSNorm(gg.Op):
    """x (rows, width), gain (width) -> y (rows, width)."""

    eps: float = 1e-6
    kernel = KERNEL
    keeps = {"x": ("x", "gain"), "gain": ("x",)}

    def spec(self, x, gain):
        """Shape and dtype of y."""
        if len(x.shape) != 2 or gain.shape != x.shape[1:]:
            raise gg.ShapeError(f"rms_norm: x {x.shape}, gain {gain.shape}; wanted (N, C), (C,)")
        return x

    def forward(self, xp, x, gain):
        """The readable reference, which judges the kernel."""
        return gain * x / xp.sqrt((x * x).mean(axis=1, keepdims=True) + self.eps)

    def cuda(self, dev, x, gain):
        """The same by the kernel; dev is a GPU, or the CPU that simulates one."""
        y = dev.empty(x.shape, x.dtype)
        arrays = dev.contiguous(x), dev.contiguous(gain), y
        dev.launch(self.kernel, *arrays, x.shape[1], self.eps, grid=(x.shape[0],), block=128)
        return y

    def vjp_x(self, node, g):
        """Gradient with respect to x."""
        x = node["x"]
        scale = ((x * x).mean(axis=1, keepdims=True) + self.eps) ** -0.5
        g = g * node["gain"]
        return g * scale - x * scale**3 * (g * x).mean(axis=1, keepdims=True)

    def vjp_gain(self, node, g):
        """Gradient with respect to gain."""
        x = node["x"]
        return (g * x * ((x * x).mean(axis=1, keepdims=True) + self.eps) ** -0.5).sum(axis=0)

    def cost(self, x, gain):
        """Square, add, product and two to scale for each element; x and y pass once."""
        return gg.Cost(flops=5 * x.size, bytes=2 * x.nbytes + gain.nbytes)

    @classmethod
    def samples(cls, rng):
        """Calls for the tests; `check` makes longer, empty and odder ones from them."""
        yield gg.Sample(cls(), (rng.standard_normal((3, 5)), rng.standard_normal(5)))
        yield gg.Sample(cls(0.1), (rng.standard_normal((4, 2)), np.ones(2)), "large eps")


print(gg.testing.check(RMSNorm))


class Planted(RMSNorm):
    """The same with a mistake in the kernel: right for rows of up to 128, wrong for longer ones."""

    kernel = gg.cuda.Kernel(
        "planted.cu", "rms_norm", code=SOURCE.replace("gain[i]", "gain[threadIdx.x]"), T=["float32"]
    )


try:
    print(gg.testing.check(Planted))
except gg.testing.KernelMismatch as error:
    print("\nThe planted mistake is found:", error, sep="\n")
