"""tools/bench: every group in its quick mode; unequal work is refused; figures, charts.

Two processes of gpugraph stand for the two sides, so that PyTorch isn't needed.
"""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from tools.bench import growth, ops, steps
from tools.bench import race as race_module
from tools.bench.__main__ import complain, main
from tools.bench.charts import Bar, Panel, bars, lines
from tools.bench.clock import fit, ratios
from tools.bench.groups import RUN
from tools.bench.library import first_values, library
from tools.bench.race import QUICK, MismatchError, Side, Worker, bound, differences, race, sides
from tools.bench.report import charts, markdown
from tools.bench.sizes import installed_size
from tools.bench.spent import spent

TWO = [Side("one", "gpugraph"), Side("two", "gpugraph")]
PACE = replace(QUICK, rounds=2, turn=1e-4)
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which Linux has")


def shapes_of(svg, kind):
    return [e for e in ET.fromstring(svg).iter() if e.tag.endswith("}" + kind)]


@pytest.fixture(scope="module")
def two():
    with Worker(TWO[0], 1) as one, Worker(TWO[1], 1) as other:
        yield one, other


def check_row(row, group):
    assert row["errors"]["float64"] == 0 < row["errors"]["float32"]  # the same library twice
    for times in row["runs"].values():
        t = times["two"]
        assert t["low"] <= t["speed"] <= t["high"]
        assert t["best"] == times["one"]["shortest ms"] / t["shortest ms"]
    found = {"rows": [row]}
    text = markdown(group, {"date": "today"}, found)
    assert f"| {row['name']} | " in text and f"({group}.svg)" in text
    assert not complain(group, found)


def test_a_row_of_ops(two):
    work = next(work for work in ops.works(quick=True) if work.name == "depthwise 3x3")
    row = race(two, "ops", work, True, PACE)
    assert set(row["runs"]) == {"forward", "forward + backward"}
    check_row(row, "ops")


def test_a_row_of_steps():
    (row,) = RUN["steps"](TWO, True, PACE, "MLP")["rows"]
    assert set(row["peak"]) == ({"one", "two"} if sys.platform == "linux" else set())
    check_row(row, "steps")


def test_a_row_of_memory():
    (row,) = RUN["memory"](TWO[:1], True, PACE, "LeNet-5")["rows"]
    told, found = row["predicted"], row["measured"]
    assert told["kept"] == found["kept"] > 0 and told["arena"] == found["arena"]
    assert abs(told["peak"] - found["peak"]) < 0.1 * found["peak"] + 50_000
    assert ("growth" in found) == (sys.platform == "linux")
    text = markdown("memory", {}, {"rows": [row]})
    assert f"| LeNet-5 | one | {told['kept'] / 1e6:.2f} / {found['kept'] / 1e6:.2f} |" in text


def test_all_work_of_the_groups_can_be_done():
    lib = library("gpugraph")
    for module in (ops, steps, growth):
        names = [work.name for work in module.works()]
        assert len(set(names)) == len(names)
        for work in module.works(quick=True):
            ready = work.ready(lib, "float64")
            for run in ready.runs.values():
                run()
            assert all(np.isfinite(a).all() for a in ready.evidence().values()), work.name


def test_unequal_work_is_not_timed(two, monkeypatch):
    """The second side rounds its weights: the same shapes, and almost the same numbers."""
    real = race_module._evidence

    def planted(worker, *args):
        told = real(worker, *args)
        if worker is two[1]:
            told["gradient 1"] = told["gradient 1"].astype(np.float16)
        return told

    monkeypatch.setattr(race_module, "_evidence", planted)
    conv = ops.works(quick=True)[0]
    with pytest.raises(MismatchError, match=r"conv 3x3: two and one .* float64: gradient 1 is off"):
        race(two, "ops", conv, True, PACE)


def batch_norm(F, x, w, b):
    return F.batch_norm(x, None, None, w, b, training=True, eps=1.001e-5)


