"""Every CUDA kernel compiles for every architecture, with the compiler and options of run time.

And tools/kernel_matrix.py finds what it is for: mistakes are planted in small sources.
"""

import importlib
import re
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parent.parent / "tools"

# a source, and the name expression it is compiled for
PLANTED = {
    "warning": ("__global__ void k(float* x) { int unused = 1; x[0] = 1; }", "k"),
    "error": ("__global__ void k(float* x) { x[0] = y; }", "k"),
    "no INFINITY": ("__global__ void k(float* x) { x[0] = INFINITY; }", "k"),
    "in a template": ("template <typename T> __global__ void k(T* x) { x->no(); }", "k<float>"),
    "no such kernel": ("__global__ void k(float* x) { x[0] = 1; }", "other"),
    "not a kernel": ("__device__ void k(float* x) { x[0] = 1; }", "k"),
    "too much shared": (
        "__global__ void k(float* x) { __shared__ float s[13000]; s[threadIdx.x] = *x; "
        "__syncthreads(); *x = s[12999 - threadIdx.x]; }",
        "k",
    ),
}
SAID = {
    "warning": "unused",
    "error": '"y" is undefined',
    "no INFINITY": '"INFINITY" is undefined',
    "in a template": "with T=float",
    "no such kernel": '"other" is undefined',
    "not a kernel": "__global__",
    "too much shared": "52000 bytes smem",
}
SPILLING = """
__global__ void __launch_bounds__(1024) k(float* x) {
  float a[200];
  #pragma unroll
  for (int i = 0; i < 200; ++i) a[i] = x[i * threadIdx.x];
  __syncthreads();
  #pragma unroll
  for (int i = 0; i < 200; ++i) x[i + threadIdx.x * 7] = a[199 - i] * a[(i * 7) % 200];
}"""
GOOD = """
template <typename T> __global__ void k(T* x) {
  __shared__ T s[32];
  s[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  x[threadIdx.x] = s[31 - threadIdx.x];
}"""


@pytest.fixture(scope="module")
def matrix():
    sys.path.insert(0, str(TOOLS))  # worker processes import it by its name, too
    try:
        yield importlib.import_module("kernel_matrix")
    finally:
        sys.path.remove(str(TOOLS))


@pytest.fixture
def check(matrix):
    if matrix.nvrtc() is None:
        pytest.skip(f"needs NVRTC (Linux on x86-64): {matrix.INSTALL}")

    def one(source, *expressions, architecture=90):
        return matrix.check(
            matrix.Job("planted.cu", source, expressions, architecture, matrix.ADDED)
        )

    return one


@pytest.mark.slow
@pytest.mark.usefixtures("check")
def test_every_kernel_compiles_within_the_kept_figures(matrix, capsys):
    status = matrix.main([])
    assert status == 0, capsys.readouterr().out


def test_optimizers_round_every_product_by_itself(matrix, check, monkeypatch):
    """On a GPU, too, no product is fused with a sum, so that bits are those of NumPy's rule."""
    compiler, texts = matrix.nvrtc(), []
    read = compiler._bytes

    def listen(program, what):
        if what == "CUBIN":
            texts.append(read(program, "PTX").decode())
        return read(program, what)

    monkeypatch.setattr(compiler, "_bytes", listen)
    check("__global__ void k(float* x) { x[0] = x[1] * x[2] + x[3]; }", "k")
    assert "fma.rn" in texts.pop()
    kernels = [k for k in matrix.package_kernels() if k.file.startswith("optim/")]
    for job in matrix.jobs(kernels, [75, 90]):
        matrix.check(job)
    assert len(texts) == 4
    for text in texts:
        found = re.findall(r"\b(fma|mul|div|sqrt|mad|rcp|rsqrt)\.([\w.]*)\bf(?:32|64)\b", text)
        assert {name for name, _ in found} in ({"mul"}, {"mul", "div", "sqrt"})
        assert all(how.startswith("rn.") for _, how in found)


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(check, name):
    source, expression = PLANTED[name]
    (complaint,) = check(source, expression).complaints
    assert "planted.cu sm_90" in complaint
    assert SAID[name] in complaint


def test_a_warning_is_shown_without_the_figures(check):
    (complaint,) = check(*PLANTED["warning"]).complaints
    assert "warnings" in complaint and "ptxas" not in complaint


def test_templates_are_compiled_by_name_only(check):
    # the reason for name expressions: without one, an error in a template passes
    source, expression = PLANTED["in a template"]
    assert check(source) == ({}, [])
    assert check(source, expression).complaints


def test_figures_are_read(matrix, check):
    found = check(GOOD, "k<float>", "k<double>")
    assert found.complaints == []
    single, double = (found.figures["planted.cu", f"k<{t}>", 90] for t in ("float", "double"))
    assert (single.shared, double.shared) == (128, 256)
    assert 0 < single.registers < 32 and single.spilled == single.stack == 0


