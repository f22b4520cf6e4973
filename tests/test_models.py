"""The networks: parameters and multiply-adds as published, names as torchvision's, shapes, steps.

Whether they compute what the papers say is judged by twins in PyTorch: tests/peers/.
"""

import re
from math import prod

import numpy as np
import pytest

import gpugraph as gg
from gpugraph import models, nn
from gpugraph.core.op import Spec
from gpugraph.models.catalogue import NETWORKS, network
from gpugraph.models.resnet import BasicBlock, Bottleneck
from gpugraph.nn import functional as F


def shapes_only(make, *args, **options):
    """A network without memory."""
    with gg.default_device("meta"):
        return make(*args, **options).eval()


def run(net, *shape):
    """The shape of its output for an input of that shape."""
    return net(gg.zeros(shape, device="meta")).shape


def multiply_adds(net, *shape):
    """Of every conv and linear layer, without bias: what the recorded ops themselves tell."""
    total, seen = 0, set()
    stack = [net(gg.zeros(shape, device="meta")).node]
    while stack:
        node = stack.pop()
        if node in seen or node.op is None:
            continue
        seen.add(node)
        specs = [None if s is None else Spec(*s) for s in node.in_specs]
        total += node.op.cost(*specs).macs or 0
        stack += [edge[0] for edge in node.parents if edge is not None]
    return total


# Published figures

# From torchvision's pages of each network ("num_params").
PARAMETERS = {
    "alexnet": 61_100_840,
    "vgg11": 132_863_336,
    "vgg11_bn": 132_868_840,
    "vgg13": 133_047_848,
    "vgg13_bn": 133_053_736,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "vgg19": 143_667_240,
    "vgg19_bn": 143_678_248,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnext50_32x4d": 25_028_904,
    "resnext101_32x8d": 88_791_336,
    "mobilenet_v2": 3_504_872,
    "squeezenet1_0": 1_248_424,
    "squeezenet1_1": 1_235_496,
    "densenet121": 7_978_856,
    "googlenet": 6_624_904,
}
PARAMETERS |= {
    "mobilenet_v1": 4_231_976,  # Keras: 4,253,864 with the 21,888 running statistics
    "nin": 966_986,  # Caffe's model zoo: the sum over its nine convolutions
    "resnet20": 269_722,  # He et al., table 6: 0.27 M and 0.85 M
    "resnet56": 853_018,
    "lenet5": 61_706,
    "mlp": 784 * 64 + 64 + 64 * 10 + 10,
    "digitsnet": 160 + 4640 + 512 * 64 + 64 + 650,
    # double convolutions down and up with transposed ones between, and the last 1x1
    "unet": sum(
        9 * a * b + b + 9 * b * b + b
        for a, b in ((1, 64), (64, 128), (128, 256), (256, 512), (512, 1024))
    )
    + sum(8 * c * c + c + 18 * c * c + c + 9 * c * c + c for c in (512, 256, 128, 64))
    + 130,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_as_published(name):
    net = shapes_only(network(name).make)
    assert sum(p.size for p in net.parameters()) == PARAMETERS[name]


# G multiply-adds of conv and linear layers for one image of 224 x 224, to the digits given:
# torchvision's pages ("GFLOPS", which counts multiply-adds).
GIGA_MACS = {
    "alexnet": "0.714",
    "vgg11": "7.61",
    "vgg13": "11.31",
    "vgg16": "15.47",
    "vgg19": "19.63",
    "vgg16_bn": "15.47",
    "resnet18": "1.814",
    "resnet34": "3.66",
    "resnet50": "4.089",
    "resnet101": "7.80",
    "resnet152": "11.51",
    "resnext50_32x4d": "4.23",
    "resnext101_32x8d": "16.41",
    "mobilenet_v2": "0.30",
    "squeezenet1_0": "0.82",
    "squeezenet1_1": "0.349",
    "densenet121": "2.834",
    "googlenet": "1.498",
}


@pytest.mark.parametrize("name", GIGA_MACS)
def test_multiply_adds_as_published(name):
    told = GIGA_MACS[name]
    macs = multiply_adds(shapes_only(network(name).make), 1, 3, 224, 224)
    assert f"{macs / 1e9:.{len(told.partition('.')[2])}f}" == told


def test_mobilenet_v1_exactly():
    net = shapes_only(models.mobilenet_v1)
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert len(convs) == 27 and sum(m.weight.size for m in convs) == 3_185_088
    assert multiply_adds(net, 1, 3, 224, 224) == 567_716_352 + 1024 * 1000


@pytest.mark.parametrize(
    "width, side, millions, parameters",
    [  # Howard et al. 2017, tables 6 and 7; in millions, which are rounded down
        (0.75, 224, 325, 2.6),
        (0.5, 224, 149, 1.3),
        (0.25, 224, 41, 0.5),
        (1.0, 192, 418, 4.2),
        (1.0, 160, 290, 4.2),
        (1.0, 128, 186, 4.2),
    ],
)
def test_multipliers_of_mobilenet_v1(width, side, millions, parameters):
    net = shapes_only(models.mobilenet_v1, width=width)
    assert multiply_adds(net, 1, 3, side, side) // 10**6 == millions
    assert round(sum(p.size for p in net.parameters()) / 1e6, 1) == parameters


@pytest.mark.parametrize(
    "width, side, millions, parameters",
    [  # the authors' table (TensorFlow's page of mobilenet_v2): in millions, rounded down;
        (1.4, 224, 582, 6.06),  # its parameters are those without batch norm
        (1.3, 224, 509, 5.34),
        (1.0, 224, 300, 3.47),
        (1.0, 160, 154, 3.47),
        (1.0, 96, 56, 3.47),
        (0.75, 224, 209, 2.61),
    ],
)
def test_multipliers_of_mobilenet_v2(width, side, millions, parameters):
    net = shapes_only(models.mobilenet_v2, width=width)
    assert multiply_adds(net, 1, 3, side, side) // 10**6 == millions
    layers = [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    count = sum(p.size for m in layers for p in m.parameters())
    assert count / 1e6 == pytest.approx(parameters, abs=0.01)


def test_cifar_networks_and_lenet():
    # 3x3 convolutions: the first, then 2 n in each stage; every stage costs the same but for its
    # first layer, which reads half the channels
    for n, make in ((3, models.resnet20), (9, models.resnet56)):
        stage = 32 * 32 * 9 * 16 * 16
        want = 32 * 32 * 9 * 3 * 16 + 3 * 2 * n * stage - 2 * stage // 2 + 640
        assert multiply_adds(shapes_only(make), 1, 3, 32, 32) == want
    assert multiply_adds(shapes_only(models.LeNet5), 1, 1, 28, 28) == (
        28**2 * 25 * 6 + 10**2 * 25 * 6 * 16 + 400 * 120 + 120 * 84 + 84 * 10
    )


def test_unet_of_the_paper():
    net = shapes_only(models.unet)
    assert run(net, 1, 1, 572, 572) == (1, 2, 388, 388)
    assert sum(isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)) for m in net.modules()) == 23


