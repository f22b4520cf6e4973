"""Optimizers and learning-rate schedules, with PyTorch's names, options and update rules."""

from . import lr_scheduler
from .adam import Adam, AdamW
from .cycle import OneCycleLR, ReduceLROnPlateau
from .ema import EMA
from .lamb import LAMB
from .optimizer import Optimizer
from .rmsprop import Adagrad, RMSprop
from .scaler import GradScaler
from .schedule import (
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    Schedule,
    SequentialLR,
    StepLR,
)
from .sgd import SGD

__all__ = [
    "EMA",
    "LAMB",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "GradScaler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "Optimizer",
    "PolynomialLR",
    "RMSprop",
    "ReduceLROnPlateau",
    "Schedule",
    "SequentialLR",
    "StepLR",
    "lr_scheduler",
]
