"""What other libraries ask of a tensor: its memory by DLPack, and the module of its functions."""

from __future__ import annotations

import sys
from typing import Any

from . import backend
from .errors import ArgumentError, DataError

__all__ = ["Exchange"]

VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")  # of the standard: each extends the last


class Exchange:
    """Base of Tensor: the protocols of the Array API standard."""

    __slots__ = ()

    def __array_namespace__(self, /, *, api_version: str | None = None) -> Any:
        if api_version not in (None, *VERSIONS):
            raise ArgumentError(
                f"__array_namespace__: api_version={api_version!r} is none of {', '.join(VERSIONS)}"
            )
        return sys.modules[__package__.partition(".")[0]]  # gpugraph itself

    def __dlpack__(
        self: Any,
        /,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        self._leave("DLPack", "detach()")
        _refuse_meta(self.array)
        options = {"stream": stream, "max_version": max_version, "dl_device": dl_device}
        options["copy"] = copy
        given = {k: v for k, v in options.items() if v is not None}  # older NumPys know only stream
        return self.array.__dlpack__(**given)

    def __dlpack_device__(self: Any) -> Any:
        _refuse_meta(self.array)
        return self.array.__dlpack_device__()


def _refuse_meta(array: Any) -> None:
    if isinstance(array, backend.MetaArray):
        raise DataError("DLPack: a meta tensor has no data to share")
