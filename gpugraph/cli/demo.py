"""``gpugraph demo``: a small convolutional network learns to read real handwritten digits."""

from __future__ import annotations

import argparse
import json
import platform
from os import PathLike
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from .. import __version__, data, optim, training, viz
from ..core.errors import ArgumentError
from ..io import write_atomically
from ..models import DigitsNet
from ..nn.functional import cross_entropy
from ..ops import random
from ..training import pictures

__all__ = ["demo"]

MADE = {
    "curves.png": "loss and accuracy, epoch by epoch",
    "confusion.png": "which digits were taken for which",
    "misread.png": "the test images it got wrong",
    "filters.png": "what the first layer looks for",
    "graph.html": "the graph of a training step, with values: open it in a browser",
    "graph.svg": "every op of one forward pass, as recorded",
    "metrics.json": "the numbers",
    "model.safetensors": "the trained weights, and all that a resume needs",
}


def demo(
    quick: bool = False,
    seed: int = 0,
    out: str | PathLike[str] = "runs",
    epochs: int | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Train on scikit-learn's digits; leave pictures, weights and numbers in a folder of `out`.

    quick     two epochs, to see that everything works
    seed      of the first weights, the order of the images and dropout
    out       the folder in which the run's own folder is made
    epochs    passes over the training images; by default 20, or 2 with quick
    progress  show a bar, and a line for each epoch
    Returns the content of metrics.json, and "folder".
    """
    epochs = epochs if epochs is not None else 2 if quick else 20
    if epochs < 1:
        raise ArgumentError(f"demo: epochs={epochs} must be at least 1")
    pictures.require()  # complain before the training, not after it
    random.seed(seed)
    train, test = data.digits("train"), data.digits("test")
    folder = Path(out) / f"digits-{'quick-' if quick else ''}seed{seed}"
    folder.mkdir(parents=True, exist_ok=True)

    start = perf_counter()
    model = DigitsNet()
    optimizer = optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    tests = data.DataLoader(test, batch_size=len(test))
    (x, y) = next(iter(tests))
    viz.of(cross_entropy(model(x), y), model=model).save(folder / "graph.svg")
    history = training.fit(
        model,
        data.DataLoader(train, batch_size=32, shuffle=True, seed=seed),
        optimizer,
        epochs=epochs,
        evaluate=tests,
        schedule=optim.CosineAnnealingLR(optimizer, T_max=epochs),
        progress=progress,
        checkpoint=folder / "model.safetensors",
    )
    seconds = perf_counter() - start

    _draw(folder, history, model, x.numpy(), y.numpy(), training.predict(model, tests))
    model.train().zero_grad()
    x, y = next(iter(data.DataLoader(test, batch_size=32)))
    with viz.record(model, stats=True, images=True, time=True) as run:
        cross_entropy(model(x), y).backward()
    run.graph.save(folder / "graph.html")
    metrics = {
        "test_accuracy": history.last["test_accuracy"],
        "test_loss": history.last["test_loss"],
        "seconds": round(seconds, 2),
        "epochs": epochs,
        "seed": seed,
        "parameters": sum(p.size for p in model.parameters()),
        "images": {"train": len(train), "test": len(test)},
        "versions": {
            "gpugraph": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "history": history.columns,
    }
    write_atomically(folder / "metrics.json", json.dumps(metrics, indent=1) + "\n")
    return {**metrics, "folder": str(folder)}


def _draw(folder: Path, history: Any, model: Any, images: Any, labels: Any, scores: Any) -> None:
    readings = scores.argmax(axis=1)  # (N, 10) -> (N,)
    filters = model.state_dict()["features.0.weight"]
    history.plot(folder / "curves.png")
    pictures.confusion(labels, readings, folder / "confusion.png")
    pictures.misread(images, labels, readings, folder / "misread.png")
    title = f"What the first layer learned: {len(filters)} filters of 3 x 3"
    pictures.filters(filters, folder / "filters.png", title)


def add_parser(commands: Any) -> None:
    """Declare the command's options; each is an argument of `demo`, too."""
    parser = commands.add_parser(
        "demo",
        help="train a small network on real handwritten digits, and look at it",
        description="Train a small convolutional network on scikit-learn's handwritten digits.",
    )
    parser.add_argument("--quick", action="store_true", help="2 epochs, to see that all works")
    parser.add_argument(
        "--seed", type=int, default=0, help="of weights, order and dropout (default: 0)"
    )
    parser.add_argument(
        "--out",
        default="runs",
        metavar="DIR",
        help="where to make the run's folder (default: runs)",
    )
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="passes over the images (default: 20, or 2)"
    )
    parser.add_argument("--json", action="store_true", help="print metrics.json and nothing else")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    metrics = demo(args.quick, args.seed, args.out, args.epochs, progress=not args.json)
    if args.json:
        print(json.dumps(metrics, indent=1))
        return
    right = f"{100 * metrics['test_accuracy']:.2f} % of {metrics['images']['test']} test images"
    print(f"\nIt reads {right} right, after {metrics['seconds']:.1f} s of training.\n")
    print(f"Look into {metrics['folder']}:")
    for name, what in MADE.items():
        print(f"  {name:<18} {what}")
    print(f"\nSee the graph: {(Path(metrics['folder']) / 'graph.html').absolute()}")
    print("\nTry next:")
    print("  gpugraph view resnet50 --open    a large one, and its backward pass")
    print("  gpugraph learn --open            play with convolution, step by step")
    print(f"  gpugraph demo --seed {metrics['seed'] + 1:<11} how much of it was luck?")
    print("  python examples/mlp.py           the training loop, written out")
    print("  python examples/lenet_mnist.py   LeNet-5 on MNIST")
    print("  python examples/my_own_op.py     an op with its gradient rule, proved to third order")
