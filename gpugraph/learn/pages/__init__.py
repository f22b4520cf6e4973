"""The pages, one a module: importing them declares them in `gpugraph.learn.page.PAGES`."""

from . import (
    convolution_arithmetic,
    convolution_step_by_step,
    max_pooling,
    nonlinearities,
    why_convolution,
)

__all__ = [
    "convolution_arithmetic",
    "convolution_step_by_step",
    "max_pooling",
    "nonlinearities",
    "why_convolution",
]
