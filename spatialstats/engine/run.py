"""A run from its first chunk to its report."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from spatialstats import __version__, kernels
from spatialstats.defence.evaluate import choose_fill
from spatialstats.defence.locate import prior_mask
from spatialstats.engine.context import Context
from spatialstats.engine.defend import Prior, choose_rows, report_rows
from spatialstats.engine.files import read_arrays, write_arrays
from spatialstats.engine.measure import Arrays, measure_hit, measure_seen
from spatialstats.engine.merged import IN_FILES, Merged
from spatialstats.engine.observe import hit, see
from spatialstats.engine.plan import PHASES, Chunk, derive_seed, make_chunks
from spatialstats.engine.progress import Silent
from spatialstats.engine.provenance import Clock
from spatialstats.engine.rundir import RunDirectory
from spatialstats.engine.where import NUMBERS, spaced
from spatialstats.engine.where import warm_up as warm_up_tests
from spatialstats.engine.write import write_results
from spatialstats.errors import InputError
from spatialstats.regions import clean
from spatialstats.stats.confidence import confidence_mask
from spatialstats.stats.lift import present

STEPS = {
    "locate": "locate: where attacks hit, to learn masks",
    "choose": "choose: the fill",
    "report": "report: what it is worth",
}


def execute(context: Context, run: RunDirectory) -> tuple[Merged, Prior, str, Clock]:
    """Measure every chunk, in the order of the phases; chunks that a killed run left are read back."""
    config = context.config
    clock = Clock(context.models, run.time_path)
    merged, prior, fill = Merged(run.masks_path), Prior({}), config.fills[0]
    chunks = make_chunks(context.splits, config.chunk_size)
    for phase in PHASES:
        if phase == "choose":
            prior = learn_prior(context, merged)
        elif phase == "report":
            fill = pick_fill(context, merged)
        of_phase = [chunk for chunk in chunks if chunk.phase == phase]
        context.progress.start(STEPS[phase], sum(len(chunk.rows) for chunk in of_phase))
        with clock.stage(phase):
            for chunk in of_phase:
                path = run.chunk_path(chunk.name)
                if path.exists():
                    context.progress.advance(len(chunk.rows))
                else:
                    write_arrays(path, measure(context, chunk, prior, fill), compress=False)
                    clock.save()
                merged.add(read_arrays(path, without=IN_FILES))
    if not merged["row.correct"].any():
        raise InputError(
            "the model classifies no image correctly, so there is nothing to attack: "
            "check --mean and --std, the weights, and the order of the classes."
        )
    return merged, prior, fill, clock


def measure(context: Context, chunk: Chunk, prior: Prior, fill: str) -> Arrays:
    """A chunk's whole result: one image's way through the code is these lines."""
    seen = see(context, chunk)
    arrays = measure_seen(context, seen)
    for name in context.attacks:
        struck = hit(context, seen, name)
        arrays |= measure_hit(context, seen, struck)
        if name in context.fought and chunk.phase == "choose":
            arrays |= choose_rows(context, seen, struck)
        elif name in context.fought and chunk.phase == "report":
            arrays |= report_rows(context, seen, struck, prior, fill)
        context.progress.advance(len(chunk.rows) / len(context.attacks))
    return arrays


def learn_prior(context: Context, merged: Merged) -> Prior:
    """One mask an attack: the pixels most often attacked but not important on the locate split."""
    masks = {}
    for name in context.fought:
        key = f"{name}/neutralizable"
        if key in merged.masks and merged.masks[key].n.sum():
            masks[name] = learnt_mask(context, merged, name, merged.masks[key].overall())
    return Prior(masks)


def learnt_mask(context: Context, merged: Merged, name: str, often: np.ndarray) -> np.ndarray:
    """The mask of one attack, by `Config.prior`, from how often each pixel was to be neutralized."""
    config = context.config
    shape = {"min_area": config.min_area, "connectivity": config.connectivity}
    if config.prior == "frequency":
        return prior_mask(often, max(1 / often.size, float(often.mean())), **shape)
    roa = merged.packed(f"{name}.roa")
    rows = spaced(present(roa), NUMBERS // context.n_pixels)
    if len(rows) < 2:
        return np.zeros(often.shape, bool)
    inside = kernels.unpack(roa[rows] & ~merged.packed("roi")[rows], often.shape)
    seed = derive_seed(config.seed, "prior", name)
    return clean(confidence_mask(inside, 0.0, relative=True, seed=seed), **shape)


def pick_fill(context: Context, merged: Merged) -> str:
    """The fill that serves best on the choose split, over all attacks."""
    fills = context.config.fills
    first = f"choose.{context.fought[0]}.{fills[0]}.attacked"
    if first not in merged:
        return fills[0]
    return choose_fill(
        {
            fill: np.stack(
                [
                    merged[f"choose.{name}.{fill}.{which}"]
                    for name in context.fought
                    for which in ("attacked", "clean")
                ]
            )
            for fill in fills
        }
    )


def analyze(context: Context, out: Path, *, resume: bool = False, command: str = "") -> Path:
    """Run everything and write the run directory, without its report.

    Parameters
    ----------
    context : Context
        The run's parts.
    out : Path
        The run directory.
    resume : bool
        Whether `out` may hold a run that was cut off.
    command : str
        How the run was called, for the record.

    Returns
    -------
    Path
        `out`.
    """
    run = RunDirectory.create(out, context.config, fingerprints(context), resume=resume)
    if run.complete:
        run.clear_chunks()
        context.progress.say(f"{out} is complete already.")
        return out
    warm_up(context)
    if context.config.effort == "full":
        context.progress.say(f"{len(context.splits)} images will take about {in_words(estimate(context))}.")
    merged, prior, fill, clock = execute(context, run)
    write_results(context, run, merged, prior, fill, clock, command=command)
    return out


def fingerprints(context: Context) -> dict[str, str]:
    """What a resumed run must share with the one that was cut off, beside the configuration."""
    classifier = context.classifier
    parts = [
        f"{name}={part!r}" for name, part in [*context.attacks.items(), ("importance", context.importance)]
    ]
    return {
        "version": __version__,
        "data": context.dataset.fingerprint,
        "model": classifier.fingerprint,
        "others": " ".join(model.fingerprint for model in context.others),
        "passes": "; ".join(model.passes for model in (classifier, *context.others)),
        # A function's address changes with every process; its name is all that can be compared.
        "parts": re.sub(r" at 0x[0-9a-f]+", "", "; ".join(parts)),
    }


def estimate(context: Context) -> float:
    """Seconds that the run should take: two micro-batches are measured, and thrown away.

    Parameters
    ----------
    context : Context
        The run's parts.
    """
    rows = np.flatnonzero(context.splits == PHASES.index("report"))[: 2 * context.config.batch_size]
    if not len(rows):
        return 0.0
    began = time.perf_counter()
    measure(replace(context, progress=Silent()), Chunk("report", 0, rows), Prior({}), context.config.fills[0])
    return (time.perf_counter() - began) / len(rows) * len(context.splits)


def in_words(seconds: float) -> str:
    """``40 s``, ``12 min`` or ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def warm_up(context: Context) -> None:
    """Compile the kernels before the clock of the first image starts, and say so."""
    context.progress.say("compiling the kernels (once; later runs take them from the cache) ...")
    kernels.warm_up()
    warm_up_tests()
