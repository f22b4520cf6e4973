"""The learner pages in a real browser: what they compute is what gpugraph computes."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn
from gpugraph.learn import PAGES, build

pytestmark = pytest.mark.browser
MINE = [
    "why-convolution",
    "convolution-arithmetic",
    "convolution-step-by-step",
    "nonlinearities",
    "max-pooling",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learn")
    build(folder, MINE)
    return folder


@pytest.fixture
def opened(page, folder):
    """opened(name, fragment) opens a page; afterwards it must have been quiet."""

    def open_(name, fragment="", **size):
        page.open(folder / f"{name}.html", fragment, **size)
        return page

    yield open_
    page.check()


def number(text):
    return float(text.replace("−", "-").replace(",", ""))


def shown(page, name):
    """The numbers of a grid, as (rows, columns)."""
    cells = page.js(
        """const box = document.querySelector(`[data-name="${arguments[0]}"]`);
        const places = [...box.querySelectorAll("rect.cell[data-cell]")].map((r) => r.dataset.cell);
        const fields = [...box.querySelectorAll("input")].map((f) => f.value);
        const texts = [...box.querySelectorAll("text:not(.pad)")].map((t) => t.textContent);
        return [places, fields.length ? fields : texts];""",
        name,
    )
    places, texts = cells
    rows, columns = (1 + max(int(p.split(",")[k]) for p in places) for k in (0, 1))
    assert len(texts) == rows * columns
    return np.array([number(t) for t in texts]).reshape(rows, columns)


def value(page, name):
    return number(page.text(f'[data-name="{name}"]'))


def assert_shown(got, wanted, digits=3):
    """Equal, but for rounding to so many digits that count."""
    wanted = np.asarray(wanted, float)
    assert np.shape(got) == wanted.shape
    np.testing.assert_allclose(got, wanted, rtol=0.51 * 10.0 ** (1 - digits), atol=1e-12)


AWKWARD = [[2, 2, -1, 0.5, 2], [2, -3, -1, -1, 0], [0, 0, 7, 7, 7], [-5, 1.5, 7, 0, -2]]


@pytest.mark.parametrize("size, stride", [(2, 2), (3, 1), (2, 3), (1, 2), (4, 1)])
def test_max_pooling(opened, size, stride):
    page = opened("max-pooling", f"#W=5&F={size}&S={stride}&x={json.dumps(AWKWARD)}")
    g = shown(page, "g")
    for pool, out, back in ((F.max_pool2d, "max", "gmax"), (F.avg_pool2d, "mean", "gmean")):
        x = gg.tensor([AWKWARD], dtype=gg.float64, requires_grad=True)
        y = pool(x, size, stride)
        y.backward(g[None])
        assert_shown(shown(page, out), y.numpy()[0])
        assert_shown(shown(page, back), x.grad.numpy()[0])
    never = page.js("return document.querySelectorAll('[data-name=gmax] .cell.unseen').length")
    x = gg.tensor(np.ones((1, 4, 5)), requires_grad=True)
    F.avg_pool2d(x, size, stride).sum().backward()
    assert never == np.count_nonzero(x.grad.numpy() == 0)


def test_a_number_typed_into_the_map_goes_to_the_output_and_into_the_address(opened):
    page = opened("max-pooling")
    np.testing.assert_array_equal(shown(page, "max"), [[6, 8], [3, 4]])
    field = page.one('[data-name="x"] input[data-cell="2,1"]')
    field.click()
    page.keys("1", "2", ".", "5")
    assert shown(page, "max").tolist() == [[6, 8], [12.5, 4]]
    assert page.js("return document.activeElement.dataset.cell") == "2,1"
    page.keys("\ue015")  # arrow down: the field below
    assert page.js("return document.activeElement.dataset.cell") == "3,1"
    page.js("window.dispatchEvent(new Event('pagehide'))")
    page.driver.refresh()
    assert shown(page, "max").tolist() == [[6, 8], [12.5, 4]]
    page.one("button.reset").click()
    np.testing.assert_array_equal(shown(page, "max"), [[6, 8], [3, 4]])


def test_the_keyboard_alone_plays_and_steps(opened):
    page = opened("max-pooling")
    tab, enter, right, space = "\ue004", "\ue007", "\ue014", " "
    for _ in range(80):
        page.keys(tab)
        if page.js("return document.activeElement.className") == "next":
            break
    page.keys(enter)
    assert page.text(".stepper output") == "2 of 4"
    page.keys(tab, right)
    assert page.text(".stepper output") == "3 of 4"
    assert "max(3, 2, 1, 2) = 3" in page.text("p.result")
    page.js("document.querySelector('.play').focus()")
    page.keys(space)
    wait(page, "return document.querySelector('.stepper output').textContent === '4 of 4'")
    wait(page, "return document.querySelector('.play').textContent.includes('Play')")


def slide(page, selector, to):
    page.js(
        """const slider = document.querySelector(arguments[0]);
        slider.value = arguments[1];
        slider.dispatchEvent(new Event("input"));""",
        selector,
        to,
    )


def wait(page, code):
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(page.driver, 5, 0.05).until(lambda _: page.js(code))


ARITHMETIC = [
    (5, 6, (3, 3), (1, 1), (0, 0), (1, 1)),
    (8, 8, (3, 3), (2, 2), (1, 1), (1, 1)),
    (7, 12, (2, 5), (3, 2), (1, 0), (2, 1)),
    (9, 4, (1, 3), (2, 4), (0, 2), (3, 2)),
    (1, 3, (3, 2), (1, 2), (2, 4), (1, 3)),
]


@pytest.mark.parametrize("case", ARITHMETIC)
@pytest.mark.parametrize("transposed", [False, True])
def test_sizes_and_how_often_a_pixel_is_seen(opened, case, transposed):
    H, W, size, stride, padding, dilation = case
    extra = tuple(min(1, s - 1) for s in stride) if transposed else (0, 0)
    fragment = f"#H={H}&W={W}&apart=1&transposed={int(transposed)}&K=6&L=4&G=2&" + "&".join(
        f"{letter}{a}={v}"
        for letter, pair in zip("FSPDA", (size, stride, padding, dilation, extra))
        for a, v in zip("hw", pair)
    )
    page = opened("convolution-arithmetic", fragment)
    how = dict(stride=stride, padding=padding, dilation=dilation)
    x = gg.ones((1, 1, H, W)).requires_grad_()
    if transposed:
        try:
            y = F.conv_transpose2d(x, gg.ones((1, 1, *size)), output_padding=extra, **how)
        except gg.ShapeError:
            assert "Nothing is left" in page.text(".notes .error")
            return
        seen = y.numpy()[0, 0]
    else:
        y = F.conv2d(x, gg.ones((1, 1, *size)), **how)
        y.sum().backward()
        seen = x.grad.numpy()[0, 0]
    out = [int(page.text(f'[data-out="{a}"]')) for a in "hw"]
    assert out == list(y.shape[2:])
    frame = shown_counts(page)
    kept = frame[padding[0] : len(frame) - padding[0], padding[1] : frame.shape[1] - padding[1]]
    np.testing.assert_array_equal(kept, seen)
    red = page.js("return document.querySelectorAll('[data-name=frame] .cell.unseen').length")
    assert red == np.count_nonzero(seen == 0)
    if not transposed:
        node = F.conv2d(
            gg.ones((1, 6, H, W)).requires_grad_(), gg.ones((4, 3, *size)), groups=2, **how
        ).node
        cost = node.op.cost(*[gg.Spec(*spec) for spec in node.in_specs if spec])
        assert number(page.text("[data-cost]")) == cost.macs
    weights = nn.Conv2d(6, 4, size, groups=2, bias=False).weight.size
    assert number(page.text("[data-weights]")) == weights


def shown_counts(page):
    """How often each place of the frame is seen, from the page's own computation for the cells."""
    text = page.js(
        """const cells = [...document.querySelectorAll("[data-name=frame] rect.cell")];
        const texts = [...document.querySelectorAll("[data-name=frame] text")];
        return cells.map((c, i) => [c.dataset.cell, texts[i].textContent]);"""
    )
    rows, columns = (1 + max(int(c.split(",")[k]) for c, _ in text) for k in (0, 1))
    return np.array([number(t) if t else 0 for _, t in text]).reshape(rows, columns)


