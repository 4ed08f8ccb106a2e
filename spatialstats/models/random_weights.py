"""A model that has learnt nothing: the same architecture, its weights drawn anew."""

from __future__ import annotations

import copy

import torch
from torch import nn

from spatialstats.errors import InputError
from spatialstats.models.classifier import Classifier
from spatialstats.models.seeded import seeded

__all__ = ["random_weights"]

RESETS = ("reset_parameters", "_reset_parameters")  # the second of nn.MultiheadAttention and nn.Transformer


def random_weights(classifier: Classifier, *, seed: int = 0) -> Classifier:
    """A classifier of the same architecture whose weights are drawn anew, as before any training.

    The control of every importance map: what its architecture alone shows.  The module is copied
    and stays as it is; every layer of the copy draws its parameters by its own rule, and running
    statistics go back to where they began.

    Parameters
    ----------
    classifier : Classifier
        Whose module, normalisation, device and batch size are taken.
    seed : int
        Of the draws; torch's global generators are left as they were.

    Returns
    -------
    Classifier

    Raises
    ------
    InputError
        If the module cannot be copied, or holds parameters that belong to no layer which could draw
        them: a model whose weights are partly learnt would be no control.
    """
    why = f"no model with random weights can be made of {classifier.name!r}"
    try:
        module = copy.deepcopy(classifier.original).cpu()
    except Exception as error:  # a user's module may raise anything
        raise InputError(f"{why}: its module cannot be copied ({type(error).__name__}).") from error
    if not any(True for _ in module.parameters()):
        raise InputError(f"{why}: it has no parameters.")
    with seeded(seed), torch.no_grad():
        for name, part in module.named_modules():
            _draw(name, part, why)
    return classifier.around(module, f"{classifier.name}, random weights")


def _draw(name: str, part: nn.Module, why: str) -> None:
    """Draw the parameters of one layer; those of the layers inside of it are their own affair."""
    reset = next((getattr(part, name) for name in RESETS if callable(getattr(part, name, None))), None)
    if reset is not None:
        reset()
        return
    own = [key for key, _ in part.named_parameters(recurse=False)]
    if own:
        raise InputError(
            f"{why}: {'.'.join(filter(None, (name, own[0])))} belongs to a {type(part).__name__}, which has "
            "no reset_parameters; give it one, or do without this control."
        )
