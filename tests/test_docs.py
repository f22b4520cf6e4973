"""The documentation is true: its snippets run, and print what it says they print."""

import contextlib
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core import op
from gpugraph.core.op import REGISTRY
from gpugraph.cuda import sim

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
# python blocks, each with the text block behind it, if that follows at once: its output
BLOCKS = re.compile(r"```python\n(.*?)```(?:\n+```text\n(.*?)```)?", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_snippets_run_and_print_what_they_say(page, tmp_path, monkeypatch):
    if page.name in ("kernels.md", "parity.md") and sim.why_not() is not None:
        pytest.skip(f"needs {sim.why_not()}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(op, "REGISTRY", dict(REGISTRY))  # a page's ops are nobody else's
    gg.random.seed(0)
    names = {"__name__": "__main__"}  # the blocks of a page go on from each other
    for source, output in BLOCKS.findall(page.read_text()):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(source, str(page), "exec"), names)
        if output:
            assert printed.getvalue() == output, source


def test_the_op_in_ten_lines_works():
    snippets = [source for source, _ in BLOCKS.findall((ROOT / "CONTRIBUTING.md").read_text())]
    names = {}
    try:
        for source in snippets:
            exec(source, names)
        assert gg.testing.check(names["Softsign"])
        x = np.linspace(-2, 2, 7)
        want = names["ORACLES"]["Softsign"](None, x)
        np.testing.assert_allclose(names["softsign"](x).numpy(), want, rtol=1e-15)
        lines = snippets[0].split("\n\n")[1].splitlines()
        assert len(lines) <= 10
    finally:
        REGISTRY.pop("Softsign", None)
        del gg.core.methods.FUNCTIONS.softsign


def test_the_readme_names_the_commands_that_ci_runs():
    text = (ROOT / "README.md").read_text()
    assert '\npip install ".[test]" && pytest\n' in text
    assert '\npip install ".[demo]" && gpugraph demo\n' in text


def test_links_between_pages_lead_somewhere():
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_version_stands_once():
    code = (
        "import gpugraph as g, importlib.metadata as m; print(g.__version__, m.version('gpugraph'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("needs gpugraph to be installed, not just on the path")
    ours, installed = done.stdout.split()
    assert ours == installed


def test_the_recipe_for_an_op_works_as_it_is_told(tmp_path):
    """Follow CONTRIBUTING.md in a copy: append, name, judge, run."""
    code, judge = [s for s, _ in BLOCKS.findall((ROOT / "CONTRIBUTING.md").read_text())]
    for name in ("gpugraph", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    family = tmp_path / "gpugraph" / "ops" / "powers.py"
    family.write_text(family.read_text() + code.replace("from gpugraph.", "from ..") + "\n")
    family.write_text(
        family.read_text().replace("from ..ops.", "from .") + '__all__ += ["softsign"]'
    )
    (tmp_path / "tests" / "oracles" / "softsign.py").write_text(judge)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_ops.py"]
    command += ["-k", "Softsign or oracle_and_samples"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout
    code = "import gpugraph as gg; print(gg.softsign(gg.tensor(1.0)).item())"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0.5"
