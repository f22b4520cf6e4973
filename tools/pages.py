"""Run the snippets of a page of the documentation, and bring the page up to date.

    python -m tools.pages                            # the lecture: docs/lecture/*.md
    python -m tools.pages docs/lecture/03-*.md       # these pages

Runs each page in its own folder, so that its pictures are made anew, and writes what its snippets
print into the page. The tests run the same snippets in an empty folder, and compare.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import gpugraph as gg

# python blocks, each with the text block behind it, if that follows at once: its output
BLOCKS = re.compile(r"```python\n(.*?)```(?:\n+```text\n(.*?)```)?", re.DOTALL)
PICTURES = re.compile(r"!\[[^\]]+\]\((pictures/[^)]+)\)")
LECTURE = Path(__file__).parent.parent / "docs" / "lecture"


def blocks(page: Path) -> list[tuple[str, str]]:
    """The snippets of a page, each with the output that the page shows, or ""."""
    return BLOCKS.findall(page.read_text())


def pictures(page: Path) -> list[str]:
    """The pictures that a page shows, relative to it."""
    return PICTURES.findall(page.read_text())


def run(page: Path) -> Iterator[tuple[str, str, str]]:
    """Run the snippets in the current folder: yields source, output shown, output printed.

    The snippets of a page go on from each other. What lies beside the page can be imported.
    """
    gg.random.seed(0)
    names = {"__name__": "__main__"}
    path, sys.path = sys.path, [str(page.parent), *sys.path]
    try:
        for source, shown in blocks(page):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(source, page.name, "exec"), names)
            yield source, shown, printed.getvalue()
    finally:
        sys.path = path


def update(page: Path) -> None:
    """Make the pictures of a page anew, and write what its snippets print into it."""
    text, at = page.read_text(), 0
    here = Path.cwd()
    os.chdir(page.parent)
    try:
        for source, _, printed in run(page):
            start = text.index(f"```python\n{source}```", at)
            old = BLOCKS.match(text, start)
            assert old is not None
            new = f"```python\n{source}```" + (f"\n\n```text\n{printed}```" if printed else "")
            text, at = text[:start] + new + text[old.end() :], start + len(new)
    finally:
        os.chdir(here)
    page.write_text(text)


if __name__ == "__main__":
    for page in map(Path, sys.argv[1:] or sorted(LECTURE.glob("*.md"))):
        print(page.name)
        update(page.resolve())
