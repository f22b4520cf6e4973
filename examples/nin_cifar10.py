"""Network in Network learns to tell the ten classes of CIFAR-10 apart.

python examples/nin_cifar10.py --data folder/with/cifar-10-batches-bin

A step of 64 images takes about 0.8 s on two CPU cores; an epoch has 782. After the first it reads
54 % of the test images right: benchmarks/nin_cifar10.md.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import data, models, optim, training

WARM_UP = 100  # steps


def warm_up_and_cosine(steps):
    """Share of the learning rate at each step: up in a line, then down in half a cosine."""
    return lambda t: min(1, (t + 1) / WARM_UP) * (1 + math.cos(math.pi * min(t / steps, 1))) / 2


def main():
    parser = argparse.ArgumentParser(description="Train Network in Network on CIFAR-10.")
    parser.add_argument("--data", metavar="DIR", help="folder of CIFAR-10; or GPUGRAPH_DATA")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3, help="highest learning rate of Adam")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", metavar="FILE", help="written each epoch; resumed if there")
    parser.add_argument(
        "--curve", metavar="FILE", help="write the loss of each step there, as JSON"
    )
    args = parser.parse_args()

    gg.random.seed(args.seed)
    train, test = data.cifar10("train", args.data), data.cifar10("test", args.data)
    images = train.arrays[0]  # (N, 3, 32, 32)
    mean = images.mean(axis=(0, 2, 3)).reshape(3, 1, 1)
    std = images.std(axis=(0, 2, 3)).reshape(3, 1, 1)
    for dataset in (train, test):  # each channel with mean 0 and deviation 1, as in training
        x = dataset.arrays[0]
        np.subtract(x, mean, out=x)
        np.divide(x, std, out=x)

    batches = data.DataLoader(train, args.batch_size, shuffle=True)
    model = models.nin(dropout=0.0 if args.epochs == 1 else 0.5)  # one epoch can't overfit
    optimizer = optim.Adam(model.parameters(), lr=args.lr)
    losses = []

    def loss(scores, labels):
        value = F.cross_entropy(scores, labels)
        if model.training:
            losses.append(round(value.item(), 5))
        return value

    history = training.fit(
        model,
        batches,
        optimizer,
        loss=loss,
        epochs=args.epochs,
        evaluate=data.DataLoader(test, 200),
        schedule=optim.LambdaLR(optimizer, warm_up_and_cosine(args.epochs * len(batches))),
        schedule_each="batch",
        checkpoint=args.checkpoint,
        resume=True,
    )
    if args.curve:
        told = {"arguments": vars(args) | {"data": None}, "history": history.columns}
        Path(args.curve).write_text(json.dumps({**told, "losses": losses}))
    seconds = sum(history["seconds"]) / len(history)
    print(f"test accuracy {100 * history.last['test_accuracy']:.2f} %, {seconds:.1f} s per epoch")


if __name__ == "__main__":
    main()
