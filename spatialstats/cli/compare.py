"""``spatialstats compare``: two models or two attacks on the same images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from spatialstats.cli.options import JsonOption, QuietOption, SeedOption, command_line

EXAMPLES = """
**Examples**

- `spatialstats compare runs/a runs/b` : two models, by the attack that both runs have
- `spatialstats compare runs/a --attack pgd-linf --attack patch` : two attacks of one run
- `spatialstats compare runs/a runs/b --map importance --statistic tfce --out runs/a-b`
"""


def compare(
    run_a: Annotated[Path, typer.Argument(help="A run directory.")],
    run_b: Annotated[
        Path | None, typer.Argument(help="Another, of the same images; none to compare two attacks of one.")
    ] = None,
    attack: Annotated[
        list[str] | None, typer.Option(help="Attack of both runs; given twice, of the first and the second.")
    ] = None,
    kind: Annotated[str, typer.Option("--map", help="effect, energy, frequency or importance.")] = "effect",
    statistic: Annotated[
        str, typer.Option(help="max-t, cluster-extent, cluster-mass, tfce, fdr-bh or fdr-by.")
    ] = "max-t",
    margin: Annotated[
        float | None, typer.Option(help="Difference from which on the confidence sets count.")
    ] = None,
    n_resamples: Annotated[int, typer.Option(help="Sign-flips.")] = 9999,
    alpha: Annotated[
        float, typer.Option(help="Level of the test, of the sets, and of each interval.")
    ] = 0.05,
    seed: SeedOption = 0,
    out: Annotated[Path | None, typer.Option(help="New folder; `runs/compare-<time>` if none.")] = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say where two models or two attacks differ on the same images, and by how much."""
    from spatialstats.comparison import compare as compared
    from spatialstats.engine.files import new_folder

    where = out or new_folder("compare")
    found = compared(
        run_a,
        run_b,
        out=where,
        command=command_line(),
        attacks=tuple(attack or ()),
        kind=kind,
        statistic=statistic,
        margin=margin,
        n_resamples=n_resamples,
        alpha=alpha,
        seed=seed,
    )
    if as_json:
        print(json.dumps(json.loads((where / "results.json").read_text()), indent=1, ensure_ascii=False))
    elif not quiet:
        print(found.headline)
        print(f"Report: {where / 'report.html'}")
