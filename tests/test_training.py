"""fit, evaluate, History and the pictures."""

from __future__ import annotations

import numpy as np
import pytest

import gpugraph as gg
from gpugraph import nn, optim, training
from gpugraph.core.errors import AnomalyError, DataError, ShapeError
from gpugraph.data import ArrayDataset, DataLoader
from gpugraph.nn import functional as F
from gpugraph.training import History, pictures
from gpugraph.training.evaluation import evaluating


def blobs(n=90, seed=0):
    """Three clouds of points in the plane, with their numbers."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    centres = np.array([[0, 2], [-2, -1], [2, -1]])
    x = centres[y] + 0.5 * rng.standard_normal((n, 2))
    return ArrayDataset(x.astype(np.float32), y)


class Setup:
    """A model with dropout and batch norm, its optimizer and schedule, all from one seed."""

    def __init__(self, seed=1, optimizer=optim.Adam):
        gg.random.seed(seed)
        self.model = nn.Sequential(
            nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3)
        )
        self.optimizer = optimizer(self.model.parameters(), lr=0.05)
        self.schedule = optim.CosineAnnealingLR(self.optimizer, T_max=4)
        self.data = DataLoader(blobs(), batch_size=16, shuffle=True)

    def fit(self, **options):
        options = {"progress": False, "schedule": self.schedule, **options}
        return training.fit(self.model, self.data, self.optimizer, **options)

    def weights(self):
        return {k: v.tobytes() for k, v in self.model.state_dict().items()}


def without_seconds(history):
    return {k: v for k, v in history.columns.items() if k != "seconds"}


def test_fit_learns():
    test = DataLoader(blobs(seed=1), batch_size=64)
    setup = Setup()
    history = setup.fit(epochs=4, evaluate=test)
    assert len(history) == 4 and history.last["test_accuracy"] > 0.95
    assert history["loss"][-1] < history["loss"][0] / 2
    assert set(history.columns) == {"loss", "accuracy", "test_loss", "test_accuracy", "seconds"}
    measured = training.evaluate(setup.model, test)
    assert measured["accuracy"] == history.last["test_accuracy"]


def test_same_seed_same_bits():
    def run(seed):
        setup = Setup(seed)
        return without_seconds(setup.fit(epochs=2)), setup.weights()

    one, twin, other = run(1), run(1), run(2)
    assert one == twin and one[0] != other[0] and one[1] != other[1]


@pytest.mark.parametrize(
    "optimizer", [optim.Adam, lambda p, lr: optim.SGD(p, lr=lr, momentum=0.9, nesterov=True)]
)
def test_resume_gives_the_same_bits(tmp_path, optimizer):
    test = DataLoader(blobs(seed=1), batch_size=64)
    whole = Setup(optimizer=optimizer)
    wanted = whole.fit(epochs=4, evaluate=test)
    path = tmp_path / "run.safetensors"
    Setup(optimizer=optimizer).fit(epochs=2, evaluate=test, checkpoint=path, resume=True)
    later = Setup(seed=9, optimizer=optimizer)  # as in another process
    history = later.fit(epochs=4, evaluate=test, checkpoint=path, resume=True)
    assert later.weights() == whole.weights()
    assert without_seconds(history) == without_seconds(wanted)
    assert later.optimizer.param_groups[0]["lr"] == whole.optimizer.param_groups[0]["lr"]
    # a run that is already complete stays as it is
    assert later.fit(epochs=4, checkpoint=path, resume=True) == history


def test_resume_of_another_model_changes_nothing(tmp_path):
    path = tmp_path / "run.safetensors"
    Setup().fit(epochs=1, checkpoint=path)
    other = Setup()
    other.model = nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 3))
    before = other.weights()
    with pytest.raises(DataError, match=r"run.safetensors: does not fit this model"):
        other.fit(epochs=2, checkpoint=path, resume=True)
    assert other.weights() == before


def test_resume_needs_a_run_of_fit(tmp_path):
    setup = Setup()
    gg.io.save_checkpoint(tmp_path / "c", setup.model, setup.optimizer, setup.schedule)
    with pytest.raises(DataError, match="c: a checkpoint, but of no run of fit"):
        setup.fit(checkpoint=tmp_path / "c", resume=True)


def test_without_resume_a_checkpoint_is_overwritten(tmp_path):
    path = tmp_path / "run.safetensors"
    Setup().fit(epochs=2, checkpoint=path)
    assert len(Setup().fit(epochs=1, checkpoint=path)) == 1
    assert len(gg.io.load_checkpoint(path, Setup().model)["history"]["loss"]) == 1


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
def test_nan_stops_the_run_before_it_spoils_the_model():
    setup = Setup()
    x = np.ones((32, 2), np.float32)
    x[20] = np.nan
    data = DataLoader(ArrayDataset(x, np.zeros(32, int)), batch_size=16, prefetch=0)
    with pytest.raises(AnomalyError, match=r"loss is nan in epoch 1; lower the .* \(now 0.05\)"):
        training.fit(setup.model, data, setup.optimizer, progress=False)
    assert all(np.isfinite(p.numpy()).all() for p in setup.model.parameters())


def test_other_losses_and_targets():
    model = nn.Linear(2, 1)
    x = np.random.default_rng(0).standard_normal((64, 2)).astype(np.float32)
    y = x @ np.array([[2.0], [-1.0]], np.float32)
    data = DataLoader(ArrayDataset(x, y), batch_size=16)
    optimizer = optim.SGD(model.parameters(), lr=0.2)
    history = training.fit(model, data, optimizer, loss=F.mse_loss, epochs=9, progress=False)
    assert set(history.columns) == {"loss", "seconds"} and history.last["loss"] < 1e-3


def test_plain_lists_are_data():
    batches = [(gg.tensor(np.ones((4, 2), np.float32)), gg.tensor(np.zeros(4, np.int64)))]
    setup = Setup()
    history = training.fit(setup.model, batches, setup.optimizer, progress=False)
    assert len(history) == 1


def test_no_batches():
    setup = Setup()
    with pytest.raises(DataError, match="the data gave no batch"):
        training.fit(setup.model, [], setup.optimizer, progress=False)
    with pytest.raises(DataError, match="the data gave no batch"):
        training.evaluate(setup.model, [])


def test_on_epoch_end_may_stop():
    seen = []
    history = Setup().fit(epochs=9, on_epoch_end=lambda h: seen.append(len(h)) or len(h) == 3)
    assert seen == [1, 2, 3] and len(history) == 3


@pytest.mark.parametrize("installed", [True, False])
def test_progress(capsys, monkeypatch, installed):
    if not installed:
        monkeypatch.setitem(__import__("sys").modules, "tqdm", None)
    Setup().fit(epochs=2, progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:9] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert "  loss 0." in lines[0] and " %  seconds " in lines[0]
    Setup().fit(epochs=1, progress=False)
    assert capsys.readouterr().out == ""


# Evaluation


def test_evaluate_by_hand():
    setup = Setup()
    data = DataLoader(blobs(25), batch_size=10)  # a last batch that is smaller
    measured = training.evaluate(setup.model, data)
    x, y = blobs(25).batch(np.arange(25))
    setup.model.eval()
    scores = setup.model(gg.tensor(x)).numpy().astype(np.float64)
    logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    assert measured["loss"] == pytest.approx(-logs[np.arange(25), y].mean(), rel=1e-5)
    assert measured["accuracy"] == (scores.argmax(axis=1) == y).mean()
    np.testing.assert_allclose(training.predict(setup.model, data), scores, rtol=1e-6)


def test_modes_are_restored_part_by_part():
    model = Setup().model
    model[1].eval()  # frozen batch norm

    def look_and_fail():
        with evaluating(model):
            assert not any(m.training for m in model.modules())
            assert not model(gg.tensor(np.ones((3, 2), np.float32))).requires_grad
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        look_and_fail()
    assert [m.training for m in model] == [True, False, True, True, True] and model.training


# History


def test_history():
    history = History()
    assert len(history) == 0 and history.last == {}
    history.append({"loss": 2.0, "test_accuracy": 0.5})
    history.append({"loss": 1.0, "test_accuracy": 0.75})
    assert history["loss"] == [2.0, 1.0] and "loss" in history and "lr" not in history
    assert repr(history) == "<History of 2 epochs: loss 1.0000  test accuracy 75.00 %>"
    assert History.from_json(history.to_json()) == history
    with pytest.raises(DataError, match=r"this epoch has \['loss'\]"):
        history.append({"loss": 0.5})
    for bad in ("{", "[1]", '{"loss": 3}', '{"a": [1], "b": []}', '{"a": ["x"]}'):
        with pytest.raises(DataError, match="History: "):
            History.from_json(bad)


# Pictures


def png(path):
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_pictures(tmp_path):
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 80)
    readings = np.where(rng.random(80) < 0.4, rng.integers(0, 10, 80), labels)
    images = rng.random((80, 1, 8, 8))
    history = History({"loss": [2.0, 1.0], "test_loss": [1.5, 1.4], "test_accuracy": [0.5, 0.75]})
    left, right = history.plot(tmp_path / "curves.png").axes
    assert [line.get_label() for line in left.lines] == ["training", "test"]
    assert right.lines[0].get_ydata().tolist() == [50, 75]
    (table,) = pictures.confusion(labels, readings, tmp_path / "confusion.png").axes
    counts = np.zeros((10, 10), int)
    for text in table.texts:
        j, i = text.get_position()
        counts[i, j] = int(text.get_text())
    assert counts[3, 4] == ((labels == 3) & (readings == 4)).sum() and counts.sum() == 80
    grid = pictures.misread(images, labels, readings, tmp_path / "misread.png", limit=5)
    titles = [axes.get_title() for axes in grid.axes if axes.get_title()]
    wrong = np.flatnonzero(labels != readings)[:5]
    assert titles == [f"{labels[i]} as {readings[i]}" for i in wrong]
    pictures.filters(rng.standard_normal((10, 3, 3, 3)), tmp_path / "filters.png")
    assert sorted(p.name for p in tmp_path.iterdir() if png(p)) == [
        "confusion.png",
        "curves.png",
        "filters.png",
        "misread.png",
    ]


def test_pictures_of_little(tmp_path):
    pytest.importorskip("matplotlib")
    right = np.array([0, 1])
    grid = pictures.misread(np.zeros((2, 8, 8)), right, right, tmp_path / "none.png")
    assert grid.get_suptitle() == "None misread"
    pictures.confusion(right, right, names=["cat", "dog"])
    History({"loss": [1.0]}).plot()
    pictures.filters(np.zeros((1, 1, 1, 1)))


def test_pictures_of_the_wrong_thing():
    with pytest.raises(ShapeError, match=r"labels \(2,\), predictions \(3,\) must have the same"):
        pictures.confusion(np.zeros(2, int), np.zeros(3, int))
    with pytest.raises(ShapeError, match=r"weight has shape \(3, 4\); wanted \(O, C, kh, kw\)"):
        pictures.filters(np.zeros((3, 4)))


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'need matplotlib .*; pip install "gpugraph\[demo\]"'):
        History({"loss": [1.0]}).plot()


def test_predicting_nothing_says_so():
    with pytest.raises(DataError, match="the data gave no batch"):
        training.predict(nn.ReLU(), [])
