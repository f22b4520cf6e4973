"""The results as Markdown: plain words on top, then a table for each part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from tools.kernel_matrix import package_kernels

from .results import Results

__all__ = ["markdown", "write"]


def write(results: Results) -> None:
    """Beside the JSON, under the same name."""
    text = markdown(results.to_dict())
    results.path.with_suffix(".md").write_text(text, encoding="utf-8")


def markdown(found: dict[str, Any]) -> str:
    """The whole page."""
    about, parts = found["about"], found["parts"]
    lines = [*_heading(about), "", *_verdict(parts)]
    for name, table in TABLES.items():  # in the order of a whole run
        if not (part := parts.get(name)):
            continue
        lines += ["", f"## {name}", "", _summary(part)]
        done = {n: r for n, r in part["items"].items() if r["state"] != "skipped"}
        lines += table(done)
        lines += _skipped(part["items"])
    return "\n".join(lines) + "\n"


def _heading(about: dict[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    if about["rehearsal"]:
        title = f"# A rehearsal on {about['device']}: no GPU ran, and no figure here is a result"
    else:
        title = f"# gpugraph on {about['gpu']}, {about['date']}"
    commit = f" Commit {about['commit']}." if about.get("commit") else ""
    return [title, "", f"{versions}.{commit} Made by `python -m tools.gpu_check`."]


def _verdict(parts: dict[str, Any]) -> list[str]:
    """What is wrong and what was left out, in words."""
    wrong = [
        f"- {name}, {item}: {result['error'][:400]}"
        for name, part in parts.items()
        for item, result in part["items"].items()
        if result["state"] == "wrong"
    ]
    left = [
        f"{name} ({len(part['left_out'])} items)"
        for name, part in parts.items()
        if part["left_out"]
    ]
    lines = [f"{len(wrong)} items are wrong:", "", *wrong] if wrong else ["Nothing is wrong."]
    if left:
        lines += ["", f"Left out, for want of time: {', '.join(left)}."]
    return lines


def _summary(part: dict[str, Any]) -> str:
    states = Counter(result["state"] for result in part["items"].values())
    told = ", ".join(f"{n} {state}" for state, n in sorted(states.items())) or "nothing ran"
    if part["left_out"]:
        told += f", {len(part['left_out'])} left out"
    note = f" {part['note']}" if part["note"] else ""
    return f"{told}; {part['seconds']:.0f} of {part['budget']:.0f} s.{note}"


def _skipped(items: dict[str, Any]) -> list[str]:
    reasons = Counter(r["reason"] for r in items.values() if r["state"] == "skipped")
    return ["", *(f"Skipped, {n}: {reason}" for reason, n in reasons.items())] if reasons else []


def _table(heads: str, rows: Iterable[Iterable[Any]]) -> list[str]:
    """A Markdown table, none without rows. heads: "a | b"."""
    cells = [[str(cell).replace("|", "/").replace("\n", " ") for cell in row] for row in rows]
    if not cells:
        return []
    count = heads.count("|") + 1
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return ["", f"| {heads} |", "|" + " --- |" * count, *lines]


def _doctor(items: dict[str, Any]) -> list[str]:
    told = dict(items.get("device", {}))
    rows = [(k, v) for k, v in told.items() if k not in ("state", "seconds", "versions")]
    rows += list(told.get("versions", {}).items())
    for gpu in items.get("nvidia-smi", {}).get("gpus", ()):
        rows += gpu.items()
    return _table("what | value", rows)


def _kernels(items: dict[str, Any]) -> list[str]:
    dtypes = ("float32", "float64", "float16", "bfloat16")
    rows = []
    launched: Counter[str] = Counter()
    without: Counter[str] = Counter()
    for name, result in items.items():
        cells = [_error(result.get("dtypes", {}).get(dtype, {})) for dtype in dtypes]
        rows.append((name, result["state"], *cells))
        launched.update(result.get("launches", {}))
        without.update(result.get("fallbacks", {}))
    lines = [
        "",
        "Largest error relative to 1 + the largest value, and in brackets what is allowed.",
    ]
    lines += _table(f"op | state | {' | '.join(dtypes)}", rows)
    lines += _table("kernel | launches", sorted(launched.items()))
    never = sorted({kernel.name for kernel in package_kernels()} - set(launched))
    if items and never:
        lines += ["", f"Never launched in this part: {', '.join(never)}."]
    return lines + _table("ran without a kernel, and why | times", sorted(without.items()))


def _error(found: dict[str, Any]) -> str:
    if "error" not in found:
        return str(found.get("skipped", ""))
    if not found["bound"]:
        return "exact" if not found["error"] else f"{found['error']:.1e} (must be exact)"
    return f"{found['error']:.1e} ({found['bound']:.1e})"


def _tests(items: dict[str, Any]) -> list[str]:
    keys = ("state", "passed", "failed", "skipped")
    rows = [
        (name, *(r.get(key, "") for key in keys), "yes" if r.get("cut off") else "")
        for name, r in items.items()
    ]
    return _table("test | state | passed | failed | skipped | cut off", rows)


def _sanitizer(items: dict[str, Any]) -> list[str]:
    keys = ("state", "errors", "cases", "note")
    rows = [(name, *(r.get(key, "") for key in keys)) for name, r in items.items()]
    return _table("tool | state | errors | cases | note", rows)


def _parity(items: dict[str, Any]) -> list[str]:
    rows = [(name, r["state"], r.get("compared", "")) for name, r in items.items()]
    return _table("network | state | ops compared", rows)


def _ms(found: dict[str, Any], *columns: str) -> str:
    times = [found[c]["ms"] for c in columns if isinstance(found.get(c), dict)]
    return f"{times[0]:.3f}" if times else ""


def _ratio(ours: dict[str, Any], found: dict[str, Any], *columns: str) -> str:
    """PyTorch's time over ours: above 1 ours is faster."""
    times = [found[c]["ms"] for c in columns if isinstance(found.get(c), dict)]
    return f"{times[0] / ours['ms']:.2f}" if times else ""


