"""ResNet-20 learns to tell the ten classes of CIFAR-10 apart, as in the paper.

python examples/cifar10_resnet.py --data folder/with/cifar-10-batches-bin

The network and the augmentation are those of He et al. 2015, arXiv:1512.03385, section 4.2: images
shifted by up to 4 pixels and mirrored at random; SGD with momentum and weight decay. The paper
trains for 164 epochs and gets 91.25 %. Here the rate makes one cycle over however many epochs there
are (Smith & Topin 2018, arXiv:1708.07120), so that a short training ends well too: after 3 epochs
it reads 74 % of the test images right (benchmarks/cifar10_resnet.md).
"""

import argparse
import json
from pathlib import Path

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import data, models, optim, training


def main():
    parser = argparse.ArgumentParser(description="Train ResNet-20 on CIFAR-10.")
    parser.add_argument("--data", metavar="DIR", help="folder of CIFAR-10; or GPUGRAPH_DATA")
    parser.add_argument("--download", action="store_true", help="fetch CIFAR-10 if it is missing")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.1, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", metavar="FILE", help="written each epoch; resumed if there")
    parser.add_argument(
        "--curve", metavar="FILE", help="write the loss of each step there, as JSON"
    )
    args = parser.parse_args()

    gg.random.seed(args.seed)
    train = data.cifar10("train", args.data, download=args.download)
    test = data.cifar10("test", args.data)
    images = train.arrays[0]  # (N, 3, 32, 32)
    normalize = data.augment.Normalize(images.mean((0, 2, 3)), images.std((0, 2, 3)))
    augment = data.augment.Compose(
        normalize,  # first, so that the frame around an image is of the mean colour
        data.augment.RandomCrop(32, padding=4),
        data.augment.RandomHorizontalFlip(),
    )
    batches = data.DataLoader(train, args.batch_size, shuffle=True, augment=augment)
    model = models.resnet20()

    # Weight decay pulls on the convolutions and the linear layer, not on norms and biases
    large = [p for p in model.parameters() if p.ndim > 1]
    small = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": large, "weight_decay": 1e-4}, {"params": small, "weight_decay": 0.0}]
    optimizer = optim.SGD(groups, args.lr, momentum=0.9)
    steps = args.epochs * len(batches)
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
        evaluate=data.DataLoader(test, 200, augment=normalize),
        schedule=optim.OneCycleLR(optimizer, args.lr, steps),
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