# Names

NORM = "(weight|bias|running_mean|running_var|num_batches_tracked)"
DOWNSAMPLE = rf"downsample\.(0\.weight|1\.{NORM})"
# torchvision's, as patterns; and how many there are, without num_batches_tracked
STATE = {
    "alexnet": (r"(features\.(0|3|6|8|10)|classifier\.(1|4|6))\.(weight|bias)", 16),
    "vgg11": (r"(features\.(0|3|6|8|11|13|16|18)|classifier\.(0|3|6))\.(weight|bias)", 22),
    "vgg16": (
        r"(features\.(0|2|5|7|10|12|14|17|19|21|24|26|28)|classifier\.(0|3|6))\.(weight|bias)",
        32,
    ),
    "vgg11_bn": (
        r"(features\.(0|4|8|11|15|18|22|25)|classifier\.(0|3|6))\.(weight|bias)"
        rf"|features\.(1|5|9|12|16|19|23|26)\.{NORM}",
        54,
    ),
    "resnet18": (
        rf"conv1\.weight|bn1\.{NORM}|layer[1-4]\.[01]\.(conv[12]\.weight|bn[12]\.{NORM})"
        rf"|layer[2-4]\.0\.{DOWNSAMPLE}|fc\.(weight|bias)",
        5 + 8 * 10 + 3 * 5 + 2,
    ),
    "resnet50": (
        rf"conv1\.weight|bn1\.{NORM}|layer[1-4]\.[0-5]\.(conv[123]\.weight|bn[123]\.{NORM})"
        rf"|layer[1-4]\.0\.{DOWNSAMPLE}|fc\.(weight|bias)",
        5 + 16 * 15 + 4 * 5 + 2,
    ),
    "squeezenet1_1": (
        r"features\.0\.(weight|bias)|classifier\.1\.(weight|bias)"
        r"|features\.(3|4|6|7|9|10|11|12)\.(squeeze|expand1x1|expand3x3)\.(weight|bias)",
        4 + 8 * 6,
    ),
    "squeezenet1_0": (
        r"features\.0\.(weight|bias)|classifier\.1\.(weight|bias)"
        r"|features\.(3|4|5|7|8|9|10|12)\.(squeeze|expand1x1|expand3x3)\.(weight|bias)",
        4 + 8 * 6,
    ),
    "mobilenet_v2": (
        rf"features\.(0|18)\.(0\.weight|1\.{NORM})|classifier\.1\.(weight|bias)"
        rf"|features\.1\.conv\.(0\.0\.weight|0\.1\.{NORM}|1\.weight|2\.{NORM})"
        rf"|features\.([2-9]|1[0-7])\.conv\.([01]\.0\.weight|[01]\.1\.{NORM}|2\.weight|3\.{NORM})",
        10 + 10 + 16 * 15 + 2,
    ),
    "densenet121": (
        rf"features\.(conv0\.weight|(norm0|norm5)\.{NORM})|classifier\.(weight|bias)"
        rf"|features\.denseblock[1-4]\.denselayer([1-9]|1\d|2[0-4])"
        rf"\.(conv[12]\.weight|norm[12]\.{NORM})"
        rf"|features\.transition[123]\.(conv\.weight|norm\.{NORM})",
        1 + 8 + 58 * 10 + 3 * 5 + 2,
    ),
    "googlenet": (
        rf"(conv[123]|inception(3[ab]|4[a-e]|5[ab])\.(branch1|branch[23]\.[01]|branch4\.1))"
        rf"\.(conv\.weight|bn\.{NORM})|fc\.(weight|bias)",
        (3 + 9 * 6) * 5 + 2,
    ),
}
STATE["resnext50_32x4d"] = STATE["resnet50"]
STATE["resnet34"] = (STATE["resnet18"][0].replace("[01]", "[0-5]"), 5 + 16 * 10 + 3 * 5 + 2)


