"""The results file: written whole after every item, so that being killed loses nothing.

    {"about":  {"format": 1, "rehearsal": false, "device": "cuda", "gpu": ..., "date": ..., ...},
     "parts":  {part: {"state": "done", "incomplete" or "running", "budget": s, "seconds": s,
                       "note": "", "left_out": [...],
                       "items": {item: {"state": "ok", "wrong" or "skipped", "seconds": s, ...}}}}}

An item that is wrong has an "error", one that was skipped a "reason"; one that is "cut off" was
begun, and counts as left out, too. What else is in it, the part says.
`problems` is the list of what is wrong with such a file.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from .setting import STATES

__all__ = ["Results", "file_stem", "problems"]

FORMAT = 1
ABOUT = ("format", "rehearsal", "device", "gpu", "date", "versions")
PART = ("state", "budget", "seconds", "note", "left_out", "items")
PART_STATES = ("running", "done", "incomplete")


def file_stem(device: str, date: str, gpu: str) -> str:
    """The name of the files of a run, without suffix. Only a GPU gives a date and its name."""
    if device != "cuda":
        return f"rehearsal-{device}"
    return f"{date}-{re.sub(r'[^A-Za-z0-9]+', '-', gpu).strip('-').lower()}"


def problems(found: dict[str, Any]) -> list[str]:
    """What keeps this from being a results file; empty if nothing does."""
    said = [f"about lacks {key}" for key in ABOUT if key not in found.get("about", {})]
    for name, part in found.get("parts", {}).items():
        said += [f"{name} lacks {key}" for key in PART if key not in part]
        if part.get("state") not in PART_STATES:
            said.append(f"{name} is in state {part.get('state')!r}")
        for item, result in part.get("items", {}).items():
            state = result.get("state")
            if state not in STATES:
                said.append(f"{name}, {item}: is in state {state!r}")
            for needed in {"wrong": ("error",), "skipped": ("reason",)}.get(state, ()):
                if not result.get(needed):
                    said.append(f"{name}, {item}: is {state} without {needed}")
    if found.get("about", {}).get("rehearsal") != (found.get("about", {}).get("device") != "cuda"):
        said.append("about: only what ran on cuda is no rehearsal")
    return said


class Results:
    """The contents of one results file, kept up to date on disk at `path`."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self.path = path
        self.about = {"format": FORMAT, **about}
        self.parts: dict[str, dict[str, Any]] = {}
        if path.exists():  # the parts that run now replace those of an earlier run of the day
            self.parts = json.loads(path.read_text(encoding="utf-8"))["parts"]

    def begin(self, part: str, names: list[str], budget: float, resume: bool = False) -> list[str]:
        """Start a part; the items still to be run. With resume what is there already stays."""
        old = self.parts.get(part, {}).get("items", {}) if resume else {}
        kept = {n: r for n, r in old.items() if r["state"] != "wrong" and not r.get("cut off")}
        self.parts[part] = {
            "state": "running",
            "budget": round(budget, 1),
            "seconds": 0.0,
            "note": "",
            "left_out": [name for name in names if name not in kept],
            "items": kept,
        }
        self.write()
        return list(self.parts[part]["left_out"])

    def add(self, part: str, name: str, result: dict[str, Any]) -> None:
        """Note the result of an item, on disk, too."""
        entry = self.parts[part]
        entry["items"][name] = result
        if not result.get("cut off"):
            entry["left_out"] = [n for n in entry["left_out"] if n != name]
        self.write()

    def finish(self, part: str, seconds: float, note: str = "") -> None:
        """Close a part: it is "incomplete" if items were left out."""
        entry = self.parts[part]
        entry["state"] = "incomplete" if entry["left_out"] else "done"
        entry["seconds"], entry["note"] = round(seconds, 1), note
        self.write()

    @property
    def wrong(self) -> list[str]:
        """ "part: item: error" of everything that failed."""
        return [
            f"{part}: {name}: {result['error']}"
            for part, entry in self.parts.items()
            for name, result in entry["items"].items()
            if result["state"] == "wrong"
        ]

    def to_dict(self) -> dict[str, Any]:
        """As it is on disk."""
        return {"about": self.about, "parts": self.parts}

    def write(self) -> None:
        """Replace the file in one step: a reader, or a kill, meets the old one or the new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".tmp")
        new.write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")
        os.replace(new, self.path)
