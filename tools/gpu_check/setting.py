"""What every part is told, and what it answers for one item."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "STATES", "Setting", "SkipError", "right", "wrong"]

ROOT = Path(__file__).parent.parent.parent  # of the repository

# of an item: "skipped" has a reason and counts as neither
STATES = ("ok", "wrong", "skipped")


@dataclass(frozen=True)
class Setting:
    """device: "cuda", or "sim" or "cpu" in a rehearsal. only: patterns of the items to run."""

    device: str = "cuda"
    only: tuple[str, ...] = field(default=())

    @property
    def rehearsal(self) -> bool:
        """No GPU: shapes are tiny, and nothing that comes out is a result."""
        return self.device != "cuda"

    def chosen(self, names: Iterable[str]) -> list[str]:
        """The names that one of the patterns fits; all without patterns."""
        return [n for n in names if not self.only or any(fnmatchcase(n, p) for p in self.only)]


class SkipError(Exception):
    """An item can't be run here; the text says why."""


def right(**found: Any) -> dict[str, Any]:
    """The result of an item in which nothing is wrong."""
    return {"state": "ok", **found}


def wrong(error: str, **found: Any) -> dict[str, Any]:
    """The result of an item that failed."""
    return {"state": "wrong", "error": error, **found}