def names(net):
    return [*(n for n, _ in net.named_parameters()), *(n for n, _ in net.named_buffers())]


@pytest.mark.parametrize("name", STATE)
def test_state_has_torchvisions_names(name):
    pattern, count = STATE[name]
    told = names(shapes_only(network(name).make))
    assert not [n for n in told if not re.fullmatch(pattern, n)]
    assert len([n for n in told if not n.endswith("num_batches_tracked")]) == count


# Shapes

SIZES = {  # the smallest that each takes, and others that aren't made for it
    "alexnet": [(63, 63), (64, 90)],
    "vgg11": [(32, 32), (45, 70)],
    "resnet18": [(1, 1), (33, 40)],
    "resnext50_32x4d": [(33, 40)],
    "mobilenet_v1": [(1, 1), (33, 40)],
    "mobilenet_v2": [(1, 1), (33, 40)],
    "squeezenet1_0": [(21, 21), (33, 40)],
    "squeezenet1_1": [(17, 17), (33, 40)],
    "densenet121": [(29, 29), (33, 40)],
    "googlenet": [(15, 15), (33, 40)],
    "nin": [(5, 5), (32, 32)],
    "resnet20": [(1, 1), (9, 12)],
}


@pytest.mark.parametrize("name", SIZES)
def test_images_of_other_sizes(name):
    net = shapes_only(network(name).make, num_classes=7)
    for batch, (height, width) in enumerate(SIZES[name], 1):
        assert run(net, batch, 3, height, width) == (batch, 7)


def test_stages_have_the_shapes_of_the_papers():
    net = shapes_only(models.resnet50)
    x = gg.zeros((2, 3, 224, 224), device="meta")
    x = net.maxpool(net.conv1(x))
    seen = [x.shape[1:]]
    for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
        x = stage(x)
        seen.append(x.shape[1:])
    assert seen == [(64, 56, 56), (256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 7, 7)]
    net = shapes_only(models.googlenet)
    x = net.maxpool2(
        net.conv3(net.conv2(net.maxpool1(net.conv1(gg.zeros((1, 3, 224, 224), device="meta")))))
    )
    assert x.shape == (1, 192, 28, 28)  # Szegedy et al., table 1
    assert net.inception3b(net.inception3a(x)).shape == (1, 480, 28, 28)


def test_unet_sizes():
    padded = shapes_only(models.unet, 3, 5, width=8, padding=1)
    assert run(padded, 2, 3, 16, 48) == (2, 5, 16, 48)
    assert run(shapes_only(models.unet, width=8, levels=1), 1, 1, 20, 22) == (1, 2, 4, 6)
    with pytest.raises(
        gg.ShapeError, match="unet: level 2 has images of 9 x 8, .* multiples of 16"
    ):
        padded(gg.zeros((1, 3, 18, 16), device="meta"))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_catalogue_knows_an_input_of_each(name):
    kind = network(name)
    net = shapes_only(kind.make)
    for shape in (kind.image, kind.tiny):
        assert run(net, 2, *shape)[0] == 2
    assert prod(kind.tiny) <= prod(kind.image)


