"""Is every mistake in a kernel found? Mutation testing of the CUDA kernels. Needs no GPU.

    python tools/mutate_kernels.py                        # what has changed since the last run
    python tools/mutate_kernels.py --all --jobs 4         # everything, some minutes
    python tools/mutate_kernels.py --file pool.cu --only first_inside    # a part, not kept

Each mutant (tools/mutation/mutants.py) of each .cu and .cuh file is run by the simulator on the
samples of the ops whose kernels it changes, and compared with the NumPy rule as
tests/test_kernels.py does; tests/test_kernels_direct.py adds launches. It is killed if a value
differs or the simulator reports an error. A mutant that survives shows that the samples are too
weak: give the op a better one. If no input can tell it from the original, it is listed in
tools/equivalent_mutants.json with the proof; if g++ makes the same machine code of both, for every
instance of every kernel concerned, that is the proof.

Results are kept in benchmarks/mutants.json. A file is run again if its text, its headers, for a
header the files that include it, or the way mutants are made have changed. Samples are not looked
at: after a change of those use --all. The exit status is 0 if all mutants are killed or proved
equivalent, 1 if one survives or the list of equivalents has an entry too many, 2 if nothing ran.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
for folder in (ROOT, ROOT / "tools"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from mutation.judge import Mutant, Project, judge, prepare  # noqa: E402
from mutation.mutants import Edit, edits  # noqa: E402
from mutation.tree import Tree  # noqa: E402

RESULTS = ROOT / "benchmarks" / "mutants.json"
EQUIVALENTS = ROOT / "tools" / "equivalent_mutants.json"
KILLS = ("value", "simulator")
COLUMNS = ("mutants", "uncompilable", *KILLS, "same code", "equivalent", "survived")


def package() -> Project:
    """gpugraph itself."""
    import gpugraph
    from gpugraph.core.op import REGISTRY

    root = Path(gpugraph.__file__).parent
    ops = [cls for cls in REGISTRY.values() if cls.__module__.startswith("gpugraph.") and cls.cuda]
    names = tuple(sorted(f"{cls.__module__}:{cls.__name__}" for cls in ops))
    direct = ROOT / "tests" / "kernels" / "direct.cu"
    return Project(root, names, "tests.test_kernels_direct:CASES", (direct,))


def named(edit: Edit) -> tuple[str, str]:
    """How results and the list of equivalents call a mutant of a file."""
    return edit.where, edit.marked + (f" #{edit.occurrence}" if edit.occurrence > 1 else "")


def run(
    project: Project, files: dict[str, list[Edit]], tree: Tree, jobs: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(file, what became of its mutants), file by file; RuntimeError if the originals fail."""
    mutants = [tree.mutant(file, edit) for file, found in files.items() for edit in found]
    needed = {kernel for mutant in mutants for kernel in mutant.kernels}
    originals = [Mutant(k[0], tree.texts[k[0]], (k,), original=True) for k in sorted(needed)]
    with (
        tempfile.TemporaryDirectory(prefix="mutants-") as cache,
        ProcessPoolExecutor(jobs, get_context("spawn"), prepare, (cache,)) as pool,
    ):
        for runtime in sim_cache().glob("*.o"):  # takes a second to compile
            shutil.copy(runtime, cache)
        found = pool.map(partial(judge, project), originals)
        for original, verdict in zip(originals, found, strict=True):
            if verdict.status != "same code":
                raise RuntimeError(f"{original.kernels[0]}, unchanged: {': '.join(verdict)}")
        verdicts = pool.map(partial(judge, project), mutants, chunksize=4)
        for file, edits_ in files.items():
            started = time.monotonic()
            results = [(edit, next(verdicts)) for edit in edits_]
            minutes = (time.monotonic() - started) / 60
            print(f"{file}: {len(results)} mutants, {minutes:.1f} minutes", file=sys.stderr)
            if broken := [f"{e.marked}: {v.text}" for e, v in results if v.status == "broken"]:
                raise RuntimeError(f"{file}: {broken[0]}")
            counts = Counter(v.status for _, v in results)
            yield (
                file,
                {
                    "hash": tree.digest(file),
                    "mutants": len(results),
                    **{status: counts[status] for status in ("uncompilable", *KILLS, "same code")},
                    "survived": [named(e) for e, v in results if v.status == "survived"],
                },
            )


def sim_cache() -> Path:
    """Where the simulator keeps what it has compiled."""
    from gpugraph.core.files import cache_folder

    return cache_folder("sim")


class Judgement(NamedTuple):
    """What is left of a run once the proofs are taken into account."""

    rows: dict[str, dict[str, int]]  # by file, a number for each of COLUMNS
    survivors: list[tuple[str, str, str]]  # (file, definition, edit)
    stale: list[str]  # what is wrong with the list of equivalents


