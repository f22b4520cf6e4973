"""``gpugraph view``, ``diff``, ``profile`` and ``export``: the graph of a run, seen and written."""

from __future__ import annotations

import argparse
import json
import os
import sys
import webbrowser
from pathlib import Path
from typing import Any

from ..analysis.table import grid, short
from ..core.errors import ArgumentError
from ..models.catalogue import NETWORKS
from ..viz.export import WRITERS
from ..viz.graph import Graph
from ..viz.overlays import diff
from ..viz.run import graph_of
from .parity import shape_of

__all__: list[str] = []

SHOWN = 20  # nodes in the table of a profile


def add_parser(commands: Any) -> None:
    """Declare the commands' options; each is an argument of `gpugraph.viz.run.graph_of`, too."""
    view = commands.add_parser(
        "view",
        help="open the graph of a script or network as a page",
        usage="gpugraph view TARGET [-o g.html] [--open] [options] [-- arguments of the script]",
        description="Run a script or a network, forward and backward, and write its graph as one "
        "page, which needs no network. A script ends with the backward pass of its first training "
        "step. Exit code 1: the run raised; the page shows the graph up to there.",
    )
    _target(view)
    view.add_argument("-o", "--out", metavar="FILE", help="by default TARGET.html, here")
    view.add_argument("--open", action="store_true", help="open the page in the browser")
    view.add_argument("--json", action="store_true", help="print the graph as JSON, write no page")
    view.set_defaults(run=_view, args=[])

    against = commands.add_parser(
        "diff",
        help="what is different between two graphs",
        description="Compare two graphs: ops that were added, removed or changed, and their "
        "figures. Exit code 1: they differ.",
    )
    against.add_argument("first", metavar="A", help="graph.json, or what `gpugraph view` takes")
    against.add_argument("second", metavar="B", help="the same")
    against.add_argument("--input", action="append", metavar="1x3x64x64", help="of networks")
    against.add_argument("-o", "--out", metavar="FILE", help="the second graph, with what changed")
    against.add_argument("--open", action="store_true", help="open that page in the browser")
    against.add_argument("--json", action="store_true", help="print the rows as JSON")
    against.set_defaults(run=_diff)

    profile = commands.add_parser(
        "profile",
        help="time and memory of each op of a training step",
        usage="gpugraph profile TARGET [--sort time|kept|live] [-o FILE] [options] [-- arguments]",
        description="Run a script or a network, and print what each op took. -o t.trace.json "
        "writes a trace for Perfetto or chrome://tracing, -o g.html the page.",
    )
    _target(profile, step=2)
    profile.add_argument(
        "--sort", choices=["time", "kept", "live"], default="time", help="(default: time)"
    )
    profile.add_argument("--all", action="store_true", help=f"all ops, not the first {SHOWN}")
    profile.add_argument("-o", "--out", metavar="FILE", help="write the trace or the page, too")
    profile.add_argument("--json", action="store_true", help="print the table as JSON")
    profile.set_defaults(run=_profile, args=[], time=True)

    export = commands.add_parser(
        "export",
        help="write the graph as SVG, JSON, DOT, GraphML or a trace",
        usage="gpugraph export TARGET -o FILE [options] [-- arguments of the script]",
        description=f"Write the graph in the form that the file's end names: {', '.join(WRITERS)}.",
    )
    _target(export)
    export.add_argument("-o", "--out", metavar="FILE", required=True, help="what to write")
    export.set_defaults(run=_export, args=[])


def _target(parser: Any, step: int = 1) -> None:
    parser.add_argument(
        "target",
        metavar="TARGET",
        help="script.py, file.py:network_or_function, graph.json, or a network of "
        f"gpugraph.models: {', '.join(NETWORKS)}",
    )
    parser.add_argument(
        "--input",
        action="append",
        metavar="1x3x224x224",
        help="shape of the made-up input of a network; again for a second one",
    )
    parser.add_argument("--stats", action="store_true", help="statistics and NaN of every value")
    parser.add_argument("--images", action="store_true", help="pictures of filters and features")
    if step == 1:
        parser.add_argument("--time", action="store_true", help="seconds of each op")
    parser.add_argument(
        "--step",
        type=int,
        default=step,
        metavar="N",
        help=f"the training step to show (default: {step})",
    )
    parser.add_argument("--device", help="where it runs: cpu, cuda, sim, or meta: shapes alone")
    parser.add_argument(
        "--parity",
        dest="devices",
        metavar="A,B",
        help="compare two devices, such as cpu,cuda or cpu,sim, and show the errors",
    )
    parser.add_argument("--seed", type=int, default=0, help="of all generators (default: 0)")


def _graph(args: argparse.Namespace, label: str) -> Graph:
    """The graph that the options ask for."""
    return graph_of(
        args.target,
        [shape_of(text, label) for text in args.input or ()],
        args.args,
        args.stats,
        args.images,
        args.time,
        args.step,
        args.device,
        args.seed,
        args.devices,
        label,
    )


