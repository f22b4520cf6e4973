"""The pages, one a module: importing them declares them in `gpugraph.learn.page.PAGES`."""

from importlib import import_module
from pkgutil import iter_modules

__all__ = sorted(module.name for module in iter_modules(__path__))

for _name in __all__:
    import_module(f"{__name__}.{_name}")
