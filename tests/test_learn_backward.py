"""Learner pages in a real browser, second part: gradients, fields, costs, groups, your network."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stdout
from dataclasses import asdict

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn
from gpugraph.learn import build
from gpugraph.learn.pages.cost import Sizes, figures
from gpugraph.learn.pages.one_by_one_and_groups import numbers

pytestmark = pytest.mark.browser
PAGES = ["backward-1d", "receptive-fields", "cost", "one-by-one-and-groups", "your-model"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learn")
    gg.random.seed(3)
    beside = ["convolution-arithmetic", "max-pooling"]
    build(folder, [*PAGES, *beside], model=awkward_network(), shape=(1, 3, 33, 40))
    return folder


@pytest.fixture
def opened(page, folder):
    """opened(name, fragment) opens a page; afterwards it must have been quiet."""

    def open_(name, fragment="", **size):
        page.open(folder / f"{name}.html", fragment, **size)
        return page

    yield open_
    page.check()


def awkward_network():
    return nn.Sequential(
        nn.Conv2d(3, 8, (3, 5), stride=(2, 1), padding=((2, 1), (0, 3)), bias=False),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, padding=1, ceil_mode=True),
        nn.Conv2d(8, 12, 3, padding=2, dilation=2, groups=4),
        nn.ReLU(),
        nn.ConvTranspose2d(12, 6, 3, stride=2, output_padding=1),
        nn.Conv2d(6, 6, 1),
    )


def number(text):
    return float(text.replace("−", "-").replace(",", "").replace("%", ""))


def listed(text):
    """ "(1, −2)" as numbers."""
    return [number(part) for part in text.strip("() ").split(", ")]


def write(page, key, value):
    """Type into the control of that key, as a reader does."""
    from selenium.webdriver.common.keys import Keys

    field = page.all(f'[data-field="{key}"]') or page.all(f'[data-key="{key}"]')
    field[0].send_keys(Keys.CONTROL, "a")
    field[0].send_keys(str(value))


def reload(page):
    """Wait until the address has the state, and load it anew."""
    page.driver.implicitly_wait(0)
    page.js("window.dispatchEvent(new Event('pagehide'))")
    page.driver.refresh()


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
        sizes = [
            number(p)
            for p in re.split(" / ", page.all(f'[data-preset="{preset["name"]}"] td')[0].text)
        ]
        net = chain([[int(p["kind"] == "pool"), *[p[k] for k in "FSPD"]] for p in preset["layers"]])
        assert tuple(sizes) == gg.analysis.receptive_field(net, (1, 1, 500, 500))[0]
    assert len(page.all("#maps canvas")) == len(page.js("return learn.data.presets"))


# cost


@pytest.mark.parametrize(
    "sizes",
    [Sizes(5, 24, 36, 7, 9, 6, 10), Sizes(1, 3, 64, 11, 1, 1, 7), Sizes(7, 12, 12, 1, 2, 12, 5)],
)
def test_costs_of_typed_sizes(opened, sizes):
    page = opened("cost")
    for key, value in asdict(sizes).items():
        write(page, key, value)
    found = figures(sizes)
    for name, wanted in found.items():
        for figure, value in wanted.items():
            assert number(page.text(f'[data-kind="{name}"] [data-value="{figure}"]')) == value
    widths = page.js(
        "return [...document.querySelectorAll('.kind .bar')]"
        ".map(b => b.getBoundingClientRect().width)"
    )
    counts = np.array([v["weights"] for v in found.values()])
    np.testing.assert_allclose(widths, max(widths) * counts / counts.max(), atol=1.1)
    ratio = found["plain"]["weights"] / found["separable"]["weights"]
    assert number(page.text('[data-value="ratio"]')) == pytest.approx(ratio, rel=5e-3)


def test_costs_start_with_the_lectures_numbers_and_live_in_the_address(opened):
    page = opened("cost")
    assert page.text('[data-kind="bottleneck"] [data-value="weights"]') == "69,632"
    assert page.text('[data-kind="plain"] [data-value="weights"]') == "589,824"
    assert page.text('[data-kind="separable"] .compared') == "8.7 times fewer"
    assert "own formulas gave all these numbers" in page.text("#checked")
    assert not page.all('[data-value="time"]')
    write(page, "groups", 7)  # does not divide 256: the next that does
    assert page.text('[data-kind="grouped"] .what b') == "3×3 in 4 groups"
    write(page, "L", 96)
    reload(page)
    assert page.text('[data-kind="plain"] [data-value="weights"]') == f"{9 * 256 * 96:,}"


def test_measured_times_stand_beside_the_costs(page, tmp_path):
    build(tmp_path, ["cost"], measure=True)
    page.open(tmp_path / "cost.html")
    times = [number(t.text.replace(" ms", "")) for t in page.all('[data-value="time"]')]
    assert len(times) == 7 and min(times) > 0
    write(page, "K", 32)
    assert not page.all('[data-value="time"]')
    page.check()


# one-by-one-and-groups


@pytest.mark.parametrize("K, L, groups", [(6, 6, 1), (12, 8, 4), (9, 12, 3), (5, 5, 5), (1, 7, 1)])
def test_a_pixel_times_the_matrix_is_a_convolution(opened, K, L, groups):
    page = opened(
        "one-by-one-and-groups", f"#groups={groups}&row=4&column=5&out={L}&K={K}&L={L}&F=3"
    )
    x, w = (gg.tensor(v, dtype=gg.float64) for v in (numbers()[0][:K], numbers()[1][:L, :K]))
    reads = np.zeros((L, K), bool)
    probe = gg.Tensor(np.ones((1, K, 1, 1)), requires_grad=True)
    y = F.conv2d(probe, np.ones((L, K // groups, 1, 1)), groups=groups)
    for out in range(L):
        (gx,) = gg.grad(y[0, out].sum(), probe, retain_graph=True)
        reads[out] = gx.numpy()[0, :, 0, 0] != 0
    pads = page.js(
        "return [...document.querySelectorAll('[data-name=w] .cell')]"
        ".map(c => c.classList.contains('pad'))"
    )
    np.testing.assert_array_equal(np.reshape(pads, (L, K)), ~reads)
    assert len(page.all(".wiring line")) == reads.sum()
    dense = np.where(reads, w.numpy(), 0)
    parts = np.stack([row[keep] for row, keep in zip(dense, reads)])[:, :, None, None]
    wanted = F.conv2d(x.numpy()[None], parts, groups=groups).numpy()[0, :, 3, 4]
    shown = page.js(
        "return [...document.querySelectorAll('[data-name=result] text')].map(t => t.textContent)"
    )
    assert list(map(number, shown)) == wanted.tolist()
    assert number(page.text('[data-value="result"]')) == wanted[-1]
    weight = nn.Conv2d(K, L, 3, groups=groups, bias=False).weight
    assert number(page.text('[data-value="weights"]')) == weight.size


def test_groups_by_keyboard(opened):
    page = opened("one-by-one-and-groups")
    assert "gives the same maps" in page.text("#checked")
    page.js("document.querySelector('#groups').focus()")
    for groups in (2, 3, 6):
        page.keys("\ue014")
        assert len(page.all(".wiring line")) == 36 / groups
    reload(page)
    assert page.text("output[for=groups]") == "6: depthwise"
    page.all(".stack .cell")[0].click()
    assert "at row 1, column 1" in page.text("#story")


# your-model


def test_your_model_shows_every_layer(opened):
    from selenium.webdriver.support.ui import Select

    net = awkward_network()
    page = opened("your-model")
    choice = Select(page.one("#layer"))
    kinds = [o.text.split("·")[1].split()[0] for o in choice.options]
    assert kinds == ["conv", "max", "conv", "transposed", "conv"]
    fields, shapes = [], []
    for end in (1, 3, 4, 6, 7):
        part = nn.Sequential(*[net[i] for i in range(end)])
        fields.append(gg.analysis.receptive_field(part, (1, 3, 33, 40)))
        shapes.append(part(np.zeros((1, 3, 33, 40), np.float32)).shape)
    report = gg.analysis.cost(net, (1, 3, 33, 40))
    by_layer = {n.scope: n for n in report.nodes if n.op in ("conv", "conv_input")}
    for i, (path, field, shape) in enumerate(zip(("0", "2", "3", "5", "6"), fields, shapes)):
        choice.select_by_value(str(i))
        assert page.text("#chosen").split()[0] == path
        assert page.text('[data-value="out"]') == "×".join(map(str, shape))
        assert f"= {shape[2]}" in page.text(".card .numbers")
        words = page.text('[data-value="field"]').replace("−", "-")
        known = [f"{a.size} / {a.stride} / {a.start}" for a in field]
        if field[0].size == "?":
            assert words.startswith("not known")
        else:
            assert words == ", ".join(dict.fromkeys(known))
        if path in by_layer:
            assert number(page.text('[data-value="cost"]')) == by_layer[path].forward.macs
            weight = net[int(path)].weight
            assert number(page.text('[data-value="weights"]')) == weight.size
            assert len(page.all(".blocks .block")) == getattr(net[int(path)], "groups", 1)
    rows = page.all("#table tbody tr")
    assert len(rows) == len(report.nodes) + 1
    assert number(rows[-1].find_elements("css selector", "td")[1].text) == report.params
    assert number(rows[-1].find_elements("css selector", "td")[2].text) == report.macs


def test_your_model_what_if_and_links(opened):
    page = opened("your-model", "#layer=2")
    assert page.text("#chosen").startswith("3 ")
    write(page, "F", 4)
    write(page, "S", 3)
    write(page, "P", 1)
    write(page, "D", 2)
    (n, _) = page.js("return learn.data.layers[arguments[0]].into.slice(2)", 3)
    y = F.conv2d(np.zeros((1, 1, n, 90)), np.zeros((1, 1, 4, 4)), stride=3, padding=1, dilation=2)
    assert number(page.text('[data-value="what-if"]')) == y.shape[2]
    page.one(".reset").click()
    assert not page.all('[data-value="what-if"]')
    page.js("document.querySelector('[data-key=row]').focus()")
    page.keys("\ue011")  # Home
    assert "It sees rows" in page.text(".card.tall .note")

    links = {a.text: a.get_attribute("href") for a in page.all(".links a")}
    page.driver.get(links["cheaper kinds in its place"])
    w = nn.Conv2d(8, 12, 3, groups=4, bias=False).weight
    assert number(page.text('[data-kind="grouped"] [data-value="weights"]')) == w.size
    page.driver.get(links["its channels"])
    assert len(page.all(".wiring line")) == 12 * 8 / 4
    page.driver.get(links["its window on a small image"])
    assert page.js("return document.querySelector('[data-key=Dh]').value") == "2"
    page.driver.get(links["how its gradient comes about, along one axis"])
    assert page.js("return document.querySelector('[data-key=dilation]').value") == "2"


def test_your_model_links_to_the_whole_chain(page, tmp_path):
    net = nn.Sequential(
        nn.Conv2d(3, 4, 5, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(4, 4, 3)
    )
    build(tmp_path, ["your-model", "receptive-fields"], model=net, shape=(2, 3, 61, 61))
    page.open(tmp_path / "your-model.html", "#layer=2")
    page.driver.get(page.one(".links a").get_attribute("href"))
    size = gg.analysis.receptive_field(net, (1, 3, 61, 61))[0].size
    assert number(page.text('[data-value="size"]')) == size
    page.check()


def test_exercises_know_their_answers(opened):
    """Typed answers are checked against what the library said when the page was made."""
    from selenium.webdriver.common.keys import Keys

    page = opened("your-model")
    net = awkward_network()
    net[3] = nn.Conv2d(8, 12, 3, stride=2, padding=2, dilation=2, groups=4)
    rows = nn.Sequential(*[net[i] for i in range(4)])(np.zeros((1, 3, 33, 40), np.float32)).shape[2]
    first = page.one(".exercise")
    assert "layer 3 if its stride is 2" in first.text
    field = first.find_element("css selector", "input")
    field.send_keys(str(rows + 1), Keys.ENTER)
    assert "Not yet" in first.text
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(str(rows), Keys.ENTER)
    assert "Right" in first.text


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_a_phone(opened, name):
    page = opened(name)
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 420, "height": 900, "deviceScaleFactor": 1, "mobile": True},
    )
    try:
        page.driver.refresh()
        assert page.js("return document.documentElement.scrollWidth") <= 420
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_keys_reach_every_control_in_the_order_of_the_page(opened):
    page = opened("one-by-one-and-groups")
    wanted = page.js(
        "return [...document.querySelectorAll('#controls input:not([disabled])')]"
        ".map(e => e.dataset.key || e.dataset.field)"
    )
    page.js("document.querySelector('#groups').focus()")
    seen = []
    for _ in wanted:
        seen.append(
            page.js(
                "return document.activeElement.dataset.key || document.activeElement.dataset.field"
            )
        )
        page.keys("\ue004")  # Tab
    assert seen == wanted
