"""What gpugraph costs on top of NumPy, as ratios of times taken in turns (tools/bench.py)."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parent.parent / "tools" / "bench.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_import_takes_little_longer_than_numpys(bench):
    # 0.1 s is allowed where importing NumPy takes 0.05 s and gpugraph takes 0.067 s more
    assert bench.import_time(rounds=5)["ratio"] < 3


def test_an_op_costs_little_more_than_the_numpy_call(bench):
    table = bench.overhead_of_ops(128)
    for name in ("add", "multiply", "exp", "tanh", "where", "sum", "matmul"):
        # the low end of the rounds: the others may have shared their time with something else
        assert table[name]["unrecorded"]["low"] < 2, name
        assert table[name]["recorded"]["low"] < 3, name


def test_a_scalar_chain_is_at_most_twice_pytorchs(bench):
    pytest.importorskip("torch", reason="compares with PyTorch, where it is installed")
    assert bench.overhead_of_a_chain()["gpugraph"]["low"] < 2
