"""The certified accuracies of docs/certificates.md and what a certificate costs: what is missing is run.

    python analysis/certificate_tables.py --docs            # goes on from docs/certificates.json
    python analysis/certificate_tables.py --only 0 1        # of the list only these
    python analysis/certificate_tables.py --repeats 0       # no new comparison

Certified images are kept by the hundred with the fingerprint of their model, and repeats of the comparison
one by one, so that the script may be stopped at any time.  `certify_cifar10` measures other settings, a
region that is spared, and single placements.  About an hour of one thread.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import torch
from attack_strength import bits, text_of
from certify_cifar10 import images
from certify_compared import compared, said_of_times
from docs_numbers import ROOT, markdown, percent, write_numbers

from spatialstats.defence.certify import certify
from spatialstats.defence.patchcleanser import PatchCleanser
from spatialstats.engine.files import write_json
from spatialstats.models import load_model
from spatialstats.stats.intervals import proportion

PAGE, COMMAND = ROOT / "docs" / "certificates.md", "python analysis/certificate_tables.py --docs"
KEPT = PAGE.with_suffix(".json")
TOGETHER, PATCH = 100, 5
COMPARED, REPEATS = 64, 3
KINDS = ("whole", "right", "certified")
Json = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """The first images of a part of the test set, and how they are masked."""

    model: str
    per_axis: int = 6
    fill: str = "constant"
    part: str = "report"
    n: int = 200

    @property
    def name(self) -> str:
        """Under which it is kept."""
        return f"{self.model}, {self.per_axis}, {self.fill}, {self.part}"


MASKED = "cifar10-masked"
CASES = (
    Case(MASKED, 7, "mean", n=1000),
    Case("cifar10-0"),
    Case("cifar10-robust"),
    *(Case(MASKED, masks, fill, "choose", 300) for masks in (6, 7) for fill in ("constant", "mean")),
)


def kept(found: Json, name: str, defence: PatchCleanser, empty: Json) -> Json:
    """What is there under a name, if model and masks are still those."""
    about = {"fingerprint": defence.model.fingerprint, "defence": defence.spec}
    one: Json = found.setdefault(name, {})
    if any(one.get(key) != value for key, value in about.items()):
        one.clear()
        one.update(about | empty)
    return one


def certified(case: Case, found: Json, out: Path) -> None:
    """Go on with a case, a hundred images at a time."""
    classifier = load_model(case.model)
    defence = PatchCleanser(classifier, PATCH, case.per_axis, case.fill)
    empty = {"predictions": 0, "seconds": 0.0, **dict.fromkeys(KINDS, "")}
    one = kept(found, case.name, defence, empty)
    x, y = images(case.n, "test", case.part)
    for start in range(len(one["certified"]), case.n, TOGETHER):
        part, labels = x[start : start + TOGETHER], y[start : start + TOGETHER]
        began = process_time()
        proven = certify(defence, part, labels)
        one["seconds"] += round(process_time() - began, 2)
        with torch.no_grad():
            answers = defence(part).argmax(1)
        one["whole"] += text_of(classifier.predict(part) == labels.numpy())
        one["right"] += text_of((answers == labels).numpy())
        one["certified"] += text_of(proven.certified)
        one["predictions"] += proven.predictions
        one["exhaustive"] = proven.exhaustive // len(part)
        write_json(out, found)
        print(f"{case.name}: {len(one['certified'])} of {case.n} images", flush=True)


def timed(found: Json, out: Path, repeats: int) -> None:
    """Repeats of the comparison with one batch an image, default masks and fill."""
    defence = PatchCleanser(load_model(MASKED), PATCH, 6, "constant")
    one = kept(found, f"compared, {COMPARED}", defence, {"repeats": []})
    x, y = images(COMPARED, "test", "report")
    defence.model.predict(x[:TOGETHER])  # what a model prepares at its first batch is nobody's time
    while len(one["repeats"]) < repeats:
        one["repeats"].append(compared(defence, x, y))
        write_json(out, found)
        print(f"compared: {len(one['repeats'])} of {repeats}", flush=True)


def tables(found: Json) -> str:
    """What is there, as markdown."""
    head = (
        *("model", "masks an axis, fill", "images", "undefended, clean %", "clean %", "certified %"),
        *("predictions an image", "of", "ms a certificate"),
    )
    rows = [
        [
            f"`{case.model}`",
            f"{case.per_axis}, {case.fill}",
            f"{len(one['certified']):,} `{case.part}`",
            *(percent(proportion(bits(one[kind])).to_dict()) for kind in KINDS),
            f"{one['predictions'] / len(one['certified']):.0f}",
            f"{one['exhaustive']:,}",
            f"{1000 * one['seconds'] / len(one['certified']):.0f}",
        ]
        for case in CASES
        if (one := found.get(case.name)) and one["certified"]
    ]
    seconds = sum(one["seconds"] for case in CASES if (one := found.get(case.name)))
    text = f"{markdown([head, *rows])}\n\nThey took {seconds / 60:.0f} minutes of processor time."
    repeats = found.get(f"compared, {COMPARED}", {}).get("repeats")
    return f"{text}\n\n{said_of_times(repeats)}" if repeats else text


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only",
        type=int,
        nargs="*",
        choices=range(len(CASES)),
        default=range(len(CASES)),
        metavar="K",
        help="go on with these of the list; none given: with none",
    )
    parser.add_argument(
        "--repeats", type=int, default=REPEATS, help="of the comparison of times (%(default)s)"
    )
    parser.add_argument("--out", type=Path, default=KEPT, help="where everything is kept")
    parser.add_argument("--docs", action="store_true", help=f"write the tables into docs/{PAGE.name}")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found: Json = json.loads(options.out.read_text()) if options.out.exists() else {}
    for k in options.only:
        certified(CASES[k], found, options.out)
    timed(found, options.out, options.repeats)
    text = tables(found)
    print(text)
    if options.docs:
        write_numbers(PAGE, COMMAND, text)


if __name__ == "__main__":
    main()
