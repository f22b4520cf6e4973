"""Optimizers and learning-rate schedules, with PyTorch's names, options and update rules."""

from ..core.guard import guard as _guard
from . import lr_scheduler
from .adam import Adam, AdamW
from .adaptive import Adadelta, Adamax, NAdam, RAdam, Rprop
from .cycle import CyclicLR, OneCycleLR, ReduceLROnPlateau
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
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    Schedule,
    StepLR,
)
from .sgd import SGD
from .together import ChainedScheduler, SequentialLR

__all__ = [
    "EMA",
    "LAMB",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "GradScaler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "NAdam",
    "OneCycleLR",
    "Optimizer",
    "PolynomialLR",
    "RAdam",
    "RMSprop",
    "ReduceLROnPlateau",
    "Rprop",
    "Schedule",
    "SequentialLR",
    "StepLR",
    "lr_scheduler",
]

_guard(globals(), __all__)
