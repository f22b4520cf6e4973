"""Every example runs as a person would run it, in small, and says what it should."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gpugraph as gg
from gpugraph import data
from gpugraph.cuda import sim

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"


def run(name, *arguments, cwd=ROOT, **environment):
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *map(str, arguments)]
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    env = {**os.environ, "PYTHONPATH": paths, **environment}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def tiny_mnist(tmp_path):
    """MNIST's files with a few images: a bright bar, whose place is the label."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for prefix, n in (("train", 400), ("t10k", 100)):
        labels = (np.arange(n) % 10).astype(np.uint8)
        images = np.random.default_rng(n).integers(0, 60, (n, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[4 + 2 * label : 6 + 2 * label, 4:24] = 250
        data.write_idx(folder / f"{prefix}-images-idx3-ubyte.gz", images)
        data.write_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", labels)
    return tmp_path


def test_every_example_is_tested():
    here = Path(__file__).read_text()
    for example in EXAMPLES.glob("*.py"):
        assert f'run("{example.name}"' in here


def test_autodiff_basics():
    out = run("autodiff_basics.py")
    assert "third derivatives  [6.0, 6.0, 6.0]" in out
    products = re.findall(r"\[850\.0, 280\.0\]", out)
    assert len(products) == 2 and "at [1.0, 1.0]" in out


def test_mlp():
    pytest.importorskip("sklearn")
    out = run("mlp.py", "--epochs", 3)
    assert float(re.findall(r"test accuracy (\S+) %", out)[-1]) > 80


def test_mlp_on_idx_files(tiny_mnist):
    out = run("mlp.py", "--data", tiny_mnist, "--epochs", 1)
    assert "Linear(784, 128)" in out and "epoch 1: " in out


def test_lenet_mnist(tiny_mnist):
    arguments = ["--data", tiny_mnist, "--batch-size", 20, "--epochs"]
    checkpoint = ["--checkpoint", tiny_mnist / "lenet.safetensors"]
    out = run("lenet_mnist.py", *arguments, 2, *checkpoint)
    assert out.count("epoch ") >= 2
    out = run("lenet_mnist.py", *arguments, 3, *checkpoint)
    assert "epoch 1/3" not in out and "epoch 3/3" in out
    assert float(re.search(r"^test accuracy (\S+) %", out, re.M)[1]) > 90


@pytest.fixture
def tiny_cifar10(tmp_path):
    """CIFAR-10's binary files with a few images: a bright bar, whose place is the label."""
    rng = np.random.default_rng(0)
    for name in (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"):
        labels = rng.integers(0, 10, 20).astype(np.uint8)
        images = rng.integers(0, 60, (20, 3, 32, 32)).astype(np.uint8)
        for image, label in zip(images, labels):
            image[label % 3, 3 * label : 3 * label + 3] = 250
        records = np.concatenate([labels[:, None], images.reshape(20, -1)], axis=1)
        (tmp_path / name).write_bytes(records.tobytes())
    return tmp_path


def test_nin_cifar10(tiny_cifar10):
    checkpoint = tiny_cifar10 / "nin.safetensors"
    out = run("nin_cifar10.py", "--data", tiny_cifar10, "--checkpoint", checkpoint)
    assert re.search(r"^test accuracy \S+ %, \S+ s per epoch", out, re.M) and checkpoint.exists()


def test_cifar10_resnet(tiny_cifar10):
    """Some steps, and on from the checkpoint: 5 batches of 20 images in an epoch."""
    arguments = ["--data", tiny_cifar10, "--batch-size", 20]
    arguments += ["--checkpoint", tiny_cifar10 / "resnet.safetensors", "--epochs"]
    out = run("cifar10_resnet.py", *arguments, 2)
    assert out.count("epoch ") >= 2
    out = run("cifar10_resnet.py", *arguments, 4)
    assert "epoch 2/4" not in out and "epoch 4/4" in out
    losses = [float(x) for x in re.findall(r"  loss (\S+)", out)]
    assert losses[-1] < 2.6  # ten classes at random: 2.30; nothing has blown up
    assert re.search(r"^test accuracy \S+ %, \S+ s per epoch", out, re.M)


def test_my_own_op():
    out = run("my_own_op.py")
    assert "passes every check" in out and "recorded as <Swish(beta=1.5)" in out


@pytest.mark.skipif(sim.why_not() is not None, reason=f"needs {sim.why_not()}")
def test_my_own_kernel():
    out = run("my_own_kernel.py")
    assert re.match(r"RMSNorm: 2 samples, .* launches .*, in float32, float64, float16, bf", out)
    assert "The planted mistake is found:\nplanted: y[0, 128] is " in out
    readme = (ROOT / "README.md").read_text()
    (quoted,) = re.findall(r"```text\n(planted: .*?)```", readme, re.DOTALL)
    assert quoted in out


def test_my_own_kernel_where_kernels_dont_run(tmp_path):
    if gg.cuda.is_available():
        pytest.skip("needs a machine without a GPU")
    out = run("my_own_kernel.py", PATH=str(tmp_path), GPUGRAPH_CPU="numpy")  # no compiler
    assert out.count("gradients to order 3; its kernel was NOT run: CuPy ") == 2
    assert out.count("there is no g++") == 2