def judged(results: dict[str, Any], tree: Tree, proofs: Sequence[dict[str, Any]]) -> Judgement:
    """Hold the survivors against the list of equivalents."""
    listed = {(p["file"], p["in"], edit): p["why"] for p in proofs for edit in p["edits"]}
    rows, survivors = {}, []
    survived = set()
    for file, result in results.items():
        keys = [(file, *pair) for pair in result["survived"]]
        survived.update(keys)
        unproved = [key for key in keys if key not in listed]
        survivors += unproved
        lengths = {"equivalent": len(keys) - len(unproved), "survived": len(unproved)}
        rows[file] = {c: lengths.get(c, result.get(c)) for c in COLUMNS}
    exist = {(f, *named(e)) for f in tree.files for e in edits(tree.sources[f])}
    stale = []
    for key, why in listed.items():
        words = f"{EQUIVALENTS.name}: {key[0]} {key[1]}: {key[2]}"
        if key not in exist:
            stale.append(f"{words}: there is no such mutant")
        elif key[0] in results and key not in survived:
            stale.append(f"{words}: it doesn't survive")
        elif not why.strip():
            stale.append(f"{words}: has no proof")
    return Judgement(rows, survivors, stale)


def as_markdown(rows: dict[str, dict[str, int]]) -> str:
    """The table."""
    heads = ["mutants", "don't compile", "killed by value", "killed by the simulator"]
    lines = ["| file | " + " | ".join([*heads, *COLUMNS[-3:]]) + " |"]
    lines.append("| --- |" + " ---: |" * len(COLUMNS))
    total = {c: sum(row[c] for row in rows.values()) for c in COLUMNS}
    for file, row in [*rows.items(), ("all", total)]:
        lines.append(f"| {file} | " + " | ".join(str(row[c]) for c in COLUMNS) + " |")
    return "\n".join(lines)


def as_diff(edit: str) -> str:
    """A survivor as the line that was and the line that it became."""
    plain = re.sub(r" #\d+$", "", edit)
    before = re.sub(r"\{\+(.*?)\+\}(?!\+)", "", re.sub(r"\[-(.*)-\]", r"\1", plain))
    after = re.sub(r"\[-(.*)-\]", "", re.sub(r"\{\+(.*?)\+\}(?!\+)", r"\1", plain))
    return f"  - {before}\n  + {after}"


def as_json(results: dict[str, Any]) -> str:
    """One line for each file, one for each survivor."""
    blocks = []
    for file, result in sorted(results.items()):
        counts = json.dumps({k: v for k, v in result.items() if k != "survived"})[1:-1]
        survivors = ",\n".join(f"   {json.dumps(pair)}" for pair in result["survived"])
        listed = f"[\n{survivors}\n  ]" if survivors else "[]"
        blocks.append(f' {json.dumps(file)}: {{\n  {counts},\n  "survived": {listed}\n }}')
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def main(argv: Sequence[str] | None = None, project: Project | None = None) -> int:
    """Run what is to be run, print the table and what is wrong; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--all", action="store_true", help="also files that have not changed")
    parser.add_argument("--file", action="append", help="only files whose path ends like that")
    parser.add_argument("--only", help="only mutants whose line, function or number has this text")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--equivalents", type=Path, default=EQUIVALENTS)
    options = parser.parse_args(argv)

    from gpugraph.cuda import sim

    if reason := sim.why_not():
        print(reason, file=sys.stderr)
        return 2
    project = project or package()
    tree = Tree(project)
    kept = json.loads(options.results.read_text()) if options.results.exists() else {}
    kept = {file: result for file, result in kept.items() if file in tree.files}
    chosen = [f for f in tree.files if any(map(f.endswith, options.file or [""]))]
    if not chosen:
        parser.error(f"--file: there are {', '.join(tree.files)}")
    some = options.only is not None
    known = {} if options.all or some or options.file else kept
    todo = {
        file: [e for e in edits(tree.sources[file]) if not some or options.only in _words(e)]
        for file in chosen
        if known.get(file, {}).get("hash") != tree.digest(file)
    }
    started, results = time.monotonic(), {}
    try:
        for file, result in run(project, todo, tree, options.jobs) if any(todo.values()) else ():
            results[file] = result
            if not some:
                kept[file] = result
                options.results.write_text(as_json(kept))
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    if not some:
        results = {file: kept[file] for file in chosen}
    proofs = json.loads(options.equivalents.read_text()) if options.equivalents.exists() else []
    rows, survivors, stale = judged(results, tree, [] if some else proofs)
    print(as_markdown(dict(sorted(rows.items()))))
    ran, minutes = sum(map(len, todo.values())), (time.monotonic() - started) / 60
    print(f"\n{ran} mutants of {len(todo)} files run in {minutes:.1f} minutes")
    for file, where, edit in survivors:
        print(f"\n{file} {where}: survives\n{as_diff(edit)}")
    print(*stale, sep="\n")
    return 1 if survivors or stale else 0


def _words(edit: Edit) -> str:
    return f"{edit.where} {edit.line}: {edit.marked}"


if __name__ == "__main__":
    sys.exit(main())
