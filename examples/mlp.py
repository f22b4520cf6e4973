"""A fully connected network reads handwritten digits; the training loop is written out.

python examples/mlp.py                                 8 x 8 digits of scikit-learn, a few seconds
python examples/mlp.py --data folder/with/mnist        MNIST
"""

import argparse

import gpugraph as gg
from gpugraph import data, nn, optim
from gpugraph.nn import functional as F

parser = argparse.ArgumentParser(description="Train a fully connected network on digits.")
parser.add_argument(
    "--data", metavar="DIR", help="folder of MNIST; without it scikit-learn's digits"
)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--lr", type=float, default=2e-3, help="learning rate")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

gg.random.seed(args.seed)
read = (lambda split: data.mnist(split, args.data)) if args.data else data.digits
train = data.DataLoader(read("train"), args.batch_size, shuffle=True)
test = data.DataLoader(read("test"), 1000)

model = nn.Sequential(
    nn.Flatten(),
    nn.Linear(None, 128),  # None: as many inputs as the first batch has
    nn.ReLU(),
    nn.Linear(128, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)
model(next(iter(test))[0])  # a first batch, to make the parameters
optimizer = optim.Adam(model.parameters(), lr=args.lr)
print(model)

for epoch in range(1, args.epochs + 1):
    for x, labels in train:
        loss = F.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    right = total = 0
    with gg.no_grad():
        for x, labels in test:
            right += int((model(x).argmax(axis=1) == labels).sum())
            total += len(labels)
    print(f"epoch {epoch}: last loss {loss.item():.4f}, test accuracy {100 * right / total:.2f} %")
