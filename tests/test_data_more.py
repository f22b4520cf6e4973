"""Pickled CIFAR-10, Fashion-MNIST, pictures in folders and tars, downloads, augmentation."""

import hashlib
import io
import pickle
import struct
import sys
import tarfile
import threading
import types
from pathlib import Path

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import data, nn
from gpugraph.data import augment

RNG = np.random.default_rng(0)


# CIFAR-10's python version, as Python 2 wrote it: texts are bytes, the array a text of bytes


def text(s):
    s = s if isinstance(s, bytes) else s.encode()
    return b"T" + struct.pack("<i", len(s)) + s


def python2(images, labels, dtype="u1", shape=None):
    n, width = images.shape if shape is None else shape
    out = b"\x80\x02}(" + text("batch_label") + text("a batch") + text("labels") + b"]("
    out += b"".join(b"K" + bytes([label]) for label in labels) + b"e" + text("data")
    out += (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text("b") + b"\x87R"
    )
    out += b"(K\x01J" + struct.pack("<i", n) + b"J" + struct.pack("<i", width) + b"\x86"
    out += b"cnumpy\ndtype\n" + text(dtype) + b"K\x00K\x01\x87R(K\x03" + text("|")
    out += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + text(images.tobytes()) + b"tb"
    return out + text("filenames") + b"](" + text("x.png") + b"eu."


