"""Datasets, the loader, IDX files and the readers of handwritten digits."""

from __future__ import annotations

import gc
import gzip
import sys
import threading
import traceback
import tracemalloc
from collections import Counter

import numpy as np
import pytest

import gpugraph as gg
from gpugraph import data
from gpugraph.core.errors import ArgumentError, DataError, DtypeError, IndexRangeError, ShapeError
from gpugraph.data import ArrayDataset, DataLoader, Dataset, Subset

N = 23


@pytest.fixture
def dataset():
    return ArrayDataset(np.arange(2 * N, dtype=np.float32).reshape(N, 2), np.arange(N))


class Squares(Dataset):
    """Items made one at a time."""

    def __len__(self):
        return 7

    def __getitem__(self, index):
        return np.full((2,), index, np.float32), index * index, index / 2


def labels(loader):
    return [int(label) for _, batch in loader for label in batch.numpy()]


# Datasets


def test_array_dataset(dataset):
    x, y = dataset[3]
    assert x.tolist() == [6, 7] and y == 3
    assert dataset[-1][1] == N - 1
    assert len(dataset) == N
    with pytest.raises(IndexRangeError, match="index 23 is outside a dataset of 23"):
        dataset[N]
    with pytest.raises(ShapeError, match=r"share their first length; got \(3,\), \(2,\)"):
        ArrayDataset(np.zeros(3), np.zeros(2))
    with pytest.raises(ShapeError, match="got none"):
        ArrayDataset()


def test_transform_sees_whole_batches():
    shapes = []
    dataset = ArrayDataset(np.ones((5, 2)), transform=lambda x: shapes.append(x.shape) or x * 2)
    (x,) = next(iter(DataLoader(dataset, batch_size=3, prefetch=0)))
    assert x.numpy().tolist() == [[2, 2]] * 3 and shapes == [(3, 2)]
    assert dataset[0][0].tolist() == [2, 2]


def test_items_are_stacked():
    x, square, half = next(iter(DataLoader(Squares(), batch_size=3)))
    assert x.numpy().tolist() == [[0, 0], [1, 1], [2, 2]]
    assert square.dtype == np.int64 and square.numpy().tolist() == [0, 1, 4]
    assert half.dtype == np.float32 and half.numpy().tolist() == [0, 0.5, 1]


def test_anything_with_length_and_items_is_a_dataset():
    assert [b.numpy().tolist() for (b,) in DataLoader([1, 2, 3], batch_size=2)] == [[1, 2], [3]]


def test_items_that_do_not_stack():
    ragged = [np.zeros(2), np.zeros(3)]
    with pytest.raises(ShapeError, match=r"part 0 has items of shapes \(2,\), \(3,\)"):
        list(DataLoader(ragged, batch_size=2))
    with pytest.raises(DataError, match=r"have \[1, 2\] parts"):
        list(DataLoader([(1,), (1, 2)], batch_size=2))


def test_split_is_a_partition(dataset):
    parts = data.split(dataset, (0.5, 0.3, 0.2), seed=4)
    again = data.split(dataset, (0.5, 0.3, 0.2), seed=4)
    other = data.split(dataset, (0.5, 0.3, 0.2), seed=5)
    assert [len(p) for p in parts] == [12, 6, 5]
    found = [int(part[i][1]) for part in parts for i in range(len(part))]
    assert sorted(found) == list(range(N)) and found != sorted(found)
    assert all((p.indices == q.indices).all() for p, q in zip(parts, again, strict=True))
    assert (parts[0].indices != other[0].indices).any()
    for bad in ((0.5, 0.6), (1.5, -0.5), ()):
        with pytest.raises(ArgumentError, match="add up to 1"):
            data.split(dataset, bad)


def test_subset(dataset):
    part = Subset(Subset(dataset, [5, 3, 9]), [2, 0])
    assert labels(DataLoader(part, batch_size=2)) == [9, 5]
    assert part[-1][1] == 5
    with pytest.raises(IndexRangeError, match="index 23 is outside a dataset of 23"):
        Subset(dataset, [0, 23])


