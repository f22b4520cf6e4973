"""Files that are either whole or not there."""

from __future__ import annotations

import os
import secrets
from os import PathLike
from pathlib import Path

__all__ = ["write_atomically"]


def write_atomically(path: str | PathLike[str], content: bytes | str) -> Path:
    """Write a file at one stroke: a reader, or a crash, sees the old content or all of the new.

    Written beside its place first, flushed to the disk, then renamed. Text is encoded as UTF-8.
    An OSError (disk full, no such folder) leaves what was there before.
    """
    path = Path(path)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(draft, "xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return path
