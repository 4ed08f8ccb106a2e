"""Fine-tuning a classifier so that it tolerates masks, or an L-infinity attack."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from spatialstats.defence.harden_adversarial import overfitted
from spatialstats.defence.harden_batches import Images, epoch_generator
from spatialstats.defence.harden_check import check_masked, check_robust
from spatialstats.defence.harden_memory import Memory, random_corners
from spatialstats.defence.harden_module import average_norms, drawing, training_copy, training_logits
from spatialstats.defence.harden_recipe import Recipe
from spatialstats.defence.harden_state import Checkpoint, State
from spatialstats.errors import InputError
from spatialstats.models import Classifier

__all__ = ["Hardened", "harden"]

CHECKED = 256  # held-out images under the iterative attack after each epoch


@dataclass(frozen=True)
class Hardened:
    """A fine-tuned copy of a classifier's module.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode; the classifier's own was not touched.
    epochs : int
        How many it went through.
    history : tuple of dict
        Of each epoch: ``epoch, loss, seconds`` and the shares of held-out images that are right:
        ``clean``, and ``masked`` or ``attacked`` where the kind has one.
    stopped : str or None
        Why it ended before the last epoch: the state is the one before.
    """

    module: nn.Module
    epochs: int
    history: tuple[dict[str, float], ...]
    stopped: str | None = None


def harden(
    classifier: Classifier,
    train: Images,
    held_out: Images,
    recipe: Recipe,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    say: Callable[[str], None] = lambda text: None,
    advance: Callable[[int], None] = lambda images: None,
) -> Hardened:
    """Fine-tune a copy of a classifier's module.

    The last state is the one that is kept; no state is chosen by its accuracy, except that
    adversarial training ends at the epoch before its accuracy under an iterative attack
    collapsed, as seen on `held_out`.

    Parameters
    ----------
    classifier : Classifier
        Where it starts from, and how images are normalised.
    train, held_out : Images
        What is learnt from, and what each epoch is checked on; never the images that a defence
        is reported on.
    recipe : Recipe
        How.
    checkpoint : path, optional
        Written after each epoch; `resume` goes on from it and gives the bits of an uninterrupted run.
    say, advance : callable
        Told a sentence after each epoch, and the number of images after each batch.

    Raises
    ------
    InputError
        If the checkpoint is missing or belongs to another training, or the loss is no longer finite.
    """
    module = training_copy(classifier)
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(_groups(parameters, recipe.weight_decay), lr=recipe.lr)
    state = State(module, optimiser)
    place = Checkpoint(checkpoint, asdict(recipe) | {"start": classifier.fingerprint, "n": len(train)})
    if resume:
        place.load(state)
        advance(state.epoch * len(train))
    steps = recipe.epochs * recipe.batches.count(len(train))
    stopped = None
    while state.epoch < recipe.epochs and stopped is None:
        began = time.perf_counter()
        loss = _epoch(classifier, state, train, recipe, steps, advance)
        if not np.isfinite(loss):
            raise InputError(
                f"the loss is no longer finite in epoch {state.epoch + 1}: lower the learning rate of "
                f"{recipe.lr:g}."
            )
        seconds = time.perf_counter() - began
        found = _checked(classifier, module, held_out, recipe)
        best = max((past.get("attacked", 0.0) for past in state.history), default=0.0)
        if overfitted(found.get("attacked", 1.0), best):
            stopped = (
                f"stopped in epoch {state.epoch + 1}: accuracy under PGD on held-out images fell from "
                f"{best:.1%} to {found['attacked']:.1%} (catastrophic overfitting); the epoch before is kept."
            )
            state.take_back()
        else:
            state.history.append({"epoch": state.epoch + 1, "loss": loss, "seconds": seconds, **found})
            state.epoch += 1
            state.keep()
            place.save(state)
        say(stopped or _told(state, recipe.epochs))
    if state.epoch == recipe.epochs:
        average_norms(classifier, module, train, recipe)
    for parameter in module.parameters():
        parameter.grad = None
    return Hardened(module.eval(), state.epoch, tuple(state.history), stopped)


def _epoch(
    classifier: Classifier,
    state: State,
    train: Images,
    recipe: Recipe,
    steps: int,
    advance: Callable[[int], None],
) -> float:
    """One pass over the training images; the mean loss."""
    module, device = state.module, classifier.device
    rng = epoch_generator(recipe.seed, state.epoch)
    step, total, seen = state.epoch * recipe.batches.count(len(train)), 0.0, 0
    logits = training_logits(classifier, module, recipe.bfloat16)
    crop = recipe.crop if state.epoch < recipe.cropped_epochs else None
    memory = _memory(state, train, recipe)
    module.train()
    with drawing(rng, device):
        for batch in recipe.batches(train, rng, crop):
            x, y = batch.x.to(device), batch.y.to(device)
            if memory is not None and crop is None and recipe.masks is not None:
                corners = memory.of(batch.rows, batch.mirrored)
                x = recipe.masks(logits, x, y, rng, step / steps, corners)
                memory.keep(batch.rows, batch.mirrored, corners)
            else:
                x = recipe.preparation(logits, x, y, rng, step / steps)
            loss = F.cross_entropy(logits(x).float(), y, label_smoothing=recipe.smoothing)
            state.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            for group in state.optimiser.param_groups:
                group["lr"] = recipe.rate(step / steps)
            state.optimiser.step()
            total, seen, step = total + loss.item() * len(x), seen + len(x), step + 1
            advance(len(x))
    return total / max(1, seen)


def _memory(state: State, train: Images, recipe: Recipe) -> Memory | None:
    """The windows that the training remembers, if it does; random ones at first."""
    masks = recipe.masks
    if recipe.kind != "masked" or masks is None or not masks.remember:
        return None
    if not len(state.corners):
        rng = epoch_generator(recipe.seed, -1)
        state.corners = random_corners(len(train), masks.windows, masks.shape, masks.sides, rng)
    return Memory(state.corners, masks.shape, masks.sides)


def _checked(classifier: Classifier, module: nn.Module, held_out: Images, recipe: Recipe) -> dict[str, float]:
    """Accuracies of a state on held-out images, as floats."""
    module.eval()
    now = classifier.around(copy.deepcopy(module), "a state of the training")
    found = check_masked(now, held_out, recipe.masks, recipe.seed)
    if recipe.kind == "robust":
        few = Images(held_out.read, held_out.labels[:CHECKED])
        found |= check_robust(now, few, recipe.adversarial.check(), recipe.seed)
    return {name: float(hits.mean()) for name, hits in found.items()}


def _groups(parameters: list[nn.Parameter], decay: float) -> list[dict[str, object]]:
    """Matrices and filters with weight decay, biases and norms without."""
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _told(state: State, epochs: int) -> str:
    """The last epoch in a sentence, with the time left."""
    last = state.history[-1]
    shares = ", ".join(
        f"{words} {100 * last[name]:.1f} %"
        for name, words in (("clean", "clean"), ("masked", "behind two masks"), ("attacked", "under PGD"))
        if name in last
    )
    left = (epochs - state.epoch) * last["seconds"] / 60
    return (
        f"epoch {state.epoch}/{epochs}: loss {last['loss']:.4f}; of held-out images right: {shares}; "
        f"{last['seconds']:.0f} s, about {left:.0f} min left"
    )
