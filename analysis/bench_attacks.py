"""PGD-10 against torchattacks, on the same images in the same run, values compared.

    python analysis/bench_attacks.py --n 256
    python analysis/bench_attacks.py --n 256 --net resnet20

`--net resnet20` is a plain CIFAR ResNet-20 with random weights, measured in place of the bundled
network: what the preparation of a model gains depends on the model.  At the default budget of 8/255
hardly an image survives, so robust accuracies are compared once more at 2/255.

torchattacks gets the model as a user has it, normalisation included, in one batch and in
batches of 32 to 256; ours gets the same module through `Classifier`.  Both start at the image (no
random start), so that pixels can be compared.  A last row takes our gradients in bfloat16
(`--precision bfloat16`): faster where the processor knows it, with other pixels.  Runs of the
contestants take turns, so that a busy machine slows all of them; medians are shown.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from docs_numbers import ROOT, markdown, write_numbers
from torch import nn

from spatialstats.attacks import PgdLinf, run_attack
from spatialstats.data.cifar import load_cifar10
from spatialstats.models import Classifier, list_models
from spatialstats.models.cifar_net import CifarNet
from spatialstats.models.registry import CIFAR10_MEAN, CIFAR10_STD, WEIGHTS
from spatialstats.models.weights_file import load_weights

PAGE, COMMAND = ROOT / "docs" / "speed.md", "python analysis/bench_attacks.py --n 256 --docs"
STEPS, WEAK = 10, 2 / 255
SIZES = (32, 64, 128, 256)
OURS, NARROW = "spatialstats", "spatialstats, gradients in bfloat16"


class Normalised(nn.Module):
    """A network with its normalisation in front, as torchattacks wants it."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("mean", torch.tensor(CIFAR10_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(CIFAR10_STD).view(1, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.net((x - self.mean) / self.std)
        return found


def contestants(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, batch_size: int, epsilon: float
) -> dict[str, Callable[[], npt.NDArray[np.float32]]]:
    """Functions that make the adversarial images of `x`, by name."""
    import torchattacks

    theirs = torchattacks.PGD(Normalised(net).eval(), epsilon, epsilon / 4, STEPS, random_start=False)
    classifiers = {
        name: Classifier(net, CIFAR10_MEAN, CIFAR10_STD, batch_size=batch_size, precision=precision)
        for name, precision in ((OURS, "float32"), (NARROW, "bfloat16"))
    }
    attack = PgdLinf(epsilon, STEPS, epsilon / 4, random_start=False)

    def in_batches(size: int) -> Callable[[], npt.NDArray[np.float32]]:
        def run() -> npt.NDArray[np.float32]:
            parts = zip(x.split(size), y.split(size), strict=True)
            found: npt.NDArray[np.float32] = torch.cat([theirs(a, b) for a, b in parts]).numpy()
            return found

        return run

    made = {f"torchattacks, batches of {size}": in_batches(size) for size in SIZES if size < len(x)}
    made["torchattacks, one batch"] = in_batches(len(x))

    def ours(name: str) -> Callable[[], npt.NDArray[np.float32]]:
        return lambda: run_attack(attack, classifiers[name], x, y, seed=0).x_adv

    return made | {name: ours(name) for name in classifiers}


def measure(
    runs: dict[str, Callable[[], npt.NDArray[np.float32]]], repeats: int, clock: Callable[[], float]
) -> tuple[dict[str, float], dict[str, npt.NDArray[np.float32]]]:
    """Median seconds and results, after one run of each to warm up."""
    results = {name: run() for name, run in runs.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            began = clock()
            run()
            times[name].append(clock() - began)
    return {name: statistics.median(values) for name, values in times.items()}, results


class Block(nn.Module):
    """Two convolutions with batch norm beside an identity that is strided and padded (option A)."""

    def __init__(self, entering: int, leaving: int) -> None:
        super().__init__()
        self.stride = leaving // entering
        self.first = nn.Conv2d(entering, leaving, 3, self.stride, 1, bias=False)
        self.second = nn.Conv2d(leaving, leaving, 3, 1, 1, bias=False)
        self.first_norm, self.second_norm = nn.BatchNorm2d(leaving), nn.BatchNorm2d(leaving)
        self.padding = (leaving - entering) // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = functional.relu(self.first_norm(self.first(x)))
        outer = self.second_norm(self.second(inner))
        short = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, *[self.padding] * 2))
        return functional.relu(outer + short)


