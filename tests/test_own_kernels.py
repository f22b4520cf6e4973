"""Kernels of users: declared, launched, checked against NumPy; every planted mistake is found."""

import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core.op import REGISTRY
from gpugraph.cuda import sim
from gpugraph.testing import KernelMismatch, awkward, check, compare
from gpugraph.testing.kernels import NotingSim, reference
from tests import fake_cupy

needs_simulator = pytest.mark.skipif(sim.why_not() is not None, reason=f"needs {sim.why_not()}")

HEAD = 'extern "C" __global__ void leaky(const float* x, float* y, float slope, long long n) '
BODY = """{
  long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    y[i] = x[i] > 0 ? x[i] : slope * x[i];
}
"""
KERNEL = gg.cuda.Kernel("leaky.cu", "leaky", code=HEAD + BODY)


@dataclass(frozen=True)
class Leaky(gg.Op):
    """max(x, slope x), with a kernel for float32 alone."""

    slope: float = 0.1
    kernel: ClassVar = KERNEL
    block: ClassVar = 64
    keeps: ClassVar = {"x": ("x",)}

    def spec(self, x):
        return x

    def forward(self, xp, x):
        return xp.where(x > 0, x, self.slope * x)

    def cuda(self, dev, x):
        x, y = dev.contiguous(x), dev.empty(x.shape, x.dtype)
        dev.launch(self.kernel, x, y, self.slope, y.size, threads=y.size, block=self.block)
        return y

    def vjp_x(self, node, g):
        return gg.where(node["x"] > 0, g, self.slope * g)

    def cost(self, x):
        return gg.Cost(flops=2 * x.size, bytes=2 * x.nbytes)

    @classmethod
    def samples(cls, rng):
        yield gg.Sample(cls(), (rng.standard_normal((3, 7)),), "small")


@pytest.fixture(autouse=True, scope="module")
def registry():
    """Ops defined here are nobody else's."""
    yield
    for name in [n for n, cls in REGISTRY.items() if cls.__module__ == __name__]:
        del REGISTRY[name]


def with_kernel(code, params=None, name="leaky", **rules):
    """Leaky with another kernel, and perhaps other rules."""
    kernel = gg.cuda.Kernel("planted.cu", name, params, code=code)
    return dataclass(frozen=True)(type("Planted", (Leaky,), {"kernel": kernel, **rules}))


# ---- right kernels


@needs_simulator
def test_a_kernel_without_templates_is_checked_in_its_dtype():
    report = check(Leaky)
    assert report and report.kernel.dtypes == ("float32",) and report.order == 3
    assert set(report.kernel.refused) == {"float64", "float16", "bfloat16"}
    lines = str(report).splitlines()
    assert re.fullmatch(
        r"Leaky: 1 sample, gradients to order 3; kernel: \d+ launches in the simulator, in "
        r"float32, \d+ awkward variants",
        lines[0],
    )
    assert lines[1].startswith("  no kernel for float64: leaky: x is float64; it must be float32")


@needs_simulator
def test_kernel_limits_may_be_asked_of_the_kernel():
    def kernel_limits(self, x):
        return self.kernel.limits(x=x)

    op = with_kernel(HEAD + BODY, kernel_limits=kernel_limits)
    report = check(op)
    assert report.kernel.refused["float64"] == "x is float64; it must be float32"
    before = gg.cuda.fallbacks.total()
    x = gg.Tensor(np.linspace(-1, 1, 5)).to("sim")
    y = gg.apply(op(), x)  # by forward, and counted
    assert (str(y.device), y.dtype) == ("sim", np.float64)
    assert gg.cuda.fallbacks.total() == before + 1


@needs_simulator
def test_without_kernel_limits_a_wrong_dtype_is_an_error_with_the_cure():
    before = gg.cuda.launches["leaky"]
    with pytest.raises(gg.DtypeError) as caught:
        gg.apply(Leaky(), gg.Tensor(np.ones(3)).to("sim"))
    assert str(caught.value) == (
        "leaky: x is float64; it must be float32; convert it, or let the op's kernel_limits say "
        "so: then forward computes it"
    )
    assert gg.cuda.launches["leaky"] == before
    y = gg.apply(Leaky(), gg.Tensor(np.float32([-1, 1])).to("sim"))
    np.testing.assert_array_equal(y.numpy(), np.float32([-0.1, 1]))
    assert gg.cuda.launches["leaky"] == before + 1


