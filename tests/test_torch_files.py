"""Files of torch.save. Those in tests/data were written by PyTorch 2.13; the hostile ones here."""

import io
import os
import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

import gpugraph as gg
from gpugraph import nn

DATA = Path(__file__).parent / "data"
BASE = np.arange(24.0).reshape(4, 6)


@pytest.mark.parametrize("form", ["zip", "stream"])
def test_everything_that_pytorch_wrote(form):
    pytest.importorskip("ml_dtypes")
    told = gg.io.load_torch(DATA / f"things_{form}.pth")
    things = told["things"]
    values = {k: v for k, v in things.items() if not isinstance(v, np.ndarray)}
    assert values == {
        "epoch": 3,
        "name": "été",
        "lr": 0.5,
        "none": None,
        "flags": [True, False],
        "pair": (1, 2.5),
        "size": (2, 3),
        "dtype": "float32",
        "device": "cpu",
    }
    arrays = {
        "transposed": BASE.T,
        "slice": BASE[1:3, ::2],
        "scalar": np.array(7),
        "half": np.array([1.5, -2], np.float16),
        "brain": np.array([1.5, -2], gg.bfloat16),
        "bytes": np.array([1, 255], np.uint8),
        "mask": np.array([True, False]),
        "complex": np.array([1 + 2j], np.complex64),
        "empty": np.zeros((0, 3), np.float32),
        "expanded": np.ones((3, 2), np.float32),
        "parameter": np.full(2, 0.25, np.float32),
        "wide": np.array([65535, 1], np.uint16),
    }
    assert arrays.keys() | values.keys() == things.keys()
    for name, want in arrays.items():
        assert things[name].dtype == want.dtype and things[name].flags.writeable
        np.testing.assert_array_equal(things[name], want)
    state = told["optimizer"]["state"]
    assert state[0]["step"] == 1 and state[0]["exp_avg"].shape == (3, 2, 3, 3)
    assert told["optimizer"]["param_groups"][0]["betas"] == (0.9, 0.999)


@pytest.mark.parametrize("form", ["zip", "stream"])
def test_weights_go_into_a_model(form):
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Linear(4, 2))
    state = gg.io.load_torch(DATA / f"weights_{form}.pth")
    assert net.load_state_dict(state) == ([], [])
    np.testing.assert_array_equal(net[2].weight.numpy(), state["2.weight"])
    assert np.unique(state["0.weight"]).size == 54  # no zeros, no repeats: PyTorch's own start


def test_a_load_lists_all_that_is_wrong_and_loads_nothing():
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    net.extra = nn.Linear(1, 1)
    before = net.state_dict()
    state = gg.io.load_torch(DATA / "weights_zip.pth")
    state["head.weight"] = np.ones(3)
    with pytest.raises(gg.DataError) as caught:
        net.load_state_dict(state)
    for told in (
        "missing: extra.weight",
        "missing: extra.bias",
        "unexpected: head.weight",
        "1.weight is float32 (3,); the module has float32 (4,)",
        "1.running_var is float32 (3,); the module has float32 (4,)",
    ):
        assert told in str(caught.value)
    with pytest.raises(gg.DataError, match=r"1\.bias is") as caught:
        net.load_state_dict(state, strict=False)
    assert "missing" not in str(caught.value)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    fitting = {k: v for k, v in state.items() if not k.startswith("1.")}
    keys = net.load_state_dict(fitting, strict=False)
    assert "extra.bias" in keys.missing and keys.unexpected == ["head.weight"]
    np.testing.assert_array_equal(net[0].bias.numpy(), state["0.bias"])


