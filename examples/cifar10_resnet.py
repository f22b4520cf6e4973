"""ResNet-20 learns to tell the ten classes of CIFAR-10 apart, as in the paper.

python examples/cifar10_resnet.py --data folder/with/cifar-10-batches-bin

He et al. 2015, arXiv:1512.03385, section 4.2: batches of 128, shifted by up to 4 pixels and
mirrored at random; SGD with momentum and weight decay; the rate falls tenfold after half and after
three quarters of the epochs. The paper gets 91.25 %; what this program reaches is not measured yet.
"""

import argparse

import gpugraph as gg
from gpugraph import data, models, optim, training


def main():
    parser = argparse.ArgumentParser(description="Train ResNet-20 on CIFAR-10.")
    parser.add_argument("--data", metavar="DIR", help="folder of CIFAR-10; or GPUGRAPH_DATA")
    parser.add_argument("--download", action="store_true", help="fetch CIFAR-10 if it is missing")
    parser.add_argument("--epochs", type=int, default=164)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.1, help="learning rate at the start")
    parser.add_argument("--warm-up", type=int, default=1, metavar="N", help="epochs of warm-up")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", metavar="FILE", help="written each epoch; resumed if there")
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
    falls = [args.epochs // 2 - args.warm_up, args.epochs * 3 // 4 - args.warm_up]
    schedule = optim.MultiStepLR(optimizer, falls)
    if args.warm_up:
        warm_up = optim.LinearLR(optimizer, 0.1, total_iters=args.warm_up)
        schedule = optim.SequentialLR(optimizer, [warm_up, schedule], [args.warm_up])

    history = training.fit(
        model,
        batches,
        optimizer,
        epochs=args.epochs,
        evaluate=data.DataLoader(test, 200, augment=normalize),
        schedule=schedule,
        checkpoint=args.checkpoint,
        resume=True,
    )
    seconds = sum(history["seconds"]) / len(history)
    print(f"test accuracy {100 * history.last['test_accuracy']:.2f} %, {seconds:.1f} s per epoch")


if __name__ == "__main__":
    main()
