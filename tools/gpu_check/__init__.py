"""Everything that only a GPU can show, in one command: ``python -m tools.gpu_check``.

    python -m tools.gpu_check                          # all of it, within 9.5 minutes
    python -m tools.gpu_check --part kernels --part bench
    python -m tools.gpu_check --part bench --resume    # what an earlier run of today left out
    python -m tools.gpu_check --device sim             # a rehearsal without a GPU, tiny shapes

Needs Python, NumPy and CuPy; with PyTorch there are comparisons, with pytest and compute-sanitizer
two more parts. docs/gpu.md is the guide.

session    the budget of each part, the results file, the exit status
supervise  a part in a process of its own, which may die
worker     that process
device     the only file that knows CuPy's and PyTorch's clocks, streams and memory
report     the results as Markdown

The parts: `kernels` (with `large`), `tests`, `sanitizer`, `parity`, `bench` (with `rows`), `train`
(with `nets`), and first of all `doctor`.
"""
