"""The benchmark suite: the same work by gpugraph and by PyTorch on the CPU, taken in turns.

python -m tools.bench ops              single ops, forward and backward
python -m tools.bench steps            training steps, with their peak memory
python -m tools.bench growth           time and memory against batch and depth
python -m tools.bench spent            where the time of gpugraph's training steps goes
python -m tools.bench memory           what a training step takes, as predicted and as measured
python -m tools.bench sizes            install size and import time
python -m tools.bench overhead         what an op costs on top of the NumPy call
python -m tools.bench ops steps --write benchmarks --only "conv*"

Speed is PyTorch's time over gpugraph's: 1 is as fast as PyTorch, 2 is twice as fast. README.md in
this folder says how it is measured, and why so.
"""
