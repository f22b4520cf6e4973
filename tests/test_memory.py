"""Predicted memory of a training step, beside what tracemalloc measures."""

import gc
import tracemalloc

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn, optim
from gpugraph.models import MLP, LeNet5


class Block(nn.Module):
    def __init__(self, channels):
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + x)


def conv(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def vgg():
    return nn.Sequential(
        conv(3, 16), nn.ReLU(), conv(16, 16), nn.ReLU(), nn.MaxPool2d(2),
        conv(16, 32), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 64, 10),
    )  # fmt: skip


def resnet():
    return nn.Sequential(
        conv(3, 16), nn.BatchNorm2d(16), nn.ReLU(), Block(16), Block(16),
        nn.AvgPool2d(32), nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip


NETS = {
    "mlp": (lambda: MLP(784, 256, 10), (784,)),
    "lenet5": (LeNet5, (1, 28, 28)),
    "vgg": (vgg, (3, 32, 32)),
    "resnet": (resnet, (3, 32, 32)),
}


OBJECTS = 20_000  # bytes of Python's own: nodes, tensors, arrays without their numbers


def momentum(params):
    return optim.SGD(params, lr=0.1, momentum=0.9)


def measured(make, shape, optimizer):
    """The peak of two training steps, with all that they need."""

    def train():
        model = make()
        stepper = optimizer(model.parameters())
        x = gg.Tensor(np.ones(shape, np.float32))
        labels = gg.Tensor(np.zeros(shape[0], np.int64))
        if tracemalloc.is_tracing():
            tracemalloc.reset_peak()  # what it takes to draw the parameters is no part of a step
        for _ in range(2):
            loss = F.cross_entropy(model(x), labels)
            model.zero_grad()
            loss.backward()
            stepper.step()

    train()  # caches that stay
    gc.collect()
    tracemalloc.start()
    try:
        train()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("batch", [1, 8, 32])
@pytest.mark.parametrize("name", NETS)
def test_the_peak_is_within_a_tenth_of_what_is_measured(name, batch):
    make, shape = NETS[name]
    told = gg.analysis.memory(make(), (batch, *shape), momentum)
    found = measured(make, (batch, *shape), momentum)
    assert abs(told.peak - found) < 0.1 * found + OBJECTS


@pytest.mark.parametrize("make", [optim.Adam, lambda ps: optim.SGD(ps, lr=0.1)])
def test_optimizers(make):
    told = gg.analysis.memory(LeNet5(), (8, 1, 28, 28), make)
    assert told.optimizer == (2 * 61_706 * 4 if make is optim.Adam else 0)
    assert told.peak == pytest.approx(measured(LeNet5, (8, 1, 28, 28), make), rel=0.1)


def test_the_parts():
    told = gg.analysis.memory(vgg(), (8, 3, 32, 32))
    size = sum(p.size for p in vgg().parameters())
    assert told.parameters == told.gradients == 4 * size
    assert told.peak == told.parameters + told.optimizer + told.temporary
    assert told.kept > 8 * 4 * (2 * 16 * 32 * 32)  # at least what both first relus give
    assert told.at.startswith("backward")
    assert "peak" in str(told) and told.to_dict()["peak"] == told.peak
    with pytest.raises(gg.ArgumentError, match="takes a Module"):
        gg.analysis.memory(F.relu, (2, 3))
