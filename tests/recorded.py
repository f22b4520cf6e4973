"""Graphs for tests of what shows them, as the dictionaries of ``docs/graph-json.md``."""

from contextlib import suppress
from functools import cache

import numpy as np

import gpugraph as gg
from gpugraph import models, nn
from gpugraph.core.backend import MetaArray
from gpugraph.core.errors import ShapeError
from gpugraph.core.tensor import Tensor
from gpugraph.nn import functional as F


def _meta(shape, dtype=np.float32):
    return Tensor(MetaArray(shape, np.dtype(dtype)), requires_grad=dtype is np.float32)


def _told(run, title):
    told = run.graph.to_dict()
    told["meta"]["title"] = title
    return told


@cache
def lenet():
    """Two images through LeNet-5 and back, with statistics and pictures."""
    rng = np.random.default_rng(0)
    model = models.LeNet5()
    x = gg.tensor(rng.random((2, 1, 28, 28), np.float32), device="cpu", requires_grad=True)
    model.to("cpu")
    with gg.graph.record(model=model, stats=True, images=True) as run:
        F.cross_entropy(model(x), gg.tensor(np.array([3, 5]), device="cpu")).backward()
    return _told(run, "LeNet-5")


def in_shapes(make, shape, loss=gg.sum):
    """The graph of a network for images, forward and backward, without a number computed."""
    with gg.default_device("meta"):
        model = make()
        x = Tensor(MetaArray(shape, np.float32))
        with gg.graph.record(model=model) as run:
            loss(model(x)).backward()
    return run.graph


def on_meta(make, shape, title):
    """The same as a dictionary; what is differentiated is the mean square of the result."""
    told = in_shapes(make, shape, lambda y: (y * y).mean()).to_dict()
    told["meta"]["title"] = title
    return told


@cache
def resnet50():
    """ResNet-50 forward and backward."""
    return on_meta(models.resnet50, (1, 3, 224, 224), "ResNet-50")


@cache
def blocks(n=1300):
    """n blocks x + relu(x), in scopes of ten: four nodes each, forward and backward."""
    x = _meta((2, 8))
    with gg.default_device("meta"), gg.graph.record() as run:
        y = x
        for i in range(n):
            with gg.scope(f"stage{i // 100}"), gg.scope(f"part{i // 10 % 10}"), gg.scope(f"b{i}"):
                y = y + F.relu(y)
        y.mean().backward()
    return _told(run, "blocks")


@cache
def penalty():
    """A gradient penalty: a gradient of a gradient."""
    model = models.DigitsNet().to("cpu")
    rng = np.random.default_rng(0)
    x = gg.tensor(rng.random((2, 1, 8, 8), np.float32), device="cpu", requires_grad=True)
    with gg.graph.record(model=model, stats=True) as run:
        loss = F.cross_entropy(model(x), gg.tensor(np.array([3, 5]), device="cpu"))
        (g,) = gg.grad(loss, [x], create_graph=True)
        (g * g).sum().backward()
    return _told(run, "gradient penalty")


@cache
def broken():
    """A run that ended in an exception: the last layer takes another number of features."""
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(100, 10)).to("cpu")
    with suppress(ShapeError), gg.graph.record(model=model, stats=True) as run:
        model(gg.tensor(np.ones((2, 1, 8, 8), np.float32), device="cpu"))
    return _told(run, "broken.py")


@cache
def not_finite():
    """A network with a weight that is infinite."""
    model = models.DigitsNet().to("cpu")
    model.features[2].weight.array[0, 0, 0, 0] = np.inf
    x = gg.tensor(np.ones((2, 1, 8, 8), np.float32), device="cpu", requires_grad=True)
    with np.errstate(all="ignore"), gg.graph.record(model=model, stats=True) as run:
        F.cross_entropy(model(x), gg.tensor(np.array([3, 5]), device="cpu")).backward()
    return _told(run, "nan.py")
