"""A run from its first chunk to its report."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from spatialstats import kernels
from spatialstats.attacks import Attack, Noise, get_attack
from spatialstats.data import Dataset, splits
from spatialstats.defence.evaluate import choose_fill
from spatialstats.defence.locate import prior_mask
from spatialstats.engine.config import Config
from spatialstats.engine.context import SAVED, Context
from spatialstats.engine.defend import Prior, choose_rows, report_rows
from spatialstats.engine.measure import Arrays, measure_hit, measure_seen
from spatialstats.engine.merged import Merged
from spatialstats.engine.observe import hit, see
from spatialstats.engine.plan import PHASES, Chunk, derive_seed, make_chunks, seeded_choice
from spatialstats.engine.progress import Progress, Silent
from spatialstats.engine.provenance import Clock
from spatialstats.engine.rundir import RunDirectory, read_arrays, write_arrays
from spatialstats.engine.write import write_results
from spatialstats.errors import InputError
from spatialstats.importance import Importance, get_importance
from spatialstats.models import Classifier

STEPS = {
    "locate": "locate: where attacks hit, to learn masks",
    "choose": "choose: the fill",
    "report": "report: what it is worth",
}


def make_context(
    config: Config,
    dataset: Dataset,
    classifier: Classifier,
    *,
    attacks: dict[str, Attack] | None = None,
    importance: Importance | None = None,
    progress: Progress | None = None,
) -> Context:
    """Fix every part of a run before its first image is attacked.

    Parameters
    ----------
    config : Config
        The settings.
    dataset : Dataset
        All images; `Config.n` of them are drawn.
    classifier : Classifier
        The model.
    attacks, importance : optional
        Objects to use in place of those that `config` names.
    progress : Progress, optional
        Who is told of the progress.

    Raises
    ------
    InputError
        If a part is unknown, or the images and the model do not fit each other.
    """
    if config.backend == "gpu":
        raise InputError(
            "the kernels of this version run on the CPU only: pass --backend auto or cpu "
            "(the model itself can run on a GPU: --device cuda)."
        )
    drawn = dataset.take(None if config.n is None else min(config.n, len(dataset)), config.seed)
    if len(drawn.labels) < 10:
        raise InputError(f"a run needs at least 10 images, got {len(drawn.labels)}: give more of them.")
    classifier.check(drawn.read(np.arange(2)))
    if drawn.labels.max() >= classifier.n_classes:
        raise InputError(
            f"labels must lie in 0..{classifier.n_classes - 1} for this model, "
            f"got {drawn.labels.max()}: pass the model that was made for these labels."
        )
    fought = dict(attacks) if attacks is not None else {}
    if attacks is None:
        for spec in (SAVED,) if drawn.adversarial is not None else config.attacks:
            made = saved_attack(config) if spec == SAVED else get_attack(spec)
            fought[spec if made.name in fought else made.name] = made
    every, controls = with_controls(fought)
    n = len(drawn.labels)
    return Context(
        config=config,
        dataset=drawn,
        classifier=classifier,
        importance=importance if importance is not None else get_importance(config.importance),
        attacks=every,
        controls=controls,
        splits=splits(drawn.digests(np.arange(n))),
        pictured=seeded_choice(n, config.reservoir, derive_seed(config.seed, "pictures")),
        sensitive=seeded_choice(n, config.sensitivity_images, derive_seed(config.seed, "sensitivity")),
        progress=progress if progress is not None else Silent(),
    )


def with_controls(attacks: dict[str, Attack]) -> tuple[dict[str, Attack], dict[str, str]]:
    """The attack called noise becomes one control for every other attack, each with that attack's budget."""
    fought = {name: attack for name, attack in attacks.items() if not attack.control}
    noises = [attack for attack in attacks.values() if attack.control]
    if not fought or not noises:
        return attacks, {}
    every: dict[str, Attack] = {}
    controls = {}
    for name, attack in fought.items():
        every[name] = attack
        if attack.budget.norm != "none":
            control = Noise.like(attack)
            key = f"noise-{name}"
            every[key], controls[key] = control, name
    return every, controls


def execute(context: Context, run: RunDirectory) -> tuple[Merged, Prior, str, Clock]:
    """Measure every chunk, in the order of the phases; chunks that a killed run left are read back."""
    config = context.config
    clock = Clock(context.classifier)
    merged, prior, fill = Merged(), Prior({}), config.fills[0]
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
                if not path.exists():
                    write_arrays(path, measure(context, chunk, prior, fill), compress=False)
                merged.add(read_arrays(path))
                context.progress.advance(len(chunk.rows))
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
    return arrays


def learn_prior(context: Context, merged: Merged) -> Prior:
    """One mask an attack: the pixels most often attacked but not important on the locate split."""
    masks = {}
    for name in context.fought:
        key = f"{name}/neutralizable"
        if key in merged.masks and merged.masks[key].n.sum():
            often = merged.masks[key].overall()
            masks[name] = prior_mask(often, max(1 / often.size, float(often.mean())))
    return Prior(masks)


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


def saved_attack(config: Config) -> Attack:
    """The stand-in whose adversarial images lie in a file."""
    from spatialstats.attacks import Saved

    return Saved(epsilon=config.epsilon)


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
    fingerprints = {"data": context.dataset.fingerprint, "model": context.classifier.fingerprint}
    run = RunDirectory.create(out, context.config, fingerprints, resume=resume)
    if run.complete:
        context.progress.say(f"{out} is complete already.")
        return out
    began = time.perf_counter()
    warm_up(context)
    merged, prior, fill, clock = execute(context, run)
    write_results(context, run, merged, prior, fill, clock, began=began, command=command)
    return out


def warm_up(context: Context) -> None:
    """Compile the kernels before the clock of the first image starts, and say so."""
    context.progress.say("compiling the kernels (once; later runs take them from the cache) ...")
    kernels.warm_up()
