"""Downloads, only where they are asked for, and kept only if their checksum is right."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

from ..core.errors import DataError
from ..core.files import write_atomically

__all__ = ["download", "unpack"]


def download(
    url: str, folder: str | PathLike[str], checksum: str, filename: str | None = None
) -> Path:
    """Fetch a file into a folder, unless it is there already; returns its path.

    checksum  "sha256:..." or "md5:...". A file with another one is refused
    filename  by default the end of the URL
    Needs pooch. Raises DataError, with the URL, if there is no network or the checksum is wrong.
    """
    try:
        import pooch
    except ImportError as error:
        raise ImportError(f'downloads need pooch ({error}); pip install "gpugraph[data]"') from None
    name = filename or url.rstrip("/").rpartition("/")[2]
    try:
        found = pooch.retrieve(url, known_hash=checksum, fname=name, path=str(folder))
    except (OSError, ValueError) as error:  # no network; another checksum
        raise DataError(f"download: {url} ({error})") from None
    return Path(found)


def download_all(base: str, folder: Path, checksums: Mapping[str, str]) -> None:
    """Fetch several files that lie beside each other."""
    for name, checksum in checksums.items():
        download(base + name, folder, checksum, name)


def unpack(archive: str | PathLike[str], names: Sequence[str], folder: str | PathLike[str]) -> None:
    """Write these members of a tar archive, found by the end of their paths, into a folder.

    Only their bytes are read: no path, link or permission of the archive is followed.
    """
    try:
        with tarfile.open(archive) as tar:
            by_name = {m.name.rpartition("/")[2]: m for m in tar.getmembers() if m.isfile()}
            missing = [name for name in names if name not in by_name]
            if missing:
                raise DataError(f"{archive}: has no {missing[0]}")
            Path(folder).mkdir(parents=True, exist_ok=True)
            for name in names:
                member = tar.extractfile(by_name[name])
                assert member is not None
                write_atomically(Path(folder) / name, member.read())
    except (OSError, EOFError, tarfile.TarError) as error:
        raise DataError(f"{archive}: truncated, corrupt or no tar archive ({error})") from None
