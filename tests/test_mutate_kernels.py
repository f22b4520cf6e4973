"""tools/mutate_kernels.py finds weak samples: on a small kernel whose every mutant is known.

Over the package's kernels it takes minutes, and is no test: benchmarks/mutants.json keeps what it
found.
"""

import importlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from gpugraph.core.op import Sample
from gpugraph.cuda.kernel import Kernel
from gpugraph.ops.elementwise import Unary
from tests.test_kernels import needs_simulator

FOLDER = Path(__file__).parent / "kernels" / "planted"
TOOLS = Path(__file__).parent.parent / "tools"
DTYPES = ("float32", "float64")
RAMP = Kernel(FOLDER / "planted.cu", "ramp", "const T* x, T* y, long long n", T=DTYPES)


@pytest.fixture(scope="module", autouse=True)
def _tools():
    sys.path.insert(0, str(TOOLS))  # worker processes import from there, too
    yield
    sys.path.remove(str(TOOLS))


@pytest.fixture(scope="module")
def tool():
    return importlib.import_module("mutate_kernels")


@pytest.fixture(scope="module")
def mutants():
    return importlib.import_module("mutation.mutants")


@dataclass(frozen=True)
class Ramp(Unary, abstract=True):
    nondifferentiable = ("y",)

    def forward(self, xp, x):
        return xp.where(x > 0, x, x.dtype.type(0))

    def result(self, dtype):
        return dtype

    def cuda(self, dev, x):
        y = dev.empty(x.shape, x.dtype)
        dev.launch(RAMP, x, y, y.size, threads=y.size)
        return y

    def kernel_limits(self, x):
        return None if x.dtype in DTYPES else f"compiled for {DTYPES}"


class WeakRamp(Ramp):
    @classmethod
    def samples(cls, rng):
        yield Sample(cls(), (np.array([1, 2, 3], np.float32),))


class StrongRamp(Ramp):
    @classmethod
    def samples(cls, rng):
        yield Sample(cls(), (np.linspace(-3, 4, 300, dtype=np.float32),))
        yield Sample(cls(), (np.array([0, -0.5, 0.5], np.float32),))


# ---- what the operators make: of one statement in `void f(int n) { ... }`

MADE = {
    "other_operators": [
        ("a = b < c;", ["a = b <= c;", "a = b != c;", "a = b >= c;"]),
        ("for (int i = 0; i < n; ++i) g(i);", ["i <= n;", "i >= n;", "--i)"]),
        ("a = b * c;", ["a = b / c;", "a = b + c;"]),
        ("a += b && *c;", ["a -= b && *c;", "a = b && *c;", "a += b || *c;"]),
        ("const Row<T>* a = &b[-1];", []),  # brackets of templates, and no binary operators
    ],
    "other_words": [
        ("a = min(threadIdx.x, b.min);", ["max(t", "blockIdx.x", "threadIdx.y"]),
        ("if (true) continue;", ["if (false)", "break;"]),
    ],
    "other_numbers": [
        ("a = 0xffffull + 0;", ["0x10000ull", "0xfffeull", "0xffull", "+ 1;"]),
        ("a = 2.5f;", ["a = (2 * 2.5f);"]),
        ("int t[3], o = x[2];", ["int t[2],", "x[3]", "x[1]"]),  # no longer t
    ],
    "no_operand": [
        ("a = b + c * d;", ["a = c * d;", "a = b;", "a = b + d;", "a = b + c;"]),
        ("if (a && b < c) return;", ["if (b < c)", "if (a)"]),
    ],
    "no_sign": [("a = -b - !c;", ["a = b - !c;", "a = -b - c;"])],
    "no_cast": [("a = (long long)b * (c);", ["a = b * (c);"])],
    "no_statement": [
        ("int a = b; __syncthreads();", ["int a = b; ;"]),
        ("for (;;) if (a) continue; return a;", ["for (;;) if (a) ; return a;"]),
        ("if (a) return; b += 1;", ["if (a) ; b += 1;", "if (a) return; ;"]),
    ],
    "other_conditions": [
        ("if (a < b) c();", ["if (!(a < b))", "if (false)", "if (true)"]),
        ("a = b ? c : d;", ["b || true ? c", "b && false ? c"]),
        ("for (; a < b; ++a) c();", ["for (; false; ++a)"]),
    ],
    "other_calls": [
        ("a = log(b);", ["a = (b);"]),
        ("a = min(b, c + d);", ["(b);", "(c + d);", "min(c + d, b)"]),
    ],
    "other_members": [("a = w.low;", ["a = w.high;"]), ("a = w.other;", [])],
}
STRUCT = "struct W {\n  int low, high;\n  float other;\n};"


def test_every_operator_has_a_test(mutants):
    assert set(MADE) == {operator.__name__ for operator in mutants.OPERATORS}


@pytest.mark.parametrize(
    "name,statement,wanted", [(name, *case) for name, cases in MADE.items() for case in cases]
)
def test_what_an_operator_makes(mutants, name, statement, wanted):
    text = f"void f(int n) {{ {statement} }}"
    source = mutants.Source(text, STRUCT)
    (function,) = source.definitions
    body = function._replace(first=source.body(function))
    spans = list(getattr(mutants, name)(source, body))
    made = [" ".join((text[:a] + new + text[b:]).split()) for a, b, new in spans]
    assert len(made) == len(set(made)) == len(wanted), made
    for part in wanted:
        assert sum(part in " ".join(m.split()) for m in made) == 1, (part, made)


