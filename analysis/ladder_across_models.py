"""Does an attack hit where *this* model looks?  Three classifiers in turn, two kinds of importance.

    python analysis/ladder_across_models.py --runs runs/ladder                    # the tables, as markdown
    python analysis/ladder_across_models.py --runs runs/ladder --docs             # and into docs/findings.md
    python analysis/ladder_across_models.py --runs runs/ladder --attacks others   # weaker, minimal, sparse

Each of the three classifiers that were trained from different seeds is the attacked one while the
other two stand for "independently trained".  APGD and Square are left out: they evaluate, and their
perturbations are of the kind of PGD's, or random squares.
RoI comes from integrated gradients, which share the gradient with the attack, and from occlusion,
which does not.  A run that is there already is read, one that was cut off goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docs_numbers import ROOT, markdown, write_numbers

import spatialstats
from spatialstats.models import independent_models

PAGE, COMMAND = ROOT / "docs" / "findings.md", "python analysis/ladder_across_models.py"
IMPORTANCE = ("integrated-gradients", "occlusion")
ATTACKS = {
    "strong": ("pgd-linf", "pgd-l2", "patch", "noise"),
    "others": ("fgsm", "mi-fgsm", "ddn", "sparse", "noise"),
}
Json = dict[str, Any]


def finished(folder: Path, attacks: str, model: str, importance: str, n: int) -> spatialstats.Result:
    """The run of one model with one importance method, under one of the sets of attacks."""
    out = folder / f"{attacks}-{model}-{importance}-{n}"
    if (out / "results.json").exists():
        return spatialstats.load_result(out)
    print(f"{model}, {importance}, {attacks}: running", flush=True)
    return spatialstats.analyze(
        model, "cifar10", attacks=ATTACKS[attacks], importance=importance, n=n, out=out, resume=out.exists()
    )


def interval(of: dict[str, Any], key: str = "value") -> str:
    """``+0.051 [0.038, 0.064]``."""
    if of["low"] is None:
        return "not tested"
    return f"{of[key]:+z.3f} [{of['low']:z.3f}, {of['high']:z.3f}]"


def share(of: dict[str, Any]) -> str:
    """``30.1 [29.6, 30.6]``, in percent."""
    if of["low"] is None:
        return f"{100 * of['value']:.1f}"
    return f"{100 * of['value']:.1f} [{100 * of['low']:.1f}, {100 * of['high']:.1f}]"


def ladders(attack: Json) -> list[str]:
    """The rungs of one attack."""
    ladder = attack["ladder"]
    cells = [interval(rung, "excess") for rung in (*ladder["rungs"], ladder["model_noise"])]
    return [*cells, str(ladder["n"]), ladder["outcome"]]


def damage(attack: Json) -> list[str]:
    """Area and damage of the two attacked segments, and what restoring regions wins back."""
    cells = [
        share(attack["segments"][segment][part])
        for segment in ("contested", "neutralizable")
        for part in ("area", "damage")
    ]
    return [*cells, *(share(attack["ceilings"][region]) for region in CEILINGS)]


def controls(attack: Json) -> list[str]:
    """The overlap lift over other images' masks, real and where it should be gone."""
    found = {row["key"]: row for row in attack["controls"]["rows"]}
    return [interval(found[key], "effect") if key in found else "none" for key in CONTROLS]


CEILINGS = ("nothing", "neutralizable", "roi", "roa", "everything")
CONTROLS = ("this model", "edges", "random weights", "clipped noise")
TABLES: tuple[tuple[str, list[str], Callable[[Json], list[str]]], ...] = (
    (
        "The ladder: excess overlap lift, with intervals",
        [*("population", "class", "image content", "this model", "beyond noise", "both"), "n", "evidence"],
        ladders,
    ),
    (
        "Damage and what restoring the true pixels of a region would win back, in percent",
        [
            *(
                f"{segment}: {part}"
                for segment in ("contested", "neutralizable")
                for part in ("area", "damage")
            ),
            *(f"right after restoring {region}" for region in CEILINGS),
        ],
        damage,
    ),
    (
        "Controls: overlap lift beyond that with other images' masks",
        ["this model's RoI", "edges as RoI", "random weights' RoI", "noise's RoA"],
        controls,
    ),
)


def tables(results: dict[tuple[str, str], spatialstats.Result]) -> str:
    """All ladders, damage shares and controls, each a markdown table."""
    parts = []
    for title, columns, cells in TABLES:
        lines = [["model", "importance", "attack", *columns]]
        for (model, importance), result in results.items():
            attacks = [one for one in result.results["attacks"] if one["ladder"]]
            lines += [[model, importance, one["label"], *cells(one)] for one in attacks]
        parts.append(f"**{title}**\n\n{markdown(lines)}")
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/ladder"), help="where the runs lie")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--attacks", choices=ATTACKS, default="strong")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/findings.md")
    options = parser.parse_args()
    results = {
        (model, importance): finished(options.runs, options.attacks, model, importance, options.n)
        for importance in IMPORTANCE
        for model in independent_models()
    }
    text = f"{options.n} images of the embedded test set, seed 0, 95 % intervals.\n\n{tables(results)}"
    print(text)
    if options.docs:
        write_numbers(PAGE, f"{COMMAND} --attacks {options.attacks} --docs", text)


if __name__ == "__main__":
    main()
