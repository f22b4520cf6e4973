"""The simulator itself: right kernels compute what NumPy does, and no mistake goes unnoticed.

A checker that says nothing proves nothing, so every kind of mistake is planted in a kernel of
kernels/sim_wrong.cu and must be found, in the modes that promise it, with the right line.
"""

import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from gpugraph.core.files import cache_folder
from gpugraph.cuda import sim
from gpugraph.cuda.sim import compile as sim_compile

needs_compiler = pytest.mark.skipif(sim.why_not() is not None, reason=str(sim.why_not()))

KERNELS = Path(__file__).parent / "kernels"
RIGHT, WRONG = KERNELS / "sim_right.cu", KERNELS / "sim_wrong.cu"
RIGHT_NAMES = (
    "im2col<float>, im2col<double>, row_sum, transpose<float, 8>, transpose<unsigned char, 5>, "
    "reverse_bytes, warp_steps, histogram, questions, arithmetic, narrow, arrivals, nothing"
)
SEEDS = (0, 1, 2)


def names_of(text):
    return re.split(r", (?![^<]*>)", text)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Compile everything anew, away from the user's cache."""
    patch = pytest.MonkeyPatch()
    patch.setenv("GPUGRAPH_SIM_CACHE", str(tmp_path_factory.mktemp("sim")))
    cache_folder.cache_clear()
    yield
    patch.undo()
    cache_folder.cache_clear()


@pytest.fixture(scope="module", params=["fast", "check"])
def right(request, cache):
    return sim.Module(
        RIGHT.read_text(),
        names_of(RIGHT_NAMES),
        filename="sim_right.cu",
        include=[KERNELS],
        mode=request.param,
    )


@pytest.fixture(scope="module")
def wrong(cache):
    text = WRONG.read_text()
    names = re.findall(r"__global__ void (\w+)", text)
    return {
        mode: sim.Module(text, names, filename="sim_wrong.cu", mode=mode)
        for mode in ("bare", "fast", "check")
    }


def small(source, name, mode="fast", **options):
    return sim.Module(source, [name], mode=mode, **options).function(name)


# ---- right kernels


WINDOW = np.dtype(
    {
        "names": ["size", "stride", "low", "in", "out", "flag"],
        "formats": ["2i4", "2i4", "2i4", "2i8", "2i8", "i1"],
    },
    align=True,
)


@needs_compiler
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_im2col(right, seed, dtype):
    size, stride, low = (3, 2), (2, 1), (1, 2)
    x = np.random.default_rng(seed).standard_normal((2, 3, 11, 13)).astype(dtype)
    out = [(n + 2 * p - k) // s + 1 for n, k, s, p in zip(x.shape[2:], size, stride, low)]
    window = np.zeros(1, WINDOW)
    window[0] = (size, stride, low, x.shape[2:], out, 0)
    col = sim.empty((2, 3, *size, *out), dtype)
    kernel = right.function(f"im2col<{'float' if dtype is np.float32 else 'double'}>")
    report = kernel.launch(
        5, 96, [x, col, window, np.int64(col.size)], seed=seed, fresh=(1,), guard="low"
    )
    padded = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in low)])
    patches = np.lib.stride_tricks.sliding_window_view(padded, size, (2, 3))
    want = patches[:, :, :: stride[0], :: stride[1]].transpose(0, 1, 4, 5, 2, 3)
    np.testing.assert_array_equal(col, want)
    assert report.threads == 5 * 96
    if right.mode == "check":
        assert report.unwritten == {1: 0} and report.most_writes == {1: 1}


@needs_compiler
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("columns, block", [(132, 128), (77, 96), (1000, 1024), (3, 32)])
def test_row_sum(right, seed, columns, block):
    x = np.random.default_rng(seed).standard_normal((4, columns)).astype(np.float32)
    out = sim.empty(4)
    right.function("row_sum").launch(
        4, block, [x, out, np.int32(columns)], seed=seed, fresh=(1,), guard="high"
    )
    np.testing.assert_allclose(out, x.astype(float).sum(1), atol=1e-4)