@pytest.mark.parametrize(
    "name, change",
    [
        ("batch norm, training", {"f": batch_norm}),  # eps
        ("gelu", {"f": lambda F, x: F.gelu(x, approximate="tanh")}),
        ("Adam, MLP", {"options": (("lr", 1e-3), ("eps", 1.001e-8))}),
        ("MobileNet-like", {"options": (("lr", 0.01), ("momentum", 0.900001))}),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_other_options_are_other_work(name, change):
    """What any small difference does in float64 is far more than the bound."""
    work = next(w for w in [*ops.works(True), *steps.works(True)] if w.name == name)
    lib = library("gpugraph")
    wanted = work.ready(lib, "float64").evidence()
    found = differences(replace(work, **change).ready(lib, "float64").evidence(), wanted)
    assert max(found.values()) > 10 * bound(work, "float64")


def test_differences_are_relative_to_the_largest_number():
    a = {"x": np.array([0.0, 200.0])}
    assert differences({"x": np.array([1.0, 200.0])}, a) == {"x": 1 / 200}
    with pytest.raises(MismatchError, match="one side only: y"):
        differences({**a, "y": np.zeros(1)}, a)
    with pytest.raises(MismatchError, match=r"x has shape \(3,\), not \(2,\)"):
        differences({"x": np.zeros(3)}, a)
    assert np.isnan(differences({"x": np.array([np.nan, 200])}, a)["x"])


def test_a_side_must_be_what_it_says():
    """One that computes otherwise would fill the column with the wrong times."""
    with pytest.raises(MismatchError, match="GPUGRAPH_CPU=auto was set, but gpugraph runs on"):
        Worker(Side("odd", "gpugraph", {"GPUGRAPH_CPU": "auto"}), 1).__enter__()


def test_pytorch_is_the_measure_where_it_is_installed():
    names = [side.name for side in sides(["numpy", "torch"])]
    try:
        import torch  # noqa: F401
    except ImportError:
        assert names == ["numpy"]
    else:
        assert names == ["torch", "numpy"]


def test_a_worker_tells_what_went_wrong(two):
    with pytest.raises(RuntimeError, match="StopIteration"):
        two[0].ask("prepare", group="ops", name="no such op", quick=True, dtype="float32")
    assert two[0].ask("about")["numpy"] == np.__version__  # and goes on


@linux
def test_growth():
    found = RUN["growth"](TWO[:1], True, replace(PACE, rounds=1))
    for sweep, told in found["sweeps"].items():
        assert set(told["sides"]["one"]) == {"ms", "peak MB"}
        assert len(told["sides"]["one"]["ms"]["points"]) == len(growth.sweeps(True)[sweep])
    assert "| R^2 |" in markdown("growth", {}, found)
    (svg,) = charts("growth", found).values()
    assert len(shapes_of(svg, "circle")) == 4 * 2


def test_command_line_writes_what_it_prints(tmp_path, capsys):
    args = ["spent", "--quick", "--only", "MLP", "--sides", "numpy", "--threads", "1"]
    assert main([*args, "--write", str(tmp_path)]) == 0
    text = (tmp_path / "spent.md").read_text()
    assert capsys.readouterr().out.strip() == text.strip()
    kept = json.loads((tmp_path / "spent.json").read_text())
    assert kept["about"]["threads"] == 1 and "date" in kept["about"]
    assert {"SGD", "Linear, forward", "Matmul, backward"} <= set(kept["spent"]["rows"][0]["spent"])


def test_time_spent_adds_up():
    ready = steps.works(quick=True)[0].ready(library("gpugraph"), "float32")
    found = spent(ready.runs["step"], 2)
    assert sum(told["share"] for told in found.values()) == pytest.approx(1)
    assert found["Linear, forward"]["calls"] == 2
    assert all(told["ms"] > 0 for told in found.values())


def test_installed_size_counts_what_is_needed():
    parts = installed_size()
    assert set(parts) == {"gpugraph", "numpy", "networkx", "safetensors"}
    assert sum(parts.values()) < 110
    assert parts["numpy"] > 20 and parts["gpugraph"] > 1


def test_complaints(capsys):
    took = {"numpy": 0.1, "gpugraph": 0.5, "extra": 0.4}
    limits = {"limit MB": 110.0, "limit seconds": 0.2}
    assert complain("sizes", {"MB": 111.0, "import": took, **limits})
    told = capsys.readouterr().err
    assert "111.0 MB is over 110.0 MB" in told and "0.400 s longer than NumPy" in told
    assert not complain("sizes", {"MB": 100.0, "import": {**took, "extra": 0.1}, **limits})
    assert complain("ops", {"rows": [{"name": "a", "mismatch": "they differ"}]})


def peak_of(statement, before=""):
    """Peak's answer in a fresh process: in this one, what earlier tests left may go meanwhile."""
    code = (
        "import numpy as np; from pathlib import Path; from tools.bench.worker import Peak\n"
        f"{before}\n"
        f"with Peak() as peak: {statement}\n"
        "print(peak.bytes)"
    )
    command = [sys.executable, "-c", code]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@linux
def test_peak_sees_what_lived_for_a_moment():
    got = peak_of("np.ones(64 << 20, np.uint8).sum()")
    assert 0.98 < got / (64 << 20) < 1.2  # Linux counts pages in batches


@linux
def test_peak_by_sampling():
    """Where the system does not let the largest size be forgotten."""
    refused = "def refused(*_): raise PermissionError\nPath.write_text = refused"
    got = peak_of("[np.ones(64 << 20, np.uint8).sum() for _ in range(20)]", refused)
    assert 0.9 < got / (64 << 20) < 2.2  # long enough to be seen


def test_first_values_depend_on_names_alone():
    a = first_values({"w": (4, 3), "bn.weight": (5,)})
    b = first_values({"bn.weight": (5,), "other": (2,), "w": (4, 3)})
    assert np.array_equal(a["w"], b["w"]) and np.array_equal(a["bn.weight"], b["bn.weight"])
    assert first_values({"n.num_batches_tracked": ()})["n.num_batches_tracked"].dtype == np.int64


def test_ratios_by_hand():
    theirs, ours = [2.0, 4.0, 6.0], [1.0, 4.0, 2.0]
    assert ratios(theirs, ours) == {"speed": 2.0, "low": 1.0, "high": 3.0, "best": 2.0}


def test_fit_by_hand():
    xs = (1, 2, 4, 8)
    assert fit(xs, [3 + 2 * x for x in xs]) == pytest.approx((3, 2, 1))
    slope, intercept = np.polyfit(xs, [1, 5, 2, 9], 1)
    line = fit(xs, [1, 5, 2, 9])
    assert line == pytest.approx(
        (intercept, slope, np.corrcoef(xs, [1, 5, 2, 9])[0, 1] ** 2), rel=1e-9
    )


def test_bars_start_at_1_on_a_logarithmic_axis():
    rows = {"a <b>": {"x": Bar(2, 1.8, 2.2)}, "c": {"x": Bar(0.25, 0.2, 0.3), "y": Bar(4, 4, 4)}}
    svg = bars("A & B", rows, "speed")
    assert "a &lt;b&gt;" in svg and "A &amp; B" in svg and "prefers-color-scheme: dark" in svg
    drawn = [e for e in shapes_of(svg, "rect") if e.get("height") == "10"]
    ones = [e for e in shapes_of(svg, "line") if e.get("class") == "one"]
    at = float(ones[0].get("x1"))
    starts = {(e.get("class"), float(e.get("width"))): float(e.get("x")) for e in drawn}
    two, quarter, four = (
        next((x, w) for (css, w), x in starts.items() if css == series and w > 10 and test(x))
        for series, test in (
            ("s0", lambda x: x == at), ("s0", lambda x: x < at), ("s1", lambda x: x == at)
        )
    )  # fmt: skip
    assert quarter[0] + quarter[1] == pytest.approx(at, abs=0.11)
    assert four[1] == pytest.approx(2 * two[1], abs=0.11)
    assert quarter[1] == pytest.approx(four[1], abs=0.11)


def test_lines_pass_through_their_points():
    points = [(1, 3.0), (2, 5.0), (4, 9.0)]
    panel = Panel("time", "batch", {"x": points}, {"x": fit(*zip(*points))})
    svg = lines("Growth", [panel])
    (line,) = [e for e in shapes_of(svg, "line") if "fit" in e.get("class")]
    x1, x2, y1, y2 = (float(line.get(k)) for k in ("x1", "x2", "y1", "y2"))
    for dot in shapes_of(svg, "circle"):
        across = (float(dot.get("cx")) - x1) / (x2 - x1)
        assert float(dot.get("cy")) == pytest.approx(y1 + across * (y2 - y1), abs=0.2)
