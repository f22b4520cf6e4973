"""Learner pages in a real browser: costs, 1x1 and groups, and the user's own network."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn
from gpugraph.learn import build
from gpugraph.learn.pages.cost import Sizes, figures
from gpugraph.learn.pages.one_by_one_and_groups import numbers

from .pages import number, reload, write

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
