"""PGD-10 against torchattacks, on the same images in the same run, values compared.

    python analysis/bench_attacks.py --n 256

torchattacks gets the model as a user has it, normalisation included, in one batch and in
batches of 32 to 256; ours gets the same module through `Classifier`.  Both start at the
image (no random start), so that pixels can be compared.  Runs of the contestants take
turns, so that a busy machine slows all of them; medians are shown.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spatialstats.attacks import PgdLinf, run_attack
from spatialstats.data.cifar import load_cifar10
from spatialstats.models import Classifier, list_models
from spatialstats.models.cifar_net import CifarNet
from spatialstats.models.registry import CIFAR10_MEAN, CIFAR10_STD, WEIGHTS
from spatialstats.models.weights_file import load_weights

EPSILON, ALPHA, STEPS = 8 / 255, 2 / 255, 10
SIZES = (32, 64, 128, 256)


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
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, batch_size: int
) -> dict[str, Callable[[], npt.NDArray[np.float32]]]:
    """Functions that make the adversarial images of `x`, by name."""
    import torchattacks

    theirs = torchattacks.PGD(Normalised(net).eval(), EPSILON, ALPHA, STEPS, random_start=False)
    ours = Classifier(net, CIFAR10_MEAN, CIFAR10_STD, batch_size=batch_size)
    attack = PgdLinf(EPSILON, STEPS, ALPHA, random_start=False)

    def in_batches(size: int) -> Callable[[], npt.NDArray[np.float32]]:
        def run() -> npt.NDArray[np.float32]:
            parts = zip(x.split(size), y.split(size), strict=True)
            found: npt.NDArray[np.float32] = torch.cat([theirs(a, b) for a, b in parts]).numpy()
            return found

        return run

    made = {f"torchattacks, batches of {size}": in_batches(size) for size in SIZES if size < len(x)}
    made["torchattacks, one batch"] = in_batches(len(x))
    made[f"spatialstats, batches of {batch_size}"] = lambda: run_attack(attack, ours, x, y, seed=0).x_adv
    return made


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


def load(name: str) -> tuple[nn.Module, str]:
    """A bundled network, or one with random weights where its file is absent."""
    net = CifarNet()
    if name in list_models():
        load_weights(net, WEIGHTS / f"{name}.safetensors")
        return net.eval(), name
    return net.eval(), "random weights"


def table(rows: Sequence[Sequence[str]]) -> str:
    """A markdown table of a header and rows."""
    lines = [" | ".join(row) for row in (rows[0], ["---"] * len(rows[0]), *rows[1:])]
    return "\n".join(f"| {line} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64, help="ours")
    parser.add_argument("--threads", type=int, default=0, help="0: torch's choice")
    parser.add_argument("--model", default="cifar10-0")
    parser.add_argument(
        "--cpu-time", action="store_true", help="processor time: for a busy machine, 1 thread"
    )
    options = parser.parse_args()
    torch.manual_seed(0)
    if options.threads:
        torch.set_num_threads(options.threads)
    net, name = load(options.model)
    images, labels = load_cifar10("test")
    x = torch.from_numpy(images[: options.n].astype(np.float32) / 255)
    y = torch.from_numpy(labels[: options.n].astype(np.int64))

    clock = time.process_time if options.cpu_time else time.perf_counter
    times, results = measure(contestants(net, x, y, options.batch_size), options.repeats, clock)
    ours = list(times)[-1]
    theirs = [kind for kind in times if kind != ours]
    best, one = min(theirs, key=lambda kind: times[kind]), "torchattacks, one batch"
    plain = Classifier(net, CIFAR10_MEAN, CIFAR10_STD, prepare=False)
    prepared = Classifier(net, CIFAR10_MEAN, CIFAR10_STD)
    rows = [
        ["PGD-10", "seconds", "ours is faster by", "pixels equal to 1e-6", "robust accuracy", "unprepared"]
    ]
    for kind, seconds in times.items():
        equal = np.isclose(results[kind], results[ours], rtol=0, atol=1e-6).mean()
        robust = [float((model.predict(results[kind]) == y.numpy()).mean()) for model in (prepared, plain)]
        ratio = seconds / times[ours]
        cells = [
            f"{seconds:.3f}",
            f"{ratio:.2f}",
            f"{100 * equal:.2f} %",
            *(f"{100 * r:.2f} %" for r in robust),
        ]
        rows.append([kind, *cells])
    kept = f"{'processor' if options.cpu_time else 'wall'} time"
    print(f"{name}, {len(x)} images, {kept}, {torch.get_num_threads()} threads, torch {torch.__version__}\n")
    print(table(rows))
    print(f"\nbest of torchattacks / ours {times[best] / times[ours]:.2f} ({best.split(', ')[1]}), ", end="")
    print(f"one batch / ours {times[one] / times[ours]:.2f}; preparation {prepared.preparation}")


if __name__ == "__main__":
    main()