@needs_simulator
def test_a_kernel_in_a_file_with_a_header_beside_it(tmp_path):
    (tmp_path / "slope.cuh").write_text("#define LOW(x, slope) ((x) > 0 ? (x) : (slope) * (x))\n")
    body = BODY.replace("x[i] > 0 ? x[i] : slope * x[i]", "LOW(x[i], slope)")
    (tmp_path / "leaky.cu").write_text('#include "slope.cuh"\n' + HEAD + body)
    kernel = gg.cuda.Kernel(tmp_path / "leaky.cu", "leaky")
    assert repr(kernel) == "Kernel('leaky.cu', 'leaky')"
    compare(gg.Sample(Leaky(), (np.linspace(-1, 1, 100),)))


# ---- planted mistakes

READ = "x[i] > 0 ? x[i] : slope * x[i]"
INDEX = "(long long)blockIdx.x * blockDim.x + threadIdx.x"
PLANTED = {
    "the first block only": (
        HEAD + BODY.replace(INDEX, "threadIdx.x"),
        "race on y .* element 0: write .planted.cu:4. after a write by block",
    ),
    "one element short": (
        HEAD + BODY.replace("i < n", "i < n - 1"),
        r"1 of the elements of y were never written, the first is y\[2, 6\]",
    ),
    "one element too many": (
        HEAD + BODY.replace("i < n", "i <= n"),
        r"out-of-bounds read of 4 byte\(s\), just past the end of x",
    ),
    "the neighbour": (
        HEAD + BODY.replace(READ, "x[i] > 0 ? x[i] : slope * x[i - (i > 100)]"),
        r"y\[\d+, \d\] is .*, wanted .*; wrong are \d+ of \d+ elements, this is the first",
    ),
    "a NaN gets lost": (
        HEAD + BODY.replace(READ, "x[i] <= 0 ? slope * x[i] : x[i] > 0 ? x[i] : 0"),
        r"is 0, wanted nan; wrong are 3 of 161 .*with NaN and infinities",
    ),
    "zero counts as negative infinity": (
        HEAD + BODY.replace(READ, "x[i] > 0 ? x[i] : x[i] == 0 ? -1 : slope * x[i]"),
        "is -1, wanted 0; .*with zeros and ties",
    ),
    "vectors": (
        HEAD + "{\n  long long i = 2ll * (blockIdx.x * blockDim.x + threadIdx.x);\n"
        "  float2 v = {0, 0};\n  if (i + 1 < n) v = *(const float2*)(x + i);\n"
        "  else if (i < n) v.x = x[i];\n  if (i < n) y[i] = v.x > 0 ? v.x : slope * v.x;\n"
        "  if (i + 1 < n) y[i + 1] = v.y > 0 ? v.y : slope * v.y;\n}\n",
        "misaligned access of .*float2.*\n  in small: .* misaligned inputs",
    ),
    "writes its input": (
        HEAD.replace("const ", "") + BODY.replace("y[i] =", "x[i] = 1, y[i] ="),
        "the cuda rule has changed its input x; inputs are read-only",
    ),
}


@needs_simulator
@pytest.mark.parametrize("name", PLANTED)
def test_planted_mistakes_in_kernels_are_found(name):
    code, text = PLANTED[name]
    with pytest.raises(KernelMismatch, match=re.compile(text, re.DOTALL)) as caught:
        check(with_kernel(code))
    assert caught.value.op == "planted" and isinstance(caught.value, AssertionError)


@needs_simulator
@pytest.mark.parametrize("mode", ["fast", "check"])
def test_a_wrong_element_is_named_with_thread_and_line(mode):
    op = with_kernel(HEAD + BODY.replace(READ, f"i == 71 ? 5 : {READ}"))
    x = np.linspace(-1, 1, 90).reshape(9, 10)
    with pytest.raises(KernelMismatch) as caught:
        compare(gg.Sample(op(), (x,), "nine rows"), np.float32, gg.cuda.SimDevice(mode, 3))
    error = caught.value
    assert (error.output, error.index) == ("y", (7, 1))
    assert (error.block, error.thread) == ((1, 0, 0), (7, 0, 0))
    assert (error.file, error.line) == ("planted.cu", 4)
    assert error.got == 5 and error.wanted == np.float32(x[7, 1])
    assert str(error) == (
        f"planted: y[7, 1] is 5, wanted {x[7, 1]:.6g}; wrong are 1 of 90 elements, this is the "
        "first\n"
        "  written by block (1, 0, 0), thread (7, 0, 0) at planted.cu:4:  "
        f"y[i] = i == 71 ? 5 : {READ};\n"
        f'  in nine rows: (9, 10), float32 (simulator, mode "{mode}", seed 3)'
    )


