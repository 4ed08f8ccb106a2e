"""Models by name: the bundled ones, and the user's own as ``package.module:attribute``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import nn

from spatialstats.errors import InputError, unknown
from spatialstats.models.cifar_net import CifarNet
from spatialstats.models.classifier import Classifier
from spatialstats.models.normalisation import Channels
from spatialstats.models.weights_file import load_weights

__all__ = ["independent_models", "list_models", "load_model", "model_info", "started_from"]

WEIGHTS = Path(__file__).parent / "weights"
TRAINED = ("cifar10-0", "cifar10-1", "cifar10-2")
FINE_TUNED = dict.fromkeys(("cifar10-masked", "cifar10-robust", "cifar10-twin"), "cifar10-0")  # from which
BUNDLED = (*TRAINED, *FINE_TUNED)
ALIASES = {"cifar10": "cifar10-0"}
CIFAR10_MEAN, CIFAR10_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def list_models() -> tuple[str, ...]:
    """The names of the bundled models whose weights are installed."""
    return tuple(name for name in BUNDLED if _weights_of(name).is_file())


def independent_models(name: str | None = None) -> tuple[str, ...]:
    """The bundled models that were trained from different starts, none of them a fine-tune of another.

    A fine-tuned model tells nothing that is independent of the one it started from: it never is
    among them.

    Parameters
    ----------
    name : str, optional
        A bundled model: itself, or the one that it started from, is left out.
    """
    start = None if name is None else started_from(name)
    return tuple(found for found in list_models() if found in TRAINED and found != start)


def started_from(name: str) -> str:
    """The bundled model that a bundled model was fine-tuned from; of any other name the name itself."""
    own = ALIASES.get(name, name)
    return FINE_TUNED.get(own, own)


def model_info(name: str) -> dict[str, str]:
    """What a bundled model's weights say of themselves, as text.

    ``test_accuracy`` and ``torch`` for all; ``seed`` for those trained from scratch; ``kind``,
    ``start``, ``recipe`` and what was measured for fine-tuned ones.

    Raises
    ------
    InputError
        If there is no such model.
    """
    with safe_open(_bundled(name), framework="pt") as file:
        return dict(file.metadata() or {})


def load_model(
    name_or_path: str,
    *,
    weights: str | Path | None = None,
    mean: Channels = None,
    std: Channels = None,
    device: str | torch.device = "cpu",
    n_classes: int | None = None,
    batch_size: int = 64,
    precision: str = "float32",
) -> Classifier:
    """A classifier by name.

    Parameters
    ----------
    name_or_path : str
        A bundled model (see `list_models`; ``cifar10`` is the first), or
        ``package.module:attribute`` where the attribute is a `torch.nn.Module`, or a class or
        function that makes one without arguments.  Modules of the working directory can be
        imported.
    weights : path, optional
        A ``.safetensors`` file or a torch file of tensors; a state dict, or one under
        ``state_dict`` or ``model``.  No code in it is run.
    mean, std : float or sequence of C floats, optional
        See `Classifier`; a bundled model has its own.
    device : str or torch.device
        Where to run it.
    n_classes : int, optional
        Classes that the model must have, where that is known.
    batch_size : int
        Images of a micro-batch.
    precision : {"float32", "bfloat16"}
        Of passes that record a gradient; see `Classifier`.

    Returns
    -------
    Classifier

    Raises
    ------
    InputError
        If the model cannot be found, made or filled with the weights.
    """
    if ":" in name_or_path:
        module = _imported(name_or_path)
        name = name_or_path
    else:
        name = ALIASES.get(name_or_path, name_or_path)
        path = _bundled(name_or_path)
        if mean is not None or std is not None:
            raise InputError(f"the bundled model {name!r} has its own mean and std: leave them out.")
        mean, std = CIFAR10_MEAN, CIFAR10_STD
        module = CifarNet()
        load_weights(module, path)
    if weights is not None:
        load_weights(module, Path(weights))
    classifier = Classifier(
        module, mean, std, name=name, device=device, batch_size=batch_size, precision=precision
    )
    outputs = [part.out_features for part in module.modules() if isinstance(part, nn.Linear)]
    if n_classes is not None and outputs and outputs[-1] != n_classes:
        raise InputError(
            f"model {name!r} must have {n_classes} classes, its last linear layer has {outputs[-1]}: "
            "pass the model that was made for these labels."
        )
    return classifier


def _weights_of(name: str) -> Path:
    return WEIGHTS / f"{name}.safetensors"


def _bundled(name: str) -> Path:
    """The weights of a bundled model."""
    found = ALIASES.get(name, name)
    if found not in BUNDLED:
        error = unknown("model", name, (*BUNDLED, *ALIASES))
        raise InputError(f"{error} A model of your own is written package.module:attribute.")
    if not _weights_of(found).is_file():
        raise InputError(f"the weights of {found!r} are not installed: reinstall the package or train them.")
    return _weights_of(found)


def _imported(spec: str) -> nn.Module:
    """The module that ``package.module:attribute`` names or makes."""
    source, _, attribute = spec.partition(":")
    if not source or not attribute:
        raise InputError(f"a model is written package.module:attribute, got {spec!r}: as in my_nets:resnet.")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(source)
    except Exception as error:  # a user's file may raise anything while it is imported
        said = f"module {source!r} of model {spec!r} could not be imported: {_said(error)}"
        raise InputError(f"{said}; run from the folder that holds it, or install it.") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            names = [name for name in getattr(found, "__dict__", {}) if not name.startswith("_")]
            raise unknown(f"attribute of {source}", part, names)
        found = getattr(found, part)
    if not isinstance(found, nn.Module) and callable(found):
        try:
            found = found()
        except Exception as error:  # likewise
            raise InputError(f"{spec!r} could not be called without arguments: {_said(error)}.") from error
    if not isinstance(found, nn.Module):
        raise InputError(
            f"{spec!r} must be a torch.nn.Module, or make one when called without arguments, "
            f"got {type(found).__name__}: name another attribute."
        )
    return found


def _said(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].rstrip('.')[:200]}" if lines else type(error).__name__