def test_a_window_that_does_not_fit_is_explained(opened):
    page = opened("convolution-arithmetic", "#H=3&W=9&Fh=3&Dh=2")
    assert "3 taps span 5 rows, and there are 3" in page.text(".notes .error")
    page = opened("convolution-arithmetic", "#H=8&W=8&Sh=2")
    assert page.text(".notes").count("5 / 2 is not whole: the floor drops a rest of 1.") == 2
    assert "the last row of the image is never seen" in page.text(".notes")
    page = opened("convolution-arithmetic", "#K=4&L=6&G=3")
    assert "3 groups must divide both 4 channels in and 6 out" in page.text(".weights")


@pytest.mark.parametrize(
    "example, P, S", [("lecture", 0, 1), ("channels", 1, 2), ("channels", 2, 3)]
)
def test_convolution_step_by_step(opened, example, P, S):
    page = opened("convolution-step-by-step", f"#example={example}&P={P}&S={S}")
    if example == "channels":  # other numbers, one after the other
        for name, cell, typed in (("x1", "0,0", "-2.5"), ("w0", "1,2", "1/2")):
            page.js(
                """const field = document.querySelector(
                  `[data-name="${arguments[0]}"] input[data-cell="${arguments[1]}"]`);
                field.value = arguments[2]; field.dispatchEvent(new Event("input"));""",
                name,
                cell,
                typed,
            )
    given = page.js("return learn.data.examples[arguments[0]]", example)
    x, w, b = (np.array(given[k], float) for k in "xwb")
    if example == "channels":
        x[1, 0, 0], w[0, 0, 1, 2] = -2.5, 0.5
    y = F.conv2d(x, w, b, stride=S, padding=P).numpy()
    for k in range(len(y)):
        assert_shown(shown(page, f"y{k}"), y[k])
    for step in (0, y.size - 1, y.size // 2):
        slide(page, ".stepper input", step)
        assert_shown(value(page, "total"), y.reshape(-1)[step], digits=4)


def test_a_picture_under_another_filter(opened):
    page = opened("convolution-step-by-step", "#example=picture&filter=3&step=777")
    given, w = page.js(
        "return [learn.data.examples.picture.x, Object.values(learn.data.filters)[3]]"
    )
    w = np.array(w, float)[None, None]
    y = F.conv2d(np.array(given, float), w).numpy()
    assert value(page, "total") == pytest.approx(y.reshape(-1)[777], abs=1e-9)
    assert page.js("return document.querySelectorAll('canvas').length") == 2


@pytest.mark.parametrize(
    "name", ["ReLU", "leaky ReLU", "ELU", "ReLU6", "softplus", "GELU", "SiLU", "sigmoid", "tanh"]
)
def test_nonlinearities(opened, name):
    page = opened("nonlinearities")
    a, v, n = 0.3, 0.85, 7
    ours = {
        "ReLU": F.relu, "leaky ReLU": lambda x: F.leaky_relu(x, a), "ELU": lambda x: F.elu(x, a),
        "ReLU6": F.relu6, "softplus": F.softplus, "sigmoid": F.sigmoid, "tanh": F.tanh,
        "SiLU": lambda x: x * F.sigmoid(x),
        "GELU": lambda x: 0.5 * x * (1 + F.tanh(0.7978845608028654 * (x + 0.044715 * x**3))),
    }[name]  # fmt: skip
    points = [-5.5, -1.2, 0.0, 0.35, 2.0, 6.0, 7.5]
    x = gg.tensor(points, dtype=gg.float64, requires_grad=True)
    y = ours(x)
    (slope,) = gg.grad(y.sum(), x)
    call = "return arguments[0].map((x) => learn.functions[arguments[1]](x, arguments[2]))"
    found = page.js(call, points, name, a)
    np.testing.assert_allclose(
        found, np.stack([y.numpy(), slope.numpy()], 1), rtol=1e-9, atol=1e-12
    )

    page = opened("nonlinearities", f"#f={name}&a={a}&x=-1.25&n={n}&v={v}&b=0.4")
    x = gg.tensor(-1.25, dtype=gg.float64, requires_grad=True)
    h = x
    for _ in range(n):
        h = ours(v * h)
    (left,) = gg.grad(h, x)
    assert_shown(value(page, "left"), left.item(), digits=3)
    b = gg.tensor(0.4, dtype=gg.float64, requires_grad=True)
    (gb,) = gg.grad(ours(np.array(page.js("return learn.data.inputs")) + b).sum(), b)
    assert_shown(value(page, "bias"), gb.item(), digits=4)


def test_the_point_can_be_dragged_and_a_unit_dies(opened):
    from selenium.webdriver.common.action_chains import ActionChains

    page = opened("nonlinearities", "#b=-4")
    assert value(page, "bias") == 0 and "dead" in page.text("#picture")
    box = page.one('[data-name="curve"] svg')
    ActionChains(page.driver).move_to_element(box).click_and_hold().move_by_offset(
        -120, 0
    ).release().perform()
    assert page.js("return Number(document.querySelector('[data-key=x]').value)") < -0.5
    assert value(page, "slope") == 0


def test_why_convolution_counts(opened):
    H, W, size, K, L = 5, 7, 5, 3, 4
    page = opened("why-convolution", f"#H={H}&W={W}&F={size}&K={K}&L={L}&stage=3")
    count = {
        n: number(page.text(f'[data-count="{n}"]')) for n in ("fully", "locally", "convolutional")
    }
    assert count["fully"] == nn.Linear(H * W * K, H * W * L, bias=False).weight.size
    conv = nn.Conv2d(K, L, size, padding=size // 2, bias=False)
    assert count["convolutional"] == conv.weight.size
    node = conv(gg.ones((1, K, H, W))).node  # each multiply-add of its own weight
    assert count["locally"] == node.op.cost(*[gg.Spec(*s) for s in node.in_specs if s]).macs
    for stage, weights in enumerate((80, 73, 24, 3)):
        slide(page, "#steps .stepper input", stage)
        assert value(page, "wires") == weights


def test_a_shift_changes_the_answer_of_a_template_and_moves_the_map(opened):
    page = opened("why-convolution", "#shift=1&digit=7&unit=4")
    data = page.js("return learn.data")
    digit = np.array(data["digits"][7])
    moved = np.pad(digit, ((0, 0), (1, 0)))[:, :8]
    w = np.array(data["templates"]).reshape(16, 64)
    score = F.linear(moved.reshape(1, 64), w).numpy()[0, 4]
    assert_shown(value(page, "score"), score, digits=3)
    assert "largest difference 0." in page.text("#picture .result")
    dense, conv = data["right"]["dense"], data["right"]["conv"]
    assert dense[2] > 0.9 and conv[2] > 0.88
    assert dense[2] - dense[3] > 0.3 and conv[3] > dense[3] and conv[1] > dense[1]


@pytest.mark.parametrize("name", MINE)
def test_exercises_check_what_is_typed_and_show_the_answer(opened, name):
    page = opened(name)
    for box in page.all(".exercise"):
        said = box.find_element("css selector", "output")
        button = box.find_element("css selector", ".reply button")
        page.js("arguments[0].click()", button)
        assert said.text in ("Type a number.", "Choose one.")
        answer = box.get_attribute("data-answer")
        fields = box.find_elements("css selector", "input[type=text]")
        if fields:
            fields[0].send_keys("123456.5\n")
            assert "Not yet" in said.text
            fields[0].clear()
            fields[0].send_keys(answer.replace("-", "−") + "\n")
        else:
            radios = box.find_elements("css selector", "input[type=radio]")
            wrong = next(r for r in radios if r.get_attribute("value") != answer)
            page.js("arguments[0].click(); arguments[1].click()", wrong, button)
            assert "Not yet" in said.text
            page.js("arguments[0].click(); arguments[1].click()", radios[int(answer)], button)
        assert "Right" in said.text
        hidden = box.find_element("css selector", "details p")
        assert not hidden.is_displayed()
        page.js("arguments[0].click()", box.find_element("css selector", "summary"))
        assert hidden.is_displayed()


@pytest.mark.parametrize("name", MINE)
def test_links_of_the_text_set_the_figure(opened, name):
    page = opened(name)
    before = page.js("return document.querySelector('#picture').innerHTML")
    for link in page.all('.text a[href^="#"]'):
        page.js("arguments[0].click()", link)
        hash_ = link.get_attribute("hash")
        wait(page, f"return decodeURIComponent(location.hash) === decodeURIComponent('{hash_}')")
    after = page.js("return document.querySelector('#picture').innerHTML")
    assert not page.all('.text a[href^="#"]') or before != after or name == "why-convolution"


@pytest.mark.parametrize("name", MINE)
@pytest.mark.parametrize("width", [1400, 420])
def test_nothing_is_wider_than_the_window_and_the_theme_can_be_switched(opened, name, width):
    page = opened(name, width=width)
    assert page.js("return document.documentElement.scrollWidth <= innerWidth")
    paper = "return getComputedStyle(document.body).backgroundColor"
    before = page.js(paper)
    page.one("button.theme").click()
    assert page.js(paper) != before
    page.one("button.theme").click()
    assert page.js(paper) == before
    unlabelled = page.js(
        """return [...document.querySelectorAll("main input, main select")].filter((i) =>
          !i.labels.length && !i.ariaLabel).map((i) => i.outerHTML)"""
    )
    assert unlabelled == []


def test_numbers_as_people_write_them(opened):
    page = opened("max-pooling")
    texts = page.js(
        "return [0, -3, 0.25, 69632, 1234567.5, 1e-7, -2.5e-9, 1/3].map((x) => learn.text(x))"
    )
    assert texts == ["0", "−3", "0.25", "69,632", "1,234,568", "1e−7", "−2.5e−9", "0.3333"]
    typed = ["69,632", "−3", "0,5", "1/4", " 7 ", "1e-3", "", "x", "1,2,3"]
    got = page.js("return arguments[0].map((t) => String(learn.number(t)))", typed)
    got = [t if t == "NaN" else float(t) for t in got]
    assert got == [69632, -3, 0.5, 0.25, 7, 0.001, "NaN", "NaN", "NaN"]


def test_a_spoilt_address_gives_the_start(opened):
    page = opened("max-pooling", "#H=abc&x=[[1,%22a%22]]&F=99&nonsense=1&g=[1")
    assert shown(page, "x").shape == (4, 4)
    assert re.fullmatch(r"1 of \d+", page.text(".stepper output"))
    assert PAGES["max-pooling"].title in page.text("h1")
