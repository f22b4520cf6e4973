"""The networks of gpugraph.models against twins written in PyTorch: outputs and gradients.

Weights are loaded by name, and every weight must be read, in the shape that the twin's table says.
Needs PyTorch (the extra "peers"); about 80 s, and 4 GB for the largest.
"""

import numpy as np
import pytest

import gpugraph as gg
from gpugraph import nn
from gpugraph.models.catalogue import NETWORKS, network

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'gpugraph[peers]'")
from tests.peers.twins import TWINS, Weights  # noqa: E402 (after the skip)

pytestmark = pytest.mark.peers

CLASSES = 7
OPTIONS = {  # smaller linear layers, which hold nearly all weights of these networks
    name: {"num_classes": CLASSES, "hidden": 32} for name in NETWORKS if name[:3] in ("vgg", "ale")
}
OPTIONS |= {"unet": {}, "unet padded": {"padding": 1}, "mlp": {}}
OPTIONS |= {"digitsnet": {"classes": CLASSES}, "lenet5": {"classes": CLASSES}}
INPUTS = {"unet padded": (1, 32, 48), "unet": (1, 188, 188)}
INPUTS |= {"densenet121": (3, 64, 70)}  # a norm over two numbers says only which is larger


def made(name, dtype):
    """Our network, with first values away from 0 and 1 in its norms, and a batch of two for it."""
    gg.random.seed(3)
    options = OPTIONS.get(name, {"num_classes": CLASSES})
    net = network(name.partition(" ")[0]).make(**options)
    rng = np.random.default_rng(4)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            size = module.num_features
            module.weight.assign(rng.uniform(0.5, 1.0, size))
            module.bias.assign(rng.uniform(-0.2, 0.2, size))
            module.running_mean.assign(rng.uniform(-0.2, 0.2, size))
            module.running_var.assign(rng.uniform(0.5, 2.0, size))
        elif isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
            module.bias.assign(rng.uniform(-0.1, 0.1, module.bias.shape))
        elif isinstance(module, nn.Dropout):
            module.p = 0.0  # in training, too: twins have none
    shape = INPUTS.get(name) or network(name).tiny
    return net.astype(dtype), rng.standard_normal((2, *shape)).astype(dtype)


def classes_of(name):
    return {"mlp": 10, "unet": 2, "unet padded": 2}.get(name, CLASSES)


def peer(name, net, x, dtype, training=False):
    """The twin's output, and the weights that it read: all there are."""
    w = Weights(net.state_dict(), dtype, training)
    leaf = torch.tensor(x, dtype=dtype, requires_grad=True)
    y = TWINS[name](w, leaf, classes_of(name))
    assert not w.unread
    return y, leaf, w


def test_every_network_has_a_twin():
    assert set(TWINS) == {*NETWORKS, "unet padded"}


@pytest.mark.parametrize("name", TWINS)
def test_outputs_in_float32(name):
    net, x = made(name, np.float32)
    with gg.no_grad():
        y = net.eval()(x).numpy()
    with torch.no_grad():
        want = peer(name, net, x, torch.float64)[0].numpy()
        theirs = peer(name, net, x, torch.float32)[0].numpy()
    # What float32 does to this very network is told by PyTorch's own error; 8 covers the spread,
    # as in `tolerance`
    assert y.shape == want.shape and np.abs(want).max() > 1e-3
    assert np.abs(y - want).max() <= 8 * np.abs(theirs - want).max()


def compare_gradients(name, training):
    net, x = made(name, np.float64)
    net.train(training)
    theirs, leaf, w = peer(name, net, x, torch.float64, training)
    image = gg.Tensor(x, requires_grad=True)
    ours = net(image)
    c = np.random.default_rng(5).standard_normal(ours.shape)
    np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-9, atol=1e-9)
    ours.backward(c)
    theirs.backward(torch.tensor(c))
    pairs = {"the image": (image.grad.numpy(), leaf.grad.numpy())}
    for path, p in net.named_parameters():
        pairs[path] = p.grad.numpy(), w.leaves[path].grad.numpy()
    assert set(pairs) == {"the image", *w.leaves}
    # Relative to each gradient; to all where one is nothing but rounding (biases before a norm)
    largest = max(np.abs(theirs).max() for _, theirs in pairs.values())
    for path, (got, want) in pairs.items():
        scale = max(np.abs(want).max(), 1e-5 * largest)
        assert np.abs(got - want).max() <= 1e-9 * scale, path
    for path, buffer in net.named_buffers():  # moved by training, else left
        np.testing.assert_allclose(buffer.numpy(), w.state[path].numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", TWINS)
def test_gradients_in_float64(name):
    compare_gradients(name, training=False)


NORMED = ["vgg11_bn", "resnet18", "resnet50", "resnext50_32x4d", "resnet20", "resnet56"]
NORMED += ["mobilenet_v1", "mobilenet_v2", "densenet121", "googlenet"]


@pytest.mark.parametrize("name", NORMED)
def test_gradients_through_the_statistics_of_a_batch(name):
    compare_gradients(name, training=True)


def test_state_goes_from_modules_of_pytorch_and_back():
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(3, 64, 3, padding=1),
        torch.nn.BatchNorm2d(64),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(64, 128, 3, padding=1),
        torch.nn.BatchNorm2d(128),
    )
    ours = gg.models.vgg11_bn(CLASSES, hidden=4).features[:6]
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 10), dtype=np.float32)
    layers(torch.tensor(x))  # moves the statistics, and num_batches_tracked
    assert ours.load_state_dict(layers.state_dict()) == ([], [])
    assert "1.num_batches_tracked" in layers.state_dict()
    with torch.no_grad():
        want = layers.eval()(torch.tensor(x)).numpy()
    bound = gg.testing.tolerance(np.float32, 9 * 64 + 9 * 3) * np.abs(want).max()
    assert np.abs(ours.eval()(x).numpy() - want).max() <= bound
    ours[0].weight.assign(0.5)
    back = {name: torch.tensor(a) for name, a in ours.state_dict().items()}
    layers.load_state_dict(back)  # strict: PyTorch doesn't miss num_batches_tracked
    assert (layers[0].weight == 0.5).all()
