"""Our PGD, APGD and Square against torchattacks' and foolbox's: robust accuracy at one budget.

    python analysis/attack_strength.py            # what is missing in docs/attack_strength.json is run
    python analysis/attack_strength.py --docs     # and its table written into docs/adaptive.md

Same undefended model, same test images, same number of gradients or queries, no restart.
The budgets are small, so that accuracy is not 0 and a weak attack shows.  torchattacks' APGD counts
its first gradient apart, and its Square its first query, so they get one fewer.  torchattacks' Square draws
the same squares for all images of a batch, so that one seed of it says little: Square runs with `SEEDS` seeds
on every model, the rest with one.  Every finished row is kept with the fingerprint of its model, and is not
computed again: the script may be stopped at any time.  About three hours of one thread.
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
import numpy.typing as npt
import torch
from docs_numbers import ROOT, markdown, write_numbers
from torch import nn

from spatialstats.attacks import get_attack, run_attack
from spatialstats.data.cifar import load_cifar10
from spatialstats.engine.files import write_text
from spatialstats.models import Classifier, load_model
from spatialstats.stats.intervals import paired_difference

PAGE = ROOT / "docs" / "adaptive.md"
COMMAND = "python analysis/attack_strength.py --docs"
MODELS = ("cifar10-0", "cifar10-masked", "cifar10-robust")
SEEDS = 5  # of Square
NAMES = ("spatialstats", "torchattacks", "foolbox")
Json = dict[str, Any]
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
    """Whether each image is still right, as a text of zeros and ones, and the seconds it took."""
    began = time.perf_counter()
    x_adv = attack(classifier, x, y, seed)
    seconds = time.perf_counter() - began
    right = classifier.predict(x_adv) == y.numpy()
    largest = float((x_adv - x).abs().max())
    return {"right": text_of(right), "seconds": round(seconds, 1), "largest_change": largest}


def seeds_of(group: str) -> range:
    """With which seeds a group is run."""
    return range(SEEDS if group.startswith("Square") else 1)


def summary(found: Json) -> str:
    """Which images, and the table."""
    about = found["setting"]
    clean = ", ".join(f"{name} ({100 * one['clean']:.1f} % clean)" for name, one in found["models"].items())
    span = f"{about['first']:,} to {about['first'] + about['n'] - 1:,}"
    budget = f"{about['steps']} gradients or {about['queries']} queries"
    seconds = sum(
        ran["seconds"]
        for one in found["models"].values()
        for by_seed in one["rows"].values()
        for row in by_seed.values()
        for ran in row.values()
    )
    took = f"{seconds / 3600:.1f} hours of the wall clock, on one thread of a shared machine"
    return f"{clean}; test images {span}; {budget}; {took}.\n\n{table(found)}"


def table(found: Json) -> str:
    """Markdown: robust accuracies over the seeds that are finished, and ours minus theirs."""
    lines = [["model", "attack", "seeds", *NAMES, "ours − lowest other [95 %]; seeds"]]
    for model, one in found["models"].items():
        for group, by_seed in one["rows"].items():
            whole = groups(1, 1)[group].keys()
            full = [row for row in by_seed.values() if row.keys() == whole]
            if not full:
                continue
            hits = {name: np.array([bits(row[name]["right"]) for row in full]) for name in full[0]}
            share = {name: 100 * float(of.mean()) for name, of in hits.items()}
            lowest = min((name for name in share if name != "spatialstats"), key=lambda name: share[name])
            pair = [hits[name] for name in ("spatialstats", lowest)]
            gap = paired_difference(*(of[0] if len(full) == 1 else of.mean(0) for of in pair))
            cells = [f"{share[name]:.1f}" if name in share else "" for name in NAMES]
            ends = f"{100 * gap.value:+z.1f} [{100 * gap.low:z.1f}, {100 * gap.high:z.1f}]"
            if len(full) > 1:
                apart = 100 * (pair[0].mean(1) - pair[1].mean(1))
                ends += f"; {apart.min():+z.1f} to {apart.max():+z.1f}"
            lines.append([model, group, str(len(full)), *cells, ends])
    return markdown(lines)


def text_of(hits: npt.NDArray[np.bool_]) -> str:
    """A text of zeros and ones from bool (N,)."""
    return "".join("01"[int(hit)] for hit in hits)


def bits(text: str) -> npt.NDArray[np.bool_]:
    """bool (N,) from a text of zeros and ones."""
    found: npt.NDArray[np.bool_] = np.frombuffer(text.encode(), np.uint8) == ord("1")
    return found


def main() -> None:
    """Run what is missing, write the JSON file, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--n", type=int, default=512)
    parser.add_argument("--first", type=int, default=5000, help="index of the first test image")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--queries", type=int, default=150)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--out", type=Path, default=PAGE.with_name("attack_strength.json"))
    parser.add_argument("--docs", action="store_true", help=f"write the table into docs/{PAGE.name}")
    given = parser.parse_args()
    torch.set_num_threads(1)
    images, labels = load_cifar10("test")
    x = torch.from_numpy(np.array(images[given.first :][: given.n], np.float32) / 255)
    y = torch.from_numpy(np.array(labels[given.first :][: given.n]))
    setting = {key: getattr(given, key) for key in ("first", "n", "steps", "queries", "batch_size")}
    found: Json = {"setting": setting, "models": {}}
    if given.out.is_file():
        found = json.loads(given.out.read_text(encoding="utf-8"))
        if found["setting"] != setting:
            raise SystemExit(f"{given.out} holds {found['setting']}, not {setting}: give another --out.")
    for model in given.models:
        classifier = load_model(model)
        classifier.batch_size = given.batch_size
        one = found["models"].get(model, {})
        if one.get("fingerprint") != classifier.fingerprint:
            clean = float(np.mean(classifier.predict(x) == y.numpy()))
            one = {"fingerprint": classifier.fingerprint, "clean": clean, "rows": {}}
        found["models"][model] = one
        for group, contestants in groups(given.steps, given.queries).items():
            for seed in seeds_of(group):
                row = one["rows"].setdefault(group, {}).setdefault(str(seed), {})
                for name, attack in contestants.items():
                    if name not in row:
                        row[name] = measured(attack, classifier, x, y, seed)
                        write_text(given.out, json.dumps(found, indent=0) + "\n")
                        share = 100 * float(bits(row[name]["right"]).mean())
                        took = row[name]["seconds"]
                        print(f"{model} {group} {seed} {name}: {share:.1f} % ({took} s)", flush=True)
    text = summary(found)
    print(text)
    if given.docs:
        write_numbers(PAGE, COMMAND, text)


if __name__ == "__main__":
    main()
