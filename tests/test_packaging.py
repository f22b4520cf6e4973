"""What is built is what is needed: a wheel from a clean copy, unpacked elsewhere, works."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("build", reason="needs the package build (extra test)")
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "gpugraph", source / "gpugraph")
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("*.whl"))


def test_the_wheel_holds_every_file_of_the_package(wheel):
    packed = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "gpugraph").rglob("*"):
        if (
            path.suffix in (".py", ".cu", ".cuh", ".c", ".h", ".cpp", ".js", ".css", ".typed")
            or path.name == "py.typed"
        ):
            assert path.relative_to(ROOT).as_posix() in packed
    assert not [name for name in packed if name.startswith(("tests/", "tools/", "examples/"))]


def test_the_wheel_works_elsewhere(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import gpugraph as gg, gpugraph.nn as nn\n"
        "y = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(None, 3))"
        "(gg.ones((2, 1, 5, 5))).sum()\n"
        "y.backward(); print(gg.__file__)"
    )
    command = [sys.executable, "-P" if sys.version_info >= (3, 11) else "-B", "-c", code]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path))


def test_hard_dependencies_are_three(wheel):
    with zipfile.ZipFile(wheel) as packed:
        (name,) = [n for n in packed.namelist() if n.endswith(".dist-info/METADATA")]
        lines = packed.read(name).decode().splitlines()
    needs = [line for line in lines if line.startswith("Requires-Dist:")]
    hard = [line.split()[1].partition(">")[0] for line in needs if "extra ==" not in line]
    assert set(hard) == {"numpy", "networkx", "safetensors"}