# The loader


@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_every_item_once(dataset, prefetch):
    loader = DataLoader(dataset, batch_size=5, shuffle=True, seed=1, prefetch=prefetch)
    sizes = [len(y) for _, y in loader]
    assert sizes == [5, 5, 5, 5, 3] and len(loader) == 5
    assert sorted(labels(loader)) == list(range(N))
    short = DataLoader(dataset, batch_size=5, drop_last=True, prefetch=prefetch)
    assert labels(short) == list(range(20)) and len(short) == 4


def test_rows_stay_together(dataset):
    for x, y in DataLoader(dataset, batch_size=4, shuffle=True, seed=0):
        assert (x.numpy()[:, 0] == 2 * y.numpy()).all()


def test_order_depends_on_seed_and_epoch_alone(dataset):
    one = DataLoader(dataset, batch_size=5, shuffle=True, seed=1)
    epochs = [labels(one) for _ in range(3)]
    assert len({tuple(e) for e in epochs}) == 3
    twin = DataLoader(dataset, batch_size=5, shuffle=True, seed=1, prefetch=0)
    assert [labels(twin) for _ in range(3)] == epochs
    assert labels(DataLoader(dataset, batch_size=5, shuffle=True, seed=2)) != epochs[0]
    resumed = DataLoader(dataset, batch_size=5, shuffle=True, seed=99)
    resumed.load_state_dict({"seed": 1, "epoch": 2})
    assert labels(resumed) == epochs[2] and resumed.state_dict() == {"seed": 1, "epoch": 3}


def test_seed_comes_from_the_generator_of_the_process(dataset):
    def run(seed):
        gg.random.seed(seed)
        return labels(DataLoader(dataset, batch_size=5, shuffle=True))

    assert run(3) == run(3) != run(4)


def test_augmentation_depends_on_seed_epoch_and_batch(dataset):
    def augment(rng, x, y):
        return x + rng.integers(0, 1000, x.shape), y

    def run():
        loader = DataLoader(dataset, batch_size=5, seed=7, augment=augment)
        return [[x.numpy().tolist() for x, _ in loader] for _ in range(2)]

    first, second = run()
    assert first != second and [first, second] == run()


def test_tensors_on_the_default_device(dataset):
    x, y = next(iter(DataLoader(dataset, batch_size=4)))
    assert isinstance(x, gg.Tensor) and not x.requires_grad and x.device == "cpu"
    assert x.dtype == np.float32 and y.dtype == np.int64
    with gg.default_device("meta"):
        x, y = next(iter(DataLoader(dataset, batch_size=4)))
    assert x.device == "meta" and x.shape == (4, 2)


def test_batches_do_not_alias_the_dataset(dataset):
    x, _ = next(iter(DataLoader(dataset, batch_size=4)))
    x.assign(-1)
    assert dataset[0][0].tolist() == [0, 1]


def test_errors_keep_their_traceback():
    class Broken(Squares):
        def __getitem__(self, index):
            if index == 4:
                raise RuntimeError("page 4 is torn")
            return super().__getitem__(index)

    for prefetch in (0, 2):
        batches = []
        with pytest.raises(RuntimeError, match="page 4 is torn") as caught:
            batches.extend(DataLoader(Broken(), batch_size=2, prefetch=prefetch))
        assert len(batches) == 2
        lines = "".join(traceback.format_exception(caught.value))
        assert "in __getitem__" in lines and "in test_errors_keep_their_traceback" in lines
    assert not _threads()


def test_thread_ends_with_the_consumer(dataset):
    loader = DataLoader(dataset, batch_size=2, prefetch=2)
    for _ in loader:
        assert _threads()
        break
    assert not _threads()
    batches = iter(loader)
    next(batches)
    del batches
    assert not _threads()
    assert len(labels(loader)) == N and not _threads()


def test_epochs_leave_no_memory_behind(dataset):
    loader = DataLoader(dataset, batch_size=2)

    def traced_after(epochs):
        for _ in range(epochs):
            labels(loader)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = traced_after(2)
        assert traced_after(20) - before < 5_000
    finally:
        tracemalloc.stop()


