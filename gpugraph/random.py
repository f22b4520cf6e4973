"""Random numbers from a counter, the same on every device: see `gpugraph.ops.random`."""

from .ops.random import Generator, default_generator, initial_seed, seed

__all__ = ["Generator", "default_generator", "initial_seed", "seed"]
