"""Integrated gradients of 64 images in 32 steps: ours against captum, and where the gain comes from.

    python analysis/bench_importance.py

The same module, images, baseline and quadrature (midpoints); runs alternate and
medians are printed as a markdown table, with the largest difference of the values.
captum explains the module as its user has it, in evaluation mode, with the fastest of
several internal batch sizes; the last row gives it our prepared copy of the module.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from captum.attr import IntegratedGradients
from torch import nn

from spatialstats.data.cifar import MEAN, STD
from spatialstats.importance import run_importance
from spatialstats.models import Classifier
from spatialstats.models.cifar_net import CifarNet
from spatialstats.models.weights_file import load_weights

BATCH_SIZES = (None, 64, 128, 256, 512)


class Normalised(nn.Module):
    """The module on images in [0, 1]."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.mean, self.std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.module((x - self.mean) / self.std)  # type: ignore[no-any-return]


def timed(call: Callable[[], torch.Tensor]) -> tuple[float, torch.Tensor]:
    """Milliseconds of a call, and its result."""
    began = time.perf_counter()
    found = call()
    return (time.perf_counter() - began) * 1000, found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, help="weights of the bundled architecture; random without")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    module = CifarNet().eval()
    if options.weights:
        load_weights(module, options.weights)
    classifier = Classifier(module, MEAN, STD)
    rng = torch.Generator().manual_seed(0)
    x = torch.rand(options.images, 3, 32, 32, generator=rng)
    target = torch.from_numpy(classifier.predict(x))

    def captum(model: Callable[[torch.Tensor], torch.Tensor], size: int | None) -> Callable[[], torch.Tensor]:
        def call() -> torch.Tensor:
            method = IntegratedGradients(model)
            found: torch.Tensor = method.attribute(
                x, target=target, n_steps=options.steps, method="riemann_middle", internal_batch_size=size
            )
            return found.detach().sum(1)

        return call

    def ours() -> torch.Tensor:
        spec = f"integrated-gradients(steps={options.steps},baseline=black)"
        return torch.from_numpy(run_importance(spec, classifier, x, target))

    user = Normalised(module)
    trials = {f"captum, internal_batch_size={size}": captum(user, size) for size in BATCH_SIZES}
    times, values = {}, {}
    for name, call in trials.items():  # one run each finds the best, which is then measured with ours
        times[name], values[name] = timed(call)
    best = min(times, key=lambda name: times[name])
    prepared = f"captum on our prepared copy, {best.split(', ')[1]}"
    size = BATCH_SIZES[list(trials).index(best)]
    contest = {"ours": ours, best: trials[best], prepared: captum(classifier.logits, size)}
    taken: dict[str, list[float]] = {name: [] for name in contest}
    for call in contest.values():
        call()
    for _ in range(options.repeats):
        for name, call in contest.items():
            milliseconds, values[name] = timed(call)
            taken[name].append(milliseconds)
    times |= {name: float(np.median(found)) for name, found in taken.items()}
    print(f"{options.images} images 3x32x32, {options.steps} steps, {options.threads} threads, medians of ")
    print(f"{options.repeats} (one run where marked *); torch {torch.__version__}\n")
    print("| integrated gradients | ms | times ours | largest difference of a value |\n|---|---|---|---|")
    largest = float(values["ours"].abs().max())
    for name, milliseconds in sorted(times.items(), key=lambda item: item[1]):
        difference = float((values[name] - values["ours"]).abs().max()) / largest
        mark = "" if name in taken else "*"
        print(
            f"| {name}{mark} | {milliseconds:.0f} | {milliseconds / times['ours']:.2f} | {difference:.1e} |"
        )
    print("\nDifferences are relative to the largest absolute value of a map.")


if __name__ == "__main__":
    main()