class Global:
    """Pickles as a bare name, whatever it is."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Pickler(pickle._Pickler):
    """Writes names, and persistent ids, as they are told."""

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Global):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, Ref):
            super().save(obj.pid, False)
            self.write(pickle.BINPERSID)
        elif isinstance(obj, Reduce):
            self.save(obj.function)
            self.save(obj.args)
            self.write(pickle.REDUCE)
            if obj.state is not None:
                self.save(obj.state)
                self.write(pickle.BUILD)
        else:
            super().save(obj, save_persistent_id)


class Ref:
    """A persistent id: a tuple, or one thing alone."""

    def __init__(self, *pid):
        self.pid = pid if len(pid) > 1 else pid[0]


class Reduce:
    def __init__(self, function, *args, state=None):
        self.function, self.args, self.state = function, args, state


def pickled(obj):
    file = io.BytesIO()
    Pickler(file, 2).dump(obj)
    return file.getvalue()


FLOATS = Global("torch", "FloatStorage")
REBUILD = Global("torch._utils", "_rebuild_tensor_v2")


def tensor(key, shape, strides, offset=0, kind=FLOATS, numel=6):
    hooks = Reduce(Global("collections", "OrderedDict"))
    return Reduce(
        REBUILD, Ref("storage", kind, key, "cpu", numel), offset, shape, strides, 0, hooks
    )


def as_zip(path, data, compress=zipfile.ZIP_STORED, **entries):
    with zipfile.ZipFile(path, "w", compress) as archive:
        archive.writestr("x/data.pkl", data)
        for name, content in entries.items():
            archive.writestr(f"x/{name}".replace("data_", "data/"), content)
    return path


def as_stream(path, tree, keys=(), numbers=()):
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    parts = [pickled(x) for x in (0x1950A86A20F9469CFC6C, 1001, system)]
    parts += [tree, pickled(list(keys))]
    parts += [struct.pack("<q", len(n)) + n.astype("<f4").tobytes() for n in numbers]
    path.write_bytes(b"".join(parts))
    return path


def as_tar(path):
    """The form of before 0.1.10: two tensors that look into one storage, and what names them."""
    numbers = np.arange(6, dtype="<f4")
    storages = pickled(1) + pickled((11, "cpu", FLOATS))
    storages += struct.pack("<q", 6) + numbers.tobytes() + pickled([])
    tensors = pickled(2)
    for key, shape, strides, offset in ((21, (2, 3), (3, 1), 0), (22, (2,), (2,), 1)):
        tensors += pickled((key, 11, Global("torch", "FloatTensor")))
        tensors += struct.pack("<ii", len(shape), 0)
        tensors += struct.pack(f"<{len(shape)}q", *shape) + struct.pack(f"<{len(shape)}q", *strides)
        tensors += struct.pack("<q", offset)
    tree = Reduce(Global("collections", "OrderedDict"), [["a", Ref("21")], ["b", Ref("22")]])
    system = {"protocol_version": 1000, "little_endian": True, "type_sizes": {"int": 4}}
    content = {"sys_info": pickled(system), "storages": storages, "tensors": tensors}
    content["pickle"] = pickled(tree)
    with tarfile.open(path, "w") as tar:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_the_oldest_form(tmp_path):
    state = gg.io.load_torch(as_tar(tmp_path / "old.pth"))
    assert list(state) == ["a", "b"]
    np.testing.assert_array_equal(state["a"], np.arange(6, dtype=np.float32).reshape(2, 3))
    assert state["b"].tolist() == [1, 3]


def test_big_endian_numbers(tmp_path):
    data = pickled({"a": tensor("0", (2, 3), (3, 1))})
    numbers = np.arange(6, dtype=">f4").tobytes()
    path = as_zip(tmp_path / "big.pth", data, data_0=numbers, byteorder=b"big")
    got = gg.io.load_torch(path)["a"]
    assert got.dtype == np.dtype("=f4") and got.tolist() == [[0, 1, 2], [3, 4, 5]]


# Hostile files. Each would leave a mark if anything in it were run.


class Mark:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def hostile(mark):
    """name -> bytes of a pickle."""
    system, evil = Global("posix", "system"), f"touch {mark}"
    line = str(mark).encode()
    ordered = Global("collections", "OrderedDict")
    text = b"X" + struct.pack("<I", len(line)) + line
    return {
        "reduce": pickle.dumps(Mark(mark), 2),
        "protocol 4": pickle.dumps(Mark(mark), 4),
        "global": pickled(Reduce(system, evil)),
        "in a key": pickled({Reduce(Global("builtins", "exec"), evil): 1}),
        "inside a tensor": pickled(Reduce(REBUILD, Reduce(system, evil), 0, (), ())),
        "inst": b"(S'touch " + line + b"'\niposix\nsystem\n.",
        "obj": b"(cposix\nsystem\nS'touch " + line + b"'\no.",
        "newobj": b"cposix\nsystem\nS'x'\n\x85\x81.",
        "extension": b"\x82\x01.",
        "stack global": b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93" + text + b"\x85R.",
        "getattr": pickled(Reduce(Global("builtins", "getattr"), ordered, "__class__")),
        "dotted": b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.",
        "a name of the allow-list's module": pickled(Global("torch", "load")),
        "state of a function": pickled(Reduce(Global("torch", "Size"), (1,)))[:-1]
        + b"0ctorch\nSize\n(NX\x0c\x00\x00\x00__defaults__K\x01dtb.",
        "state of a class": b"ccollections\nOrderedDict\n}X\x04\x00\x00\x00itemK\x01sb.",
        "state of a dtype": b"ctorch\nfloat32\n}X\x04\x00\x00\x00nameK\x01sb.",
        "state of a tensor": pickled(tensor("0", (1,), (1,)))[:-1] + b"}X\x01\x00\x00\x00aK\x01sb.",
        "huge memo": b"Nr\xff\xff\xff\x7f.",
        "huge text": b"X\xff\xff\xff\x7fabc.",
        "nothing": b"",
        "no stop": b"N",
        "underflow": b"0.",
        "contains itself": b"]q\x00h\x00a.",
        "a persistent id of its own": pickled(Ref(system, evil)),
        "names out of place": pickled([system]),
        "a function as a value": pickled([REBUILD]),
        "deep": b"(" + b"]" * 100_001 + b"a" * 100_000 + b"t.",
    }


@pytest.mark.parametrize("name", hostile(Path("x")))
def test_a_hostile_pickle_runs_nothing(name, tmp_path):
    mark = tmp_path / "mark"
    data = hostile(mark)[name]
    for path in (
        as_zip(tmp_path / "a.pth", data, data_0=b"\0" * 24),
        as_stream(tmp_path / "b.pth", data, "0", [np.zeros(6)]),
    ):
        with pytest.raises(gg.DataError, match=str(path)):
            gg.io.load_torch(path)
    assert not mark.exists()
    assert not hasattr(OrderedDict, "item")


def test_the_same_pickles_do_harm_elsewhere(tmp_path):
    """So the tests above test something."""
    marks = 0
    for name in ("reduce", "protocol 4", "stack global"):
        mark = tmp_path / name.replace(" ", "_")
        pickle.loads(hostile(mark)[name])
        marks += mark.exists()
    assert marks == 3


@pytest.mark.parametrize(
    "view, told",
    [
        (((2, 4), (4, 1)), "a tensor of shape .2, 4. reaches past its 6 numbers"),
        (((2,), (1,), 5), "reaches past"),
        (((2,), (-1,), 5), "a tensor of shape .2,. and strides .-1,."),
        (((2,), (1,), -1), "a tensor of no storage"),
        (((2,), (1, 1)), "strides .1, 1."),
        (((2**40,), (0,)), "repeats its 6 numbers"),
        (((2**62, 2**62, 0), (1, 1, 1)), None),
        (((2.0,), (1,)), "a tensor of shape"),
        (((1,) * 65, (1,) * 65), "a tensor of shape"),
    ],
)
def test_tensors_stay_inside_their_storage(view, told, tmp_path):
    data = pickled(tensor("0", *view))
    path = as_zip(tmp_path / "a.pth", data, data_0=np.zeros(6, "<f4").tobytes())
    if told is None:  # no elements, however long the other axes
        with pytest.raises(gg.DataError):
            gg.io.load_torch(path)
        return
    with pytest.raises(gg.DataError, match=told):
        gg.io.load_torch(path)


def test_archives_that_are_none(tmp_path):
    good = pickled(tensor("0", (6,), (1,)))
    numbers = np.zeros(6, "<f4").tobytes()
    cut = as_stream(tmp_path / "cut.pth", good, "0", [np.zeros(6)])
    cut.write_bytes(cut.read_bytes()[:-1])
    lost = as_zip(tmp_path / "lost.pth", good)
    bomb = as_zip(tmp_path / "bomb.pth", good, zipfile.ZIP_DEFLATED, data_0=numbers)
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("readme", "hello")
    text = tmp_path / "text.pth"
    text.write_text("version https://git-lfs.github.com/spec/v1\n")
    half = tmp_path / "half.pth"
    half.write_bytes((DATA / "weights_zip.pth").read_bytes()[:2000])
    for path, told in (
        (cut, "is longer than the file"),
        (lost, "truncated, corrupt"),
        (bomb, "the archive is compressed"),
        (other, "not of torch.save"),
        (text, "truncated, corrupt|uses"),
        (half, "truncated, corrupt"),
        (tmp_path / "nowhere.pth", "can't be read"),
        (DATA / "whole_module.pth", r"NEWOBJ.*save its state_dict\(\)"),
    ):
        with pytest.raises(gg.DataError, match=told) as caught:
            gg.io.load_torch(path)
        assert str(caught.value).startswith(str(path))
