"""Bad input to every public function and constructor: ours is the error, and it says whose.

Of a valid call (`tests/calls.py`) one argument at a time is replaced by nonsense. What is raised
must be a gpugraph error that names the function (or Python's own, when the call does not fit the
signature): never the words of NumPy, no AttributeError, no endless loop, and no write half done.
"""

import copy
import inspect
import signal
import warnings

import numpy as np
import pytest

import gpugraph as gg
from tests import calls


class Thing:
    """What nothing takes."""


BAD = {
    "None": lambda: None,
    "a string": lambda: "spam",
    "an object": Thing,
    "a float": lambda: 1.5,
    "negative": lambda: -7,
    "NaN": lambda: float("nan"),
    "an empty list": list,
    "a ragged list": lambda: [[1], [2, 3]],
    "a dictionary": dict,
    "an array of objects": lambda: np.array([Thing(), None]),
    "seven axes": lambda: np.full((1,) * 7, 0.5, np.float32),
    "another shape": lambda: np.full((5, 7), 0.5, np.float32),
    "complex": lambda: np.full((2, 3), 1j),
    "large indices": lambda: np.full((2, 3), 99),
}

# What may answer otherwise, and why
EXCEPTIONS = {
    "gg.apply": "for those who write ops: it stays as thin as it is, and the op's label speaks",
    "gg.summary": "it runs the user's model, whose layers speak for themselves",
    "F.triplet_margin_with_distance_loss": "it runs a function of the user's",
}


class Hang(BaseException):
    """The call has not come back."""


def hang(*_):
    raise Hang


@pytest.fixture
def watched():
    before = signal.signal(signal.SIGALRM, hang)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def places(positional, keyword):
    return [(positional, i) for i in range(len(positional))] + [(keyword, k) for k in keyword]


def complaint(names, function, positional, keyword):
    """What is wrong with the answer to this call; None if nothing is."""
    try:
        signal.setitimer(signal.ITIMER_REAL, 5)
        function(*positional, **keyword)
    except MemoryError:
        return None  # it was a size, and too large
    except gg.GpugraphError as error:
        text = str(error)
        return None if any(name in text for name in names) else f"names no function: {text}"
    except (Exception, Hang) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


@pytest.mark.parametrize("name, function", calls.names().items(), ids=calls.names())
def test_bad_arguments_are_named(name, function, watched):
    if name in EXCEPTIONS:
        pytest.skip(EXCEPTIONS[name])
    names = {name.partition(".")[2], function.__name__}
    wrong = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # NaN and empty means are values, not mistakes
        positional, keyword = calls.call_of(name, function)
        function(*positional, **keyword)  # the call is valid
        for number in range(len(places(positional, keyword))):
            for what, bad in BAD.items():
                call = calls.call_of(name, function)
                where, key = places(*call)[number]
                where[key] = bad()
                if found := complaint(names, function, *call):
                    wrong.append(f"argument {key}, {what}: {found[:200]}")
    assert not wrong, "\n".join(wrong)


def test_a_call_that_does_not_fit_tells_the_signature():
    with pytest.raises(TypeError) as caught:
        gg.sum(np.zeros((2, 3)), dim=1)
    assert str(caught.value) == (
        "sum() got an unexpected keyword argument 'dim'; "
        "it takes (x, /, *, axis=None, dtype=None, keepdims=False)"
    )


def test_errors_of_the_users_own_functions_are_left_alone():
    def broken(x):
        raise KeyError("mine")

    x = gg.tensor([1.0], requires_grad=True)
    for call in (lambda: gg.checkpoint(broken, x), lambda: gg.func.grad(broken)(x)):
        with pytest.raises(KeyError, match="mine"):
            call()


@pytest.mark.parametrize("name", [n for n in calls.names() if n.endswith("_")])
def test_what_writes_writes_all_or_nothing(name):
    function = calls.names()[name]
    positional, keyword = calls.call_of(name, function)
    for number in range(1, len(positional)):
        for bad in BAD.values():
            call, _ = calls.call_of(name, function)
            target = call[0] if isinstance(call[0], list) else [call[0]]
            before = [copy.deepcopy(t.numpy()) for t in target if isinstance(t, gg.Tensor)]
            call[number] = bad()
            try:
                with np.errstate(all="ignore"):
                    function(*call, **keyword)
            except (gg.GpugraphError, TypeError):
                after = [t.numpy() for t in target if isinstance(t, gg.Tensor)]
                for b, a in zip(before, after, strict=True):
                    np.testing.assert_array_equal(a, b)


def test_every_public_callable_has_a_valid_call():
    for name, function in calls.names().items():
        positional, keyword = calls.call_of(name, function)
        inspect.signature(function).bind(*positional, **keyword)
