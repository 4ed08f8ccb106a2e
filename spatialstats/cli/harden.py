"""``spatialstats harden``: a fine-tune that tolerates masks, or an L-infinity attack."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from spatialstats.cli.options import (
    JsonOption,
    LabelsOption,
    MeanOption,
    QuietOption,
    SeedOption,
    SizeOption,
    StdOption,
    ThreadsOption,
    WeightsOption,
    fail,
    fraction,
    numbers,
)
from spatialstats.errors import InputError

EXAMPLES = """
**Examples**

- `spatialstats harden --dataset cifar10 --model cifar10-1 --kind masked --out mine.safetensors`
- `spatialstats harden --dataset photos/ --size 224 --model nets:resnet --weights net.pt --kind robust
  --epsilon 4/255 --out robust.safetensors`
- the same command with `--resume` : go on after the last whole epoch

The weights go on with `--weights`: `spatialstats analyze --model nets:resnet --weights robust.safetensors`.
"""


def harden(
    out: Annotated[Path, typer.Option(help="Weights to write: a .safetensors file.")],
    dataset: Annotated[
        str, typer.Option(help="Training images: cifar10, a folder of class folders, an .npz, or images.npy.")
    ] = "cifar10",
    split: Annotated[str | None, typer.Option(help="Split of a named set; train if none is named.")] = None,
    size: SizeOption = None,
    labels: LabelsOption = None,
    model: Annotated[
        str | None, typer.Option(help="A bundled model, or package.module:attribute; where it starts from.")
    ] = None,
    weights: WeightsOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    device: Annotated[str, typer.Option(help="torch device of the training.")] = "cpu",
    kind: Annotated[
        str,
        typer.Option(
            help="masked: behind two random, in the end greedy windows; robust: under a single-step attack; "
            "plain: as many epochs of neither, for comparison."
        ),
    ] = "masked",
    epochs: Annotated[int, typer.Option(help="Passes over the training images.")] = 8,
    lr: Annotated[float, typer.Option(help="Largest learning rate of AdamW.")] = 1e-3,
    patch: Annotated[
        int | None, typer.Option(help="Side of the patch to tolerate, in pixels; 5/32 of the side if none.")
    ] = None,
    per_axis: Annotated[int, typer.Option(help="Masks an axis that PatchCleanser will have.")] = 6,
    epsilon: Annotated[str, typer.Option(help="L-infinity radius of the robust kind.")] = "8/255",
    flip: Annotated[
        bool, typer.Option(help="Mirror every second image; not where left and right matter.")
    ] = True,
    shift: Annotated[int, typer.Option(help="Largest shift of an image, in pixels.")] = 2,
    held_out: Annotated[
        float, typer.Option(help="Share of the images that the result is measured on.")
    ] = 0.1,
    n: Annotated[int | None, typer.Option(help="How many images, drawn evenly over the classes.")] = None,
    batch_size: Annotated[int, typer.Option(help="Images a training batch.")] = 125,
    precision: Annotated[str, typer.Option(help="bfloat16, float32, or auto: the faster one.")] = "auto",
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after the last whole epoch.")] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Fine-tune a model so that it tolerates masks or an attack, and say what that changed."""
    if out.suffix != ".safetensors":
        raise InputError(f"--out names a .safetensors file, got {out}.")
    checkpoint = out.with_name(out.name + ".training")
    if resume and not checkpoint.is_file():
        raise InputError(f"there is no training to go on with at {checkpoint}: leave out --resume.")
    if not resume and (checkpoint.exists() or out.exists()):
        there = checkpoint if checkpoint.exists() else out
        raise InputError(f"{there} exists already: go on with --resume, delete it, or name another --out.")
    radius = fraction(epsilon, "--epsilon") or 0.0
    means, stds = numbers(mean, "--mean"), numbers(std, "--std")

    import torch

    from spatialstats.console import Console
    from spatialstats.data import load_dataset
    from spatialstats.data.load import NAMES
    from spatialstats.defence.harden_adversarial import AdversarialTraining
    from spatialstats.defence.harden_batches import Batches
    from spatialstats.defence.harden_masks import MaskTraining, mask_sides
    from spatialstats.defence.harden_recipe import Recipe
    from spatialstats.defence.harden_run import harden_dataset
    from spatialstats.models import load_model
    from spatialstats.models.weights_file import save_weights

    if threads is not None:
        torch.set_num_threads(max(1, threads))
    console = Console(quiet=quiet)
    if split is None and dataset in NAMES:
        split = "train"  # nothing is learnt from test images unless they are asked for
    data = load_dataset(
        dataset, split=split, size=size, labels=labels, report=None if quiet else console.say
    ).take(n, seed)
    name = model or data.bundled_model
    if name is None:
        raise InputError(
            f"there is no bundled model for {data.name!r}: pass --model package.module:attribute."
        )
    shape = (data.shape[1], data.shape[2])
    recipe = Recipe(
        kind,  # type: ignore[arg-type]
        MaskTraining(mask_sides(shape, patch, per_axis), shape),
        AdversarialTraining(epsilon=radius),
        epochs=epochs,
        lr=lr,
        batches=Batches(batch_size, shift, flip),
        seed=seed,
    )
    classifier = load_model(name, weights=weights, mean=means, std=stds, device=device)
    try:
        with console:
            for note in data.notes:
                console.say(note)
            done = harden_dataset(
                classifier,
                data,
                recipe,
                held_out=held_out,
                precision=precision,
                checkpoint=checkpoint,
                resume=resume,
                say=console.say,
                start=console.start,
                advance=console.advance,
            )
    except KeyboardInterrupt:
        kept = checkpoint.exists()
        fail(
            "stopped: " + ("the same command with --resume goes on." if kept else "nothing was written."), 130
        )
    result = done.worth.to_dict()
    about = {
        "kind": kind,
        "start": classifier.name,
        "start_fingerprint": classifier.fingerprint,
        "data": f"{data.name} {data.fingerprint}",
        "recipe": repr(done.recipe),
        "stopped": done.hardened.stopped or "",
        "history": json.dumps(done.hardened.history),
        "worth": json.dumps(result),
        "torch": torch.__version__,
    }
    save_weights(done.hardened.module, out, about)
    checkpoint.unlink(missing_ok=True)
    if as_json:
        print(json.dumps(result, indent=1, ensure_ascii=False))
    elif not quiet:
        for change in done.worth.changes:
            print(change.sentence)
        print(done.worth.sentence)
        print(f"Weights: {out}", file=sys.stdout)
