"""Pictures in folders and tar archives, one folder a class, read when they are asked for."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DataError, IndexRangeError
from .dataset import Dataset

__all__ = ["ImageFolder", "ImageTar"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


class _Images(Dataset):
    """Pictures by number, each of a class; where their bytes come from, a subclass says.

    classes       names of the folders, in order
    class_to_idx  name -> label
    samples       (path, label) of each picture, in order
    """

    def __init__(
        self,
        root: Path,
        found: list[str],
        size: int | tuple[int, int] | None,
        transform: Callable[..., Any] | None,
        raw: bool,
        mode: str,
    ) -> None:
        try:
            import PIL.Image  # noqa: F401 (say so now, not at the first picture)
        except ImportError as error:
            raise ImportError(
                f'pictures need Pillow ({error}); pip install "gpugraph[data]"'
            ) from None
        if mode not in ("RGB", "L"):
            raise ArgumentError(f"{type(self).__name__}: mode={mode!r} must be 'RGB' or 'L'")
        self.root, self.transform, self.raw, self.mode = root, transform, raw, mode
        self.size = (size, size) if isinstance(size, int) else size
        if self.size is not None and min(self.size) < 1:
            raise ArgumentError(f"{type(self).__name__}: size={size} must be at least 1")
        inside = [p for p in found if "/" in p and p.lower().endswith(SUFFIXES)]
        self.classes = sorted({p.split("/")[0] for p in inside})
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        self.samples = [(p, self.class_to_idx[p.split("/")[0]]) for p in sorted(inside)]
        if not self.samples:
            raise DataError(
                f"{root}: holds no pictures in folders, one for each class ({', '.join(SUFFIXES)})"
            )

    def content(self, path: str) -> bytes:
        """The bytes of the picture at this path."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexRangeError(
                f"{type(self).__name__}: index {index} is outside a dataset of {len(self)}"
            )
        path, label = self.samples[index]
        item = self._decoded(path), np.int64(label)
        return item if self.transform is None else self.transform(*item)

    def _decoded(self, path: str) -> np.ndarray[Any, Any]:
        from PIL import Image

        try:
            with Image.open(io.BytesIO(self.content(path))) as opened:
                picture = _fitted(opened.convert(self.mode), self.size)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise DataError(
                f"{self.root}: {path} is no picture that Pillow can read ({error})"
            ) from None
        pixels = np.asarray(picture)  # (H, W, 3), or (H, W)
        pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
        return pixels.copy() if self.raw else pixels.astype(np.float32) / np.float32(255)


def _fitted(picture: Any, size: tuple[int, int] | None) -> Any:
    """The picture scaled until it just covers (height, width), and its middle."""
    if size is None:
        return picture
    height, width = size
    scale = max(height / picture.height, width / picture.width)
    scaled = max(width, round(picture.width * scale)), max(height, round(picture.height * scale))
    if scaled != picture.size:
        picture = picture.resize(scaled)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


class ImageFolder(_Images):
    """Pictures ``root/class/.../name.png``: each folder below root is a class, in sorted order.

    root       the folder
    size       height and width, or one number for both: pictures are scaled until they just cover
               it, and their middle is taken. None leaves them; a batch needs equal sizes
    transform  ``transform(image, label)`` maps an item to a new one
    raw        leave the pixels uint8, 0 to 255, instead of float32, 0 to 1
    mode       "RGB", or "L" for one channel of grey
    Items: image (C, H, W), label int64, the position in ``classes``. Needs Pillow. A `DataLoader`
    with some workers decodes several at once.
    """

    def __init__(
        self,
        root: str | PathLike[str],
        size: int | tuple[int, int] | None = None,
        transform: Callable[..., Any] | None = None,
        raw: bool = False,
        mode: str = "RGB",
    ) -> None:
        root = Path(root)
        if not root.is_dir():
            raise DataError(f"{root}: is no folder")
        found = [p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()]
        super().__init__(root, found, size, transform, raw, mode)

    def content(self, path: str) -> bytes:
        """The bytes of the picture at this path."""
        return (self.root / path).read_bytes()


class ImageTar(_Images):
    """The same of a tar archive with members ``class/.../name.png``; nothing is unpacked to disk.

    A plain archive stays on disk, and each picture is read from its place in it; a compressed one
    (.tar.gz, .tar.bz2, .tar.xz) is read into memory. Folders around the classes, the same for all,
    are left out. Options and items as of `ImageFolder`.
    """

    def __init__(
        self,
        root: str | PathLike[str],
        size: int | tuple[int, int] | None = None,
        transform: Callable[..., Any] | None = None,
        raw: bool = False,
        mode: str = "RGB",
    ) -> None:
        root = Path(root)
        self.places: dict[str, tuple[int, int]] = {}
        self.held: dict[str, bytes] = {}
        try:
            self._index(root)
        except (OSError, EOFError, tarfile.TarError) as error:
            raise DataError(f"{root}: truncated, corrupt or no tar archive ({error})") from None
        super().__init__(root, list(self.places or self.held), size, transform, raw, mode)

    def _index(self, root: Path) -> None:
        with open(root, "rb") as file, tarfile.open(fileobj=file) as tar:
            plain = isinstance(tar.fileobj, type(file))
            members = {
                m.name.removeprefix("./"): m
                for m in tar.getmembers()
                if m.isreg() and m.name.lower().endswith(SUFFIXES)
            }
            lead = _common(list(members))
            for name, member in members.items():
                if plain and not member.sparse:
                    self.places[name[len(lead) :]] = member.offset_data, member.size
                else:
                    content = tar.extractfile(member)
                    assert content is not None
                    self.held[name[len(lead) :]] = content.read()

    def content(self, path: str) -> bytes:
        """The bytes of the picture at this path."""
        if path in self.held:
            return self.held[path]
        start, length = self.places[path]
        with open(self.root, "rb") as file:  # one of its own: threads read at the same time
            file.seek(start)
            return file.read(length)


def _common(names: list[str]) -> str:
    """The folders that all of these lie in, but for the last two parts of their paths."""
    folders = [name.split("/")[:-2] for name in names]
    lead: list[str] = []
    for parts in zip(*folders):
        if len(set(parts)) > 1:
            break
        lead.append(parts[0])
    return "".join(f"{part}/" for part in lead)
