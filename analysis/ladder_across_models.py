"""Does an attack hit where *this* model looks?  Every bundled model in turn, two kinds of importance.

    python analysis/ladder_across_models.py --runs runs/ladder            # the table, as markdown
    python analysis/ladder_across_models.py --runs runs/ladder --docs     # and into docs/findings.md

Each bundled classifier is the attacked one while the other two stand for "independently trained".
RoI comes from integrated gradients, which share the gradient with the attack, and from occlusion,
which does not.  A run that is there already is read, one that was cut off goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import spatialstats
from spatialstats.models import independent_models

PAGE = Path(__file__).resolve().parent.parent / "docs" / "findings.md"
BEGIN, END = "<!-- numbers: python analysis/ladder_across_models.py --docs -->", "<!-- end of numbers -->"
IMPORTANCE = ("integrated-gradients", "occlusion")
ATTACKS = ("pgd-linf", "pgd-l2", "patch", "noise")


def finished(folder: Path, model: str, importance: str, n: int) -> spatialstats.Result:
    """The run of one model with one importance method."""
    out = folder / f"{model}-{importance}-{n}"
    if (out / "results.json").exists():
        return spatialstats.load_result(out)
    print(f"{model}, {importance}: running", flush=True)
    return spatialstats.analyze(
        model, "cifar10", attacks=ATTACKS, importance=importance, n=n, out=out, resume=out.exists()
    )


def rows(result: spatialstats.Result) -> list[list[str]]:
    """A row for each attack that has a ladder."""
    found = []
    for attack in result.results["attacks"]:
        ladder = attack["ladder"]
        if not ladder:
            continue
        cells = [interval(rung) for rung in (*ladder["rungs"], ladder["model_noise"])]
        found.append([attack["label"], *cells, str(ladder["n"]), ladder["outcome"]])
    return found


def interval(rung: dict[str, Any]) -> str:
    """``+0.051 [0.038, 0.064]``."""
    if rung["low"] is None:
        return "not tested"
    return f"{rung['excess']:+.3f} [{rung['low']:.3f}, {rung['high']:.3f}]"


def table(results: dict[tuple[str, str], spatialstats.Result]) -> str:
    """All ladders as one markdown table."""
    titles = ["population", "class", "image content", "this model", "beyond noise", "both"]
    header = ["model", "importance", "attack", *titles, "n", "evidence"]
    lines = [header, ["---"] * len(header)]
    for (model, importance), result in results.items():
        lines += [[model, importance, *row] for row in rows(result)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/ladder"), help="where the runs lie")
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--docs", action="store_true", help="write the table into docs/findings.md")
    options = parser.parse_args()
    results = {
        (model, importance): finished(options.runs, model, importance, options.n)
        for importance in IMPORTANCE
        for model in independent_models()
    }
    text = f"{options.n} images of the embedded test set, seed 0, 95 % intervals.\n\n{table(results)}"
    print(text)
    if options.docs:
        page = PAGE.read_text()
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        if not after:
            raise SystemExit(f"{PAGE.name} lacks the marks {BEGIN} and {END}")
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