def _view(args: argparse.Namespace) -> int:
    out = args.out or f"{_stem(args.target)}.html"
    if not args.json:
        _writable(out, "view")
    graph = _graph(args, "view")
    if args.json:
        print(graph.to_json(), end="")
    else:
        graph.save(out)
        _tell(graph, out)
        if args.open:
            webbrowser.open(Path(out).absolute().as_uri())
    return _failed(graph)


def _export(args: argparse.Namespace) -> int:
    if not args.out.lower().endswith(tuple(WRITERS)):
        raise ArgumentError(f"export: {args.out} ends in none of {', '.join(WRITERS)}")
    _writable(args.out, "export")
    args.time = args.time or args.out.lower().endswith(".trace.json")
    graph = _graph(args, "export")
    graph.save(args.out)
    _tell(graph, args.out)
    return _failed(graph)


def _diff(args: argparse.Namespace) -> int:
    shapes = [shape_of(text, "diff") for text in args.input or ()]
    if args.out:
        _writable(args.out, "diff")
    graphs = [
        graph_of(t, None if t.endswith((".json", ".py")) else shapes, label="diff")
        for t in (args.first, args.second)
    ]
    found = diff(*graphs)
    print(json.dumps(found.to_dict(), indent=1) if args.json else found)
    if args.out:
        found.graph.save(args.out)
        if args.open:
            webbrowser.open(Path(args.out).absolute().as_uri())
    return 0 if found.same else 1


def _profile(args: argparse.Namespace) -> int:
    if args.out:
        _writable(args.out, "profile")
    graph = _graph(args, "profile")
    ops = [node for node in graph.nodes if node.time is not None]
    total = sum(node.time or 0 for node in ops)
    ops.sort(key=lambda n: (-(getattr(n, args.sort) or 0), n.id))
    if args.json:
        keys = ("id", "label", "scope", "order", "shapes", "time", "kept", "live", "where")
        rows = [{k: getattr(n, k) for k in keys} for n in ops]
        print(json.dumps({"seconds": total, "nodes": rows}, indent=1))
    else:
        print(_table(graph, ops if args.all else ops[:SHOWN], len(ops), total))
    if args.out:
        graph.save(args.out)
    return _failed(graph)


def _table(graph: Graph, shown: list[Any], ops: int, total: float) -> str:
    """A row for each op, and the sums of forward and backward."""
    rows = [("op", "where", "pass", "shape", "ms", "share", "GFLOP/s", "kept", "live")]
    for n in shown:
        rate = f"{n.cost['flops'] / n.time / 1e9:.1f}" if n.cost and n.time else "?"
        shape = "x".join(map(str, n.shapes[0])) if n.shapes else ""
        live = "" if n.live is None else short(n.live, "B")
        share = f"{100 * n.time / total:.1f} %" if total else ""
        place = ".".join(n.scope) or os.path.basename(n.where)
        way = ("forward", "backward")[n.order] if n.order < 2 else f"backward {n.order}"
        kept = short(n.kept, "B") if n.kept else ""
        rows.append((n.label, place, way, shape, f"{1e3 * n.time:.3f}", share, rate, kept, live))
    told = [grid(rows, left={0, 1, 2, 3}, width=120)]
    if len(shown) < ops:
        told.append(f"... {ops - len(shown)} more ops; --all shows them")
    for order in range(int(graph.meta["order"]) + 1):
        took = sum(n.time or 0 for n in graph.nodes if n.order == order)
        name = ("forward", "backward")[order] if order < 2 else f"backward {order}"
        told.append(f"{name:9} {1e3 * took:9.3f} ms")
    most = max((n.live or 0 for n in graph.nodes), default=0)
    told.append(
        f"held at most {short(most, 'B')} beside {short(graph.meta['base'], 'B')} of inputs"
    )
    return "\n".join(told)


def _stem(target: str) -> str:
    """A file's name for a target: "net.py:make" gives "net-make"."""
    path, colon, name = target.rpartition(":")
    stem = Path(path or name).stem
    return f"{stem}-{name}" if colon else stem


def _writable(out: str, label: str) -> None:
    """Complain before the run, not after it."""
    folder = Path(out).absolute().parent
    if not folder.is_dir():
        raise ArgumentError(f"{label}: there is no folder {folder} to write {Path(out).name} into")
    if not os.access(folder, os.W_OK) or Path(out).is_dir():
        raise ArgumentError(f"{label}: {out} can't be written; choose another place with -o")


def _tell(graph: Graph, out: str) -> None:
    size = os.path.getsize(out)
    print(f"{out}: {repr(graph)[10:-1]}, {short(size, 'B')}")


def _failed(graph: Graph) -> int:
    """1 if the run raised, and its message."""
    error = graph.meta.get("error")
    if not error:
        return 0
    at = f" (at {error['where']})" if error["where"] else ""
    print(f"gpugraph: the run ended with an error: {error['message']}{at}", file=sys.stderr)
    return 1
