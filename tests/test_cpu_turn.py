"""The kernel that turns images from planes to channels last, and back."""

import numpy as np
import pytest

from gpugraph.ops import channels_cpu
from gpugraph.ops.image_memory import empty_images
from tests.cpu import lib  # noqa: F401 (fixture)

SHAPES = [(1, 2, 2), (2, 3, 5), (3, 17, 4, 9), (1, 16, 16), (2, 33, 7, 1, 5), (1, 5, 20_011),
          (1, 20_011, 3), (2, 130, 131)]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_there_and_back(lib, monkeypatch, shape, dtype):  # noqa: F811
    """The same numbers, in the other order, by the kernel itself, and the rest stays as it was."""
    monkeypatch.setattr(channels_cpu, "SMALL", 0)
    called, call = [], lib.call
    monkeypatch.setattr(lib, "call", lambda name, *rest: (called.append(name), call(name, *rest)))
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    given = x.copy()
    last = channels_cpu.to_channels_last(lib, x)
    wanted = empty_images(np, shape, dtype)
    wanted[...] = given
    assert last.strides == wanted.strides
    np.testing.assert_array_equal(last, given)
    back = channels_cpu.to_planes(lib, last)
    assert back.flags.c_contiguous
    np.testing.assert_array_equal(back, given)
    assert called == ["turn", "turn"]


def test_what_lies_right_is_not_copied(lib):  # noqa: F811
    x = np.zeros((4, 8, 32, 32), np.float32)
    last = channels_cpu.to_channels_last(lib, x)
    assert channels_cpu.to_planes(lib, x) is x
    assert np.shares_memory(channels_cpu.to_channels_last(lib, last), last)


@pytest.mark.parametrize("x", [np.zeros((0, 3, 4)), np.zeros((2, 0, 4)), np.zeros((2, 3, 0))])
def test_of_nothing(lib, x):  # noqa: F811
    assert (
        channels_cpu.to_channels_last(lib, x).shape
        == channels_cpu.to_planes(lib, x).shape
        == x.shape
    )