def test_the_catalogue_is_complete():
    made = {n for n in models.__all__ if n[0].islower()} - {"catalogue"}
    assert made | {"mlp", "digitsnet", "lenet5"} == set(NETWORKS)
    with pytest.raises(gg.ArgumentError, match="models: no network 'resnet51'; there are mlp, "):
        network("resnet51")


# Wrong use


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda: models.resnet18(0), "Linear: out_features=0; wanted an int of at least 1"),
        (lambda: models.squeezenet1_1(-1), "Conv2d: out_channels=-1; wanted an int of at least 1"),
        (
            lambda: models.mobilenet_v1(width=0.01),
            "mobilenet_v1: width=0.01 leaves 0 of 32 channels",
        ),
        (lambda: models.mobilenet_v2(width=0), "mobilenet_v2: width=0 must be above 0"),
        (lambda: models.CifarResNet(21), "depth=21 must be 6 n .* 2, such as 20 or 56"),
        (lambda: models.CifarResNet(2), "depth=2 must be 6 n .* 2"),
        (lambda: models.unet(padding=2), "unet: padding=2 must be 0 or 1"),
        (lambda: models.unet(levels=0), "levels=0 at least 1"),
    ],
)
def test_bad_arguments(make, told):
    with gg.default_device("meta"), pytest.raises(gg.ArgumentError, match=told):
        make()


def test_an_image_that_is_too_small_is_told_with_its_place():
    net = shapes_only(models.alexnet)
    with pytest.raises(gg.ShapeError, match=r"features\.\d+ \(MaxPool2d\)"):
        run(net, 1, 3, 32, 32)
    with pytest.raises(gg.ShapeError, match=r"conv1 \(Conv2d\): conv2d: x has 4 channels"):
        run(shapes_only(models.resnet18), 1, 4, 64, 64)


# Learning

TINY = {  # of every family, all of its parts but as small as they get
    "alexnet": (lambda: models.AlexNet(5, hidden=12), (3, 63, 63)),
    "vgg": (lambda: models.VGG((1, 1, 1, 1, 1), 5, norm=True, hidden=12), (3, 32, 32)),
    "resnet": (lambda: models.ResNet(BasicBlock, (1, 1, 1, 1), 5), (3, 33, 40)),
    "resnext": (
        lambda: models.ResNet(Bottleneck, (1, 1, 1, 1), 5, groups=32, width_per_group=4),
        (3, 33, 40),
    ),
    "mobilenet_v1": (lambda: models.mobilenet_v1(5, width=0.25), (3, 33, 40)),
    "mobilenet_v2": (lambda: models.mobilenet_v2(5, width=0.25), (3, 33, 40)),
    "squeezenet": (lambda: models.squeezenet1_1(5), (3, 33, 40)),
    "densenet": (lambda: models.DenseNet(8, (2, 2), 5), (3, 33, 40)),
    "googlenet": (lambda: models.googlenet(5), (3, 33, 40)),
    "nin": (lambda: models.nin(5), (3, 12, 12)),
    "resnet_cifar": (lambda: models.CifarResNet(8, 5), (3, 12, 12)),
    "unet": (lambda: models.unet(1, 5, width=4, levels=2, padding=1), (1, 12, 16)),
}


@pytest.mark.parametrize("name", TINY)
def test_a_training_step_lowers_the_loss_as_its_gradients_tell(name):
    gg.random.seed(1)
    make, shape = TINY[name]
    net = make().astype(gg.float64)
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    x = np.random.default_rng(0).standard_normal((3, *shape))

    def loss():
        scores = net(x)
        if name == "unet":  # (N, classes, H, W) -> (N H W, classes)
            scores = gg.permute_dims(scores, (0, 2, 3, 1)).reshape(-1, 5)
        return F.cross_entropy(scores, np.arange(scores.shape[0]) % 5)

    before = net.state_dict()
    first = loss()
    first.backward()
    slope = sum((p.grad.numpy() ** 2).sum() for p in net.parameters())  # none is None
    fall = 1e-7
    gg.optim.SGD(net.parameters(), lr=fall / slope).step()
    assert first.item() - loss().item() == pytest.approx(fall, rel=0.05)
    still = [n for n, v in net.state_dict().items() if np.array_equal(v, before[n])]
    assert not still


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "densenet121", "googlenet"])
def test_first_values_keep_the_size_of_activations(name):
    """Scores of an untrained network are neither nothing nor huge, and parameters differ."""
    gg.random.seed(0)
    net = network(name).make(num_classes=10)
    x = np.random.default_rng(0).standard_normal((4, 3, 64, 64), dtype=np.float32)
    with gg.no_grad():
        scores = net(x).numpy()
    assert 1e-3 < scores.std() < 30
