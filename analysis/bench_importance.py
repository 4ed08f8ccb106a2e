"""Integrated gradients of 64 images in 32 steps: ours against captum, and where the gain comes from.

    python analysis/bench_importance.py

The same module, images, baseline and quadrature (midpoints); runs alternate and
medians are printed as a markdown table, with the largest difference of the values.
captum explains the module as its user has it, in evaluation mode, in several internal
batch sizes, and our prepared copy of the module: that row shows how much preparation gains.
Ours runs once more with gradients in bfloat16 (`--precision bfloat16`).
On a busy machine ``--clock cpu --threads 1`` compares processor time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from captum.attr import IntegratedGradients
from docs_numbers import ROOT, markdown, write_numbers
from torch import nn

from spatialstats.data.cifar import MEAN, STD
from spatialstats.importance import run_importance
from spatialstats.models import Classifier
from spatialstats.models.cifar_net import CifarNet
from spatialstats.models.registry import WEIGHTS
from spatialstats.models.weights_file import load_weights

PAGE, COMMAND = ROOT / "docs" / "speed.md", "python analysis/bench_importance.py --docs"
NARROW = "ours, gradients in bfloat16"
BATCH_SIZES = (64, 128, 256, None)  # None: everything at once


class Normalised(nn.Module):
    """The module on images in [0, 1]."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.mean, self.std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.module((x - self.mean) / self.std)  # type: ignore[no-any-return]


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS / "cifar10-0.safetensors")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--docs", action="store_true", help=f"write the numbers into docs/{PAGE.name}")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    module = CifarNet().eval()
    load_weights(module, options.weights)
    classifier = Classifier(module, MEAN, STD)
    narrow = Classifier(module, MEAN, STD, precision="bfloat16")
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

    def ours(model: Classifier) -> Callable[[], torch.Tensor]:
        spec = f"integrated-gradients(steps={options.steps},baseline=black)"
        return lambda: torch.from_numpy(run_importance(spec, model, x, target))

    user = Normalised(module)
    contest = {"ours": ours(classifier), NARROW: ours(narrow)}
    contest |= {f"captum, internal_batch_size={size}": captum(user, size) for size in BATCH_SIZES}
    name = f"captum on our prepared copy, internal_batch_size={classifier.batch_size}"
    contest[name] = captum(classifier.logits, classifier.batch_size)
    clock = CLOCKS[options.clock]
    taken: dict[str, list[float]] = {name: [] for name in contest}
    values = {}
    for _ in range(options.repeats):
        for name, call in contest.items():
            began = clock()
            values[name] = call()
            taken[name].append((clock() - began) * 1000)
    times = {name: float(np.median(found)) for name, found in taken.items()}
    lines = [
        f"{options.images} images 3x32x32, {options.steps} steps, {options.threads} threads, medians of "
        f"{options.repeats} ({options.clock} clock); torch {torch.__version__}; differences are relative "
        "to the largest absolute value of a map.\n"
    ]
    rows = [["integrated gradients", "ms", "times ours", "largest difference of a value"]]
    largest = float(values["ours"].abs().max())
    for name, milliseconds in sorted(times.items(), key=lambda item: item[1]):
        difference = float((values[name] - values["ours"]).abs().max()) / largest
        rows.append([name, f"{milliseconds:.0f}", f"{milliseconds / times['ours']:.2f}", f"{difference:.1e}"])
    best = min(took for name, took in times.items() if name.startswith("captum, "))
    lines.append(markdown(rows))
    lines.append("")
    for name in ("ours", NARROW):
        lines.append(
            f"- {name}: **{best / times[name]:.2f} times** as fast as captum in its best batch size."
        )
    text = "\n".join(lines)
    print(text)
    if options.docs:
        write_numbers(PAGE, COMMAND, text)


if __name__ == "__main__":
    main()
