"""Network in Network learns to tell the ten classes of CIFAR-10 apart.

python examples/nin_cifar10.py --data folder/with/cifar-10-batches-bin

A step of 64 images takes about 0.8 s on two CPU cores; an epoch has 782. What it reaches is not
measured yet.
"""

import argparse

import numpy as np

import gpugraph as gg
from gpugraph import data, models, optim, training


def main():
    parser = argparse.ArgumentParser(description="Train Network in Network on CIFAR-10.")
    parser.add_argument("--data", metavar="DIR", help="folder of CIFAR-10; or GPUGRAPH_DATA")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=64)
    # Ten times as much, and the ReLU behind the last convolution dies: the loss stays at ln 10
    parser.add_argument("--lr", type=float, default=1e-4, help="learning rate of Adam")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", metavar="FILE", help="written each epoch; resumed if there")
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
    history = training.fit(
        model,
        batches,
        optimizer,
        epochs=args.epochs,
        evaluate=data.DataLoader(test, 200),
        schedule=optim.CosineAnnealingLR(optimizer, T_max=args.epochs),
        checkpoint=args.checkpoint,
        resume=True,
    )
    seconds = sum(history["seconds"]) / len(history)
    print(f"test accuracy {100 * history.last['test_accuracy']:.2f} %, {seconds:.1f} s per epoch")


if __name__ == "__main__":
    main()
