"""The networks of the lecture, each written beside its paper, with torchvision's names.

Functions such as ``resnet50(num_classes=1000)`` make networks with random first values. Parameters
are named as torchvision's where it has the network, so that its weights load:
``resnet50().load_state_dict(torch.load(...))``. `catalogue` knows the input of each by name.

A network without memory, to look at its costs: ``with gg.default_device("meta"): vgg16()``.
"""

from . import catalogue
from .alexnet import AlexNet, alexnet
from .densenet import DenseNet, densenet121
from .googlenet import GoogLeNet, googlenet
from .mobilenet import MobileNetV1, MobileNetV2, mobilenet_v1, mobilenet_v2
from .nin import NetworkInNetwork, nin
from .resnet import (
    ResNet,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
    resnext50_32x4d,
    resnext101_32x8d,
)
from .resnet_cifar import CifarResNet, resnet20, resnet56
from .small import MLP, DigitsNet, LeNet5
from .squeezenet import SqueezeNet, squeezenet1_0, squeezenet1_1
from .unet import UNet, unet
from .vgg import VGG, vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn

__all__ = [
    "MLP",
    "VGG",
    "AlexNet",
    "CifarResNet",
    "DenseNet",
    "DigitsNet",
    "GoogLeNet",
    "LeNet5",
    "MobileNetV1",
    "MobileNetV2",
    "NetworkInNetwork",
    "ResNet",
    "SqueezeNet",
    "UNet",
    "alexnet",
    "catalogue",
    "densenet121",
    "googlenet",
    "mobilenet_v1",
    "mobilenet_v2",
    "nin",
    "resnet18",
    "resnet20",
    "resnet34",
    "resnet50",
    "resnet56",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "squeezenet1_0",
    "squeezenet1_1",
    "unet",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]
