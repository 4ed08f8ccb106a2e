"""Our PGD, APGD and Square against torchattacks' and foolbox's: robust accuracy at one budget.

    python analysis/attack_strength.py --first 5000 --n 512 --models cifar10-0,cifar10-masked,cifar10-robust

Same undefended model, same test images, same number of gradients or queries, no restart.
The budgets are small, so that accuracy is not 0 and a weak attack shows.  torchattacks' APGD counts
its first gradient apart, and its Square its first query, so they get one fewer.  Every finished row is
in the JSON file and is not computed again: the script may be stopped at any time.  torchattacks' Square draws
the same squares for all images of a batch, so that one seed of it says little; files of other seeds
(``--seed 1 --only Square --out strength_1.json``) are pooled into the page with

    python analysis/attack_strength.py --out docs/attack_strength.json --pool strength_1.json ... --docs
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from docs_numbers import ROOT, markdown, write_numbers
from torch import nn

from spatialstats.attacks import get_attack, run_attack
from spatialstats.data.cifar import load_cifar10
from spatialstats.models import Classifier, load_model
from spatialstats.stats.intervals import paired_difference

PAGE = ROOT / "docs" / "adaptive.md"
COMMAND = "python analysis/attack_strength.py --first 5000 --n 512 --docs"
NAMES = ("spatialstats", "torchattacks", "foolbox")
Attack = Callable[[Classifier, torch.Tensor, torch.Tensor, int], torch.Tensor]


class AsModule(nn.Module):
    """The classifier as the libraries want it: their attacks run on the same prepared copy as ours."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = (classifier,)
        self.place = nn.Parameter(torch.zeros(()), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier[0].logits(x)


def ours(spec: str) -> Attack:
    """An attack of this package."""

    def attack(classifier: Classifier, x: torch.Tensor, y: torch.Tensor, seed: int) -> torch.Tensor:
        return torch.from_numpy(run_attack(get_attack(spec), classifier, x, y, seed=seed).x_adv)

    return attack


def theirs(name: str, **parameters: Any) -> Attack:
    """An attack of torchattacks."""

    def attack(classifier: Classifier, x: torch.Tensor, y: torch.Tensor, seed: int) -> torch.Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import torchattacks
        torch.manual_seed(seed)
        if name in ("APGD", "Square"):
            parameters["seed"] = seed
        made = getattr(torchattacks, name)(AsModule(classifier).eval(), **parameters)
        parts = zip(x.split(classifier.batch_size), y.split(classifier.batch_size), strict=True)
        return torch.cat([made(a.clone(), b) for a, b in parts]).detach()

    return attack


def foolbox(name: str, epsilon: float, **parameters: Any) -> Attack:
    """An attack of foolbox."""

    def attack(classifier: Classifier, x: torch.Tensor, y: torch.Tensor, seed: int) -> torch.Tensor:
        library: Any = importlib.import_module("foolbox")

        torch.manual_seed(seed)
        model = library.PyTorchModel(AsModule(classifier).eval(), bounds=(0, 1), device="cpu")
        made = getattr(library.attacks, name)(**parameters)
        parts = zip(x.split(classifier.batch_size), y.split(classifier.batch_size), strict=True)
        criterion = library.criteria.Misclassification
        return torch.cat([made(model, a, criterion(b), epsilons=epsilon)[1] for a, b in parts])

    return attack


def groups(steps: int, queries: int) -> dict[str, dict[str, Attack]]:
    """Contestants by what they are compared in; ours come first."""
    made: dict[str, dict[str, Attack]] = {}
    for norm, kind, epsilon, text in (
        ("linf", "Linf", 1 / 255, "1/255"),
        ("linf", "Linf", 2 / 255, "2/255"),
        ("l2", "L2", 0.25, "0.25"),
    ):
        alpha = epsilon / 4
        name = "PGD" if norm == "linf" else "PGDL2"
        made[f"PGD {kind} {text}"] = {
            "spatialstats": ours(f"pgd-{norm}(epsilon={epsilon},steps={steps},alpha={alpha})"),
            "torchattacks": theirs(name, eps=epsilon, alpha=alpha, steps=steps, random_start=True),
            "foolbox": foolbox(f"{kind}PGD", epsilon, steps=steps, abs_stepsize=alpha),
        }
        for loss in ("ce", "dlr"):
            spec = f"apgd-{norm}(epsilon={epsilon},steps={steps},loss={loss})"
            made[f"APGD-{loss.upper()} {kind} {text}"] = {
                "spatialstats": ours(spec),
                "torchattacks": theirs("APGD", norm=kind, eps=epsilon, steps=steps - 1, loss=loss),
            }
    for norm, kind, epsilon, text in (("linf", "Linf", 4 / 255, "4/255"), ("l2", "L2", 0.5, "0.5")):
        made[f"Square {kind} {text}"] = {
            "spatialstats": ours(f"square-{norm}(epsilon={epsilon},queries={queries})"),
            "torchattacks": theirs("Square", norm=kind, eps=epsilon, n_queries=queries - 1),
        }
    return made


def measured(
    attack: Attack, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, seed: int
) -> dict[str, Any]:
    """Whether each image is still right, and the seconds it took."""
    began = time.perf_counter()
    x_adv = attack(classifier, x, y, seed)
    seconds = time.perf_counter() - began
    right = classifier.predict(x_adv) == y.numpy()
    largest = float((x_adv - x).abs().max())
    return {"right": right.tolist(), "seconds": round(seconds, 1), "largest_change": largest}


def summary(runs: list[dict[str, Any]]) -> str:
    """Which images, and the table."""
    about = runs[0]["setting"]
    clean = ", ".join(f"{name} ({100 * share:.1f} % clean)" for name, share in runs[0]["clean"].items())
    span = f"{about['first']:,} to {about['first'] + about['n'] - 1:,}"
    budget = f"{about['steps']} gradients or {about['queries']} queries"
    return f"{clean}; test images {span}; {budget}.\n\n{table(runs)}"


def table(runs: list[dict[str, Any]]) -> str:
    """Markdown: robust accuracies over the seeds that have all of a row, and ours minus theirs."""
    lines = [["model", "attack", "seeds", *NAMES, "ours − lowest other [95 %]; seeds"]]
    for model, rows in runs[0]["models"].items():
        for group, contestants in rows.items():
            found = [run["models"].get(model, {}).get(group, {}) for run in runs]
            full = [row for row in found if row.keys() == contestants.keys()]
            right = {name: np.mean([row[name]["right"] for row in full], 0) for name in contestants}
            share = {name: 100 * float(hits.mean()) for name, hits in right.items()}
            lowest = min((name for name in share if name != "spatialstats"), key=lambda name: share[name])
            pair_of = ("spatialstats", lowest)
            pair = [right[name] for name in pair_of]
            gap = paired_difference(*(hits.astype(bool) if len(full) == 1 else hits for hits in pair))
            cells = [f"{share[name]:.1f}" if name in share else "" for name in NAMES]
            ends = f"{100 * gap.value:+z.1f} [{100 * gap.low:z.1f}, {100 * gap.high:z.1f}]"
            if len(full) > 1:
                means = [[100 * np.mean(row[name]["right"]) for name in pair_of] for row in full]
                apart = [first - second for first, second in means]
                ends += f"; {min(apart):+z.1f} to {max(apart):+z.1f}"
            lines.append([model, group, str(len(full)), *cells, ends])
    return markdown(lines)


def main() -> None:
    """Run what is missing, write the JSON file, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--n", type=int, default=128)
    parser.add_argument("--first", type=int, default=0, help="index of the first test image")
    parser.add_argument("--models", default="cifar10-0")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--queries", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--only", default="", help="groups whose name contains this")
    parser.add_argument("--out", type=Path, default=Path("attack_strength.json"))
    parser.add_argument(
        "--pool", type=Path, nargs="*", default=[], help="files of other seeds, for the table"
    )
    parser.add_argument("--docs", action="store_true", help=f"write the table into docs/{PAGE.name}")
    given = parser.parse_args()
    torch.set_num_threads(1)
    images, labels = load_cifar10("test")
    x = torch.from_numpy(np.array(images[given.first :][: given.n], np.float32) / 255)
    y = torch.from_numpy(np.array(labels[given.first :][: given.n]))
    setting = {key: getattr(given, key) for key in ("first", "n", "steps", "queries", "seed", "batch_size")}
    found: dict[str, Any] = {"setting": setting, "models": {}}
    if given.out.is_file():
        found = json.loads(given.out.read_text(encoding="utf-8"))
        if found["setting"] != setting:
            raise SystemExit(f"{given.out} holds {found['setting']}, not {setting}: give another --out.")
    for model in given.models.split(","):
        classifier = load_model(model)
        classifier.batch_size = given.batch_size
        rows = found["models"].setdefault(model, {})
        if "clean" not in found:
            found["clean"] = {}
        found["clean"][model] = float(np.mean(classifier.predict(x) == y.numpy()))
        for group, contestants in groups(given.steps, given.queries).items():
            if given.only not in group:
                continue
            row = rows.setdefault(group, {})
            for name, attack in contestants.items():
                if name not in row:
                    row[name] = measured(attack, classifier, x, y, given.seed)
                    given.out.write_text(json.dumps(found), encoding="utf-8")
                    share = 100 * float(np.mean(row[name]["right"]))
                    print(f"{model} {group} {name}: {share:.1f} % ({row[name]['seconds']} s)", flush=True)
    others = [json.loads(path.read_text(encoding="utf-8")) for path in given.pool]
    text = summary([found, *others])
    print(text)
    if given.docs:
        write_numbers(PAGE, COMMAND, text)


if __name__ == "__main__":
    main()