def test_loader_arguments(dataset):
    with pytest.raises(ArgumentError, match="batch_size=0 must be at least 1"):
        DataLoader(dataset, batch_size=0)
    with pytest.raises(ArgumentError, match="prefetch=-1 must be at least 0"):
        DataLoader(dataset, prefetch=-1)
    with pytest.raises(ArgumentError, match="seed=-1 must be at least 0"):
        DataLoader(dataset, seed=-1)
    assert list(DataLoader([], batch_size=3)) == []


def _threads():
    return [t for t in threading.enumerate() if t.name.startswith("gpugraph-data")]


# IDX files


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8", ">i4"])
@pytest.mark.parametrize("shape", [(3,), (2, 1, 3), (), (0, 4)])
@pytest.mark.parametrize("name", ["a.idx", "a.idx.gz"])
def test_idx_round_trip(tmp_path, dtype, shape, name):
    array = (np.arange(np.prod(shape)) - 2).astype(dtype).reshape(shape)
    data.write_idx(tmp_path / name, array)
    back = data.read_idx(tmp_path / name)
    assert back.dtype == array.dtype.newbyteorder("=") and back.flags.writeable
    np.testing.assert_array_equal(back, array)


def test_idx_bytes_are_the_published_format(tmp_path):
    data.write_idx(tmp_path / "a", np.array([[1, -2]], np.int16))
    wanted = bytes([0, 0, 0x0B, 2]) + bytes([0, 0, 0, 1, 0, 0, 0, 2]) + bytes([0, 1, 0xFF, 0xFE])
    assert (tmp_path / "a").read_bytes() == wanted


def test_idx_refuses_other_dtypes(tmp_path):
    with pytest.raises(DtypeError, match="IDX has no type for int64"):
        data.write_idx(tmp_path / "a", np.zeros(2, np.int64))
    assert not list(tmp_path.iterdir())


GOOD = bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9])


@pytest.mark.parametrize(
    "raw, complaint",
    [
        (b"", "starts with nothing; the magic number"),
        (b"PNG and so on", "starts with 50 4e 47 20; the magic number"),
        (bytes([0, 0, 7, 1]) + GOOD[4:], "a type of 08, 09"),
        (GOOD[:6], "ends inside its header; 1 axes need 8 bytes"),
        (GOOD[:-1], r"holds 2 bytes of data; its header promises uint8 \(3,\), which takes 3"),
        (GOOD + b"!", "holds 4 bytes of data"),
        (bytes([0, 0, 8, 2]) + b"\xff" * 8, "promises uint8"),
        (gzip.compress(GOOD)[:-9], "truncated or corrupt gzip"),
        (b"\x1f\x8b" + b"junk" * 9, "truncated or corrupt gzip"),
        (gzip.compress(GOOD)[:12] + b"\0\0\0" + gzip.compress(GOOD)[15:], "corrupt gzip"),
    ],
)
def test_idx_corrupt(tmp_path, raw, complaint):
    path = tmp_path / "some.idx"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=complaint) as caught:
        data.read_idx(path)
    assert str(path) in str(caught.value)


def test_idx_missing(tmp_path):
    with pytest.raises(DataError, match="nothing.idx: can't be read"):
        data.read_idx(tmp_path / "nothing.idx")
    with pytest.raises(DataError, match="can't be read"):
        data.read_idx(tmp_path)


# MNIST