def _bench(items: dict[str, Any]) -> list[str]:
    rows = []
    for name, r in items.items():
        if "ours" not in r:
            continue
        theirs = r.get("torch", {})
        inside = {True: "", False: "yes", None: "?"}[r.get("inputs", {}).get("exceed L2", True)]
        rows.append(
            (
                name, r["state"], f"{r['ours']['ms']:.3f}", _ms(theirs, "NCHW", "eager"),
                _ms(theirs, "channels_last"), _ratio(r["ours"], theirs, "NCHW", "eager"),
                _ratio(r["ours"], theirs, "channels_last"), _ms(theirs, "NCHW, TF32"),
                _ms(theirs, "channels_last, TF32"), *_rates(r), inside,
            )
        )  # fmt: skip
    machine = items.get("the machine", {})
    lines = [
        "",
        "Times are medians in ms. Ratios are PyTorch's time over ours: above 1 ours is faster. "
        "Float32 is full float32 on both sides but for the columns TF32, PyTorch's default for "
        "convolutions. Rates come from the cost that our ops state.",
    ]
    if "copy GB/s" in machine:
        lines.append(
            f"Measured: a copy moves {machine['copy GB/s']:.0f} GB/s, a product of "
            f"{machine['product of']} does {machine['product TFLOP/s']:.1f} TFLOP/s."
        )
    heads = (
        "what | state | ours | PyTorch NCHW | channels_last | ratio NCHW | ratio channels_last | "
        "NCHW TF32 | channels_last TF32 | GB/s | TFLOP/s | of roofline | inputs fit L2"
    )
    return lines + _table(heads, rows)


def _rates(r: dict[str, Any]) -> list[str]:
    if "GB/s" not in r:
        return ["", "", ""]
    return [f"{r['GB/s']:.0f}", f"{r['TFLOP/s']:.2f}", f"{100 * r['of roofline']:.0f} %"]


def _train(items: dict[str, Any]) -> list[str]:
    rows = []
    for name, r in items.items():
        sides = {"gpugraph": r["ours"]} if "ours" in r else {}
        theirs = r.get("torch", {})
        sides |= {f"PyTorch {c}": side for c, side in theirs.items() if isinstance(side, dict)}
        for who, side in sides.items():
            peak = f"{side['peak bytes'] / 2**20:.0f}" if "peak bytes" in side else ""
            ratio = _ratio(r["ours"], {"it": side}, "it")
            rows.append(
                (name, who, f"{side['ms']:.2f}", f"{side['images/s']:.0f}", peak, ratio)
            )  # fmt: skip
    return _table("network | by | ms a step | images/s | peak MiB | its time over ours", rows)


TABLES: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "doctor": _doctor,
    "kernels": _kernels,
    "tests": _tests,
    "sanitizer": _sanitizer,
    "parity": _parity,
    "bench": _bench,
    "train": _train,
}
