"""The documentation is true: its snippets run, and print what it says they print."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gpugraph as gg
from gpugraph.core import op
from gpugraph.core.op import REGISTRY
from gpugraph.cuda import sim
from tools.pages import blocks, pictures, run, update

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
LECTURE = ROOT / "docs" / "lecture"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_snippets_run_and_print_what_they_say(page, tmp_path, monkeypatch):
    if page.name in ("kernels.md", "parity.md") and sim.why_not() is not None:
        pytest.skip(f"needs {sim.why_not()}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(op, "REGISTRY", dict(REGISTRY))  # a page's ops are nobody else's
    (tmp_path / "pictures").mkdir()
    with gg.cpu.disabled():  # memory and roundings are told of NumPy
        for source, shown, printed in run(page):
            assert printed == shown or not (shown or page.parent == LECTURE), source
    for name in pictures(page):
        check_picture(tmp_path / name, page.parent / name)


def check_picture(made, kept):
    """The picture that the snippets made is the one that the page shows, and that is small."""
    assert made.exists(), "shown, but no snippet makes it"
    assert kept.stat().st_size < 60_000
    if made.suffix == ".svg":
        assert made.read_text() == kept.read_text(), f"python -m tools.pages makes {kept.name} anew"
    else:
        assert resemble(*map(pixels, (made, kept))), f"python -m tools.pages makes {kept.name} anew"


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), float) / 255


def resemble(a, b):
    """Of one size, and of one colour to a tenth, if you look at 16x16 pixels at a time.

    Versions of matplotlib put a border one pixel further on, which changes such a mean by 1/16.
    """
    if a.shape != b.shape:
        return False
    difference = np.pad(a - b, [(0, -n % 16) for n in a.shape[:2]] + [(0, 0)])
    rows, columns = (n // 16 for n in difference.shape[:2])
    blocks = difference.reshape(rows, 16, columns, 16, 3).mean(axis=(1, 3))
    return np.abs(blocks).max() < 0.1


def test_a_picture_with_another_cell_does_not_resemble_the_old_one():
    old = pixels(LECTURE / "pictures" / "03-by-hand.png")
    new = old.copy()
    new[60:100, 20:60] = new[200:240, 130:170]  # one cell of the image in another's place
    assert resemble(old, old) and not resemble(old, new)


def test_the_lecture_shows_all_its_pictures_and_its_index_all_its_pages():
    pages = sorted(LECTURE.glob("*-*.md"))
    shown = [name for page in pages for name in pictures(page)]
    assert sorted(shown) == sorted(f"pictures/{p.name}" for p in (LECTURE / "pictures").iterdir())
    index = re.findall(r"\]\((\d[^)]+)\)", (LECTURE / "README.md").read_text())
    assert index == [page.name for page in pages]


def test_a_page_is_brought_up_to_date(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1)\n```\n\n```text\n2\n```\n\n```python\nx = 3\n```\nend\n")
    update(page)
    new = "```python\nprint(1)\n```\n\n```text\n1\n```\n\n```python\nx = 3\n```\nend\n"
    assert page.read_text() == new


def test_the_op_in_ten_lines_works():
    snippets = [source for source, _ in blocks(ROOT / "CONTRIBUTING.md")]
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
    code, judge = [source for source, _ in blocks(ROOT / "CONTRIBUTING.md")]
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
