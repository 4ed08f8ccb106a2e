"""How many gradients an effect map needs: midpoint rule against Gauss-Legendre nodes.

    python analysis/compare_quadrature.py

The last row of an attack is `spatialstats.maps.effect` as it is called by default, which
gives three times the nodes to images with an error above 1 %; its gradients are averages.
For several perturbations of training images: the median and the ninth decile of the
completeness error, the median distance (L1, relative) of a map to one from 64 nodes,
and the median cancellation ratio.  Prints a markdown table.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from spatialstats.attacks import get_attack, run_attack
from spatialstats.data.cifar import MEAN, STD, load_cifar10
from spatialstats.importance import margin_gradient
from spatialstats.maps import cancellation, effect
from spatialstats.models import Classifier, load_model
from spatialstats.paths import PathGradient, mean_gradient

ATTACKS = ("pgd-linf", "pgd-l2", "patch", "noise")
REFERENCE = ("midpoint", 64)
RULES = (
    ("midpoint", 4),
    ("midpoint", 6),
    ("midpoint", 8),
    ("midpoint", 16),
    ("Gauss-Legendre", 6),
    ("Gauss-Legendre", 8),
    ("Gauss-Legendre", 10),
)
Array = npt.NDArray[np.float64]


def nodes(rule: str, n: int) -> tuple[Array, Array]:
    """Places on the path, in [0, 1], and weights."""
    if rule == "midpoint":
        return (np.arange(n) + 0.5) / n, np.full(n, 1 / n)
    at, weights = np.polynomial.legendre.leggauss(n)
    return (at + 1) / 2, weights / 2


def effect_maps(
    gradient: PathGradient, x: torch.Tensor, x_adv: torch.Tensor, rule: str, n: int, size: int
) -> Array:
    """Effect maps (N, H, W) by any quadrature."""
    places, weights = nodes(rule, n)
    at = torch.from_numpy(places).float()

    def points(rows: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        return torch.lerp(x[rows], x_adv[rows], at[chosen].view(-1, 1, 1, 1))

    mean = mean_gradient(gradient, points, x, weights, size=size)
    return (mean * (x_adv - x)).sum(1).double().numpy()


def load(model: str, weights: Path | None) -> Classifier:
    """A bundled model, or its architecture with other weights."""
    if weights is None:
        return load_model(model)
    return load_model("spatialstats.models.cifar_net:CifarNet", weights=weights, mean=MEAN, std=STD)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="cifar10-0")
    parser.add_argument("--weights", type=Path, help="other weights of the bundled architecture")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--attack", nargs="+", default=ATTACKS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    classifier = load(options.model, options.weights)
    images, labels = load_cifar10("train")
    rows = np.sort(np.random.default_rng(options.seed).permutation(len(images))[: options.images])
    x = torch.from_numpy(np.asarray(images[rows], np.float32) / np.float32(255))
    y = np.asarray(labels[rows])
    clean = classifier.predict_logits(x)
    print("| attack | rule | gradients | median error | 9th decile | distance to 64 nodes | cancellation |")
    print("|---|---|---|---|---|---|---|")
    for spec in options.attack:
        attacked = run_attack(get_attack(spec), classifier, x, y, seed=options.seed)
        x_adv = torch.as_tensor(attacked.x_adv)
        logits = classifier.predict_logits(x_adv)
        everyone = np.arange(len(y))
        others = logits.copy()
        others[everyone, y] = -np.inf
        rival = others.argmax(1)
        margins = [found[everyone, y].astype(float) - found[everyone, rival] for found in (clean, logits)]
        change = margins[1] - margins[0]
        gradient = margin_gradient(classifier, y, rival)
        best = effect_maps(gradient, x, x_adv, *REFERENCE, classifier.batch_size)
        for rule, n in (*RULES, ("default", 0)):
            before = classifier.calls
            if rule == "default":
                maps = effect(gradient, x, x_adv, change=change, size=classifier.batch_size).values.astype(
                    np.float64
                )
            else:
                maps = effect_maps(gradient, x, x_adv, rule, n, classifier.batch_size)
            gradients = (classifier.calls - before) * classifier.batch_size / len(x)
            errors = np.abs(maps.sum((1, 2)) - change) / np.maximum(np.abs(change), 1e-3)
            apart = np.abs(maps - best).sum((1, 2)) / np.abs(best).sum((1, 2))
            middle, decile = np.quantile(errors, [0.5, 0.9])
            print(
                f"| {spec} | {rule} | {gradients:.1f} | {middle:.2%} | {decile:.2%} | {np.median(apart):.2%} "
                f"| {np.median(cancellation(maps)):.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
