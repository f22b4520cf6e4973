"""Learner pages in a real browser: gradients of a 1-D convolution, and receptive fields."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn
from gpugraph.learn import build

from .pages import listed, number, reload, write

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learn")
    build(folder, ["backward-1d", "receptive-fields"])
    return folder


@pytest.fixture
def opened(page, folder):
    """opened(name, fragment) opens a page; afterwards it must have been quiet."""

    def open_(name, fragment="", **size):
        page.open(folder / f"{name}.html", fragment, **size)
        return page

    yield open_
    page.check()


# backward-1d


def convolved(case, count=None):
    """y, gx, gw as the library has them, with the gradients of the first `count` outputs alone."""
    x, w, g = (np.array(case[k], float)[None, None] for k in "xwg")
    g = g.copy()
    g[..., count if count is not None else g.shape[-1] :] = 0
    x, w = (gg.Tensor(v, requires_grad=True) for v in (x, w))
    y = F.conv1d(x, w, stride=case["stride"], padding=case["padding"], dilation=case["dilation"])
    gx, gw = gg.grad(y, [x, w], g)
    return [v.numpy()[0, 0] for v in (y, gx, gw)]


AWKWARD = [
    dict(x=[1, -2, 0.5, 3, 4, -1, 2, 6], w=[1, -2, 3], g=[1, -2, 3], stride=3, padding=2,
         dilation=2),
    dict(x=[2, 3, 5, 7, 11], w=[-4], g=[1, 2, 3], stride=4, padding=2, dilation=3),
    dict(x=[3], w=[1, 2, 3, 4, 5], g=[1, 2, 3], stride=1, padding=3, dilation=1),
    dict(x=[1, 2, 3, 4, 5, 6, 7], w=[1, -1], g=[5, 3], stride=3, padding=0, dilation=1),
]  # fmt: skip


def cells(page, name, count):
    return [number(page.text(f'[data-cell="{name}-{i}"]')) for i in range(count)]


@pytest.mark.parametrize("case", AWKWARD, ids=lambda c: f"s{c['stride']}p{c['padding']}")
def test_backward_of_typed_numbers(opened, case):
    page = opened("backward-1d")
    for key in ("stride", "padding", "dilation"):
        write(page, key, case[key])
    for key in "xwg":
        write(page, key, ", ".join(map(str, case[key])))
    M = len(case["g"])
    assert page.text('[data-key="step"] ~ output').endswith(f"of {M}")
    page.js("document.querySelector('[data-key=step]').focus()")
    for count, key in ((M, "\ue010"), (0, "\ue011"), (1, "\ue014")):  # End, Home, right
        page.keys(key)
        y, gx, gw = convolved(case, count)
        np.testing.assert_allclose(cells(page, "y", M), y)
        np.testing.assert_allclose(cells(page, "gx", len(gx)), gx)
        shown = page.js(
            "return [...document.querySelectorAll('[data-name=gw] text')].map(t => t.textContent)"
        )
        np.testing.assert_allclose(list(map(number, shown)), gw, rtol=1e-2)
    y, gx, gw = convolved(case)
    ways = page.js(
        "return [...document.querySelectorAll('tr[data-way] .numbers')].map(t => t.textContent)"
    )
    assert len(ways) == 3
    for way in ways:
        np.testing.assert_allclose(listed(way), gx)
    np.testing.assert_allclose(listed(page.text('[data-way="gw"]')), gw)
    assert "all alike" in page.text("#ways")


def test_backward_shows_the_jacobian_and_code_that_gives_the_same(opened):
    case = AWKWARD[0]
    fragment = "&".join(f"{k}={json.dumps(v, separators=(',', ':'))}" for k, v in case.items())
    page = opened("backward-1d", f"#{fragment}")
    w = np.array(case["w"], float)[None, None]
    window = {k: case[k] for k in ("stride", "padding", "dilation")}
    jacobian = gg.func.jacobian(lambda x: F.conv1d(x.reshape(1, 1, -1), w, **window).reshape(-1))
    wanted = jacobian(np.array(case["x"], float)).numpy()
    for name, matrix in (("A", wanted), ("A transposed", wanted.T)):
        texts = page.js(
            "return [...document.querySelector(`[data-name='${arguments[0]}']`)"
            ".querySelectorAll('text')].map(t => t.textContent)",
            name,
        )
        shown = [0 if t == "·" else number(t) for t in texts]
        np.testing.assert_array_equal(np.reshape(shown, matrix.shape), matrix)

    names: dict = {}
    code = page.text("#code").replace('gg.graph.of(y, gx, gw).save("graph.svg")', "")
    with redirect_stdout(io.StringIO()):
        exec(code, names)
    for name, values in zip(("y", "gx", "gw"), convolved(case)):
        np.testing.assert_allclose(names[name].numpy()[0, 0], values, rtol=1e-6)
    assert page.text("#graph-note") == "Recorded from a computation of these sizes."
    write(page, "padding", 1)
    assert "the same, for x of 8, w of 3" in page.text("#graph-note")


def test_backward_examples_are_those_that_the_library_computed(opened):
    from selenium.webdriver.support.ui import Select

    page = opened("backward-1d")
    for i, preset in enumerate(page.js("return learn.data.presets")):
        Select(page.one("#preset")).select_by_value(str(i))
        assert len(page.all("tr[data-way]")) == 4 and "all alike" in page.text("#ways")
        assert page.text("#graph-note") == "Recorded from this very computation."
        assert page.js("return document.getElementById('graph').naturalWidth") > 200
        np.testing.assert_allclose(listed(page.text('[data-way="gw"]')), preset["gw"])


def test_backward_says_when_no_window_fits_and_keeps_its_state(opened):
    page = opened("backward-1d")
    write(page, "x", "1, 2")
    write(page, "padding", 0)
    assert "No window fits: x has 2 numbers" in page.text("#error")
    write(page, "dilation", 2)
    write(page, "x", "1, oh")
    assert page.js("return document.querySelector('[data-key=x]').classList.contains('wrong')")
    write(page, "x", "1, 2, 3, 4, 5, 6")
    write(page, "g", "3, -4")
    reload(page)
    assert page.js("return document.querySelector('[data-key=x]').value") == "1, 2, 3, 4, 5, 6"
    case = dict(x=[1, 2, 3, 4, 5, 6], w=[1, 2, -1], g=[3, -4], stride=1, padding=0, dilation=2)
    np.testing.assert_allclose(
        listed(page.text('[data-way="scatter"] .numbers')), convolved(case)[1]
    )


# receptive-fields


def chain(layers, weight=None):
    """The layers [kind, F, S, P, D], one channel; with a weight, all of that and means as pools."""
    made = []
    for kind, size, stride, padding, dilation in layers:
        if kind == 0:
            conv = nn.Conv2d(1, 1, size, stride, padding, dilation, bias=False)
            if weight is not None:
                conv.weight.array[...] = 1 / size**2
            made.append(conv)
        elif weight is not None:
            made.append(nn.AvgPool2d(size, stride))
        else:
            made.append(nn.MaxPool2d(size, stride, padding=padding, dilation=dilation))
    return nn.Sequential(*made)


def test_fields_of_an_edited_list(opened):
    layers = [[0, 5, 3, 2, 2], [1, 3, 2, 1, 1], [0, 4, 1, 0, 3], [1, 2, 2, 0, 1]]
    page = opened("receptive-fields", "#layers=[]&image=151")
    for i, (kind, *parts) in enumerate(layers):
        page.all(".layers .add")[kind].click()
        for letter, value in zip("FSPD", parts):
            write(page, f"{letter}-{i}", value)

    def compare():
        for i in range(len(layers)):
            net = chain(layers[: i + 1])
            size, stride, start = gg.analysis.receptive_field(net, (1, 1, 151, 151))[0]
            units = net(np.zeros((1, 1, 151, 151), np.float32)).shape[-1]
            row = [
                number(page.text(f'[data-cell="{key}-{i}"]'))
                for key in ("size", "jump", "start", "units")
            ]
            assert row == [size, stride, start, units]

    compare()
    unit = number(page.js("return document.querySelector('[data-key=unit]').value"))
    size, stride, start = gg.analysis.receptive_field(chain(layers), (1, 1, 151, 151))[0]
    assert number(page.text('[data-value="from"]')) == start + unit * stride
    assert number(page.text('[data-value="to"]')) == start + unit * stride + size - 1

    page.js("document.querySelector('[aria-label=\"layer 2 down\"]').focus()")
    page.keys("\ue007")  # Enter
    layers[1], layers[2] = layers[2], layers[1]
    compare()
    assert page.js("return document.activeElement.getAttribute('aria-label')") == "layer 3 down"
    page.js("document.querySelector('[aria-label=\"remove layer 1\"]').focus()")
    page.keys("\ue007")
    del layers[0]
    compare()
    reload(page)
    compare()
    page.one("select#preset option[value='']")
    write(page, "image", 3)
    assert "No window of layer 1 fits into 3 units" in page.text("#error")


def test_the_gradient_in_a_field_is_the_librarys(opened):
    layers = [[0, 3, 2, 0, 1], [1, 2, 2, 0, 1], [0, 3, 1, 0, 2], [0, 5, 1, 0, 1]]
    page = opened(
        "receptive-fields", f"#layers={json.dumps(layers, separators=(',', ':'))}&image=80"
    )
    x = gg.tensor(np.zeros((1, 1, 80, 80), np.float32), requires_grad=True)
    y = chain(layers, weight=1)(x)
    (gx,) = gg.grad(y[0, 0, 1, 1], x)
    size, stride, start = gg.analysis.receptive_field(chain(layers), (1, 1, 80, 80))[0]
    low = start + stride
    wanted = gx.numpy()[0, 0, low : low + size, low : low + size]
    row = page.js("return learn.fields.profile(arguments[0])", [
        dict(kind="conv", F=f, S=s, P=p, D=d) for _, f, s, p, d in layers])  # fmt: skip
    np.testing.assert_allclose(np.outer(row, row), wanted, rtol=1e-4, atol=1e-9)
    inner = wanted[size // 4 : size - size // 4, size // 4 : size - size // 4].sum()
    assert number(page.text('[data-value="inner"]')) == pytest.approx(100 * inner, rel=5e-3)
    assert len(page.all(".pyramid .share")) == size


def test_measured_fields_are_on_the_page(opened):
    page = opened("receptive-fields")
    for preset in page.js("return learn.data.presets"):
        words = page.text(f'[data-preset="{preset["name"]}"]')
        assert "✓" in words and "differs" not in words
        formula = page.all(f'[data-preset="{preset["name"]}"] td')[0].text
        sizes = [number(part) for part in formula.split(" / ")]
        net = chain([[int(p["kind"] == "pool"), *[p[k] for k in "FSPD"]] for p in preset["layers"]])
        assert tuple(sizes) == gg.analysis.receptive_field(net, (1, 1, 500, 500))[0]
    assert len(page.all("#maps canvas")) == len(page.js("return learn.data.presets"))
