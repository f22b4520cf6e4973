"""The learner pages as files: no browser needed. `test_learn_pages.py` opens them."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.cli import main
from gpugraph.core.errors import ArgumentError
from gpugraph.data import digits
from gpugraph.learn import PAGES, build, shell
from gpugraph.learn.exercise import Exercise
from gpugraph.learn.few_digits import few_digits
from gpugraph.learn.pages import why_convolution


class Seen(HTMLParser):
    """What an HTML page loads, links to, and says; complains about tags that don't match."""

    VOID = {"meta", "input", "br", "img", "link"}

    def __init__(self, html):
        super().__init__()
        self.links, self.loads, self.ids, self.open, self.text, self.data = [], [], [], [], "", ""
        self.kinds = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.kinds.append(tag)
        if tag not in self.VOID:
            self.open.append((tag, found))
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "a":
            self.links.append(found["href"])
        self.loads += [found[k] for k in ("src", "srcset", "data") if k in found]
        if tag == "link":
            self.loads.append(found["href"])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, text):
        tag, found = self.open[-1] if self.open else ("", {})
        if found.get("id") == "data":
            self.data += text
        elif tag not in ("script", "style"):
            self.text += text


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learn")
    files = build(folder)
    assert [f.name for f in files] == ["index.html", *(f"{name}.html" for name in PAGES)]
    assert sorted(f.name for f in folder.iterdir()) == sorted(f.name for f in files)
    return {f.name: Seen(f.read_text("utf-8")) for f in files}


def test_pages_load_nothing_and_link_to_what_is_there(built):
    for name, page in built.items():
        assert page.loads == [], name
        for link in page.links:
            assert link.startswith("#") or link in built, f"{name}: {link}"
    for name in PAGES:
        assert f"{name}.html" in built["index.html"].links
        assert "index.html" in built[f"{name}.html"].links


def test_pages_say_what_they_show(built):
    for name, page in PAGES.items():
        seen = built[f"{name}.html"]
        assert page.title in seen.text and page.summary in seen.text
        assert page.title in built["index.html"].text and page.summary in built["index.html"].text
        assert len(seen.ids) == len(set(seen.ids))
        assert seen.text.count("Show the answer") >= 2
        assert isinstance(json.loads(seen.data), dict)


def test_previous_and_next_walk_through_all_pages(built, tmp_path):
    order = [f"{name}.html" for name in PAGES]
    html = PAGES[next(iter(PAGES))].make()
    assert 'rel="prev"' not in html
    for name, behind in pairwise(order):
        assert behind in built[name].links and name in built[behind].links


def test_a_page_alone_links_to_pages_that_are_there(tmp_path):
    name = next(iter(PAGES))
    assert [f.name for f in build(tmp_path, [name])] == ["index.html", f"{name}.html"]
    links = Seen((tmp_path / f"{name}.html").read_text("utf-8")).links
    assert set(links) - {link for link in links if link[0] == "#"} <= {"index.html"}
    links = Seen((tmp_path / "index.html").read_text("utf-8")).links
    assert links == [f"{name}.html"]


def test_an_unknown_page_names_those_there_are(tmp_path):
    with pytest.raises(ArgumentError) as error:
        build(tmp_path / "new", ["max-pooling", "nonsense"])
    for name in ("nonsense", *PAGES):
        assert name in str(error.value)
    assert not (tmp_path / "new").exists()


def test_data_cannot_end_its_script_and_text_is_no_markup():
    evil = '</script><script>alert("&amp;")<!-- \u2028 é'
    seen = Seen(html := shell(evil, "<p>body</p>", {evil: evil}, lead=evil))
    assert json.loads(seen.data) == {evil: evil}
    assert html.count("<script>alert") == 0 and evil in seen.text
    with pytest.raises(ValueError, match="JSON"):
        shell("", "", {"x": float("nan")})


def test_scripts_and_styles_cannot_end_their_elements():
    for page in PAGES.values():
        html = page.make()
        inside = re.findall(r"<(script|style)[^>]*>(.*?)</\1>", html, re.DOTALL)
        assert not [text for _, text in inside if "<!--" in text or "</" + "script" in text]
        assert "http:" not in re.sub(r'"http://www\.w3\.org/[^"]*"', "", html)
        assert "https:" not in html


def test_an_exercise_takes_an_answer_that_is_among_its_choices():
    with pytest.raises(ValueError, match="'c' is none of"):
        Exercise("?", "c", "", choices=("a", "b")).html(1)
    html = Exercise("?", "<b>", "", choices=("a", "<b>")).html(1)
    assert 'data-answer="1"' in html and "&lt;b&gt;" in html
    assert 'data-answer="69632"' in Exercise("?", 69632.0, "").html(1)


def test_command(tmp_path, capsys, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert main(["learn", "max-pooling", "-o", str(tmp_path / "a"), "--open"]) == 0
    assert f"open {tmp_path / 'a' / 'max-pooling.html'}" in capsys.readouterr().out
    assert opened == [(tmp_path / "a" / "max-pooling.html").as_uri()]
    assert main(["learn", "max-pooling", "-o", str(tmp_path / "a"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["files"] == [str(tmp_path / "a" / n) for n in ("index.html", "max-pooling.html")]
    assert main(["learn", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(PAGES)
    assert main(["learn", "--list", "--json"]) == 0
    assert [p["name"] for p in json.loads(capsys.readouterr().out)] == list(PAGES)
    assert main(["learn", "dance", "-o", str(tmp_path / "b")]) == 2
    assert "no page 'dance'; there are" in capsys.readouterr().err


DOCS = Path(gg.__file__).parent.parent / "docs" / "learn"


def test_the_site_in_docs_is_what_the_package_makes():
    """But for the data: trained weights differ in their last digits from machine to machine."""
    said = "python -m gpugraph learn -o docs/learn makes it anew"
    assert {f.stem for f in DOCS.iterdir()} == {"index", *PAGES}, said
    for name, page in PAGES.items():
        kept, made = (DOCS / f"{name}.html").read_text("utf-8"), page.make(lecture="../lecture")
        assert without_data(kept) == without_data(made), f"{name}: {said}"
        for link in Seen(kept).links:
            assert link.startswith("#") or (DOCS / link).exists(), link


def without_data(html):
    return re.sub(r'(<script type="application/json" id="data">).*?</script>', r"\1", html)


def test_digits_without_scikit_learn_are_a_part_of_those_with_it():
    pytest.importorskip("sklearn")
    for split, each in (("train", 24), ("test", 8)):
        few, all_ = few_digits(split), digits(split)
        x, labels = few.batch(np.arange(len(few)))
        assert len(few) == 10 * each and np.bincount(labels).tolist() == [each] * 10
        images, wanted = all_.batch(np.arange(len(all_)))
        for digit in range(10):
            np.testing.assert_array_equal(x[labels == digit], images[wanted == digit][:each])


def test_why_convolution_without_scikit_learn(monkeypatch):
    monkeypatch.setattr(why_convolution, "digits", missing)
    before = gg.random.default_generator().state
    found = why_convolution.learned.__wrapped__()
    assert gg.random.default_generator().state == before
    assert "240" in found["source"] and found["right"]["dense"][2] > 0.85
    assert found["right"]["conv"][2] > 0.7


def missing(split):
    raise ImportError("no scikit-learn")
