"""What gpugraph costs on top of NumPy, as ratios of times taken in turns (tools/bench)."""

import pytest

import gpugraph as gg
from tools.bench import overhead
from tools.bench.sizes import import_time


def test_import_takes_little_longer_than_numpys():
    # 0.2 s more is allowed; importing NumPy takes 0.05 s on a quick machine, gpugraph 0.1 s more
    assert import_time(rounds=5)["ratio"] < 4


def test_an_op_costs_little_more_than_the_numpy_call():
    table = overhead.overhead_of_ops(128)
    for name in ("add", "multiply", "exp", "tanh", "where", "sum", "matmul"):
        # the low end of the rounds: the others may have shared their time with something else
        assert table[name]["unrecorded"]["low"] < 2, name
        assert table[name]["recorded"]["low"] < 3, name


def test_a_scalar_chain_takes_little_longer_than_pytorchs():
    pytest.importorskip("torch", reason="compares with PyTorch, where it is installed")
    bound = 1.5 if gg.cpu.dispatch.compiled is None else 1.0
    assert overhead.overhead_of_a_chain()["gpugraph"]["low"] < bound