def test_a_spill_is_found(matrix, check):
    figures = check(SPILLING, "k").figures
    ((instance, now),) = figures.items()
    assert now.spilled > 0 and now.stack > 0
    (complaint,) = matrix.over(figures, {instance: now._replace(spilled=0, stack=0)})
    for part in ("planted.cu k sm_90", f"{now.spilled} bytes spilled", matrix.UPDATE):
        assert part in complaint
    assert matrix.over(figures, figures) == []


def test_an_entry_point_that_is_missing_in_the_binary_is_found(matrix, check, monkeypatch):
    class Forgetful:
        def compile(self, job):
            log, names, _ = real.compile(job)
            return log, names, b"\x7fELF.text._Z1kIfEvPT_more\0"

    real = matrix.nvrtc()
    monkeypatch.setattr(matrix, "nvrtc", Forgetful)
    figures, (complaint,) = check(GOOD, "k<float>")
    assert figures == {} and "no entry point _Z1kIfEvPT_ in the binary" in complaint


def test_an_architecture_that_nvrtc_does_not_know_is_a_complaint(check):
    (complaint,) = check(GOOD, "k<float>", architecture=61).complaints
    assert "planted.cu sm_61" in complaint and "arch" in complaint


def test_registers_are_compared_with_the_table(matrix):
    instance = matrix.Instance("ops/pool.cu", "max_pool<float, int>", 80)
    kept = matrix.Figures(32, 0, 0, 128)

    def complaints(**now):
        return matrix.over({instance: kept._replace(**now)}, {instance: kept})

    assert complaints() == complaints(registers=20) == []
    assert complaints(registers=32 + matrix.MORE_REGISTERS) == []
    (message,) = complaints(registers=33 + matrix.MORE_REGISTERS)
    for part in ("ops/pool.cu max_pool<float, int> sm_80", "41 registers", "32 registers", "--up"):
        assert part in message
    assert complaints(spilled=4) and complaints(stack=8) and complaints(shared=256)


def test_new_and_gone_instances_are_named_once(matrix):
    both = {matrix.Instance("a.cu", "k", a): matrix.Figures(9, 0, 0, 0) for a in (80, 90)}
    assert matrix.over(both, {}) == [f"a.cu k: not in the table: {matrix.UPDATE}"]
    assert matrix.gone([], both) == [f"a.cu k: in the table only: {matrix.UPDATE}"]
    assert matrix.gone(both, both) == []


def test_the_table_reads_back(matrix):
    figures = {
        matrix.Instance(file, name, a): matrix.Figures(a // 2, spilled, 2 * spilled, 0)
        for file, name, spilled in (("a.cu", "k<float>", 8), ("a.cu", "k<int>", 0), ("b", "k", 0))
        for a in (75, 100)
    }
    text = matrix.as_json(figures, "13.5")
    assert matrix.from_json(text) == figures
    assert '   "k<int>": {"registers": [37, 50]}\n' in text  # a line for each instance
    assert "| a.cu | k | 2 | 37 | 50 | 8 | 16 | 0 |" in matrix.as_markdown(figures)


def test_every_global_function_of_the_package_is_declared(matrix):
    kernels = matrix.package_kernels()
    assert {"max_pool", "im2col"} <= {kernel.name for kernel in kernels}
    assert matrix.undeclared(kernels) == []
    rest = [kernel for kernel in kernels if kernel.name != "im2col"]
    (complaint,) = matrix.undeclared(rest)
    assert complaint.startswith("ops/conv.cu im2col: no Kernel declares it")


def test_without_nvrtc_it_says_what_to_install(matrix, monkeypatch, capsys):
    monkeypatch.setattr(matrix, "nvrtc", lambda: None)
    assert matrix.main([]) == 2
    assert matrix.INSTALL in capsys.readouterr().err
    assert matrix.in_wheel("no-such-wheel", "*") is None


@pytest.mark.parametrize(
    "arguments, said",
    [(["--kernel", "no_such"], "there are"), (["--arch", "90", "--update"], "all kernels")],
)
@pytest.mark.usefixtures("check")
def test_arguments_that_make_no_sense(matrix, capsys, arguments, said):
    with pytest.raises(SystemExit):
        matrix.main(arguments)
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("check")
def test_a_part_is_compiled_and_written(matrix, capsys, tmp_path):
    target = tmp_path / "part.json"
    assert matrix.main(["--arch", "80", "--kernel", "sum_slabs", "--json", str(target)]) == 0
    assert "| ops/conv.cu | sum_slabs | 4 |" in capsys.readouterr().out
    assert {i.expression for i in matrix.from_json(target.read_text())} == {
        f"sum_slabs<{t}>" for t in ("__half", "__nv_bfloat16", "float", "double")
    }
