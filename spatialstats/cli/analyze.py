"""``spatialstats analyze``: from images to a report."""

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
    PrecisionOption,
    QuietOption,
    ResumeOption,
    SeedOption,
    SizeOption,
    SplitOption,
    StdOption,
    ThreadsOption,
    WeightsOption,
    command_line,
    fraction,
    numbers,
    other_models,
    refuse_settings,
    stopped,
)
from spatialstats.errors import InputError

EXAMPLES = """
**Examples**

- `spatialstats analyze --dataset cifar10` : the bundled images and classifier, no network needed
- `spatialstats analyze --dataset cifar10 --attack pgd-linf --attack fgsm --n 200 --out runs/mine`
- `spatialstats analyze --dataset cifar10 --split test --effort full` : all 10,000 test images
- `spatialstats analyze --dataset photos/ --size 224 --model nets:resnet --weights net.safetensors`
- `spatialstats analyze --clean clean.npz --adversarial adv.npz --model cifar10-0 --epsilon 8/255`
- `spatialstats analyze --resume runs/mine` : continue a run that was cut off
"""


def analyze(
    context: typer.Context,
    dataset: DatasetOption = None,
    split: SplitOption = None,
    size: SizeOption = None,
    labels: LabelsOption = None,
    clean: Annotated[str | None, typer.Option(help="Saved clean images (.npz, .npy, .pt).")] = None,
    adversarial: Annotated[
        str | None, typer.Option(help="Saved adversarial images of the same rows.")
    ] = None,
    epsilon: Annotated[str | None, typer.Option(help="Linf budget of the saved set, such as 8/255.")] = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    device: DeviceOption = "cpu",
    other_model: Annotated[
        list[str] | None,
        typer.Option(
            help="Independently trained model whose RoI is compared, repeatable: a bundled name, or "
            "package.module:attribute that loads its own weights; `none` for none. A bundled model has the "
            "other bundled ones."
        ),
    ] = None,
    attack: Annotated[
        list[str] | None,
        typer.Option(help="Attack, repeatable; parameters in brackets: 'pgd-linf(epsilon=4/255)'."),
    ] = None,
    importance: Annotated[str | None, typer.Option(help="Importance method (see `list`).")] = None,
    attack_map: Annotated[
        str, typer.Option(help="Map that RoA is taken from: effect, energy, frequency.")
    ] = "effect",
    roi: Annotated[str, typer.Option(help="RoI: a top fraction (0.3 or top:0.3), or otsu.")] = "0.3",
    roa: Annotated[str, typer.Option(help="RoA: likewise.")] = "0.2",
    prior: Annotated[
        str,
        typer.Option(help="Mask learnt on other images: frequency (most often attacked), or confidence."),
    ] = "frequency",
    n: Annotated[int | None, typer.Option(help="How many images, drawn evenly over the classes.")] = None,
    effort: Annotated[
        str, typer.Option(help="quick, default, or full (all images; tells its estimate first).")
    ] = "default",
    seed: SeedOption = 0,
    batch_size: BatchOption = 64,
    precision: PrecisionOption = "float32",
    threads: ThreadsOption = None,
    backend: Annotated[str, typer.Option(help="Where kernels run: auto, cpu, gpu.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="Run directory; `runs/<dataset>-<time>` if none.")] = None,
    resume: ResumeOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Attack images, map where it hits and where the model looks, and say what blocking is worth."""
    from spatialstats.console import Console

    console = Console(quiet=quiet)
    from spatialstats.engine.config import IN_MEMORY, Config
    from spatialstats.engine.files import new_folder

    if resume is not None:
        from spatialstats.engine.rundir import RunDirectory

        refuse_settings(context)
        config = Config.from_dict(RunDirectory(resume).request()["config"])
        if config.dataset == IN_MEMORY:
            raise InputError(
                "a run on images in memory is continued from Python: analyze(..., out=, resume=True)."
            )
        out = resume
    else:
        config = Config.of_effort(
            effort,
            dataset=dataset or "cifar10",
            split=split,
            size=size,
            labels=labels,
            clean=clean,
            adversarial=adversarial,
            epsilon=fraction(epsilon, "--epsilon"),
            n=n,
            model=model,
            weights=weights,
            mean=numbers(mean, "--mean"),
            std=numbers(std, "--std"),
            device=device,
            others=other_models(other_model),
            attacks=tuple(attack) if attack else None,
            importance=importance,
            attack_map=attack_map,
            roi=roi,
            roa=roa,
            prior=prior,
            seed=seed,
            batch_size=batch_size,
            precision=precision,
            threads=threads,
            backend=backend,
        )
    from spatialstats import (
        api,
        named,
    )  # torch and all the rest: only now, so that a wrong setting is told at once

    out = out or new_folder(Path(config.clean or config.dataset).stem)
    try:
        with console:
            data = named.find_dataset(config, config.dataset)
            for note in data.notes:
                console.say(note)
            classifier = named.find_model(config, config.model, data)
            result = api.run(
                config,
                data,
                classifier,
                out=out,
                resume=resume is not None,
                progress=console,
                command=command_line(),
            )
    except KeyboardInterrupt:
        stopped(out)
    if as_json:
        print(json.dumps(result.results, indent=1, ensure_ascii=False))
    elif not quiet:
        print(result.headline)
        print(f"Report: {result.report}")
