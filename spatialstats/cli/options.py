"""What the commands share: their options, how these are read, and how a command ends early."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from spatialstats.errors import InputError

DatasetOption = Annotated[
    str | None, typer.Option(help="cifar10, fashion-mnist, a folder of class folders, an .npz or images.npy.")
]
SplitOption = Annotated[str | None, typer.Option(help="test or train: draws from the whole split.")]
SizeOption = Annotated[int | None, typer.Option(help="Pixels that images of a folder are resized to.")]
LabelsOption = Annotated[str | None, typer.Option(help="File of labels (.npy), where images come without.")]
ModelOption = Annotated[
    str | None, typer.Option(help="A bundled model (see `list`), or package.module:attribute.")
]
WeightsOption = Annotated[
    str | None, typer.Option(help="State of the model: .safetensors or .pt (tensors only).")
]
MeanOption = Annotated[str | None, typer.Option(help="Per-channel mean that the model expects removed.")]
StdOption = Annotated[str | None, typer.Option(help="Per-channel standard deviation, likewise.")]
DeviceOption = Annotated[str, typer.Option(help="torch device of the model.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
BatchOption = Annotated[int, typer.Option(help="Images a pass through the model.")]
PrecisionOption = Annotated[
    str,
    typer.Option(
        help="Of passes with gradients: float32, or bfloat16, nearly twice as fast where the processor "
        "knows it; maps change by some percent. Predictions are always float32."
    ),
]
ThreadsOption = Annotated[int | None, typer.Option(help="torch threads.")]
ResumeOption = Annotated[
    Path | None, typer.Option(help="Continue what was cut off in this folder, with its own settings.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the results as JSON on standard output.")]


def command_line() -> str:
    """How the program was called, for the record."""
    return "spatialstats " + " ".join(sys.argv[1:])


def fail(message: str, code: int = 2) -> NoReturn:
    """Say why on standard error and end."""
    print(f"spatialstats: {message}", file=sys.stderr)
    raise typer.Exit(code)


def stopped(out: Path) -> NoReturn:
    """End after Ctrl-C, saying how to go on."""
    again = f"go on with --resume {out}" if out.exists() else "nothing was written"
    fail(f"stopped, and no file is half-written: {again}.", 130)


def numbers(text: str | None, option: str) -> tuple[float, ...] | None:
    """``0.5,0.5,0.5`` as floats."""
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"{option} takes numbers separated by commas, such as 0.49,0.48,0.45, got {text!r}."
        ) from None


def fraction(text: str | None, option: str) -> float | None:
    """``8/255`` or ``0.03`` as a float."""
    if text is None:
        return None
    above, _, below = text.partition("/")
    try:
        return float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"{option} takes a number or a fraction such as 8/255, got {text!r}.") from None


def other_models(names: list[str] | None) -> tuple[str, ...] | None:
    """The names given by --other-model; an empty tuple where there shall be none."""
    return None if not names else tuple(name for name in names if name != "none")


def refuse_settings(context: typer.Context) -> None:
    """Refuse settings beside --resume, which goes on with those that the run began with."""
    allowed = {"resume", "quiet", "as_json"}
    given = [
        "--" + name.replace("_", "-")
        for name in context.params
        if name not in allowed and context.get_parameter_source(name).name == "COMMANDLINE"  # type: ignore[union-attr]
    ]
    if given:
        raise InputError(
            f"--resume goes on with the settings that the run began with: leave out {', '.join(given)}."
        )
