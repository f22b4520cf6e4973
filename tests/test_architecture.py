"""The house rules that a machine can keep: floors, cycles, sizes, imports, docstrings."""

import ast
import inspect
import io
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import gpugraph as gg

ROOT = Path(gg.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# A file imports from lower floors, and from its own folder without cycles.
FLOOR = {
    "core": 0,
    "cpu": 1,
    "cuda": 1,
    "ops": 2,
    "nn": 3,
    "optim": 3,
    "data": 3,
    "io": 3,
    "fft": 3,
    "func": 3,
    "linalg": 3,
    "random": 3,
    "amp": 4,
}
FLOOR |= {"models": 4, "training": 4, "analysis": 4, "testing": 4, "distributed": 4}
FLOOR |= {"viz": 5, "graph": 6, "learn": 6, "cli": 7, "__init__": 8, "__main__": 8}

# The only files that may import CuPy.
CUPY = {"core/backend.py", "cuda/checks.py", "cuda/streams.py"}
# Everything slow to import is imported where it is used.
LAZY = {"cupy", "networkx", "matplotlib", "tqdm", "sklearn", "PIL", "ml_dtypes", "safetensors"}


def module_level(tree):
    """The nodes of a file that run when it is imported (also inside if and try)."""
    stack = list(tree.body)
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            stack += [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.stmt)]


def imports(path, everywhere=False):
    """(folder or file at the package's top, file inside it or None) that this file imports."""
    inside = path.relative_to(ROOT).parts
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree) if everywhere else module_level(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            parts = [
                *inside[: len(inside) - node.level],
                *filter(None, (node.module or "").split(".")),
            ]
        elif node.module.split(".")[0] == "gpugraph":
            parts = node.module.split(".")[1:]
        else:
            continue
        for alias in node.names:
            full = [*parts, alias.name]
            yield full[0], (full[1] if len(full) > 1 else None)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down(path):
    here = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for there, _ in imports(path, everywhere=True):
        if there in FLOOR and there != here:
            assert FLOOR[there] < FLOOR[here], f"{here} imports {there}, which is not below it"


def test_no_cycles_inside_a_folder():
    for folder in {p.parent for p in FILES}:
        graph = {}
        for path in folder.glob("*.py"):
            if path.stem == "__init__" and folder == ROOT:
                continue
            place = folder.relative_to(ROOT).parts
            graph[path.stem] = {
                there[1] for there in imports(path) if place and there[0] == place[0]
            } & {p.stem for p in folder.glob("*.py")} - {path.stem}
        done, trail = set(), []

        def visit(name, graph=graph, done=done, trail=trail):
            assert name not in trail, f"a cycle of imports: {' -> '.join([*trail, name])}"
            if name in done:
                return
            trail.append(name)
            for other in sorted(graph.get(name, ())):
                visit(other)
            trail.pop()
            done.add(name)

        for name in sorted(graph):
            visit(name)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_a_few_files_import_cupy_and_slow_things_late(path):
    name = str(path.relative_to(ROOT))
    tree = ast.parse(path.read_text())
    for nodes, banned in (
        (ast.walk(tree), {"cupy"} - ({"cupy"} if name in CUPY else set())),
        (module_level(tree), LAZY),
    ):
        for node in nodes:
            roots = []
            if isinstance(node, ast.Import):
                roots = [a.name.split(".")[0] for a in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                roots = [node.module.split(".")[0]]
            assert not banned.intersection(roots), f"{name} imports {roots}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_small(path):
    source = path.read_text()
    assert source.count("\n") <= 400, "has it two ideas in it?"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert length <= 60, f"{node.name} has {length} lines"


def code_lines(path):
    """Lines with code on them: no blanks, comments or docstrings."""
    source = path.read_text()
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (
            tokenize.COMMENT,
            tokenize.NL,
            tokenize.NEWLINE,
            tokenize.INDENT,
            tokenize.DEDENT,
            tokenize.ENDMARKER,
        ):
            continue
        lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(
            node
        ):
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def test_the_engine_is_a_short_read():
    engine = ["graph", "op", "apply", "autodiff"]
    assert sum(code_lines(ROOT / "core" / f"{name}.py") for name in engine) < 550


def test_every_public_name_is_documented():
    undocumented = [
        name
        for name in gg.__all__
        if callable(getattr(gg, name)) and not inspect.getdoc(getattr(gg, name))
    ]
    assert not undocumented


def test_import_brings_in_nothing_slow():
    code = f"import sys, gpugraph; print([m for m in {sorted(LAZY)!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_tensor_methods_and_public_functions_match():
    """Every method that tensors declare has an implementation under that name."""
    from gpugraph.core import array_methods, methods

    called = {
        node.attr
        for module in (methods, array_methods)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "FUNCTIONS"
    }
    missing = sorted(name for name in called if not hasattr(methods.FUNCTIONS, name))
    assert not missing
