"""``spatialstats defend``: what defences are worth, without mercy."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from spatialstats.cli.options import fail, numbers, refuse_settings

EXAMPLES = """
**Examples**

- `spatialstats defend --effort quick` : one defence, one threat, 50 images, a first look in minutes
- `spatialstats defend --defence neutralize,oddr,patchcleanser --threat linf:8/255,patch:5x5`
- `spatialstats defend --model cifar10-masked --defence patchcleanser --threat patch:5x5 --n 1000`
- `spatialstats defend --defence 'neutralize(locator=occluded, fill=inpaint)' --threat patch:5x5`
- `spatialstats defend --resume runs/defend-cifar10-20260101-120000` : continue after a cut
"""


def defend(
    context: typer.Context,
    dataset: Annotated[
        str | None, typer.Option(help="cifar10, fashion-mnist, a folder of class folders, an .npz or .npy.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="test or train: draws from the whole split.")] = None,
    size: Annotated[int | None, typer.Option(help="Pixels that images of a folder are resized to.")] = None,
    labels: Annotated[
        str | None, typer.Option(help="File of labels (.npy), where images come without.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="A bundled name, or package.module:attribute.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="State of the model: .safetensors or .pt (tensors only).")
    ] = None,
    mean: Annotated[str | None, typer.Option(help="Per-channel mean that the model expects removed.")] = None,
    std: Annotated[str | None, typer.Option(help="Per-channel standard deviation, likewise.")] = None,
    device: Annotated[str, typer.Option(help="torch device of the model.")] = "cpu",
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
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    batch_size: Annotated[int, typer.Option(help="Images a pass through the model.")] = 64,
    threads: Annotated[int | None, typer.Option(help="torch threads.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="New folder; `runs/defend-<dataset>-<time>` if none.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Continue the evaluation in this folder, with its own settings.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json on standard output.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.", hidden=True)] = False,
) -> None:
    """Attack defences in every way that knows them, certify what can be, and say what they are worth."""
    from spatialstats.console import Console
    from spatialstats.engine.defences.config import DefendConfig
    from spatialstats.engine.defences.store import Store

    command = "spatialstats " + " ".join(sys.argv[1:])
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

    out = resume or out or evaluation.default_out(config)
    console = Console(quiet=quiet)
    try:
        with console:
            results = evaluation.run(
                config, out, resume=resume is not None, progress=console, command=command
            )
    except KeyboardInterrupt:
        again = f"go on with --resume {out}" if out.exists() else "nothing was written"
        fail(f"stopped, and no file is half-written: {again}.", 130)
    if as_json:
        print(json.dumps(results, indent=1, ensure_ascii=False))
    elif not quiet:
        print(results["headline"])
        for cell in results["cells"]:
            print(f"- {cell['sentence']}")
        print(f"Report: {out / 'report.html'}")


def listed(given: list[str] | None) -> tuple[str, ...] | None:
    """Specifications, separated by commas outside of brackets."""
    if not given:
        return None
    parts = [part.strip() for text in given for part in re.split(r",(?![^(]*\))", text)]
    return tuple(part for part in parts if part)
