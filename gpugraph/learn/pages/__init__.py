"""The pages, one a module: importing them declares them in `gpugraph.learn.page.PAGES`."""

from . import convolution_arithmetic, max_pooling

__all__ = ["convolution_arithmetic", "max_pooling"]