def resnet20() -> nn.Module:
    """The CIFAR ResNet-20 of He et al. (CVPR 2016) with random weights and statistics of random images."""
    widths = [16] * 4 + [32] * 3 + [64] * 3
    blocks = [Block(a, b) for a, b in pairwise(widths)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    net = nn.Sequential(*stem, *blocks, *head).train()
    with torch.no_grad():
        for _ in range(20):
            net(torch.randn(64, 3, 32, 32))
    return net.eval()


def load(name: str) -> tuple[nn.Module, str]:
    """The network of that name, and what the table calls it."""
    if name == "resnet20":
        return resnet20(), "resnet20 (random weights; labels: its own predictions)"
    net = CifarNet()
    if name not in list_models():
        raise SystemExit(f"--net is one of {', '.join([*list_models(), 'resnet20'])}, got {name}")
    load_weights(net, WEIGHTS / f"{name}.safetensors")
    return net.eval(), f"{name} (CifarNet)"


def fraction(text: str) -> float:
    """``8/255`` or ``0.03`` as a float."""
    above, _, below = text.partition("/")
    return float(above) / float(below or 1)


def in_255ths(epsilon: float) -> str:
    """A budget as it is written: ``8/255``."""
    return f"{255 * epsilon:g}/255"


def agreement(
    a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], y: npt.NDArray[np.int64], model: Classifier
) -> str:
    """How far two sets of adversarial images agree, in one line."""
    right = [model.predict(images) == y for images in (a, b)]
    theirs, ours = (100 * float(hits.mean()) for hits in right)
    same = 100 * float((right[0] == right[1]).mean())
    pixels = 100 * float(np.isclose(a, b, rtol=0, atol=1e-6).mean())
    return (
        f"robust accuracy {theirs:.2f} % (torchattacks) and {ours:.2f} % (ours), "
        f"{same:.2f} % of the images and {pixels:.2f} % of the pixels agree"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=64, help="ours")
    parser.add_argument("--threads", type=int, default=0, help="0: torch's choice")
    parser.add_argument("--net", default="cifar10-0", help="a bundled network, or resnet20 (random weights)")
    parser.add_argument(
        "--epsilon", type=fraction, default=8 / 255, help="such as 8/255; steps are a quarter"
    )
    parser.add_argument(
        "--cpu-time", action="store_true", help="processor time: for a busy machine, 1 thread"
    )
    parser.add_argument("--docs", action="store_true", help=f"write the numbers into docs/{PAGE.name}")
    options = parser.parse_args()
    torch.manual_seed(0)
    if options.threads:
        torch.set_num_threads(options.threads)
    net, name = load(options.net)
    images, labels = load_cifar10("test")
    x = torch.from_numpy(images[: options.n].astype(np.float32) / 255)
    y = torch.from_numpy(labels[: options.n].astype(np.int64))
    if options.net == "resnet20":  # it knows no labels: what it says of the clean image counts as right
        y = torch.from_numpy(Classifier(net, CIFAR10_MEAN, CIFAR10_STD).predict(x))

    clock = time.process_time if options.cpu_time else time.perf_counter
    times, results = measure(
        contestants(net, x, y, options.batch_size, options.epsilon), options.repeats, clock
    )
    theirs = [kind for kind in times if kind not in (OURS, NARROW)]
    best, one = min(theirs, key=lambda kind: times[kind]), "torchattacks, one batch"
    plain = Classifier(net, CIFAR10_MEAN, CIFAR10_STD, prepare=False)
    prepared = Classifier(net, CIFAR10_MEAN, CIFAR10_STD)
    budget = in_255ths(options.epsilon)
    rows = [
        [
            f"PGD-10 {budget} on {name}",
            "seconds",
            "ours is faster by",
            "pixels equal to 1e-6",
            "robust accuracy",
            "unprepared",
        ]
    ]
    for kind, seconds in times.items():
        equal = np.isclose(results[kind], results[OURS], rtol=0, atol=1e-6).mean()
        robust = [float((model.predict(results[kind]) == y.numpy()).mean()) for model in (prepared, plain)]
        ratio = seconds / times[OURS]
        cells = [
            f"{seconds:.3f}",
            f"{ratio:.2f}",
            f"{100 * equal:.2f} %",
            *(f"{100 * r:.2f} %" for r in robust),
        ]
        rows.append([kind, *cells])
    kept = f"{'processor' if options.cpu_time else 'wall'} time"
    lines = [
        f"{name}, {len(x)} images, {kept}, medians of {options.repeats}, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}; ours in batches of {options.batch_size}.\n",
        markdown(rows),
        "",
    ]
    for kind in (OURS, NARROW):
        lines.append(
            f"- {kind}: **{times[best] / times[kind]:.2f} times** torchattacks' best "
            f"({best.split(', ')[1]}), **{times[one] / times[kind]:.2f} times** its one batch."
        )
    for epsilon in {options.epsilon: None, WEAK: None}:
        runs = contestants(net, x, y, options.batch_size, epsilon)
        made = {
            kind: results[kind] if epsilon == options.epsilon else runs[kind]()
            for kind in (one, OURS, NARROW)
        }
        for kind in (OURS, NARROW):
            told = agreement(made[one], made[kind], y.numpy(), prepared)
            lines.append(f"- At {in_255ths(epsilon)}, {kind}: {told}.")
    text = "\n".join(lines)
    print(text)
    if options.docs:
        write_numbers(PAGE, COMMAND, text)


if __name__ == "__main__":
    main()
