"""A run's parts, made from its configuration and checked against each other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from spatialstats.attacks import Attack, Noise, Saved, get_attack
from spatialstats.data import Dataset, splits
from spatialstats.engine.backend import backend_note
from spatialstats.engine.config import DEFAULT_ATTACKS, Config
from spatialstats.engine.context import SAVED, Context
from spatialstats.engine.plan import derive_seed, seeded_choice
from spatialstats.engine.progress import Progress, Silent
from spatialstats.engine.reservoir import MAX_BYTES, capacity
from spatialstats.errors import InputError
from spatialstats.importance import Importance, get_importance
from spatialstats.models import Classifier, random_weights


def make_context(
    config: Config,
    dataset: Dataset,
    classifier: Classifier,
    *,
    attacks: dict[str, Attack] | None = None,
    importance: Importance | None = None,
    others: Sequence[Classifier] = (),
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
    others : sequence of Classifier
        Independently trained models of the same classes.
    progress : Progress, optional
        Who is told of the progress.

    Raises
    ------
    InputError
        If a part is unknown, or the images and the model do not fit each other.
    """
    if config.backend == "gpu":
        raise InputError(
            "a run keeps its maps on the CPU, where its kernels work: pass --backend auto or cpu "
            "(the model itself can run on a GPU: --device cuda)."
        )
    progress = progress if progress is not None else Silent()
    told = backend_note(config.backend)
    if told is not None:
        progress.say(told)
    n = len(dataset) if config.n is None else min(config.n, len(dataset))
    drawn = dataset.take(n, config.seed)
    if n < len(dataset):
        progress.say(
            f"{n} of {len(dataset)} images, drawn evenly over the classes; --n or --effort full for more."
        )
    if len(drawn.labels) < 10:
        raise InputError(f"a run needs at least 10 images, got {len(drawn.labels)}: give more of them.")
    few = drawn.read(np.arange(8))
    for model in (classifier, *others):
        model.check(few)
        if drawn.labels.max() >= model.n_classes:
            raise InputError(
                f"labels must lie in 0..{model.n_classes - 1} for model {model.name!r}, "
                f"got {drawn.labels.max()}: pass the model that was made for these labels."
            )
    refuse_twins([classifier, *others], few)
    every, controls = with_controls(
        named_attacks(config, drawn) if attacks is None else dict(attacks), progress
    )
    wanted = min(n, config.reservoir)
    reservoir = capacity(wanted, int(np.prod(drawn.shape[1:])), len(every))
    if reservoir < wanted:
        progress.say(
            f"reservoir.npz keeps the maps of {reservoir} images, not of {wanted}: "
            f"{MAX_BYTES >> 20} MiB is what they may take."
        )
    untrained, note = untrained_model(config, classifier)
    if note is not None:
        progress.say(note)
    return Context(
        config=config,
        dataset=drawn,
        classifier=classifier,
        importance=importance if importance is not None else get_importance(config.importance),
        attacks=every,
        controls=controls,
        splits=splits(drawn.digests(np.arange(n))),
        pictured=seeded_choice(n, reservoir, derive_seed(config.seed, "pictures")),
        sensitive=seeded_choice(n, config.sensitivity_images, derive_seed(config.seed, "sensitivity")),
        others=tuple(others),
        untrained=untrained,
        untrained_note=note,
        progress=progress,
    )


def untrained_model(config: Config, classifier: Classifier) -> tuple[Classifier | None, str | None]:
    """The model with random weights, or why there is none."""
    if not config.controls:
        return None, None
    try:
        return random_weights(classifier, seed=derive_seed(config.seed, "random weights")), None
    except InputError as error:
        return None, str(error)


def refuse_twins(models: Sequence[Classifier], few: np.ndarray) -> None:
    """Refuse models that are one and the same, under whatever names: they tell nothing of each other.

    Raises
    ------
    InputError
    """
    logits = [model.predict_logits(few) for model in models]
    for i, j in itertools.combinations(range(len(models)), 2):
        if logits[i].shape == logits[j].shape and np.allclose(logits[i], logits[j], rtol=1e-5, atol=1e-6):
            raise InputError(
                f"other models must have been trained independently, but {models[j].name!r} gives the same "
                f"logits as {models[i].name!r}: pass other weights or leave it out."
            )


def named_attacks(config: Config, dataset: Dataset) -> dict[str, Attack]:
    """The attacks that a configuration asks for; of a saved set its own, and noise of its budget."""
    if dataset.adversarial is None:
        made = [(spec, get_attack(spec)) for spec in config.attacks]
        names = [attack.name for _, attack in made]
        return {spec if names.count(attack.name) > 1 else attack.name: attack for spec, attack in made}
    if config.attacks != DEFAULT_ATTACKS:
        raise InputError("a saved adversarial set is analyzed as it is: leave out --attack, or the set.")
    saved = Saved(epsilon=config.epsilon)
    return {SAVED: saved} if config.epsilon is None else {SAVED: saved, "noise": Noise.like(saved)}


def with_controls(attacks: dict[str, Attack], progress: Progress) -> tuple[dict[str, Attack], dict[str, str]]:
    """The attack called noise becomes one control for every other attack, each with that attack's budget.

    Raises
    ------
    InputError
        If noise is asked for with a budget of its own beside other attacks.
    """
    fought = {name: attack for name, attack in attacks.items() if not attack.control}
    noises = [attack for attack in attacks.values() if attack.control]
    if not fought or not noises:
        return attacks, {}
    budgets = [attack.budget for attack in fought.values()]
    if any(noise.budget not in (*budgets, Noise().budget) for noise in noises):
        raise InputError("noise beside attacks takes the budget of each: leave out its parameters.")
    every: dict[str, Attack] = {}
    controls = {}
    for name, attack in fought.items():
        every[name] = attack
        if attack.budget.epsilon is None:
            progress.say(f"{name} has no fixed budget, so there is no noise of an equal one beside it.")
            continue
        key = f"noise-{name}"
        every[key], controls[key] = Noise.like(attack), name
    return every, controls
