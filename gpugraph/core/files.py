"""Files that are either whole or not there."""

from __future__ import annotations

import atexit
import functools
import os
import secrets
import shutil
import tempfile
from os import PathLike
from pathlib import Path

__all__ = ["cache_folder", "cache_place", "write_atomically"]


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


def cache_place(name: str) -> Path:
    """Where what is compiled belongs: $GPUGRAPH_<NAME>_CACHE, or below the user's cache folder."""
    if told := os.environ.get(f"GPUGRAPH_{name.upper()}_CACHE"):
        return Path(told)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "gpugraph", name)


@functools.cache
def cache_folder(name: str) -> Path:
    """The folder at `cache_place`, made if need be; one for this process alone, if it can't be."""
    folder = cache_place(name)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.access(folder, os.W_OK):
            return folder.resolve()
    except OSError:
        pass
    folder = Path(tempfile.mkdtemp(prefix=f"gpugraph-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder.resolve()
