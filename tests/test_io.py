"""safetensors files and checkpoints: bit-exact, whole or not there, never half loaded."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import gpugraph as gg
from gpugraph import io
from gpugraph.core.errors import ArgumentError, DataError, DtypeError

RNG = np.random.default_rng(0)


class Part:
    """Stands for a model, an optimizer or a schedule."""

    def __init__(self, **state):
        self.state = state

    def state_dict(self):
        return dict(self.state)

    def load_state_dict(self, state):
        self.state.update(state)  # half done when it complains, on purpose
        if missing := self.wanted() - state.keys():
            raise ArgumentError(f"no value for {sorted(missing)}")

    def wanted(self):
        return {"w"} if "w" in self.state else set()


def equal(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    return np.array_equal(a, b)


# Arrays


@pytest.mark.parametrize(
    "dtype",
    "bool uint8 int8 uint16 int16 uint32 int32 uint64 int64".split()
    + "float16 float32 float64 complex64".split(),
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3, 5)])
def test_round_trip(tmp_path, dtype, shape):
    array = np.asarray(RNG.standard_normal(shape) * 3).astype(dtype)
    io.save(tmp_path / "a", {"x": array})
    back = io.load(tmp_path / "a")["x"]
    assert back.dtype == array.dtype and back.shape == shape and back.flags.writeable
    assert back.tobytes() == array.tobytes()


def test_tensors_strided_and_foreign_order(tmp_path):
    x = RNG.standard_normal((4, 6))
    given = {
        "tensor": gg.Tensor(x.astype(np.float32), requires_grad=True),
        "strided": x.T[::2],
        "big endian": x.astype(">f8"),
        "nan": np.array([np.nan, np.inf, -0.0]),
    }
    io.save(tmp_path / "a", given, {"note": "ä"})
    back = io.load(tmp_path / "a")
    assert list(back) == sorted(given) or set(back) == set(given)
    np.testing.assert_array_equal(back["tensor"], x.astype(np.float32))
    np.testing.assert_array_equal(back["strided"], x.T[::2])
    np.testing.assert_array_equal(back["big endian"], x)
    assert back["nan"].tobytes() == given["nan"].tobytes()
    assert io.load_metadata(tmp_path / "a") == {"note": "ä"}


def test_bfloat16(tmp_path):
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    io.save(tmp_path / "a", {"x": np.array([1.5, -2], bfloat16)})
    back = io.load(tmp_path / "a")["x"]
    assert back.dtype == bfloat16 and back.astype(float).tolist() == [1.5, -2]


def test_others_can_read_it(tmp_path):
    from safetensors.numpy import load_file

    io.save(tmp_path / "a", {"x": np.eye(3)})
    np.testing.assert_array_equal(load_file(tmp_path / "a")["x"], np.eye(3))


def test_what_does_not_fit_the_format(tmp_path):
    for bad, complaint in (
        (np.zeros(2, np.complex128), "'x' is complex128, for which safetensors has no type"),
        ([1, 2], "'x' is a list; it must be tensor or array"),
        (np.array(["a"]), "has no type"),
    ):
        with pytest.raises(DtypeError, match=complaint):
            io.save(tmp_path / "a", {"x": bad})
    with pytest.raises(DtypeError, match=r"metadata\['epoch'\] is a int; it must be str"):
        io.save(tmp_path / "a", {}, {"epoch": 1})
    assert not list(tmp_path.iterdir())


def test_corrupt_files(tmp_path):
    path = tmp_path / "model.safetensors"
    io.save(path, {"x": np.arange(100.0)}, {"k": "v"})
    whole = path.read_bytes()
    swapped = whole.replace(b'"F64"', b'"F99"')
    for raw in (
        b"",
        b"\x80\x04pickle?",
        whole[:-1],
        whole[:20],
        whole + b"!",
        b"\xff" * 64,
        swapped,
    ):
        path.write_bytes(raw)
        for read in (io.load, io.load_metadata, lambda p: io.load_checkpoint(p, Part())):
            with pytest.raises(DataError, match="model.safetensors: truncated, corrupt or no safe"):
                read(path)
    with pytest.raises(DataError, match="nowhere: can't be read"):
        io.load(tmp_path / "nowhere")


def test_every_cut_is_noticed(tmp_path):
    path = tmp_path / "a"
    io.save(path, {"x": np.arange(3.0), "y": np.arange(2)}, {"k": "v"})
    whole = path.read_bytes()
    for n in range(len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(DataError):
            io.load(path)


# Whole or not there


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_failed_writes_leave_the_old_file(tmp_path, monkeypatch, failing):
    def full(*args):
        raise OSError(28, "No space left on device")

    path = tmp_path / "a"
    io.save(path, {"x": np.zeros(3)})
    before = path.read_bytes()
    monkeypatch.setattr(os, failing, full)
    with pytest.raises(OSError, match="No space left"):
        io.save(path, {"x": np.ones(3)})
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["a"]


def test_write_atomically(tmp_path):
    path = io.write_atomically(tmp_path / "a.txt", "grün")
    assert path.read_text("utf-8") == "grün"
    plain = tmp_path / "b.txt"
    plain.write_text("")
    assert path.stat().st_mode == plain.stat().st_mode
    with pytest.raises(FileNotFoundError):
        io.write_atomically(tmp_path / "no" / "folder", "x")


# Checkpoints

OPTIMIZER = {
    "state": {0: {"step": 3, "m": np.arange(4.0)}, 1: {"step": 3, "m": np.ones((2, 2))}},
    "groups": [{"lr": 0.1 + 0.2, "betas": [0.9, 0.999], "params": [0, 1], "nesterov": False}],
}
EXTRA = {"epoch": 2, "history": {"loss": [1.0, float("nan")]}, "big": 2**80, "none": None}


def parts():
    return (
        Part(w=RNG.standard_normal((2, 3)), b=np.zeros(2)),
        Part(**OPTIMIZER),
        Part(last_epoch=4),
    )


def test_checkpoint_round_trip(tmp_path):
    model, optimizer, schedule = parts()
    io.save_checkpoint(tmp_path / "c", model, optimizer, schedule, EXTRA)
    empty = Part(w=np.zeros(0), b=None), Part(), Part()
    extra = io.load_checkpoint(tmp_path / "c", *empty)
    assert equal(empty[0].state, model.state)
    assert equal(empty[1].state["state"], OPTIMIZER["state"])
    assert empty[1].state["groups"] == OPTIMIZER["groups"]
    assert empty[2].state == {"last_epoch": 4}
    assert json.dumps(extra) == json.dumps(EXTRA)
    assert set(io.load(tmp_path / "c")) >= {"model.w", "model.b", "optimizer.state.0.m"}


def test_checkpoint_of_a_model_alone(tmp_path):
    model = parts()[0]
    io.save_checkpoint(tmp_path / "c", model)
    assert io.load_checkpoint(tmp_path / "c", Part(w=None)) is None
    with pytest.raises(DataError, match="c: holds no state of optimizer"):
        io.load_checkpoint(tmp_path / "c", Part(w=None), optimizer=Part())


def test_checkpoint_all_or_nothing(tmp_path):
    model, optimizer, schedule = parts()
    io.save_checkpoint(tmp_path / "c", model, optimizer, schedule)
    there = Part(w=np.full(2, 7.0)), Part(w="a parameter the checkpoint lacks"), Part(last_epoch=1)
    with pytest.raises(DataError, match=r"c: does not fit this optimizer: no value for \['w'\]"):
        io.load_checkpoint(tmp_path / "c", *there)
    assert there[0].state["w"].tolist() == [7, 7]
    assert there[1].state["w"] == "a parameter the checkpoint lacks"
    assert there[2].state == {"last_epoch": 1}


def test_a_model_that_refuses_leaves_the_others_as_they_were(tmp_path):
    class Strict(Part):
        def load_state_dict(self, state):
            raise DataError("other shapes")

    io.save_checkpoint(tmp_path / "c", *parts())
    optimizer, schedule = Part(groups=[{"lr": 7.0}]), Part(last_epoch=1)
    with pytest.raises(DataError, match="c: does not fit this model: other shapes"):
        io.load_checkpoint(tmp_path / "c", Strict(), optimizer, schedule)
    assert optimizer.state["groups"] == [{"lr": 7.0}] and schedule.state == {"last_epoch": 1}


def test_foreign_checkpoints(tmp_path):
    path = tmp_path / "c"
    for metadata in (
        None,
        {"gpugraph.checkpoint": "{"},
        {"gpugraph.checkpoint": "[]"},
        {"gpugraph.checkpoint": '{"version": 1}'},
        {"gpugraph.checkpoint": '{"version": 1, "extra": {"array": "gone"}}'},
    ):
        io.save(path, {"model.w": np.zeros(2)}, metadata)
        model = Part(w=np.ones(2))
        with pytest.raises(DataError, match="c: no checkpoint of gpugraph"):
            io.load_checkpoint(path, model)
        assert model.state["w"].tolist() == [1, 1]
    io.save(path, {}, {"gpugraph.checkpoint": '{"version": 9}'})
    with pytest.raises(DataError, match="of version 9; this gpugraph reads version 1"):
        io.load_checkpoint(path, Part())


def test_checkpoints_refuse_what_they_cannot_hold(tmp_path):
    with pytest.raises(DtypeError, match="extra.f is a function, which has no JSON form"):
        io.save_checkpoint(tmp_path / "c", Part(), extra={"f": test_round_trip})
    with pytest.raises(DtypeError, match=r"extra has the key \(1, 2\)"):
        io.save_checkpoint(tmp_path / "c", Part(), extra={(1, 2): 3})
    assert not list(tmp_path.iterdir())


def test_nothing_in_a_checkpoint_is_executed():
    import pathlib

    import gpugraph.io

    for file in pathlib.Path(gpugraph.io.__file__).parent.glob("*.py"):
        assert "import pickle" not in file.read_text()
