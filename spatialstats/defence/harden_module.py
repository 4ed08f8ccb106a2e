"""The module in training: a copy of the user's, its passes, its batch norms at the end."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import nn

from spatialstats.defence.harden_batches import Images, epoch_generator
from spatialstats.defence.harden_recipe import Recipe
from spatialstats.errors import InputError
from spatialstats.models import Classifier
from spatialstats.models.seeded import seeded

__all__ = ["average_norms", "drawing", "training_copy", "training_logits"]

Logits = Callable[[torch.Tensor], torch.Tensor]
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
AVERAGED = 40  # batches that the batch-norm statistics of the last state are averaged over


def training_copy(classifier: Classifier) -> nn.Module:
    """A copy of the classifier's module, channels last, to be changed.

    Raises
    ------
    InputError
        If it cannot be copied, or the user left nothing trainable.
    """
    try:
        module = copy.deepcopy(classifier.original).to(classifier.device)
    except (TypeError, RuntimeError, NotImplementedError) as error:
        raise InputError(
            f"model {classifier.name!r} cannot be copied, and the given one is never changed: "
            "pass a module that copy.deepcopy takes."
        ) from error
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise InputError("the model has no trainable parameters: leave requires_grad on for some of them.")
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module


def training_logits(classifier: Classifier, module: nn.Module, bfloat16: bool) -> Logits:
    """The module in its present mode behind the classifier's normalisation."""

    def logits(x: torch.Tensor) -> torch.Tensor:
        z = classifier.normalise(x).contiguous(memory_format=torch.channels_last)
        with torch.autocast(classifier.device.type, dtype=torch.bfloat16, enabled=bfloat16):
            found: torch.Tensor = module(z)
        return found

    return logits


def drawing(rng: torch.Generator, device: torch.device) -> AbstractContextManager[None]:
    """A block in which what draws from the global generator, as dropout does, is seeded from `rng`."""
    return seeded(int(torch.randint(2**62, (), generator=rng)), device)


@torch.no_grad()
def average_norms(classifier: Classifier, module: nn.Module, train: Images, recipe: Recipe) -> None:
    """Replace running batch-norm statistics by averages under the final weights.

    The running ones belong to the last few batches.  Images are prepared as in the training.
    """
    norms = [part for part in module.modules() if isinstance(part, NORMS) and part.track_running_stats]
    if not norms:
        return
    logits = training_logits(classifier, module, recipe.bfloat16)
    momenta = [norm.momentum for norm in norms]
    rng = epoch_generator(recipe.seed, recipe.epochs)
    batches = []
    module.eval()
    for k, batch in enumerate(recipe.batches(train, rng)):
        if k == AVERAGED:
            break
        x, y = batch.x.to(classifier.device), batch.y.to(classifier.device)
        with torch.enable_grad():
            batches.append(recipe.preparation(logits, x, y, rng, 1.0).detach())
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average
    module.train()
    with drawing(rng, classifier.device):
        for x in batches:
            logits(x)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    module.eval()
