"""Optimizers and learning-rate schedules, with PyTorch's names, options and update rules."""

from .adam import Adam, AdamW
from .optimizer import Optimizer
from .schedule import CosineAnnealingLR, LambdaLR, Schedule, StepLR
from .sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "LambdaLR",
    "Optimizer",
    "Schedule",
    "StepLR",
]
