"""``spatialstats defend``: what defences are worth, without mercy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from spatialstats.cli.options import (
    BatchOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    LabelsOption,
    MeanOption,
    ModelOption,
    QuietOption,
    ResumeOption,
    SeedOption,
    SizeOption,
    SplitOption,
    StdOption,
    ThreadsOption,
    WeightsOption,
    command_line,
    numbers,
    refuse_settings,
    stopped,
)

EXAMPLES = """
**Examples**

- `spatialstats defend --effort quick` : one defence, one threat, 50 images, a first look in minutes
- `spatialstats defend --defence neutralize,oddr,patchcleanser --threat linf:8/255,patch:5x5`
- `spatialstats defend --model cifar10-masked --defence patchcleanser --threat patch:5x5 --split test`
- `spatialstats defend --defence 'neutralize(locator=occluded, fill=inpaint)' --threat patch:5x5`
- `spatialstats defend --resume runs/defend-cifar10-20260101-120000` : continue after a cut
"""


def defend(
    context: typer.Context,
    dataset: DatasetOption = None,
    split: SplitOption = None,
    size: SizeOption = None,
    labels: LabelsOption = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    device: DeviceOption = "cpu",
    defence: Annotated[
        list[str] | None,
        typer.Option(help="Defences, repeatable or separated by commas; see `list`. Parameters in brackets."),
    ] = None,
    threat: Annotated[
        list[str] | None,
        typer.Option(help="Threats, likewise: linf:8/255, l2:0.5, patch:5x5."),
    ] = None,
    n: Annotated[
        int | None, typer.Option(help="Images of the report split for static and certified numbers.")
    ] = None,
    adaptive: Annotated[
        int | None,
        typer.Option(help="How many of them are attacked adaptively; the effort's number if none."),
    ] = None,
    effort: Annotated[str, typer.Option(help="quick (too weak to conclude), default, or full.")] = "default",
    seed: SeedOption = 0,
    batch_size: BatchOption = 64,
    threads: ThreadsOption = None,
    out: Annotated[
        Path | None, typer.Option(help="New folder; `runs/defend-<dataset>-<time>` if none.")
    ] = None,
    resume: ResumeOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Attack defences in every way that knows them, certify what can be, and say what they are worth."""
    from spatialstats.console import Console
    from spatialstats.engine.defences.config import DefendConfig
    from spatialstats.engine.defences.store import Store
    from spatialstats.engine.files import new_folder

    if resume is not None:
        refuse_settings(context)
        config = DefendConfig.from_dict(Store(resume).request()["config"])
    else:
        config = DefendConfig.of_effort(
            effort,
            dataset=dataset or "cifar10",
            split=split,
            size=size,
            labels=labels,
            model=model,
            weights=weights,
            mean=numbers(mean, "--mean"),
            std=numbers(std, "--std"),
            device=device,
            defences=listed(defence),
            threats=listed(threat),
            n=n,
            adaptive=adaptive,
            seed=seed,
            batch_size=batch_size,
            threads=threads,
        )
    from spatialstats import evaluation  # torch and all the rest: only now

    out = resume or out or new_folder(f"defend-{Path(config.dataset).stem}")
    console = Console(quiet=quiet)
    try:
        with console:
            results = evaluation.run(
                config, out, resume=resume is not None, progress=console, command=command_line()
            )
    except KeyboardInterrupt:
        stopped(out)
    if as_json:
        print(json.dumps(results, indent=1, ensure_ascii=False))
    elif not quiet:
        print(results["headline"])
        for cell in results["cells"]:
            print(f"- {cell['sentence']}")
        print(f"Report: {out / 'report.html'}")


def listed(given: list[str] | None) -> tuple[str, ...] | None:
    """Specifications, separated by commas outside of brackets; one that is given twice counts once."""
    from spatialstats.spec import separated

    if not given:
        return None
    return tuple(dict.fromkeys(part for text in given for part in separated(text)))