@pytest.fixture
def mnist_folder(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "mnist"
    folder.mkdir()
    for prefix, n in (("train", 6), ("t10k", 4)):
        images = rng.integers(0, 256, (n, 28, 28), np.uint8)
        data.write_idx(folder / f"{prefix}-images-idx3-ubyte.gz", images)
        data.write_idx(folder / f"{prefix}-labels-idx1-ubyte", np.arange(n, dtype=np.uint8))
    return tmp_path


def test_mnist(mnist_folder, monkeypatch):
    for root in (mnist_folder, mnist_folder / "mnist"):
        train, test = data.mnist("train", root), data.mnist("test", root)
        assert len(train) == 6 and len(test) == 4
    x, y = train.batch(np.arange(6))
    raw, _ = data.mnist("train", mnist_folder, raw=True).batch(np.arange(6))
    assert x.shape == (6, 1, 28, 28) and x.dtype == np.float32 and raw.dtype == np.uint8
    np.testing.assert_array_equal(np.rint(x * 255), raw)
    assert y.tolist() == [0, 1, 2, 3, 4, 5] and y.dtype == np.int64
    monkeypatch.setenv("GPUGRAPH_DATA", str(mnist_folder))
    assert len(data.mnist("test")) == 4


def test_mnist_missing(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="no file train-images-idx3-ubyte or .*download") as caught:
        data.mnist("train", tmp_path)
    assert str(tmp_path / "mnist") in str(caught.value) and "GPUGRAPH_DATA" in str(caught.value)
    monkeypatch.setenv("GPUGRAPH_DATA", str(tmp_path / "elsewhere"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"elsewhere/mnist, .*elsewhere, data/mnist, data;"):
        data.mnist("train")


def test_mnist_that_does_not_fit(mnist_folder):
    labels = mnist_folder / "mnist" / "train-labels-idx1-ubyte"
    images = mnist_folder / "mnist" / "train-images-idx3-ubyte.gz"
    data.write_idx(labels, np.zeros(5, np.uint8))
    with pytest.raises(
        DataError, match="train-labels.*has 5 labels for 6 images of .*train-images"
    ):
        data.mnist("train", mnist_folder)
    data.write_idx(labels, np.array([0, 1, 2, 10, 4, 11], np.uint8))
    with pytest.raises(DataError, match="train-labels.*label 10 of item 3 is no digit"):
        data.mnist("train", mnist_folder)
    data.write_idx(labels, np.zeros((6, 1), np.uint8))
    with pytest.raises(DataError, match=r"holds uint8 \(6, 1\); wanted uint8 \(N,\)"):
        data.mnist("train", mnist_folder)
    data.write_idx(images, np.zeros((6, 27, 28), np.uint8))
    with pytest.raises(DataError, match=r"holds uint8 \(6, 27, 28\); wanted uint8 \(N, 28, 28\)"):
        data.mnist("train", mnist_folder)
    with pytest.raises(ArgumentError, match="split='valid' must be 'train' or 'test'"):
        data.mnist("valid", mnist_folder)


def test_real_mnist():
    try:
        train, test = data.mnist("train"), data.mnist("test")
    except DataError:
        pytest.skip("no MNIST in GPUGRAPH_DATA")
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.arrays[1][:5].tolist() == [5, 0, 4, 1, 9]
    assert test.arrays[1][:5].tolist() == [7, 2, 1, 0, 4]
    # mean and deviation of the training pixels, as published everywhere
    assert (
        abs(train.arrays[0].mean() - 0.1307) < 1e-4 and abs(train.arrays[0].std() - 0.3081) < 1e-4
    )


# CIFAR-10


@pytest.fixture
def cifar(tmp_path):
    """The binary version with three images in each file, and what they hold."""
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    rng, made = np.random.default_rng(0), {}
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        images = rng.integers(0, 256, (3, 3, 32, 32), np.uint8)
        labels = rng.integers(0, 10, 3)
        with open(folder / f"{name}.bin", "wb") as file:
            for image, label in zip(images, labels):
                file.write(bytes([label]))  # then red, green and blue, row by row
                file.write(image[0].tobytes() + image[1].tobytes() + image[2].tobytes())
        made[name] = images, labels
    return tmp_path, made


def test_cifar10(cifar, monkeypatch):
    root, made = cifar
    for place in (root, root / "cifar-10-batches-bin"):
        train, test = data.cifar10("train", place), data.cifar10("test", place)
        assert len(train) == 15 and len(test) == 3
    x, y = data.cifar10("train", root, raw=True).arrays
    assert x.dtype == np.uint8 and y.dtype == np.int64
    for i in range(5):
        images, labels = made[f"data_batch_{i + 1}"]
        np.testing.assert_array_equal(x[3 * i : 3 * i + 3], images)
        np.testing.assert_array_equal(y[3 * i : 3 * i + 3], labels)
    x = test.arrays[0]
    assert x.dtype == np.float32
    np.testing.assert_array_equal(np.rint(x * 255), made["test_batch"][0])
    monkeypatch.setenv("GPUGRAPH_DATA", str(root))
    assert len(data.cifar10("test")) == 3


def test_cifar10_that_does_not_fit(cifar):
    root, _ = cifar
    path = root / "cifar-10-batches-bin" / "test_batch.bin"
    held = path.read_bytes()
    for content, told in (
        (held[:-1], "test_batch.bin: has 9,218 bytes; an image and its label take 3073"),
        (b"", "has 0 bytes"),
        (held[:6146] + bytes([10]) + held[6147:], "label 10 of item 2 is no class of 0 to 9"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=told):
            data.cifar10("test", root)
    (root / "cifar-10-batches-bin" / "data_batch_3.bin").unlink()
    with pytest.raises(DataError, match="neither data_batch_1.bin nor a folder train/ .*GPUGRAPH"):
        data.cifar10("train", root)
    with pytest.raises(ArgumentError, match="split='valid' must be 'train' or 'test'"):
        data.cifar10("valid", root)


def test_cifar10_in_pictures(tmp_path, monkeypatch):
    Image = pytest.importorskip("PIL.Image", reason="needs Pillow (extra data)")
    rng, want = np.random.default_rng(0), []
    for name in data.CIFAR10_CLASSES:
        folder = tmp_path / "cifar10" / "test" / name
        folder.mkdir(parents=True)
        pictures = rng.integers(0, 256, (2, 32, 32, 3), np.uint8)
        for number in (1, 0):  # not in order
            Image.fromarray(pictures[number]).save(folder / f"{number}.png")
        want += list(pictures)
    x, y = data.cifar10("test", tmp_path, raw=True).arrays
    np.testing.assert_array_equal(x.transpose(0, 2, 3, 1), want)
    assert y.tolist() == [label for label in range(10) for _ in range(2)]
    bird = tmp_path / "cifar10" / "test" / "bird"
    Image.fromarray(pictures[0, :30]).save(bird / "0.png")
    with pytest.raises(DataError, match=r"bird.0.png: has 32 x 30 pixels, not 32 x 32"):
        data.cifar10("test", tmp_path)
    (bird / "0.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"bird.0.png: is no picture"):
        data.cifar10("test", tmp_path)
    for path in bird.iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"bird: holds no pictures \(.png, .jpg, .jpeg\)"):
        data.cifar10("test", tmp_path)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r'pip install "gpugraph\[data\]"'):
        data.cifar10("test", tmp_path)


# scikit-learn's digits


def test_digits():
    pytest.importorskip("sklearn")
    train, test = data.digits("train"), data.digits("test")
    assert (len(train), len(test)) == (1442, 355)
    x, y = train.batch(np.arange(len(train)))
    assert x.shape == (1442, 1, 8, 8) and x.dtype == np.float32 and y.dtype == np.int64
    assert x.min() == 0 and x.max() == 1
    counts = Counter(int(test[i][1]) for i in range(len(test)))
    assert sorted(counts) == list(range(10)) and set(counts.values()) <= {34, 35, 36}
    both = {x.tobytes() for x in test.arrays[0]} & {x.tobytes() for x in train.arrays[0]}
    assert not both


def test_digits_without_sklearn(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'pip install "gpugraph\[demo\]"'):
        data.digits()


@pytest.mark.parametrize("prefetch", [0, 2])
def test_the_thread_works_in_the_context_of_the_loop(prefetch):
    seen = []

    def augment(rng, x):
        seen.append(str(gg.default_device.get()))
        return x

    with gg.default_device("meta"):
        list(DataLoader(ArrayDataset(np.zeros((4, 2))), 2, prefetch=prefetch, augment=augment))
    assert seen == ["meta", "meta"]
