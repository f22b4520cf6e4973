"""tools/bench compares equal work: every row of its quick mode agrees with PyTorch."""

import pytest

from tools.bench import growth, ops, steps
from tools.bench.race import SIDES, Worker, check

pytest.importorskip("torch", reason="needs PyTorch: pip install 'gpugraph[peers]'")
pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def workers():
    with Worker(SIDES["torch"], 1) as torch, Worker(SIDES["numpy"], 1) as numpy:
        yield torch, numpy


@pytest.mark.parametrize("group", [ops, steps, growth], ids=lambda m: m.__name__)
def test_every_row_is_equal_work(group, workers):
    for work in group.works(quick=True):
        errors = check(workers, group.__name__.rsplit(".", 1)[1], work, quick=True)
        assert 0 <= errors["float64"] < 1e-12, work.name
