"""The command line: what it prints, writes and returns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

import gpugraph as gg
from gpugraph.cli import main
from gpugraph.cli.demo import MADE, demo
from gpugraph.core.errors import ArgumentError


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0 and capsys.readouterr().out == f"gpugraph {gg.__version__}\n"


@pytest.mark.parametrize("argv", [[], ["dance"], ["demo", "--epochs", "many"], ["demo", "--speed"]])
def test_wrong_use(capsys, argv):
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 2 and "usage: gpugraph" in capsys.readouterr().err


def test_a_reader_that_has_enough_is_no_error():
    command = f"{sys.executable} -m gpugraph diff resnet18 resnet34 | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.count("\n") == 1 and done.stderr == ""


def test_wrong_values(capsys, tmp_path):
    assert main(["demo", "--epochs", "0", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "gpugraph: demo: epochs=0 must be at least 1\n"
    assert main(["demo", "--quick", "--seed", "-1", "--out", str(tmp_path)]) == 2
    with pytest.raises(ArgumentError):
        demo(epochs=0)
    assert not list(tmp_path.iterdir())


def test_help_names_every_argument_of_demo(capsys):
    import inspect

    with pytest.raises(SystemExit):
        main(["demo", "--help"])
    text = capsys.readouterr().out
    for name in inspect.signature(demo).parameters:
        assert name == "progress" or f"--{name}" in text


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The run of ``python -m gpugraph demo --quick``."""
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    out = tmp_path_factory.mktemp("runs")
    command = [sys.executable, "-m", "gpugraph", "demo", "--quick", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (folder,) = out.iterdir()
    return done, folder


def test_demo_leaves_what_it_says(quick):
    done, folder = quick
    assert {p.name for p in folder.iterdir()} == set(MADE)
    assert "epoch 2/2" in done.stdout and "Try next:" in done.stdout and done.stderr == ""
    assert str(folder) in done.stdout and all(name in done.stdout for name in MADE)
    for name in MADE:
        content = (folder / name).read_bytes()
        assert name[-3:] != "png" or content.startswith(b"\x89PNG")
    ET.parse(folder / "graph.svg")
    weights = gg.io.load(folder / "model.safetensors")
    assert weights["model.features.0.weight"].shape == (16, 1, 3, 3)


def test_demo_metrics(quick):
    metrics = json.loads((quick[1] / "metrics.json").read_text())
    assert metrics["test_accuracy"] > 0.8  # after two epochs
    assert metrics["epochs"] == 2 and metrics["seed"] == 0 and metrics["seconds"] > 0
    assert metrics["versions"]["gpugraph"] == gg.__version__
    assert (
        f"reads {100 * metrics['test_accuracy']:.2f} % of 355 test images right" in quick[0].stdout
    )


def test_demo_is_repeatable_and_json_is_all_it_prints(quick, tmp_path, capsys):
    assert main(["demo", "--quick", "--out", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    before = json.loads((quick[1] / "metrics.json").read_text())
    assert told["test_loss"] == before["test_loss"]
    assert told["folder"] == str(tmp_path / "digits-quick-seed0")


@pytest.mark.parametrize("missing", ["sklearn.datasets", "matplotlib.figure"])
def test_demo_without_its_extra(monkeypatch, capsys, tmp_path, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["demo", "--quick", "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and 'pip install "gpugraph[demo]"' in error
    assert not list(tmp_path.iterdir())


def test_demo_that_cannot_write(capsys, tmp_path):
    pytest.importorskip("sklearn")
    (tmp_path / "runs").write_text("a file, not a folder")
    assert main(["demo", "--quick", "--out", str(tmp_path / "runs")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "runs" in error and "gpugraph: " in error


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_demo_in_a_read_only_folder(capsys, tmp_path):
    pytest.importorskip("sklearn")
    tmp_path.chmod(0o500)
    assert main(["demo", "--quick", "--out", str(tmp_path)]) == 1
    assert "Permission denied" in capsys.readouterr().err
