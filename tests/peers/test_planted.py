"""Do the checks find mistakes? Each of planted.py, in the check that the other tests run."""

import pytest

import gpugraph as gg
from gpugraph.core.errors import ShapeError

pytest.importorskip("torch", reason="needs PyTorch: pip install 'gpugraph[peers]'")

from . import test_layers
from .agreement import check
from .planted import MISTAKES, planted
from .test_functions import FUNCTIONS

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning"),  # as in test_functions
]


def run(name):
    if name in FUNCTIONS:
        check(name, FUNCTIONS[name])
    else:
        test_layers.test_recurrent_layers(name)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_found(mistake):
    name, place, right, wrong = MISTAKES[mistake]
    found = pytest.raises(AssertionError, match=rf"{name}(\(|, draw)")
    with planted(place, right, wrong), gg.cpu.disabled(), found as caught:
        run(name)
    # found by what comes out, or by the shape that it would have; not because it can't run
    assert isinstance(caught.value.__cause__, (ShapeError, type(None)))
    if mistake.endswith("gradient"):
        assert name not in FUNCTIONS or ": gradient " in str(caught.value)
    with planted(place, right, right):  # the same, without the mistake
        run(name)


def test_a_text_that_has_moved_is_told():
    place = MISTAKES["elu: no alpha in the gradient"][1]
    text = r"ActivationGrad.forward has 0 times 'y \+ beta', not 1"
    with pytest.raises(AssertionError, match=text), planted(place, "y + beta", "y"):
        pass