def test_edits_say_where_they_are(mutants):
    text = "#define X 1 + 1\nint f() {\n  g();  // 1 < 2\n  return a + b;\n}\n\nint f2() { g(); }\n"
    found = mutants.edits(mutants.Source(text))
    assert [(e.where, e.line, e.column, e.marked) for e in found if not e.after] == [
        ("f", 3, 3, "[-g()-];"),
        ("f", 4, 10, "return [-a + -]b;"),
        ("f", 4, 11, "return a[- + b-];"),
        ("f2", 7, 12, "int f2() { [-g()-]; }"),
    ]
    assert found[1].applied(text).count("\n") == text.count("\n")
    twice = mutants.edits(mutants.Source("void f() {\n  g();\n  g();\n}\n"))
    assert [(e.marked, e.occurrence) for e in twice] == [("[-g()-];", 1), ("[-g()-];", 2)]


def test_a_mutant_changes_the_kernels_that_use_it(tool):
    tree = tool.Tree(tool.Project(FOLDER, ()))
    assert tree.files == ["planted.cu", "planted.cuh"]
    edit = tool.edits(tree.sources["planted.cuh"])[0]
    assert edit.where == "positive"
    assert tree.mutant("planted.cuh", edit).kernels == (("planted.cu", "ramp"),)
    tree = tool.Tree(tool.package())
    users = {
        k for k, parts in tree.kernels.items() if ("cuda/include/philox.cuh", "philox") in parts
    }
    assert users == {("ops/dropout.cu", "dropout")}


# ---- whole runs

SURVIVES = [
    {
        "file": "planted.cuh",
        "in": "positive",
        "edits": ["return x [->-]{+>=+} 0;"],
        "why": "of 0 either branch gives 0",
    }
]


class Run:
    """Runs of the tool on the planted kernel, which keep their files in a folder."""

    def __init__(self, tool, folder, capsys=None):
        self.tool, self.results = tool, folder / "results.json"
        self.equivalents = folder / "equivalents.json"

    def __call__(self, op, *arguments, proofs=SURVIVES):
        self.equivalents.write_text(json.dumps(proofs))
        project = self.tool.Project(FOLDER, (f"{__name__}:{op}",))
        files = [
            "--jobs",
            "1",
            "--results",
            str(self.results),
            "--equivalents",
            str(self.equivalents),
        ]
        return self.tool.main([*files, *arguments], project)


@pytest.fixture(scope="module")
def run(tool, tmp_path_factory):
    return Run(tool, tmp_path_factory.mktemp("mutants"))


@pytest.mark.slow
@needs_simulator
def test_strong_samples_kill_all_but_the_equivalent(run, capsys):
    assert run("StrongRamp") == 0
    said = capsys.readouterr().out
    rows = {
        line.split(" | ")[0]: line.split(" | ")[1:] for line in said.splitlines() if "|" in line
    }
    counts = [int(n.strip(" |")) for n in rows["| all"]]
    assert counts[0] == sum(counts[1:]) and counts[0] > 14
    assert counts[-2:] == [1, 0]  # equivalent, survived
    assert min(counts[2:5]) > 0  # killed by value, by the simulator; same code
    assert f"{counts[0]} mutants of 2 files run" in said


@pytest.mark.slow
@needs_simulator
def test_what_has_not_changed_is_not_run_again(run, capsys, monkeypatch):
    assert run("StrongRamp") == 0
    assert "0 mutants of 0 files run" in capsys.readouterr().out
    before = json.loads(run.results.read_text())
    run.results.write_text(json.dumps(before | {"planted.cuh": {"hash": "old"}}))
    assert run("StrongRamp") == 0
    assert json.loads(run.results.read_text()) == before


@pytest.mark.slow
@needs_simulator
def test_the_list_of_equivalents_is_checked(run, capsys):
    assert run("StrongRamp", proofs=[]) == 1
    assert "- return x > 0;\n  + return x >= 0;" in capsys.readouterr().out
    for edit, told in (
        ("return x [->-]{+<+} 0;", "there is no such mutant"),
        ("return x [->-]{+!=+} 0;", "it doesn't survive"),
    ):
        assert run("StrongRamp", proofs=[*SURVIVES, SURVIVES[0] | {"edits": [edit]}]) == 1
        assert told in capsys.readouterr().out
    assert run("StrongRamp", proofs=[SURVIVES[0] | {"why": " "}]) == 1
    assert "has no proof" in capsys.readouterr().out


@pytest.mark.slow
@needs_simulator
def test_weak_samples_let_mutants_live(run, capsys):
    assert run("WeakRamp", "--only", "positive(x[i])") == 1
    said = capsys.readouterr().out
    assert "planted.cu ramp: survives" in said
    assert "y[i] = positive(x[i]) || true ? x[i] : (T)0;" in said


CRASHES = """
import os, pathlib, signal
from mutation.judge import _apart

class Here:
    def judge(self, mutant, folder):
        if mutant == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError("a mistake of the tool")

for mutant in "crash", "other":
    print(*_apart(Here(), mutant, pathlib.Path()), sep=": ")
"""


def test_mutants_that_crash_are_killed_and_the_worker_lives():
    done = subprocess.run(
        [sys.executable, "-c", CRASHES], cwd=TOOLS, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        "simulator: the process died of signal 9",
        "broken: ValueError: a mistake of the tool",
    ]


@needs_simulator
def test_arguments_that_make_no_sense(run, capsys):
    with pytest.raises(SystemExit):
        run("StrongRamp", "--file", "no_such.cu")
    assert "there are planted.cu, planted.cuh" in capsys.readouterr().err