@needs_compiler
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "name, dtype, tile", [("float, 8", "f4", 8), ("unsigned char, 5", "u1", 5)]
)
def test_transpose_by_tiles(right, seed, name, dtype, tile):
    x = np.random.default_rng(seed).integers(0, 200, (2, 13, 21)).astype(dtype)
    out = sim.empty((2, 21, 13), dtype)
    right.function(f"transpose<{name}>").launch(
        (-(-21 // tile), -(-13 // tile), 2),
        (tile, tile),
        [x, out, np.int32(13), np.int32(21)],
        shared=tile * (tile + 1) * x.itemsize,
        seed=seed,
        fresh=(1,),
    )
    np.testing.assert_array_equal(out, x.transpose(0, 2, 1))


@needs_compiler
@pytest.mark.parametrize("seed", SEEDS)
def test_shared_bytes_and_warp_order(right, seed):
    x = np.arange(200, dtype=np.uint8)
    out = sim.empty(200, np.uint8)
    right.function("reverse_bytes").launch(1, 200, [x, out], seed=seed)
    np.testing.assert_array_equal(out, x[::-1])
    steps = sim.empty(32, np.int32)
    right.function("warp_steps").launch(1, 32, [steps], seed=seed, fresh=(0,))
    assert (steps == 4).all()


@needs_compiler
@pytest.mark.parametrize("seed", SEEDS)
def test_atomics(right, seed):
    x = np.random.default_rng(seed).integers(0, 7, 1000).astype(np.int32)
    counts, sums = np.zeros(7, np.uint32), np.zeros(7, np.float32)
    most = np.zeros(1, np.int32)
    right.function("histogram").launch(4, 256, [x, counts, sums, most, np.int32(1000)], seed=seed)
    want = np.bincount(x, minlength=7)
    np.testing.assert_array_equal(counts, want)
    np.testing.assert_array_equal(sums, want / 2)
    assert most[0] == 6


@needs_compiler
@pytest.mark.parametrize("seed", SEEDS)
def test_votes_and_shuffles(right, seed):
    x = np.random.default_rng(seed).integers(0, 4, 64).astype(np.int32)
    out = sim.empty((9, 64), np.int32)
    right.function("questions").launch(1, 64, [x, out], seed=seed, fresh=(1,))
    warps = x.reshape(2, 32)
    lanes = np.arange(64)
    want = [
        np.full(64, (x > 0).sum()),
        np.full(64, (x > 2).any()),
        np.full(64, (x > 2).all()),
        np.repeat((x.reshape(4, 16) > 0).sum(1), 16),
        np.repeat((warps > 2).any(1), 32),
        np.repeat((warps > 2).all(1), 32),
        x[lanes // 8 * 8 + 3],
        np.where(lanes % 32 == 0, x, x[lanes - 1]),
        x[lanes ^ 5],
    ]
    np.testing.assert_array_equal(out, want)


@needs_compiler
def test_arithmetic(right):
    a, b = 0xFEDCBA9876543210, 0x1234567890ABCDEF
    integers, reals = sim.empty(3, np.uint64), sim.empty(5, np.float64)
    right.function("arithmetic").launch(
        1, 1, [np.uint64(a), np.uint64(b), np.float32(0.5), np.float64(16), integers, reals]
    )
    negative = (2**64 - a) * b >> 64  # -a as a signed number is 2^64 - a
    assert integers.tolist() == [a * b >> 64, negative, max(a % 2**32, 7) - 3 + 31 + 4]
    assert reals.tolist() == [1.25, 0.25, 0.5, float(np.exp(np.float32(0.5))), -np.inf]


@needs_compiler
def test_16_bit_floats(right):
    rng = np.random.default_rng(0)
    x, bias = rng.standard_normal(66).astype(np.float16), np.array([0.3], np.float16)
    y, z = sim.empty(66, np.float16), sim.empty(33, np.uint16)
    right.function("narrow").launch(1, 33, [x, bias, y, z], fresh=(2, 3))
    np.testing.assert_array_equal(y, np.maximum(x + bias, np.float16(0)))
    widened = (z.astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_allclose(widened, x[::2].astype(np.float32), rtol=2**-8)


@needs_compiler
def test_order_is_drawn_from_the_seed(right):
    def order(seed):
        count, order = np.zeros(1, np.int32), sim.empty(96, np.int32)
        right.function("arrivals").launch(3, 32, [count, order], seed=seed)
        return order.tolist()

    assert order(0) == list(range(96))
    assert order(1) == order(1) != order(2)
    assert sorted(order(1)) == list(range(96)) != order(1)


@needs_compiler
def test_signature(right):
    assert right.function("nothing").signature == [
        "float4",
        "const float*",
        "bool",
        "const signed char*",
        f"struct {WINDOW.itemsize}",
    ]
    assert right.function("narrow").signature[:2] == ["const half2*", "const half*"]
    assert right.function("transpose<unsigned char, 5>").signature == [
        "const unsigned char*",
        "unsigned char*",
        "int",
        "int",
    ]


@needs_compiler
def test_arrays_that_share_memory_and_empty_ones(right):
    flat = np.arange(200, dtype=np.uint8)
    kernel = right.function("reverse_bytes")
    kernel.launch(1, 100, [flat[:100], flat[100:]], guard="high")
    assert flat[100] == 99 and flat[199] == 0
    same = np.full(64, 3, np.uint8)
    kernel.launch(1, 64, [same, same])
    with pytest.raises(sim.KernelError, match="arguments 0 and 1 share a part"):
        kernel.launch(1, 50, [flat[:100], flat[50:150]])
    none = np.zeros(0, np.float32)
    right.function("im2col<float>").launch(
        1, 32, [none, none.copy(), np.zeros(1, WINDOW), np.int64(0)]
    )
    read_only = np.arange(64, dtype=np.uint8)
    read_only.flags.writeable = False
    kernel.launch(1, 64, [read_only, same])
    with pytest.raises(sim.KernelError, match="argument 1 .* read-only"):
        kernel.launch(1, 64, [same, read_only])


# ---- planted mistakes: kernel -> what each mode says, and how it is launched

SILENT = None  # nobody promises to notice
NAN = "NaN"  # no error, but the result shows it
ALWAYS = ("bare", "fast", "check")
TESTED = ("fast", "check")

PAST_X, PAST_Y = r"read.*past the end of argument 0", r"write.*past the end of argument 1"
RACE = r"race on argument 1 .*, element \d+: (write|read) .* by block \(\d, 0, 0\), thread"
RACE_OR_GARBAGE = r"race on static shared|read of static shared memory, element .* uninitialised"


def mistake(*, both=None, always=None, **rest):
    """Fill in the modes that say the same."""
    return dict.fromkeys(ALWAYS if always else TESTED, always or both) | rest


MISTAKES = {
    # outside of an array
    "reads_past_the_end": mistake(both=PAST_X, argument=0, thread=16),
    "writes_past_the_end": mistake(both=PAST_Y, argument=1, n=48, block=64, thread=48),
    "reads_before_the_start": mistake(
        both="read.* 4 bytes before the start of argument 0", argument=0, thread=0, guard="low"
    ),
    "calls": mistake(both=PAST_X, argument=0, thread=31),
    "reads_far_away": mistake(always="invalid read"),
    "past_static_shared": mistake(
        both=r"index out of bounds: 32 in an array of type 'float \[32\]'", thread=31
    ),
    "past_local_array": mistake(both="access of 'int' outside of the variable pointed to"),
    "past_dynamic_shared": mistake(
        both="write.* just past the end of dynamic shared memory", thread=31, shared=128
    ),
    "atomic_past_the_end": mistake(
        fast="past the end of argument 1",
        check="atomic update .* past the end of argument 1",
        argument=1,
        thread=31,
        fresh=(),
    ),
    "writes_an_input": mistake(
        fast=SILENT, check="write of argument 0 .*, which the kernel declares const", argument=0
    ),
    # never written
    "skips_zeros": mistake(both=NAN),
    "adds_to_garbage": mistake(
        fast=NAN, check=r"read of argument 1 .*, element \d+, which is uninitialised", argument=1
    ),
    "reads_unwritten_shared": mistake(
        fast=NAN, check="read of static shared memory, element .* uninitialised", thread=31
    ),
    # not synchronised
    "adds_without_atomics": mistake(fast=SILENT, check=RACE, argument=1, fresh=()),
    "lacks_syncthreads": mistake(fast=SILENT, check=RACE_OR_GARBAGE, n=64, block=64),
    "reuses_shared_too_early": mistake(fast=SILENT, check="race on static shared", n=64, block=64),
    "lacks_syncwarp": mistake(fast=SILENT, check=RACE_OR_GARBAGE),
    "trusts_a_shuffle": mistake(fast=SILENT, check="race on static shared"),
    "blocks_write_the_same": mistake(fast=SILENT, check=RACE, argument=1, grid=2),
    "block_writes_what_others_read": mistake(
        fast=SILENT, check="race on argument 0", argument=0, grid=2, block=16
    ),
    "mixes_atomics": mistake(fast=SILENT, check="race on argument 1", argument=1, fresh=()),
    # barriers and warps
    "divergent_barrier": mistake(
        always=r"divergent barrier: 40 thread\(s\) wait .* 24 have returned", n=64, block=64
    ),
    "half_a_warp_shuffles": mistake(
        always="deadlock: 16 .* for lanes ffff0000 of mask ffffffff.*16 have returned"
    ),
    "barrier_against_shuffle": mistake(
        always=r"deadlock: 16 .* lanes 0000ffff .* 16 at __syncthreads \(sim_wrong.cu:\d+\)"
    ),
    "not_in_its_mask": mistake(always="wrong lane mask: lane .* with mask 0000ffff, which lacks"),
    "reads_a_lane_outside": mistake(always="wrong lane mask: the shuffle reads lane 20, which"),
    "mixes_operations": mistake(always="mask ffffffff are at different warp operations"),
    # undefined behaviour, and no end
    "misaligned_vector": mistake(
        both="misaligned access of .*float4.*: the address is 4 bytes past a multiple of 16"
    ),
    "overflows": mistake(both=r"signed overflow: 32 \* 70000000 does not fit 'int'"),
    "divides_by_zero": mistake(both="division of 7 by zero", bare="division by zero"),
    "shifts_too_far": mistake(both="undefined shift: 1 by 32 bits"),
    "big_local_array": mistake(both="stack overflow"),
    "never_ends": mistake(always="no end after 0.05 s", limit=0.05),
}


def test_every_kernel_of_the_file_is_tried():
    assert re.findall(r"__global__ void (\w+)", WRONG.read_text()) == list(MISTAKES)


def marked_line(name):
    """The line of a kernel that is marked, or that of the function above; None if none is."""
    for piece in re.split(r"\n\n", text := WRONG.read_text()):
        if f" {name}(" in piece and "// here" in piece:
            return text.count("\n", 0, text.index(piece) + piece.index("// here")) + 1
    return None


def launch(module, name, seed, *, n=32, grid=1, block=32, **options):
    """Launch the kernel on zeros and ones, a third of them zeros; the report and the output."""
    x, y = np.ones(n, np.float32), sim.empty(n)
    x[::3] = 0
    options = {"fresh": (1,), "limit": 20} | options
    return module.function(name).launch(grid, block, [x, y, np.int32(n)], seed=seed, **options), y


@needs_compiler
@pytest.mark.parametrize(
    "name, mode", [(n, m) for n in MISTAKES for m in ALWAYS if m in MISTAKES[n]]
)
def test_planted_mistake(wrong, name, mode):
    options = dict(MISTAKES[name])
    expected = {m: options.pop(m, SILENT) for m in ALWAYS}[mode]
    argument, thread = options.pop("argument", None), options.pop("thread", None)
    for seed in SEEDS:
        if expected in (SILENT, NAN):
            report, y = launch(wrong[mode], name, seed, **options)
            assert expected is SILENT or np.isnan(y).any()
            if name == "skips_zeros" and mode == "check":
                assert report.unwritten == {1: 11}
            continue
        with pytest.raises(sim.KernelError, match=expected) as caught:
            launch(wrong[mode], name, seed, **options)
        error = caught.value
        assert error.kernel == name and str(error).startswith(f"{name}: ")
        assert error.argument == argument and error.file == "sim_wrong.cu"
        assert error.block is not None and error.thread is not None
        assert thread is None or error.thread == (thread, 0, 0)
        line = marked_line(name)
        assert line is None or error.line == line, str(error)


@needs_compiler
def test_fast_mode_misses_the_other_side(wrong):
    """Guard pages see one side of an array, so both sides must be tried, or mode "check"."""
    launch(wrong["fast"], "reads_before_the_start", 0, guard="high")
    with pytest.raises(sim.KernelError, match="4 bytes before the start"):
        launch(wrong["check"], "reads_before_the_start", 0, guard="high")


@needs_compiler
def test_a_write_into_the_alignment_gap_is_seen(wrong):
    with pytest.raises(sim.KernelError, match=r"argument 1 .*mode \"check\" names the line"):
        launch(wrong["fast"], "writes_past_the_end", 0, n=31)
    with pytest.raises(sim.KernelError, match=r"past dynamic shared memory; mode \"check\" names"):
        launch(wrong["fast"], "past_dynamic_shared", 0, shared=124, n=31, block=31)


@needs_compiler
def test_the_message(wrong):
    with pytest.raises(sim.KernelError) as caught:
        launch(wrong["check"], "blocks_write_the_same", 0, grid=2)
    line = marked_line("blocks_write_the_same")
    assert str(caught.value) == (
        "blocks_write_the_same: race on argument 1 (float32 of shape (32,)), element 0: write "
        f"(sim_wrong.cu:{line}) after a write by block (0, 0, 0), thread (0, 0, 0) "
        f"(sim_wrong.cu:{line}), with nothing to order them; "
        f"block (1, 0, 0), thread (0, 0, 0); sim_wrong.cu:{line}"
    )


@needs_compiler
def test_errors_leave_arrays_and_process_as_they_were(wrong):
    x, y = np.ones(32, np.float32), np.full(32, 7, np.float32)
    for mode in ("fast", "check"):
        kernel = wrong[mode].function("atomic_past_the_end")
        for _ in range(20):
            with pytest.raises(sim.KernelError):
                kernel.launch(1, 32, [x, y, np.int32(32)])
    assert (y == 7).all()


@needs_compiler
def test_from_many_threads(right, wrong):
    def work(seed):
        out = sim.empty(4)
        x = np.full((4, 77), seed, np.float32)
        right.function("row_sum").launch(4, 96, [x, out, np.int32(77)], seed=seed, fresh=(1,))
        with pytest.raises(sim.KernelError):
            launch(wrong["fast"], "reads_far_away", seed)
        return out.tolist() == [77 * seed] * 4

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(20)))
    assert threading.active_count() < 20


# ---- who wrote what


WRITES = """
__device__ void put(float* y, float v) {
  *y = v;  // put
}
__global__ void k(const float* x, float* y, unsigned char* flags, int n) {
  int i = (blockIdx.y * gridDim.x + blockIdx.x) * blockDim.x * blockDim.y;
  i += threadIdx.y * blockDim.x + threadIdx.x;
  if (i >= n || i == 7) return;
  y[n - 1 - i] = x[i];  // plain
  if (i % 10 == 3) put(&y[n - 1 - i], 2 * x[i]);
  if (i == 30) reinterpret_cast<unsigned short*>(y)[2 * 5] = 1;  // half of y[5]
  flags[i] = 1;
}
"""


def line_of(mark, text=WRITES):
    return 1 + text.count("\n", 0, text.index(f"// {mark}"))


@needs_compiler
@pytest.mark.parametrize("seed", SEEDS)
def test_the_report_tells_who_wrote_an_element_last(seed):
    kernel = small(WRITES, "k", "check", filename="writes.cu")
    x, y, flags = np.ones(36, np.float32), sim.empty((4, 9)), np.zeros((6, 6), np.uint8)
    args = [x, y, flags, np.int32(36)]
    report = kernel.launch((2, 3), (3, 2), args, seed=seed, fresh=(1,))
    for i in range(36):
        at = np.unravel_index(35 - i, y.shape)
        if i == 7:
            assert report.writer(1, at) is report.writer(2, (1, 1)) is None
            continue
        block, thread = divmod(i, 6)
        writer = report.writer(1, at)
        if i != 30:
            assert writer.block == (block % 2, block // 2, 0), i
            assert writer.thread == (thread % 3, thread // 3, 0), i
            assert writer.line == line_of("put" if i % 10 == 3 else "plain")
        assert writer.file == "writes.cu"
        flag = report.writer(2, np.unravel_index(i, flags.shape))
        assert (flag.block, flag.thread) == (
            (block % 2, block // 2, 0),
            (thread % 3, thread // 3, 0),
        )
    assert report.unwritten_index(1) == (3, 1) and report.unwritten_index(2) == (1, 1)
    last = f"block (1, 2, 0), thread (2, 1, 0) at writes.cu:{line_of('plain')}"
    assert str(report.writer(1, (0, 0))) == last


@needs_compiler
def test_the_writer_of_an_element_in_pieces():
    """By several threads: that of the last piece. Arrays in other arrays: each its own."""
    source = "__global__ void k(unsigned char* y, unsigned char* z) { y[threadIdx.x] = 1; }"
    y = np.zeros(3, np.uint32)
    report = small(source.replace("char* y", "int* y"), "k", "check").launch(
        1, 2, [y, y.view(np.uint8)[4:8]]
    )
    assert report.writer(0, 1).thread == (1, 0, 0) and report.writer(0, 2) is None
    assert report.writer(1, 2).thread == (1, 0, 0)
    source = source.replace("y[threadIdx.x]", "((unsigned char*)y)[threadIdx.x]")
    report = small(source.replace("char* y", "int* y"), "k", "check").launch(
        1, 6, [y, y.view(np.uint8)[4:8]]
    )
    assert report.writer(0, 0).thread == (3, 0, 0) and report.writer(0, 1).thread == (5, 0, 0)


@needs_compiler
def test_nobody_takes_notes_where_nobody_asked():
    x, y = np.ones(4, np.float32), sim.empty(4)
    source = "__global__ void k(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }"
    for mode, argument in (("fast", 1), ("check", 0)):
        report = small(source, "k", mode).launch(1, 4, [x, y])
        with pytest.raises(ValueError, match=f"wrote argument {argument}: .* in mode 'check', of"):
            report.writer(argument, 0)


@needs_compiler
@pytest.mark.parametrize("mode", ["fast", "check"])
@pytest.mark.parametrize("guard", ["high", "low"])
def test_arrays_keep_the_alignment_they_have(mode, guard):
    source = (
        "__global__ void k(const float* x, float* y, unsigned long long* at) {\n"
        "  y[threadIdx.x] = x[threadIdx.x]; if (!threadIdx.x) *at = (unsigned long long)x % 16; }"
    )
    wide = "__global__ void w(const float* x, float* y) { *(float4*)y = *(const float4*)x; }"
    base, y = np.ones(40, np.float32), sim.empty(8)
    for start in range(5):
        x, at = base[start : start + 8], np.zeros(1, np.uint64)
        small(source, "k", mode).launch(1, 8, [x, y, at], guard=guard)
        assert at[0] == x.ctypes.data % 16
        if at[0]:
            with pytest.raises(sim.KernelError, match="misaligned access of .*float4"):
                small(wide, "w", mode).launch(1, 1, [x, y], guard=guard)
        else:
            small(wide, "w", mode).launch(1, 1, [x, y], guard=guard)
        over = source.replace("= x[threadIdx.x]", "= x[threadIdx.x + 1]")
        with pytest.raises(sim.KernelError, match="past the end of argument 0"):
            small(over, "k", "check").launch(1, 8, [x, y, at], guard=guard)


# ---- launches that are refused


@needs_compiler
@pytest.mark.parametrize(
    "args, message",
    [
        (["x", "y"], "takes 3 arguments, got 2; parameters: const float*, float*, int"),
        (["x64", "y", np.int32(1)], "argument 0 (const float*) got an array of float64"),
        (["x", 3, np.int32(1)], "argument 1 (float*) must be an array, got int"),
        (["strided", "y", np.int32(1)], "argument 0 (const float*) must be C-contiguous"),
        (["x", "y", 1], "argument 2 (int) must be a NumPy int32 scalar, got int"),
        (["x", "y", 1.0], "argument 2 (int) must be a NumPy int32 scalar, got float"),
        (["x", "y", np.int64(1)], "must be a NumPy int32 scalar, got NumPy int64"),
        (["x", "y", np.ones(1, np.int32)], "must be a NumPy int32 scalar, got ndarray"),
    ],
)
def test_wrong_arguments(wrong, args, message):
    arrays = {
        "x": np.ones(32, np.float32),
        "y": sim.empty(32),
        "x64": np.ones(32),
        "strided": np.ones(64, np.float32)[::2],
    }
    kernel = wrong["fast"].function("adds_to_garbage")
    with pytest.raises(sim.KernelError, match=re.escape(message)):
        kernel.launch(1, 32, [arrays[a] if isinstance(a, str) else a for a in args])


@needs_compiler
def test_wrong_structs(right):
    col, x = sim.empty(1), np.ones(1, np.float32)
    kernel = right.function("im2col<float>")
    for window, message in [
        (np.zeros(2, WINDOW), "one structured value"),
        (np.zeros(1, [("a", "i4")]), "argument 2 .struct 64. got .* of 4 bytes"),
        (7, "one structured value, got int"),
    ]:
        with pytest.raises(sim.KernelError, match=message) as caught:
            kernel.launch(1, 1, [x, col, window, np.int64(0)])
        assert caught.value.argument == 2


@needs_compiler
@pytest.mark.parametrize(
    "grid, block, options, message",
    [
        (1, 1025, {}, r"block of \(1025, 1, 1\) threads; it takes 1 to 1024"),
        (1, (1, 1, 65), {}, "at most 64 in z"),
        (1, 0, {}, "block of"),
        (0, 32, {}, r"grid of \(0, 1, 1\) blocks"),
        ((1, 70000), 32, {}, "65535"),
        (1, 32, {"shared": 300_000}, "300000 bytes of dynamic shared memory"),
    ],
)
def test_wrong_configurations(wrong, grid, block, options, message):
    args = [np.ones(32, np.float32), sim.empty(32), np.int32(32)]
    with pytest.raises(sim.KernelError, match=message) as caught:
        wrong["bare"].function("skips_zeros").launch(grid, block, args, **options)
    assert caught.value.block is caught.value.line is None


# ---- compiling


@needs_compiler
def test_compile_errors_have_the_lines_of_the_source():
    with pytest.raises(sim.CompileError, match=r"pool\.cu:3:\d+: error: .*nonsense"):
        small("\n\n__global__ void k() { nonsense(); }", "k", filename="pool.cu")
    with pytest.raises(sim.CompileError, match=r"\(name missing\):1.*missing"):
        small("__global__ void k() {}", "missing")


@needs_compiler
@pytest.mark.parametrize(
    "line", ["float x = INFINITY;", "uint32_t x = 1;", "std::size_t n;", "float x = FLT_MAX;"]
)
def test_what_nvrtc_lacks_is_an_error(line):
    with pytest.raises(sim.CompileError):
        small(f"__global__ void k() {{ {line} }}", "k")


@needs_compiler
def test_standard_headers_are_an_error():
    with pytest.raises(sim.CompileError, match=r"cstdint: No such file"):
        small("#include <cstdint>\n__global__ void k() {}", "k")


@needs_compiler
def test_lines_of_included_files(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one.cuh").write_text('#pragma once\n#include "two.cuh"\n')
    (tmp_path / "deep" / "two.cuh").write_text(
        "#pragma once\n\n__device__ float get(const float* x) {\n  return x[-1];\n}\n"
    )
    source = (
        '#include "deep/one.cuh"\n  #include "deep/two.cuh"  // again\n'
        "__global__ void k(const float* x, float* y) {\n  y[0] = get(x);\n"
        "  extern __shared__ float\n s[];\n  s[4] = 0;\n}\n"
    )
    kernel = small(source, "k", "check", filename="k.cu", include=[tmp_path])
    x = np.ones(1, np.float32)
    with pytest.raises(sim.KernelError) as caught:
        kernel.launch(1, 1, [x, x.copy()])
    assert (caught.value.file, caught.value.line) == ("two.cuh", 4)
    kernel = small(source.replace("get(x)", "0"), "k", filename="k.cu", include=[tmp_path])
    with pytest.raises(sim.KernelError, match="dynamic shared") as caught:
        kernel.launch(1, 1, [x, x.copy()], shared=4)
    assert (caught.value.file, caught.value.line) == ("k.cu", 7)


@needs_compiler
def test_options_modes_and_names():
    source = "__global__ void k(int* y) { *y = VALUE; }"
    y = sim.empty(1, np.int32)
    small(source, "k", "bare", options=["-DVALUE=42"]).launch(1, 1, [y])
    assert y[0] == 42
    with pytest.raises(ValueError, match="there are bare, fast, check"):
        small(source, "k", "slow")
    with pytest.raises(KeyError, match="none of the module's kernels: k"):
        sim.Module(source, ["k"], options=["-DVALUE=42"]).function("other")


@needs_compiler
def test_static_variables_of_templates_stay_apart():
    """Two libraries with the same template must not share its shared memory."""
    source = (
        "template <class T> __global__ void k(T* y) {\n"
        "  __shared__ T s[SIZE]; s[threadIdx.x] = threadIdx.x; __syncthreads();\n"
        "  y[threadIdx.x] = s[SIZE - 1 - threadIdx.x]; }"
    )
    for size in (32, 96, 64):
        y = sim.empty(size)
        small(source, "k<float>", "check", options=[f"-DSIZE={size}"]).launch(1, size, [y])
        np.testing.assert_array_equal(y, np.arange(size)[::-1])


@needs_compiler
def test_compiled_once(monkeypatch):
    source = "__global__ void k(int* y) { *y = 1; }"
    small(source, "k")
    monkeypatch.setattr(sim_compile, "_run", lambda *_: pytest.fail("compiled again"))
    small(source, "k")
    with pytest.raises(pytest.fail.Exception):
        small(source + " ", "k")


@needs_compiler
def test_processes_compile_the_same_kernel_at_once(tmp_path):
    code = (
        "import numpy as np; from gpugraph.cuda import sim\n"
        "m = sim.Module('__global__ void k(int* y) { *y = 5; }', ['k'])\n"
        "y = sim.empty(1, np.int32); m.function('k').launch(1, 1, [y]); print(y[0])"
    )
    environment = os.environ | {"GPUGRAPH_SIM_CACHE": str(tmp_path)}
    runs = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [run.communicate(timeout=60)[0].split() for run in runs] == [[b"5"]] * 3
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".o", ".so"]


# ---- where it can't work


def test_why_not(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert sim.why_not() == "the simulator needs g++ >= 12, and there is no g++"
    with pytest.raises(sim.CompileError, match="there is no g\\+\\+"):
        small("__global__ void k() {}", "k")
    old = tmp_path / "g++"
    old.write_text("#!/bin/sh\necho 9.4.0\n")
    old.chmod(0o755)
    assert sim.why_not() == "the simulator needs g++ >= 12, this is 9.4.0"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "needs Linux on x86-64, this is darwin" in sim.why_not()


def test_the_package_does_not_import_it():
    code = "import sys, gpugraph; print([m for m in sys.modules if '.sim' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
