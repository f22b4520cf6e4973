"""The files of a project: what includes what, and which kernels a definition is part of."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from .judge import Mutant, Project
from .mutants import Edit
from .source import Definition, Source

__all__ = ["Tree"]

INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


class Tree:
    """The files of a project, parsed: what includes what, and what uses what."""

    def __init__(self, project: Project) -> None:
        names = {
            **{path.name: path for path in project.sources},
            **{
                path.relative_to(project.root).as_posix(): path
                for path in sorted(project.root.rglob("*.cu*"))
                if path.suffix in (".cu", ".cuh")
            },
        }
        self.texts = {name: path.read_text() for name, path in names.items()}
        self.headers = {Path(f).name: f for f in self.texts if f.endswith(".cuh")}
        self.sources = {f: self._source(f) for f in self.texts}
        self.files = [f for f in self.texts if names[f] not in project.sources]  # to be mutated
        self.kernels = {
            (file, d.name): self._reached(file, d)
            for file in self.texts
            for d in self.sources[file].definitions
            if d.kernel
        }

    def _source(self, file: str) -> Source:
        return Source(self.texts[file], "\n".join(self.texts[f] for f in self.included(file)))

    def included(self, file: str) -> list[str]:
        """The headers that a file includes, by way of others, too."""
        found: list[str] = []
        for name in INCLUDE.findall(self.texts[file]):
            if name in self.headers:
                header = self.headers[name]
                found += [header, *self.included(header)]
        return list(dict.fromkeys(found))

    def _reached(self, file: str, kernel: Definition) -> set[tuple[str, str]]:
        """The (file, name) of every definition that a kernel uses, itself among them."""
        known: dict[str, list[tuple[str, Definition]]] = {}
        for f in [file, *self.included(file)]:
            for d in self.sources[f].definitions:
                known.setdefault(d.name, []).append((f, d))
        reached, todo = set(), [(file, kernel)]
        while todo:
            if (next_ := todo.pop()) not in reached:
                reached.add(next_)
                todo += [pair for name in next_[1].names for pair in known.get(name, [])]
        return {(f, d.name) for f, d in reached}

    def mutant(self, file: str, edit: Edit) -> Mutant:
        """The text of a mutant, and the kernels that it changes."""
        used = [kernel for kernel, parts in self.kernels.items() if (file, edit.where) in parts]
        return Mutant(file, edit.applied(self.texts[file]), tuple(used))

    def digest(self, file: str) -> str:
        """Of all texts that what becomes of a file's mutants depends on."""
        users = [f for f in self.texts if file in self.included(f)]
        files = {file, *users, *(h for f in [file, *users] for h in self.included(f))}
        texts = [Path(__file__).with_name(name).read_text() for name in ("source.py", "mutants.py")]
        texts += [f"{f}\n{self.texts[f]}" for f in sorted(files)]
        return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
