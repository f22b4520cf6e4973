"""Small networks to start from."""

from .small import MLP, DigitsNet, LeNet5

__all__ = ["MLP", "DigitsNet", "LeNet5"]
