"""LeNet-5 learns to read MNIST on the CPU.

python examples/lenet_mnist.py --data folder/with/mnist

The network is a Python function of its input: what runs is what is recorded, so a loop or an `if`
in `forward` is all it takes to change the graph from one batch to the next.
"""

import argparse

import gpugraph as gg
from gpugraph import data, nn, optim, training
from gpugraph.nn import functional as F


class LeNet5(nn.Module):
    """LeCun, Bottou, Bengio, Haffner 1998, with ReLU and max pooling: (N, 1, 28, 28) -> (N, 10)."""

    def __init__(self):
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        """Scores of the ten digits."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # -> (N, 6, 14, 14)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # -> (N, 16, 5, 5)
        x = F.relu(self.fc1(x.flatten(1)))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def main():
    parser = argparse.ArgumentParser(description="Train LeNet-5 on MNIST.")
    parser.add_argument("--data", metavar="DIR", help="folder that holds mnist/; or GPUGRAPH_DATA")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", metavar="FILE", help="written each epoch; resumed if there")
    args = parser.parse_args()

    gg.random.seed(args.seed)
    train = data.DataLoader(data.mnist("train", args.data), args.batch_size, shuffle=True)
    test = data.DataLoader(data.mnist("test", args.data), 500)

    model = LeNet5()
    optimizer = optim.Adam(model.parameters(), lr=2e-3)
    history = training.fit(
        model,
        train,
        optimizer,
        epochs=args.epochs,
        evaluate=test,
        schedule=optim.CosineAnnealingLR(optimizer, T_max=args.epochs),
        checkpoint=args.checkpoint,
        resume=True,
    )
    seconds = sum(history["seconds"]) / len(history)
    print(f"test accuracy {100 * history.last['test_accuracy']:.2f} %, {seconds:.1f} s per epoch")


if __name__ == "__main__":
    main()
