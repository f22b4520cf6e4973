"""The pages, one a module: importing them declares them in `gpugraph.learn.page.PAGES`."""

from . import max_pooling

__all__ = ["max_pooling"]
