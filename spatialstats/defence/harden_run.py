"""From a classifier, labelled images and a kind of hardening to a fine-tuned classifier and its worth."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch.nn.functional as F

from spatialstats.attacks import Attack, get_attack
from spatialstats.data import Dataset
from spatialstats.defence.harden import Hardened, harden
from spatialstats.defence.harden_batches import Images, epoch_generator
from spatialstats.defence.harden_check import check_masked, check_robust
from spatialstats.defence.harden_data import held_out_rows
from spatialstats.defence.harden_module import drawing, training_copy, training_logits
from spatialstats.defence.harden_recipe import Recipe
from spatialstats.defence.harden_state import saved_recipe
from spatialstats.defence.harden_worth import Worth, worth
from spatialstats.errors import InputError
from spatialstats.models import Classifier
from spatialstats.precision import check_precision

__all__ = ["Run", "faster_precision", "harden_dataset", "reference_attack", "seconds_a_batch"]

ATTACKED = 500  # held-out images under the reference attack, at most
TIMED = 3  # batches that an estimate is taken over, after one that warms up


@dataclass(frozen=True)
class Run:
    """A finished fine-tune.

    Parameters
    ----------
    classifier : Classifier
        Of the fine-tuned module.
    hardened : Hardened
        The module and how its training went.
    worth : Worth
        Its accuracies on the held-out images beside those of the start.
    recipe : Recipe
        With what it was made.
    """

    classifier: Classifier
    hardened: Hardened
    worth: Worth
    recipe: Recipe


def harden_dataset(
    classifier: Classifier,
    dataset: Dataset,
    recipe: Recipe,
    *,
    held_out: float = 0.1,
    precision: str = "auto",
    checkpoint: Path | None = None,
    resume: bool = False,
    say: Callable[[str], None] = lambda text: None,
    start: Callable[[str, int], None] = lambda step, total: None,
    advance: Callable[[int], None] = lambda images: None,
) -> Run:
    """Hold images out, say how long it takes, fine-tune, and measure before and after.

    Parameters
    ----------
    classifier : Classifier
        Where it starts from.
    dataset : Dataset
        Training images: not those that a defence is to be evaluated on.
    recipe : Recipe
        How.
    held_out : float
        Share of the images that is kept for the measurement.
    precision : {"auto", "bfloat16", "float32"}
        Of the passes; auto times both on a few batches and takes the faster.
    checkpoint, resume
        See `harden`.
    say, start, advance : callable
        Told what a reader should know, the name and the images of a step, and images that are done.

    Raises
    ------
    InputError
        If the images and the model do not fit each other, or there are too few images.
    """
    check_precision(precision, "auto")
    held = held_out_rows(dataset, held_out)
    learnt, kept = dataset.subset(~held), dataset.subset(held)
    train, check = Images(learnt.read, learnt.labels), Images(kept.read, kept.labels)
    classifier.check(kept.read(np.arange(8)))
    if dataset.labels.max() >= classifier.n_classes:
        raise InputError(
            f"labels must lie in 0..{classifier.n_classes - 1} for model {classifier.name!r}, got "
            f"{dataset.labels.max()}: pass the model that was made for these labels."
        )
    if resume and checkpoint is not None and precision == "auto":
        recipe = replace(recipe, bfloat16=bool(saved_recipe(checkpoint).get("bfloat16", recipe.bfloat16)))
    elif precision == "auto":
        recipe = faster_precision(classifier, train, recipe)
    else:
        recipe = replace(recipe, bfloat16=precision == "bfloat16")
    say(estimate(classifier, train, recipe, len(check)))
    start("fine-tuning", recipe.epochs * len(train))
    done = harden(
        classifier,
        train,
        check,
        recipe,
        checkpoint=checkpoint,
        resume=resume,
        say=say,
        advance=advance,
    )
    after = classifier.around(done.module, f"{classifier.name}, {recipe.kind}")
    attack = reference_attack(recipe) if recipe.kind == "robust" else None
    say("measuring before and after on the held-out images")
    hits = [_measured(model, check, recipe, attack) for model in (classifier, after)]
    labels = {
        "clean": "clean",
        "masked": "behind two random masks",
        "attacked": attack.label if attack is not None else "",
    }
    return Run(after, done, worth(hits[0], hits[1], labels, None if attack is None else attack.label), recipe)


def reference_attack(recipe: Recipe) -> Attack:
    """The attack that a robust model is measured under: APGD."""
    return get_attack("apgd-linf", epsilon=recipe.adversarial.epsilon, stop=True)


def seconds_a_batch(classifier: Classifier, train: Images, recipe: Recipe, done: float = 0.0) -> float:
    """Seconds that a batch takes, forward, backward and all, when the share `done` is over."""
    module = training_copy(classifier).train()
    logits = training_logits(classifier, module, recipe.bfloat16)
    rng = epoch_generator(recipe.seed, 0)
    x, y = train.batch(np.arange(min(recipe.batches.size, len(train))))
    x, y = x.to(classifier.device), y.to(classifier.device)
    took = []
    with drawing(rng, x.device):
        for _ in range(TIMED + 1):
            began = time.perf_counter()
            loss = F.cross_entropy(logits(recipe.preparation(logits, x, y, rng, done)).float(), y)
            loss.backward()
            loss.item()  # waits for a GPU
            took.append(time.perf_counter() - began)
    return min(took[1:])


def faster_precision(classifier: Classifier, train: Images, recipe: Recipe) -> Recipe:
    """The recipe with the passes in bfloat16 where that is faster here and gives finite numbers."""
    plain, half = (replace(recipe, bfloat16=way) for way in (False, True))
    try:
        faster = seconds_a_batch(classifier, train, half) < seconds_a_batch(classifier, train, plain)
    except (RuntimeError, TypeError):  # a module may hold what has no bfloat16 form
        faster = False
    return half if faster else plain


def estimate(classifier: Classifier, train: Images, recipe: Recipe, n_held: int) -> str:
    """How long the training will take, in a sentence, from a few batches of its beginning and its end."""
    batches = recipe.batches.count(len(train))
    first = seconds_a_batch(classifier, train, recipe, 0.0)
    last = seconds_a_batch(classifier, train, recipe, 0.999) if recipe.kind == "masked" else first
    greedy = 1 - recipe.masks.greedy_from if recipe.kind == "masked" and recipe.masks else 0.0
    minutes = recipe.epochs * batches * (first * (1 - greedy) + last * greedy) / 60
    width = "bfloat16" if recipe.bfloat16 else "float32"
    return (
        f"{len(train):,} images to learn from, {n_held:,} held out; {recipe.epochs} epochs of {batches} "
        f"batches in {width} on {classifier.device}: about {_duration(minutes)}."
    )


def _measured(
    classifier: Classifier, check: Images, recipe: Recipe, attack: Attack | None
) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = dict(check_masked(classifier, check, recipe.masks, recipe.seed))
    if attack is not None:
        few = Images(check.read, check.labels[:ATTACKED])
        found |= check_robust(classifier, few, attack, recipe.seed)
    return found


def _duration(minutes: float) -> str:
    if minutes < 1:
        return "a minute"
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"