@pytest.fixture
def batches(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    made = {}
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        images = RNG.integers(0, 256, (3, 3072)).astype(np.uint8)
        made[name] = images, RNG.integers(0, 10, 3).astype(int)
        (folder / name).write_bytes(python2(*made[name]))
    return folder, made


def test_pickled_cifar10(batches):
    folder, made = batches
    assert pickle.loads((folder / "test_batch").read_bytes(), encoding="bytes")[b"data"].shape
    x, y = data.cifar10("train", folder.parent, raw=True).arrays
    assert x.dtype == np.uint8 and x.shape == (15, 3, 32, 32) and y.dtype == np.int64
    np.testing.assert_array_equal(x[3:6].reshape(3, -1), made["data_batch_2"][0])
    np.testing.assert_array_equal(y[12:], made["data_batch_5"][1])
    image, _ = data.cifar10("test", folder)[1]
    np.testing.assert_array_equal(
        image.ravel(), made["test_batch"][0][1].astype(np.float32) / np.float32(255)
    )


def test_pickled_cifar10_written_by_python_3(batches):
    folder, made = batches
    images, labels = made["test_batch"]
    for protocol in (2, 4):
        held = {"data": images, "labels": labels.tolist()}
        (folder / "test_batch").write_bytes(pickle.dumps(held, protocol))
        x, y = data.cifar10("test", folder, raw=True).arrays
        np.testing.assert_array_equal(x.reshape(3, -1), images)
        np.testing.assert_array_equal(y, labels)


def test_pickled_cifar10_that_is_hostile_or_does_not_fit(batches, tmp_path):
    folder, made = batches
    images, labels = made["test_batch"]
    mark = tmp_path / "mark"

    class Evil:
        def __reduce__(self):
            return Path.mkdir, (mark,)

    for content, told in (
        (pickle.dumps(Evil(), 2), "which is not looked up"),
        (python2(images, labels, dtype="O8"), "an array that is not uint8"),
        (python2(images, labels, shape=(4, 3072)), r"shape \(4, 3072\) with 9216 bytes"),
        (python2(images, labels[:2]), "2 labels for data of shape"),
        (python2(images, [1, 2, 77]), "label 77 of item 2 is no class of 0 to 9"),
        (python2(images, labels)[:-9000], "truncated, corrupt"),
        (pickle.dumps({b"data": 3}), "holds no data and labels"),
        (b"", "truncated, corrupt"),
    ):
        (folder / "test_batch").write_bytes(content)
        with pytest.raises(gg.DataError, match=told) as caught:
            data.cifar10("test", folder)
        assert str(caught.value).startswith(str(folder / "test_batch"))
    assert not mark.exists()


# Fashion-MNIST, and downloads through a stand-in for pooch


def write_idx(folder, prefix, n):
    images = RNG.integers(0, 256, (n, 28, 28)).astype(np.uint8)
    labels = (np.arange(n) % 10).astype(np.uint8)
    data.write_idx(folder / f"{prefix}-images-idx3-ubyte.gz", images)
    data.write_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", labels)
    return images, labels


def test_fashion_mnist(tmp_path):
    (tmp_path / "fashion-mnist").mkdir()
    images, labels = write_idx(tmp_path / "fashion-mnist", "t10k", 12)
    x, y = data.fashion_mnist("test", tmp_path, raw=True).arrays
    np.testing.assert_array_equal(x[:, 0], images)
    np.testing.assert_array_equal(y, labels)
    assert data.FASHION_MNIST_CLASSES[y[9]] == "ankle boot"
    with pytest.raises(gg.DataError, match="fashion_mnist: no file train-images-.* download=True"):
        data.fashion_mnist("train", tmp_path)
    with pytest.raises(gg.ArgumentError, match="fashion_mnist: split='valid' must be"):
        data.fashion_mnist("valid")


@pytest.fixture
def pooch(monkeypatch):
    """pooch.retrieve as it is documented, out of a dict instead of the network."""
    web, asked = {}, []

    def retrieve(url, known_hash, fname, path):
        asked.append(url)
        if url not in web:
            raise OSError("no route to host")
        kind, _, digest = known_hash.partition(":")
        if hashlib.new(kind, web[url]).hexdigest() != digest:
            raise ValueError(f"hash of {fname} does not match")
        Path(path).mkdir(parents=True, exist_ok=True)
        (Path(path) / fname).write_bytes(web[url])
        return str(Path(path) / fname)

    monkeypatch.setitem(sys.modules, "pooch", types.SimpleNamespace(retrieve=retrieve))
    return web, asked


def test_a_download_is_checked(pooch, tmp_path):
    web, _ = pooch
    web["https://x.org/a.bin"] = b"hello"
    right = "sha256:" + hashlib.sha256(b"hello").hexdigest()
    path = data.download("https://x.org/a.bin", tmp_path, right)
    assert path == tmp_path / "a.bin" and path.read_bytes() == b"hello"
    for url, checksum, told in (
        ("https://x.org/a.bin", "md5:" + "0" * 32, "hash of a.bin does not match"),
        ("https://x.org/b.bin", right, "download: https://x.org/b.bin .no route to host"),
    ):
        with pytest.raises(gg.DataError, match=told):
            data.download(url, tmp_path, checksum)


def test_a_download_needs_pooch(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(
        ImportError, match=r'downloads need pooch .*; pip install "gpugraph\[data\]"'
    ):
        data.download("https://x.org/a.bin", tmp_path, "md5:0")


def test_data_sets_download_only_when_asked(pooch, tmp_path, monkeypatch):
    web, asked = pooch
    from gpugraph.data import cifar, handwritten

    with pytest.raises(gg.DataError, match="or pass download=True"):
        data.mnist("train", tmp_path)
    with pytest.raises(gg.DataError, match="or pass download=True"):
        data.cifar10("train", tmp_path)
    assert asked == []
    source = tmp_path / "source"
    source.mkdir()
    for prefix in ("train", "t10k"):
        write_idx(source, prefix, 4)
    sub, url, _ = handwritten.SOURCES["mnist"]
    checksums = {}
    for path in source.iterdir():
        web[url + path.name] = path.read_bytes()
        checksums[path.name] = "md5:" + hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setitem(handwritten.SOURCES, "mnist", (sub, url, checksums))
    assert len(data.mnist("train", tmp_path / "new", download=True)) == 4
    assert len(asked) == 4
    assert len(data.mnist("test", tmp_path / "new", download=True)) == 4
    assert len(asked) == 4  # they are there

    record = np.zeros((2, 3073), np.uint8).tobytes()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in (*cifar.TRAIN, "test_batch"):
            info = tarfile.TarInfo(f"../../cifar-10-batches-bin/{name}.bin")  # out of the folder
            info.size = len(record)
            tar.addfile(info, io.BytesIO(record))
    web[cifar.CIFAR10_ARCHIVE] = packed.getvalue()
    monkeypatch.setattr(cifar, "CIFAR10_MD5", hashlib.md5(packed.getvalue()).hexdigest())
    root = tmp_path / "deep" / "er"
    assert len(data.cifar10("train", root, download=True)) == 10
    assert {p.name for p in root.iterdir()} == {"cifar-10-batches-bin", "cifar-10-binary.tar.gz"}
    assert {p.name for p in tmp_path.iterdir()} == {"source", "new", "deep"}


# Pictures


@pytest.fixture
def pictures(tmp_path):
    """Two classes; files of several sizes and modes, and one that is no picture."""
    Image = pytest.importorskip("PIL.Image", reason="needs Pillow (extra data)")
    root = tmp_path / "pets"
    for name, mode, size in (
        ("dog/b.png", "RGB", (6, 4)),
        ("dog/a.png", "L", (4, 4)),
        ("cat/deep/c.PNG", "RGBA", (4, 8)),
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        channels = {"RGB": (3,), "L": (), "RGBA": (4,)}[mode]
        pixels = RNG.integers(0, 256, (*size[::-1], *channels)).astype(np.uint8)
        Image.fromarray(pixels).save(path)
    (root / "dog" / "notes.txt").write_text("no picture")
    return root


def tarred(root, path, mode, lead="./x/"):
    with tarfile.open(path, mode) as tar:
        tar.add(root, lead + "pets")
    return path


def test_an_image_folder(pictures):
    from PIL import Image

    found = data.ImageFolder(pictures, raw=True)
    assert found.classes == ["cat", "dog"] and found.class_to_idx == {"cat": 0, "dog": 1}
    assert found.samples == [("cat/deep/c.PNG", 0), ("dog/a.png", 1), ("dog/b.png", 1)]
    x, y = found[2]
    with Image.open(pictures / "dog" / "b.png") as picture:
        np.testing.assert_array_equal(x, np.asarray(picture).transpose(2, 0, 1))
    assert y == 1 and y.dtype == np.int64 and x.shape == (3, 4, 6)
    x, _ = data.ImageFolder(pictures)[-2]
    assert x.dtype == np.float32 and 0 <= x.min() <= x.max() <= 1
    x, _ = data.ImageFolder(pictures, mode="L", raw=True)[1]
    assert x.shape == (1, 4, 4)
    flipped = data.ImageFolder(pictures, raw=True, transform=lambda x, y: (x[..., ::-1], y + 5))
    np.testing.assert_array_equal(flipped[2][0], found[2][0][..., ::-1])
    assert flipped[2][1] == 6


def test_sizes_are_covered_and_the_middle_is_taken(pictures):
    x, _ = data.ImageFolder(pictures, size=4, raw=True)[2]
    whole, _ = data.ImageFolder(pictures, raw=True)[2]
    np.testing.assert_array_equal(x, whole[:, :, 1:5])  # 4 x 6: no scaling, a column off each side
    loader = data.DataLoader(data.ImageFolder(pictures, size=(5, 3)), 3)
    for x, y in loader:
        assert x.shape == (3, 3, 5, 3) and y.tolist() == [0, 1, 1]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_tar_of_images_is_the_folder(pictures, tmp_path, mode):
    path = tarred(pictures, tmp_path / "pets.tar", mode)
    tar, folder = data.ImageTar(path, raw=True), data.ImageFolder(pictures, raw=True)
    assert tar.samples == folder.samples and bool(tar.held) == (mode != "w")
    for (x, y), (v, w) in zip([tar[i] for i in range(3)], [folder[i] for i in range(3)]):
        np.testing.assert_array_equal(x, v)
        assert y == w


def test_pictures_that_are_none(pictures, tmp_path):
    (pictures / "dog" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(gg.DataError, match="dog/b.png is no picture that Pillow can read"):
        data.ImageFolder(pictures)[2]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(gg.DataError, match="holds no pictures in folders, one for each class"):
        data.ImageFolder(empty)
    with pytest.raises(gg.DataError, match="is no folder"):
        data.ImageFolder(empty / "x")
    with pytest.raises(gg.DataError, match="corrupt or no tar archive"):
        data.ImageTar(pictures / "dog" / "b.png")
    with pytest.raises(gg.IndexRangeError, match="ImageFolder: index 3 is outside a dataset of 3"):
        data.ImageFolder(pictures)[3]
    with pytest.raises(gg.ArgumentError, match="ImageFolder: mode='CMYK' must be 'RGB' or 'L'"):
        data.ImageFolder(pictures, mode="CMYK")


# The loader


def test_several_threads_give_the_same_batches():
    seen, two = set(), threading.Event()

    class Slow(data.Dataset):
        def __len__(self):
            return 40

        def __getitem__(self, i):
            seen.add(threading.current_thread().name)
            if len(seen) > 1:
                two.set()
            assert workers == 1 or two.wait(5)  # the first waits until there is another
            return np.full(3, i, np.float32), i

    def noisy(rng, x, y):
        return x + rng.random(x.shape, np.float32), y

    told = []
    for workers in (1, 4):
        seen.clear()
        loader = data.DataLoader(
            Slow(), 5, shuffle=True, seed=3, augment=noisy, workers=workers, prefetch=8
        )
        told.append([(x.numpy(), y.numpy()) for _ in range(2) for x, y in loader])
    assert len(told[0]) == 16 and len(seen) > 1
    for (x, y), (v, w) in zip(*told, strict=True):
        np.testing.assert_array_equal(x, v)
        np.testing.assert_array_equal(y, w)
    with pytest.raises(gg.ArgumentError, match="DataLoader: workers=0 must be at least 1"):
        data.DataLoader(Slow(), workers=0)


# Augmentation

X = RNG.random((50, 2, 5, 6)).astype(np.float32)
Y = np.arange(50)


def places(x, frame, height, width):
    """All windows of a frame that equal x."""
    return [
        (i, j)
        for i in range(frame.shape[1] - height + 1)
        for j in range(frame.shape[2] - width + 1)
        if np.array_equal(frame[:, i : i + height, j : j + width], x)
    ]


def test_random_crops_are_windows_everywhere():
    before = X.copy()
    x, y = augment.RandomCrop((4, 5), padding=1, fill=-1)(np.random.default_rng(1), X, Y)
    assert x.shape == (50, 2, 4, 5) and x.dtype == np.float32 and y is Y
    found = set()
    for got, image in zip(x, X):
        frame = np.pad(image, ((0, 0), (1, 1), (1, 1)), constant_values=-1)
        (place,) = places(got, frame, 4, 5)
        found.add(place)
    assert {i for i, _ in found} == {0, 1, 2, 3} == {j for _, j in found}
    np.testing.assert_array_equal(X, before)
    with pytest.raises(gg.ShapeError, match="RandomCrop: images .* are smaller than .9, 9."):
        augment.RandomCrop(9, 1)(np.random.default_rng(0), X)


def test_random_shifts_keep_the_shape():
    (x,) = augment.RandomShift(2)(np.random.default_rng(1), X)
    assert x.shape == X.shape
    moved = {places(a, np.pad(b, ((0, 0), (2, 2), (2, 2))), 5, 6)[0] for a, b in zip(x, X)}
    assert {i for i, _ in moved} == set(range(5)) == {j for _, j in moved}


def test_flips_and_holes():
    x, _ = augment.RandomHorizontalFlip()(np.random.default_rng(2), X, Y)
    flipped = [np.array_equal(a, b[..., ::-1]) for a, b in zip(x, X)]
    assert all(f or np.array_equal(a, b) for f, a, b in zip(flipped, x, X))
    assert 10 < sum(flipped) < 40
    for p, want in ((0.0, X), (1.0, X[..., ::-1])):
        np.testing.assert_array_equal(
            augment.RandomHorizontalFlip(p)(np.random.default_rng(0), X)[0], want
        )
    x, _ = augment.Cutout(3, fill=-1)(np.random.default_rng(3), X, Y)
    sizes = set()
    for a, b in zip(x, X):
        hole = (a == -1).all(axis=0)
        rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
        assert hole.sum() == len(rows) * len(columns)  # one rectangle
        assert (np.diff(rows) == 1).all() and (np.diff(columns) == 1).all()
        np.testing.assert_array_equal(a[:, ~hole], b[:, ~hole])
        sizes.add((len(rows), len(columns)))
    assert max(sizes) == (3, 3) and min(sizes) == (2, 2)  # the centre is inside


def test_normalize_and_mixup():
    x, _ = augment.Normalize([0.5, 0.25], [0.1, 0.2])(None, X, Y)
    want = np.stack([(X[:, 0] - 0.5) / 0.1, (X[:, 1] - 0.25) / 0.2], axis=1)
    np.testing.assert_allclose(x, want, rtol=1e-5, atol=1e-6)
    assert x.dtype == np.float32
    labels = Y % 4
    x, y = augment.Mixup(1.0, num_classes=4)(np.random.default_rng(0), X, labels)
    assert y.dtype == x.dtype == np.float32
    np.testing.assert_allclose(y.sum(1), 1, rtol=1e-6)
    rng = np.random.default_rng(0)
    t = np.float32(rng.beta(1.0, 1.0))
    other = rng.permutation(50)
    np.testing.assert_allclose(x[7], t * X[7] + (1 - t) * X[other[7]], rtol=1e-6)
    share = np.zeros(4)
    share[labels[7]] += t
    share[labels[other[7]]] += 1 - t
    np.testing.assert_allclose(y[7], share, rtol=1e-6)
    _, y2 = augment.Mixup(1.0)(np.random.default_rng(0), X, y)
    assert y2.shape == (50, 4)
    with pytest.raises(gg.ArgumentError, match="Mixup: labels are int64 .50,.; .* num_classes"):
        augment.Mixup()(np.random.default_rng(0), X, labels)


def test_cross_entropy_takes_the_shares_of_mixup():
    """-log softmax is linear in the target: the loss of a mix is the mix of two losses."""
    labels = Y % 4
    x, shares = augment.Mixup(1.0, num_classes=4)(np.random.default_rng(3), X, labels)
    rng = np.random.default_rng(3)
    t = np.float32(rng.beta(1.0, 1.0))
    other = rng.permutation(50)
    weight = np.random.default_rng(4).standard_normal((x[0].size, 4)).astype(np.float32) * 0.1
    logits = gg.Tensor(x.reshape(50, -1) @ weight, requires_grad=True)
    for options in ({}, {"label_smoothing": 0.1}, {"reduction": "sum"}):
        loss = F.cross_entropy(logits, shares, **options)
        parts = [F.cross_entropy(logits, y, **options) for y in (labels, labels[other])]
        want = float(t) * parts[0] + (1 - float(t)) * parts[1]
        assert loss.dtype == np.float32
        np.testing.assert_allclose(loss.item(), want.item(), rtol=1e-5)
        got, ref = (gg.grad(y, logits)[0].numpy() for y in (loss, want))
        np.testing.assert_allclose(got, ref, atol=1e-5)


def test_fit_trains_on_the_shares_of_mixup():
    model = nn.Sequential(nn.Flatten(), nn.Linear(X[0].size, 4))
    images = data.ArrayDataset(X, Y % 4)
    mixup = augment.Mixup(0.4, num_classes=4)
    loader = data.DataLoader(images, 25, shuffle=True, seed=0, augment=mixup)
    optimizer = gg.optim.Adam(model.parameters(), 0.01)
    history = gg.training.fit(
        model, loader, optimizer, epochs=8, evaluate=data.DataLoader(images, 25), progress=False
    )
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    assert history.last["test_accuracy"] > 0.5


def test_compose_is_seeded_in_the_loader():
    steps = augment.Compose(
        [augment.RandomCrop(4), augment.RandomHorizontalFlip(), augment.Cutout(2)]
    )
    assert "RandomCrop(size=(4, 4), padding=0, fill=0)" in repr(steps)

    def epochs(seed):
        loader = data.DataLoader(data.ArrayDataset(X, Y), 8, seed=seed, augment=steps)
        return [x.numpy() for _ in range(2) for x, _ in loader]

    first, again, other = epochs(1), epochs(1), epochs(2)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[0], first[7])  # the second epoch


@pytest.mark.parametrize(
    "call, told",
    [
        (lambda: augment.RandomCrop(0), "RandomCrop: size=0 must be at least 1"),
        (lambda: augment.RandomShift(-1), "RandomShift: pixels=-1"),
        (lambda: augment.RandomHorizontalFlip(2), "p=2 must lie in 0 to 1"),
        (lambda: augment.Cutout(0), "Cutout: size=0"),
        (lambda: augment.Mixup(0), "Mixup: alpha=0 must be above 0"),
        (lambda: augment.Normalize(0, 0), "Normalize: std=0 must be above 0"),
        (lambda: augment.Normalize([1, 2, 3], 1)(None, X), r"mean \(3,\) for images of 2 channels"),
        (lambda: augment.Cutout(1)(None, X[0]), r"Cutout: images .* must have shape \(N, C, H, W"),
    ],
)
def test_refusals(call, told):
    with pytest.raises(gg.GpugraphError, match=told):
        call()