@needs_simulator
def test_what_nobody_wrote_is_said_so():
    """Mode "fast" leaves NaN where nothing is written; "check" then tells more."""
    op = with_kernel(HEAD + BODY.replace("i < n", "i < n && i != 5"))
    with pytest.raises(
        KernelMismatch, match=r"(?s)y\[5\] is nan.*never written, the first is y\[5\]"
    ) as e:
        compare(gg.Sample(op(), (np.ones(9),)), np.float32, gg.cuda.SimDevice("fast"))
    assert e.value.index == (5,) and e.value.block is None


def wrong_rule(text, samples=None, **rules):
    rules |= {"samples": classmethod(samples)} if samples else {}
    return pytest.param(rules, text, id=text[:30])


def spoils_x(self, dev, x):
    x[...] = 0
    return Leaky.cuda(self, dev, x)


def by_numpy(self, dev, x):
    return dev.own(dev.xp.where(x > 0, x, x * x.dtype.type(self.slope)))


WRONG_RULES = [
    wrong_rule(
        r"y is float32 \(7,\), wanted float32 \(3, 7\)", cuda=lambda s, d, x: Leaky.cuda(s, d, x)[0]
    ),
    wrong_rule("y is float64", cuda=lambda s, d, x: Leaky.cuda(s, d, x).astype(np.float64)),
    wrong_rule("gives 2 outputs, forward 1", cuda=lambda s, d, x: (Leaky.cuda(s, d, x),) * 2),
    wrong_rule("has changed its input x; inputs are read-only", cuda=spoils_x),
    wrong_rule("its cuda rule raises ZeroDivisionError: ", cuda=lambda s, d, x: 1 // 0),
    wrong_rule("launches no kernel on any sample", cuda=by_numpy),
    wrong_rule(
        "no sample reaches the cuda rule; kernel_limits says never",
        kernel_limits=lambda self, x: "never",
    ),
]


@needs_simulator
@pytest.mark.parametrize("rules, text", WRONG_RULES)
def test_mistakes_in_the_rule_are_found(rules, text):
    with pytest.raises(AssertionError, match=text):
        check(with_kernel(HEAD + BODY, **rules))


@needs_simulator
def test_a_rule_that_forgets_contiguous_is_told_so():
    def cuda(self, dev, x):
        y = dev.empty(x.shape, x.dtype)
        dev.launch(self.kernel, x, y, self.slope, y.size, threads=y.size)
        return y

    with pytest.raises(gg.DtypeError, match="leaky: x is not C-contiguous; use dev.contiguous"):
        check(with_kernel(HEAD + BODY, cuda=cuda))


@needs_simulator
def test_one_block_is_not_enough_to_judge():
    """An op whose inputs can't be longer: its samples must fill more than a block."""

    def spec(self, x):
        if len(x.shape) != 1 or x.shape[0] not in (0, 1, 40, 200):
            raise gg.ShapeError("only these")
        return x

    def samples(cls, rng):
        yield gg.Sample(cls(), (rng.standard_normal(40),))

    rules = {"spec": spec, "samples": classmethod(samples)}
    with pytest.raises(AssertionError, match="add a sample for more than 64 threads"):
        check(with_kernel(HEAD + BODY, **rules))

    def enough(cls, rng):
        yield from samples(cls, rng)
        yield gg.Sample(cls(), (rng.standard_normal(200),))

    assert check(with_kernel(HEAD + BODY, **(rules | {"samples": classmethod(enough)})))


SUM = """
template <typename T>
__global__ void total(const T* x, T* y, long long n) {
  __shared__ float sum;
  if (threadIdx.x == 0) sum = 0;
  __syncthreads();
  for (long long i = threadIdx.x; i < n; i += blockDim.x)
    atomicAdd(&sum, (float)x[blockIdx.x * n + i]);
  __syncthreads();
  if (threadIdx.x == 0) y[blockIdx.x] = (T)sum;
}
"""


@dataclass(frozen=True)
class RowSum(Leaky):
    """The sum of each row."""

    kernel: ClassVar = None
    keeps: ClassVar = {}

    def spec(self, x):
        return gg.Spec(x.shape[:1], x.dtype)

    def forward(self, xp, x):
        return x.sum(axis=1)

    def cuda(self, dev, x):
        y = dev.empty(x.shape[:1], x.dtype)
        dev.launch(self.kernel, dev.contiguous(x), y, x.shape[1], grid=(len(x),), block=32)
        return y

    def vjp_x(self, node, g):
        return g.reshape((-1, 1)) * np.ones((1, node.shape("x")[1]))

    def cost(self, x):
        return gg.Cost(flops=x.size, bytes=x.nbytes + self.spec(x).nbytes)

    @classmethod
    def samples(cls, rng):
        yield gg.Sample(cls(), (rng.standard_normal((3, 40)),))


@needs_simulator
def test_sums_in_no_fixed_order_are_found():
    kernel = gg.cuda.Kernel("sum.cu", "total", code=SUM, T=["float32"])
    op = dataclass(frozen=True)(type("Atomic", (RowSum,), {"kernel": kernel}))
    with pytest.raises(KernelMismatch, match="y changes with the order of threads.*no atomic add"):
        check(op)


@needs_simulator
def test_sums_in_16_bits_are_found():
    code = (
        '#include "wide.cuh"\ntemplate <typename T> '
        "__global__ void total(const T* x, T* y, long long n) {\n  SUM sum = 0;\n"
        "  for (long long i = 0; i < n; ++i) sum += (SUM)x[blockIdx.x * n + i];\n"
        "  if (threadIdx.x == 0) y[blockIdx.x] = (T)sum;\n}\n"
    )
    for name, right in (("wide<T>", True), ("float", False)):
        types = ["float32", "float64"] if name == "float" else gg.cuda.FLOATS
        kernel = gg.cuda.Kernel("sum.cu", "total", code=code.replace("SUM", name), T=types)
        op = dataclass(frozen=True)(type("Sum", (RowSum,), {"kernel": kernel}))
        if right:
            assert check(op).kernel.dtypes == ("float32", "float64", "float16", "bfloat16")
        else:  # float64 summed in float
            with pytest.raises(KernelMismatch, match="float64 .simulator"):
                check(op)


# ---- where kernels run


def test_the_report_says_where_kernels_could_not_run(monkeypatch):
    monkeypatch.setattr(sim, "why_not", lambda: "there is no g++")
    report = check(Leaky)
    assert report.kernel.launches == 0 and not report.kernel.where
    told = r"its kernel was NOT run: .*there is no g\+\+$"
    assert re.search(told, str(report)) or gg.cuda.is_available()
    with pytest.raises(gg.ArgumentError, match="device='sim': there is no g"):
        check(Leaky, device="sim")
    with pytest.raises(gg.ArgumentError, match="device='gpu' is none of 'cuda', 'sim', 'cpu'"):
        check(Leaky, device="gpu")
    assert 'NOT run: device="cpu" was asked for' in str(check(Leaky, device="cpu"))
    if not gg.cuda.is_available():
        with pytest.raises(gg.ArgumentError, match="device='cuda': CuPy can't"):
            check(Leaky, device="cuda")


@needs_simulator
def test_kernels_are_run_on_a_gpu_if_there_is_one():
    """A stand-in for CuPy, whose RawModule is the simulator."""
    with fake_cupy.installed():
        report = check(Leaky)
        assert report.kernel.where == "on a GPU" and report.kernel.dtypes == ("float32",)
        op = with_kernel(PLANTED["the neighbour"][0])
        with pytest.raises(KernelMismatch) as caught:
            check(op, device="cuda")
    told = str(caught.value)
    assert "\n  written by block (1, 0, 0), thread (37, 0, 0) at planted.cu:4:  y[i] = " in told
    assert told.endswith("(23, 7), float32 (GPU)")


def test_an_op_without_kernel_says_nothing_of_one():
    @dataclass(frozen=True)
    class Plain(Leaky):
        cuda = None

    assert str(check(Plain)) == "Plain: 1 sample, gradients to order 3"
    assert check(Plain).kernel is None


# ---- awkward inputs


def test_lengths_change_together_as_far_as_the_op_goes_along():
    @dataclass(frozen=True)
    class Scaled(Leaky):
        def spec(self, x, gain):
            if x.shape[1:] != gain.shape:
                raise gg.ShapeError("no")
            return x

        def forward(self, xp, x, gain):
            return x * gain

    rng = np.random.default_rng(0)
    Scaled.vjp_gain = lambda self, node, g: g
    sample = gg.Sample(Scaled(), (1 + rng.random((3, 3)), rng.integers(5, 7, 3)))
    rows = awkward.resized(sample, 0, 50, rng)  # gain has the same length, and must keep it
    assert [x.shape for x in rows.inputs] == [(50, 3), (3,)]
    wide = awkward.resized(sample, -1, 50, rng)
    assert [x.shape for x in wide.inputs] == [(3, 50), (50,)]
    assert wide.inputs[0].min() >= 1 and len(np.unique(wide.inputs[0])) > 100
    assert set(wide.inputs[1].tolist()) == {5, 6}
    assert awkward.resized(gg.Sample(Leaky(), (np.float64(1),)), 0, 5, rng) is None


def test_layouts_are_what_they_say():
    x = np.arange(6.0).reshape(2, 3)
    plain, strided, misaligned = (awkward.placed(np, x, layout) for layout in awkward.LAYOUTS)
    for y in (plain, strided, misaligned):
        np.testing.assert_array_equal(x, y)
    assert plain.flags.c_contiguous and misaligned.flags.c_contiguous
    assert misaligned.ctypes.data % 16 == 8
    assert strided.strides == (-96, -16)


def test_values_with_ties_and_nan():
    rng = np.random.default_rng(0)
    sample = gg.Sample(Leaky(), (rng.standard_normal((20, 9)), rng.integers(0, 3, 4)))
    (x, k), (z, _) = awkward.with_ties(sample, rng).inputs, awkward.with_nan(sample, rng).inputs
    assert k is sample.inputs[1]
    assert (2 * x == np.round(2 * x)).all() and 0.2 < (x == 0).mean() < 0.8
    assert [np.isnan(z).sum(), (z == np.inf).sum(), (z == -np.inf).sum()] == [4, 4, 4]
    assert np.isfinite(sample.inputs[0]).all()


def test_the_reference_of_16_bits_is_rounded_once():
    x = np.float16(np.random.default_rng(0).standard_normal((3, 100)))
    ((y, limit),) = reference(RowSum(), [x])
    exact = x.astype(np.float32).sum(axis=1)
    np.testing.assert_array_equal(y, exact.astype(np.float16))
    half_a_place, sums = 2.0**-10 * np.abs(exact), 8 * 10 * 2.0**-23 * np.abs(x).sum(axis=1)
    np.testing.assert_allclose(limit, half_a_place + sums, rtol=1e-3)


def test_what_is_exact_may_not_differ():
    x = np.float32([1, 3])
    assert not reference(with_kernel(HEAD + BODY, exact=True)(), [x])[0][1].any()
    assert reference(Leaky(), [x])[0][1].all()


@needs_simulator
def test_a_near_miss_tells_the_bound():
    op = with_kernel(HEAD + BODY.replace(READ, f"1.0001f * ({READ})"))
    with pytest.raises(KernelMismatch, match=r"y\[0\] is 4.0004, wanted 4 \(may differ by \d"):
        compare(gg.Sample(op(), (np.full(3, 4.0),)))
    op = with_kernel(HEAD + BODY.replace(READ, f"0.9999999f * ({READ})"))  # an ulp
    compare(gg.Sample(op(), (np.full(3, 4.0),)))


# ---- what declarations and launches refuse


def test_parameters_are_read_from_the_source():
    code = """
    // __global__ void k(int commented);
    template <typename T>
    __global__ void __launch_bounds__(256) k(const T* __restrict__ x,  // the input
                                             T* y, /* not, this */ wide<T> eps,
                                             unsigned char flag, const int n) {}
    __global__ void other() {}
    """
    kernel = gg.cuda.Kernel("k.cu", "k", code=code, T=gg.cuda.FLOATS)
    assert [(p.name, p.type, p.array, p.output) for p in kernel.params] == [
        ("x", "T", True, False),
        ("y", "T", True, True),
        ("eps", "wide<T>", False, False),
        ("flag", "unsigned char", False, False),
        ("n", "int", False, False),
    ]


@pytest.mark.parametrize(
    "code, name, text",
    [
        (HEAD, "leeky", r"leaky.cu has no __global__ void leeky\(...\); there are leaky"),
        ("", "leaky", "leaky.cu has no .*; there is none"),
        (
            "__global__ void k(float x[]) {}",
            "k",
            r"k: not a kernel parameter: 'float x\[\]'; write",
        ),
        ("__global__ void k(const S* x) {}", "k", r"k: x has the type 'S'; there are .*structs="),
        (
            "__global__ void k(T* x) {}",
            "k",
            r"x has the type 'T'; .*T=\(\"float32\", \"float64\"\)",
        ),
    ],
)
def test_declarations_that_are_refused(code, name, text):
    with pytest.raises(gg.ArgumentError, match=text):
        gg.cuda.Kernel("leaky.cu", name, code=code)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(gg.ArgumentError, match="k: no file .*nowhere.cu$"):
        gg.cuda.Kernel(tmp_path / "nowhere.cu", "k")
    with pytest.raises(gg.ArgumentError, match=r"for a file of yours give pathlib.Path\('my.cu'\)"):
        gg.cuda.Kernel("my.cu", "k")


def test_limits():
    kernel = gg.cuda.Kernel("k.cu", "k", "const T* x, const int* at, T* y", code="", T=["float32"])
    spec = gg.Spec((3,), np.dtype(np.float32))
    assert kernel.limits(x=spec) is kernel.limits(x=spec, at=None) is None
    assert kernel.limits(x=np.ones(3)) == "x is float64; compiled for float32"
    assert kernel.limits(x=spec, at=spec) == "at is float32; it must be int32"
    with pytest.raises(gg.ArgumentError, match="k: no array 'z'; there are x, at, y"):
        kernel.limits(z=spec)


F = np.zeros(4, np.float32)


@pytest.mark.parametrize(
    "args, text",
    [
        ((F, F, 0.5), "takes 4 arguments, got 3; they are x, y, slope, n"),
        ((F, F, F, 4), r"slope=array\(.*is no float32; if it is an array, write float\* slope"),
        ((F, 1.0, 0.5, 4), "y must be an array, got float"),
        ((F, F, 0.5, 4.0), "n=4.0 is no int64"),
        ((F, gg.Tensor(F), 0.5, 4), "y must be an array, got Tensor"),
        ((F[::2], F, 0.5, 4), "x is not C-contiguous; use dev.contiguous"),
        ((F, F.astype(np.float16), 0.5, 4), "y is float16; it must be float32"),
    ],
)
def test_launches_that_are_refused(args, text):
    KERNEL.bind((F, F, 0.5, 4))
    for _ in range(2):  # what is remembered of dtypes lets nothing pass
        with pytest.raises(gg.DtypeError, match=f"leaky: {text}"):
            NotingSim().launch(KERNEL, *args, threads=4)


def test_an_array_of_the_cpu_does_not_go_to_the_gpu():
    gpu = gg.cuda.GpuDevice(SimpleNamespace(ndarray=type("ndarray", (), {})))
    with pytest.raises(gg.DtypeError, match="leaky: x is an array of NumPy, on the CPU; dev.xp.as"):
        gpu.launch(KERNEL, F, F, 0.5, 4, threads=4)


# ---- compile errors have the user's file and line

TYPO = HEAD + BODY.replace("slope *", "slop *")


@needs_simulator
def test_compile_errors_of_the_simulator():
    with pytest.raises(gg.cuda.CompileError, match=r"planted.cu:4:\d+: error: .*slop"):
        check(with_kernel(TYPO))


def test_compile_errors_of_nvrtc():
    """As on a GPU, with NVRTC's own message; CuPy's program class needs no driver."""
    compiler = pytest.importorskip("cupy.cuda.compiler", reason="needs CuPy (no GPU)")

    class RawModule:
        def __init__(self, code, options, name_expressions):
            self.program = lambda: compiler._NVRTCProgram(
                code, "folder/x.cubin.cu", (), (), name_expressions
            )

        def get_function(self, name):
            try:
                self.program().compile(("-std=c++17",))
            except (OSError, RuntimeError) as error:
                pytest.skip(f"needs the library NVRTC: {error}")

    gpu = gg.cuda.GpuDevice(
        SimpleNamespace(RawModule=RawModule, cuda=SimpleNamespace(compiler=compiler))
    )
    gpu._compiled(KERNEL, "leaky")
    kernel = gg.cuda.Kernel("planted.cu", "leaky", code=TYPO)
    with pytest.raises(gg.cuda.CompileError) as caught:
        gpu._compiled(kernel, "leaky")
    text = str(caught.value)
    assert text.startswith("leaky: NVRTC does not compile it\n")
    assert 'planted.cu(4): error: identifier "slop" is undefined' in text
