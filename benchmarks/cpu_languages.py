"""3x3 convolutions in NumPy, Numba, gpugraph's C and PyTorch: why the compiled kernels are C.

GPUGRAPH_CPU=compiled OMP_NUM_THREADS=1 python benchmarks/cpu_languages.py   (needs numba, torch)

Forward, channels last inside, one thread, GFLOP/s by the CPU time of the process; the best of 20.
"""

import time

import numba
import numpy as np
import torch

import gpugraph as gg
import gpugraph.nn.functional as F


@numba.njit(fastmath=True, error_model="numpy")
def plain(x, w, y):
    """x (N, H+2, W+2, C) with its border, w (3, 3, C, O), y (N, H, W, O)."""
    N, H, W, outputs = y.shape
    for n in range(N):
        for i in range(H):
            for j in range(W):
                y[n, i, j] = 0
                for p in range(3):
                    for q in range(3):
                        for c in range(x.shape[3]):
                            a = x[n, i + p, j + q, c]
                            for o in range(outputs):
                                y[n, i, j, o] += a * w[p, q, c, o]


@numba.njit(fastmath=True, error_model="numpy")
def tiled(x, w, y):
    """The same by tiles of 4 pixels and 16 outputs, which a compiler could keep in registers."""
    N, H, W, outputs = y.shape
    sums = np.empty((4, 16), x.dtype)
    for n in range(N):
        for i in range(H):
            for j in range(0, W, 4):
                for first in range(0, outputs, 16):
                    sums[:] = 0
                    for p in range(3):
                        for q in range(3):
                            for c in range(x.shape[3]):
                                for r in range(4):
                                    a = x[n, i + p, j + q + r, c]
                                    for o in range(16):
                                        sums[r, o] += a * w[p, q, c, first + o]
                    for r in range(4):
                        for o in range(16):
                            y[n, i, j + r, first + o] = sums[r, o]


def gflops(multiply_adds, function, *args, **options):
    """Of the best of 20 calls."""
    function(*args, **options)
    times = []
    for _ in range(20):
        start = time.process_time()
        function(*args, **options)
        times.append(time.process_time() - start)
    return 2e-9 * multiply_adds / min(times)


def main():
    """Print a row for each layer."""
    torch.set_num_threads(1)
    print("| layer | NumPy | Numba, plain loops | Numba, tiles | C | PyTorch |")
    print("| --- | --- | --- | --- | --- | --- |")
    for n, c, size in ((8, 16, 32), (4, 64, 32), (4, 128, 16)):
        x = np.random.default_rng(0).standard_normal((n, c, size, size)).astype("f")
        w = np.random.default_rng(1).standard_normal((c, c, 3, 3)).astype("f")
        framed = np.pad(x.transpose(0, 2, 3, 1), ((0, 0), (1, 1), (1, 1), (0, 0))).copy()
        taps, y = w.transpose(2, 3, 1, 0).copy(), np.empty((n, size, size, c), "f")
        last = framed[:, 1:-1, 1:-1].copy().transpose(0, 3, 1, 2)
        given = torch.from_numpy(x), torch.from_numpy(w)
        want = torch.nn.functional.conv2d(*given, padding=1).numpy()
        for function in (plain, tiled):
            function(framed, taps, y)
            assert np.allclose(y.transpose(0, 3, 1, 2), want, atol=1e-3)
        macs = y.size * 9 * c
        with gg.cpu.disabled():
            found = [gflops(macs, F.conv2d, x, w, padding=1)]
        found += [gflops(macs, function, framed, taps, y) for function in (plain, tiled)]
        found += [gflops(macs, F.conv2d, last, w, padding=1)]
        found += [gflops(macs, torch.nn.functional.conv2d, *given, padding=1)]
        row = " | ".join(f"{value:.0f}" for value in found)
        print(f"| {n} images, {c} -> {c} channels, {size}x{size} | {row} |")


if __name__ == "__main__":
    main()
