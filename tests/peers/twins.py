"""The networks once more, in PyTorch's functions, after the papers' and torchvision's tables.

A twin is a function twin(w, x, classes): `w` hands out the weights of a network by name, and holds
against each the shape that the table asks for. Nothing here imports gpugraph. No dropout.
"""

import torch
import torch.nn.functional as F

__all__ = ["TWINS", "Weights"]


class Weights:
    """The state of a network by name; tells at the end if a twin has left something unread."""

    def __init__(self, state, dtype, training=False):
        self.state = {name: torch.tensor(a, dtype=dtype) for name, a in state.items()}
        self.training, self.unread = training, set(state)
        buffers = ("running_mean", "running_var", "num_batches_tracked")
        self.leaves = {n: t for n, t in self.state.items() if not n.endswith(buffers)}
        for leaf in self.leaves.values():
            leaf.requires_grad_()

    def take(self, name, *shape):
        tensor = self.state[name]
        assert tuple(tensor.shape) == shape, f"{name} is {tuple(tensor.shape)}, not {shape}"
        self.unread.discard(name)
        return tensor

    def conv(self, name, x, filters, kernel, stride=1, padding=0, groups=1, bias=True):
        w = self.take(f"{name}.weight", filters, x.shape[1] // groups, kernel, kernel)
        b = self.take(f"{name}.bias", filters) if bias else None
        return F.conv2d(x, w, b, stride, padding, groups=groups)

    def up(self, name, x, filters):
        w = self.take(f"{name}.weight", x.shape[1], filters, 2, 2)
        return F.conv_transpose2d(x, w, self.take(f"{name}.bias", filters), stride=2)

    def linear(self, name, x, features):
        w = self.take(f"{name}.weight", features, x.shape[1])
        return F.linear(x, w, self.take(f"{name}.bias", features))

    def norm(self, name, x, eps=1e-5):
        mean, var, w, b = (
            self.take(f"{name}.{part}", x.shape[1])
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        batches = self.take(f"{name}.num_batches_tracked")
        batches += self.training
        return F.batch_norm(x, mean, var, w, b, self.training, 0.1, eps)


def means(x):
    return x.mean(dim=(2, 3))


# LeCun et al. 1998; the small networks of this package


def mlp(w, x, classes):
    x = F.relu(w.linear("layers.0", x, 64))
    return w.linear("layers.1", x, classes)


def digitsnet(w, x, classes):
    x = F.relu(w.conv("features.0", x, 16, 3, padding=1))
    x = F.relu(w.conv("features.2", x, 32, 3, padding=1))
    x = F.max_pool2d(x, 2).flatten(1)
    return w.linear("classifier.4", F.relu(w.linear("classifier.2", x, 64)), classes)


def lenet5(w, x, classes):
    x = F.max_pool2d(F.relu(w.conv("conv1", x, 6, 5, padding=2)), 2)
    x = F.max_pool2d(F.relu(w.conv("conv2", x, 16, 5)), 2).flatten(1)
    x = F.relu(w.linear("fc2", F.relu(w.linear("fc1", x, 120)), 84))
    return w.linear("fc3", x, classes)


# Lin et al. 2014, Caffe's cifar10 model; Caffe rounds the size of poolings up


def nin(w, x, classes):
    table = [
        [(0, 192, 5), (2, 160, 1), (4, 96, 1)],
        [(8, 192, 5), (10, 192, 1), (12, 192, 1)],
        [(16, 192, 3), (18, 192, 1), (20, classes, 1)],
    ]
    for number, block in enumerate(table):
        for at, filters, kernel in block:
            x = F.relu(w.conv(f"features.{at}", x, filters, kernel, padding=kernel // 2))
        if number == 0:
            x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        elif number == 1:
            x = F.avg_pool2d(x, 3, 2, ceil_mode=True)
    return means(x)


# Krizhevsky 2014


def alexnet(w, x, classes, hidden=32):
    x = F.max_pool2d(F.relu(w.conv("features.0", x, 64, 11, 4, 2)), 3, 2)
    x = F.max_pool2d(F.relu(w.conv("features.3", x, 192, 5, 1, 2)), 3, 2)
    x = F.relu(w.conv("features.6", x, 384, 3, 1, 1))
    x = F.relu(w.conv("features.8", x, 256, 3, 1, 1))
    x = F.max_pool2d(F.relu(w.conv("features.10", x, 256, 3, 1, 1)), 3, 2)
    x = F.adaptive_avg_pool2d(x, (6, 6)).flatten(1)
    x = F.relu(w.linear("classifier.1", x, hidden))
    x = F.relu(w.linear("classifier.4", x, hidden))
    return w.linear("classifier.6", x, classes)


# Simonyan & Zisserman 2015, table 1, read downwards


def vgg(column, norm=False, hidden=32):
    def twin(w, x, classes):
        at = 0
        for word in column.split():
            if word == "M":
                x = F.max_pool2d(x, 2, 2)
                at += 1
                continue
            x = w.conv(f"features.{at}", x, int(word), 3, padding=1)
            if norm:
                x = w.norm(f"features.{at + 1}", x)
            x = F.relu(x)
            at += 3 if norm else 2
        x = F.adaptive_avg_pool2d(x, (7, 7)).flatten(1)
        x = F.relu(w.linear("classifier.0", x, hidden))
        x = F.relu(w.linear("classifier.3", x, hidden))
        return w.linear("classifier.6", x, classes)

    return twin


A = "64 M 128 M 256 256 M 512 512 M 512 512 M"
B = "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M"
D = "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M"
E = "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M"


# He et al. 2016, table 1; Xie et al. 2017, table 1. The 3x3 has the stride.


def resnet(depths, inner=None, groups=1):
    """inner: channels of the 3x3 convolutions, stage by stage; None: basic blocks."""

    def block(w, at, x, stage, stride):
        def unit(number, x, filters, kernel, stride=1, groups=1):
            x = w.conv(
                f"{at}.conv{number}", x, filters, kernel, stride, kernel // 2, groups, bias=False
            )
            return w.norm(f"{at}.bn{number}", x)

        if inner is None:
            after = (64, 128, 256, 512)[stage]
            y = unit(2, F.relu(unit(1, x, after, 3, stride)), after, 3)
        else:
            after = (256, 512, 1024, 2048)[stage]
            y = F.relu(unit(1, x, inner[stage], 1))
            y = F.relu(unit(2, y, inner[stage], 3, stride, groups))
            y = unit(3, y, after, 1)
        if f"{at}.downsample.0.weight" in w.state:
            x = w.conv(f"{at}.downsample.0", x, after, 1, stride, bias=False)
            x = w.norm(f"{at}.downsample.1", x)
        return F.relu(x + y)

    def twin(w, x, classes):
        x = F.relu(w.norm("bn1", w.conv("conv1", x, 64, 7, 2, 3, bias=False)))
        x = F.max_pool2d(x, 3, 2, 1)
        for stage, depth in enumerate(depths):
            for number in range(depth):
                halves = number == 0 and stage > 0
                x = block(w, f"layer{stage + 1}.{number}", x, stage, 2 if halves else 1)
        return w.linear("fc", means(x), classes)

    return twin


# He et al. 2016, section 4.2, option A


def resnet_cifar(n):
    def twin(w, x, classes):
        x = F.relu(w.norm("bn1", w.conv("conv1", x, 16, 3, 1, 1, bias=False)))
        for stage, after in ((1, 16), (2, 32), (3, 64)):
            for number in range(n):
                at, stride = f"layer{stage}.{number}", 2 if number == 0 and stage > 1 else 1
                y = F.relu(
                    w.norm(f"{at}.bn1", w.conv(f"{at}.conv1", x, after, 3, stride, 1, bias=False))
                )
                y = w.norm(f"{at}.bn2", w.conv(f"{at}.conv2", y, after, 3, 1, 1, bias=False))
                if stride == 2:
                    every_second = F.max_pool2d(x, 1, 2)
                    nothing = torch.zeros_like(every_second[:, : after // 4])
                    x = torch.cat([nothing, every_second, nothing], 1)
                x = F.relu(x + y)
        return w.linear("fc", means(x), classes)

    return twin


# Howard et al. 2017, table 1


def mobilenet_v1(w, x, classes):
    def unit(at, x, filters, kernel, stride=1, groups=1):
        x = w.conv(f"{at}.0", x, filters, kernel, stride, kernel // 2, groups, bias=False)
        return F.relu(w.norm(f"{at}.1", x))

    x = unit("features.0", x, 32, 3, 2)
    widths = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
    for number, width in enumerate(widths, 1):
        stride = 2 if number in (2, 4, 6, 12) else 1
        x = unit(f"features.{number}.0", x, x.shape[1], 3, stride, groups=x.shape[1])
        x = unit(f"features.{number}.1", x, width, 1)
    return w.linear("classifier", means(x), classes)


# Sandler et al. 2018, table 2: t, c, n, s


def mobilenet_v2(w, x, classes):
    table = """
    1  16 1 1
    6  24 2 2
    6  32 3 2
    6  64 4 2
    6  96 3 1
    6 160 3 2
    6 320 1 1
    """

    def unit(conv, norm, x, filters, kernel, stride=1, groups=1):
        x = w.conv(conv, x, filters, kernel, stride, kernel // 2, groups, bias=False)
        return w.norm(norm, x)

    def relu6(x):
        return F.hardtanh(x, 0.0, 6.0)

    x = relu6(unit("features.0.0", "features.0.1", x, 32, 3, 2))
    number = 0
    for row in table.strip().splitlines():
        t, c, n, s = map(int, row.split())
        for i in range(n):
            number += 1
            at, y, wide, k = f"features.{number}.conv", x, t * x.shape[1], 0
            if t > 1:
                y, k = relu6(unit(f"{at}.0.0", f"{at}.0.1", y, wide, 1)), 1
            y = relu6(unit(f"{at}.{k}.0", f"{at}.{k}.1", y, wide, 3, s if i == 0 else 1, wide))
            y = unit(f"{at}.{k + 1}", f"{at}.{k + 2}", y, c, 1)
            x = x + y if i else y
    x = relu6(unit("features.18.0", "features.18.1", x, 1280, 1))
    return w.linear("classifier.1", means(x), classes)


# Iandola et al. 2016, table 1: where each Fire module and each pooling is; s1x1 and e1x1 = e3x3


def squeezenet(stem, kernel, order):
    def twin(w, x, classes):
        x = F.relu(w.conv("features.0", x, stem, kernel, 2))
        fires = iter(
            [(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)]
        )
        for at, kind in enumerate(order, 2):
            if kind == "P":
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
                continue
            squeeze, expand = next(fires)
            x = F.relu(w.conv(f"features.{at}.squeeze", x, squeeze, 1))
            one = w.conv(f"features.{at}.expand1x1", x, expand, 1)
            three = w.conv(f"features.{at}.expand3x3", x, expand, 3, padding=1)
            x = F.relu(torch.cat([one, three], 1))
        return means(F.relu(w.conv("classifier.1", x, classes, 1)))

    return twin


# Huang et al. 2017, table 1, DenseNet-121: k = 32


def densenet121(w, x, classes):
    x = w.conv("features.conv0", x, 64, 7, 2, 3, bias=False)
    x = F.max_pool2d(F.relu(w.norm("features.norm0", x)), 3, 2, 1)
    for block, (depth, after) in enumerate([(6, 128), (12, 256), (24, 512), (16, None)], 1):
        pieces = [x]
        for number in range(1, depth + 1):
            at = f"features.denseblock{block}.denselayer{number}"
            y = F.relu(w.norm(f"{at}.norm1", torch.cat(pieces, 1)))
            y = F.relu(w.norm(f"{at}.norm2", w.conv(f"{at}.conv1", y, 128, 1, bias=False)))
            pieces.append(w.conv(f"{at}.conv2", y, 32, 3, 1, 1, bias=False))
        x = torch.cat(pieces, 1)
        if after:
            at = f"features.transition{block}"
            x = w.conv(f"{at}.conv", F.relu(w.norm(f"{at}.norm", x)), after, 1, bias=False)
            x = F.avg_pool2d(x, 2)
    return w.linear("classifier", means(F.relu(w.norm("features.norm5", x))), classes)


# Szegedy et al. 2015, table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj


def googlenet(w, x, classes):
    table = """
    3a  64  96 128 16  32  32
    3b 128 128 192 32  96  64
    P3
    4a 192  96 208 16  48  64
    4b 160 112 224 24  64  64
    4c 128 128 256 24  64  64
    4d 112 144 288 32  64  64
    4e 256 160 320 32 128 128
    P2
    5a 256 160 320 32 128 128
    5b 384 192 384 48 128 128
    """

    def unit(at, x, filters, kernel, stride=1):
        x = w.conv(f"{at}.conv", x, filters, kernel, stride, kernel // 2, bias=False)
        return F.relu(w.norm(f"{at}.bn", x, eps=0.001))

    def pool(x, size):
        return F.max_pool2d(x, size, 2, ceil_mode=True)

    x = pool(unit("conv1", x, 64, 7, 2), 3)
    x = pool(unit("conv3", unit("conv2", x, 64, 1), 192, 3), 3)
    for row in table.strip().splitlines():
        name, *numbers = row.split()
        if name[0] == "P":
            x = pool(x, int(name[1]))
            continue
        one, reduce3, three, reduce5, five, proj = map(int, numbers)
        at = f"inception{name}"
        x = torch.cat(
            [
                unit(f"{at}.branch1", x, one, 1),
                unit(f"{at}.branch2.1", unit(f"{at}.branch2.0", x, reduce3, 1), three, 3),
                unit(f"{at}.branch3.1", unit(f"{at}.branch3.0", x, reduce5, 1), five, 3),
                unit(f"{at}.branch4.1", F.max_pool2d(x, 3, 1, 1), proj, 1),
            ],
            1,
        )
    return w.linear("fc", means(x), classes)


# Ronneberger et al. 2015, figure 1


def unet(padding):
    def twin(w, x, classes):
        def double(at, x, filters):
            x = F.relu(w.conv(f"{at}.conv1", x, filters, 3, padding=padding))
            return F.relu(w.conv(f"{at}.conv2", x, filters, 3, padding=padding))

        a = double("down.0", x, 64)
        b = double("down.1", F.max_pool2d(a, 2), 128)
        c = double("down.2", F.max_pool2d(b, 2), 256)
        d = double("down.3", F.max_pool2d(c, 2), 512)
        x = double("down.4", F.max_pool2d(d, 2), 1024)
        for number, (left, filters) in enumerate([(d, 512), (c, 256), (b, 128), (a, 64)]):
            x = w.up(f"up.{number}", x, filters)
            rows, columns = left.shape[2] - x.shape[2], left.shape[3] - x.shape[3]
            frame = (-(columns // 2), -(columns // 2), -(rows // 2), -(rows // 2))
            x = double(f"merge.{number}", torch.cat([F.pad(left, frame), x], 1), filters)
        return w.conv("head", x, classes, 1)

    return twin


TWINS = {
    "mlp": mlp,
    "digitsnet": digitsnet,
    "lenet5": lenet5,
    "nin": nin,
    "alexnet": alexnet,
    **{f"vgg{n}": vgg(column) for n, column in ((11, A), (13, B), (16, D), (19, E))},
    **{f"vgg{n}_bn": vgg(column, True) for n, column in ((11, A), (13, B), (16, D), (19, E))},
    "resnet18": resnet((2, 2, 2, 2)),
    "resnet34": resnet((3, 4, 6, 3)),
    "resnet50": resnet((3, 4, 6, 3), (64, 128, 256, 512)),
    "resnet101": resnet((3, 4, 23, 3), (64, 128, 256, 512)),
    "resnet152": resnet((3, 8, 36, 3), (64, 128, 256, 512)),
    "resnext50_32x4d": resnet((3, 4, 6, 3), (128, 256, 512, 1024), 32),
    "resnext101_32x8d": resnet((3, 4, 23, 3), (256, 512, 1024, 2048), 32),
    "resnet20": resnet_cifar(3),
    "resnet56": resnet_cifar(9),
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v2": mobilenet_v2,
    "squeezenet1_0": squeezenet(96, 7, "PFFFPFFFFPF"),
    "squeezenet1_1": squeezenet(64, 3, "PFFPFFPFFFF"),
    "densenet121": densenet121,
    "googlenet": googlenet,
    "unet": unet(0),
    "unet padded": unet(1),
}
