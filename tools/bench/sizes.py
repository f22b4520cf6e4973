"""Group `sizes`: what `pip install gpugraph` takes on the disk, and what importing it takes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["SECONDS", "SIZE", "import_time", "install_size", "installed_size", "sizes"]

ROOT = Path(__file__).parent.parent.parent
SIZE = 110.0  # MB, what the installation may take without extras
SECONDS = 0.2  # that importing gpugraph may take on top of NumPy
# pip brings these into an environment by itself
OWN = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence")


def sizes(quick: bool = False) -> dict[str, Any]:
    """All of the group; quick reads what is installed here in place of a new environment."""
    parts = installed_size() if quick else install_size()
    return {
        "parts": parts,
        "MB": sum(parts.values()),
        "limit MB": SIZE,
        "import": import_time(3 if quick else 11),
        "limit seconds": SECONDS,
    }


def install_size() -> dict[str, float]:
    """MB of each folder and file in site-packages after installing a copy of the checkout."""
    with tempfile.TemporaryDirectory() as name:
        copy, venv = Path(name) / "copy", Path(name) / "venv"
        copy.mkdir()
        for file in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / file, copy)
        shutil.copytree(
            ROOT / "gpugraph", copy / "gpugraph", ignore=shutil.ignore_patterns("__pycache__")
        )
        env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, env=env)
        python = venv / ("Scripts" if os.name == "nt" else "bin") / "python"
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "--compile", str(copy)],
            check=True,
            env={**env, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
        site = subprocess.run(
            [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True, capture_output=True, text=True, env=env,
        ).stdout.strip()  # fmt: skip
        return _by_distribution(Path(site))


def _by_distribution(site: Path) -> dict[str, float]:
    """MB by name, where numpy, numpy.libs and numpy-2.4.dist-info are all numpy's."""
    found: dict[str, float] = {}
    for entry in sorted(site.iterdir()):
        if not entry.name.startswith(OWN) and entry.name != "__pycache__":
            name = re.split(r"[-.]", entry.name)[0]
            found[name] = found.get(name, 0) + _bytes([entry]) / 1e6
    return found


def _bytes(entries: Iterable[Path]) -> int:
    return sum(
        file.stat().st_size
        for entry in entries
        for file in ([entry] if entry.is_file() else entry.rglob("*"))
        if file.is_file()
    )


def installed_size() -> dict[str, float]:
    """MB of gpugraph's folder and of the installed distributions that it asks for, and so on.

    Less exact than `install_size`: byte code of all Python versions that used them is counted.
    """
    found = {"gpugraph": _bytes([ROOT / "gpugraph"]) / 1e6}
    todo = re.findall(r'"([\w-]+)', _field("dependencies"))
    while todo:
        name = todo.pop()
        if name not in found:
            have = metadata.distribution(name)
            files = [Path(str(file.locate())) for file in have.files or ()]
            found[name] = _bytes(file for file in files if file.is_file()) / 1e6
            todo += [re.split(r"[^\w-]", r)[0] for r in have.requires or () if "extra ==" not in r]
    return found


def _field(name: str) -> str:
    """A list of pyproject.toml, as it stands there: Python 3.10 can't read TOML."""
    match = re.search(rf"^{name} = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.M | re.S)
    assert match
    return match[1]


def import_time(rounds: int = 11) -> dict[str, float]:
    """Seconds of ``import gpugraph`` and of ``import numpy``, each in a process of its own.

    The shortest of some rounds: others on the machine only ever lengthen an import.
    """
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def once(module: str) -> float:
        code = (
            f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env=env
        )
        return float(done.stdout)

    with tempfile.TemporaryDirectory() as cache:
        env["PYTHONPYCACHEPREFIX"] = cache  # byte code is there, as after an installation
        once("gpugraph")
        pairs = [(once("numpy"), once("gpugraph")) for _ in range(rounds)]
    bare, ours = map(min, zip(*pairs))
    return {"numpy": bare, "gpugraph": ours, "extra": ours - bare, "ratio": ours / bare}
