"""The objects that settings name: images, models, attacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spatialstats.attacks import Attack
from spatialstats.data import Dataset, load_dataset, load_pairs
from spatialstats.engine.config import Config
from spatialstats.engine.settings import Settings
from spatialstats.errors import InputError
from spatialstats.models import Classifier, independent_models, list_models, load_model, started_from

if TYPE_CHECKING:
    from torch import nn


def find_dataset(settings: Settings, data: str | Dataset | tuple[Any, Any]) -> Dataset:
    """The images that settings name, or those given as objects."""
    if isinstance(data, Dataset):
        return data
    if not isinstance(data, str):
        images, labels = data
        return Dataset.from_arrays(np.asarray(images), np.asarray(labels))
    if isinstance(settings, Config) and (settings.clean is not None or settings.adversarial is not None):
        if settings.clean is None or settings.adversarial is None:
            raise InputError("a saved adversarial set is a pair: pass both --clean and --adversarial.")
        return load_pairs(
            settings.clean, settings.adversarial, labels=settings.labels, epsilon=settings.epsilon
        )
    return load_dataset(data, split=settings.split, size=settings.size, labels=settings.labels)


def find_model(
    settings: Settings, model: str | Classifier | nn.Module | None, dataset: Dataset
) -> Classifier:
    """The classifier that settings name, that was given, or that is bundled for the dataset."""
    if isinstance(model, Classifier):
        return model
    precision = settings.precision if isinstance(settings, Config) else "float32"
    name = model if model is not None else dataset.bundled_model
    if name is None:
        raise InputError(
            f"there is no bundled model for {dataset.name!r}: pass --model package.module:attribute "
            "(a torch module, or a function that returns one)."
        )
    if isinstance(name, str):
        return load_model(
            name,
            weights=settings.weights,
            mean=settings.mean,
            std=settings.std,
            device=settings.device,
            batch_size=settings.batch_size,
            precision=precision,
        )
    return Classifier(
        name,
        settings.mean,
        settings.std,
        device=settings.device,
        batch_size=settings.batch_size,
        precision=precision,
    )


def find_others(
    config: Config, classifier: Classifier, given: Sequence[str | Classifier] | None = None
) -> list[Classifier]:
    """The independently trained models that are given or named; for a bundled model the other ones.

    Raises
    ------
    InputError
        If one of the bundled models among them is a fine-tune of another, or of the model itself.
    """
    bundled = list_models()
    names = config.others if given is None else given
    if names is None:
        names = independent_models(classifier.name) if classifier.name in bundled else ()
    else:
        _refuse_relatives(classifier.name, names)
    return [
        name
        if isinstance(name, Classifier)
        else load_model(
            name,
            mean=None if name in bundled else config.mean,
            std=None if name in bundled else config.std,
            device=config.device,
            batch_size=config.batch_size,
            precision=config.precision,
        )
        for name in names
    ]


def _refuse_relatives(own: str, others: Sequence[str | Classifier]) -> None:
    """Refuse bundled models that started from one another."""
    seen: dict[str, str] = {}
    for other in (own, *others):
        name = other.name if isinstance(other, Classifier) else other
        start = started_from(name)
        if start in seen and seen[start] != name:
            raise InputError(
                f"other models must have been trained independently, but {seen[start]!r} and {name!r} both "
                f"started as {start!r}: take another, such as {', '.join(independent_models(start))}."
            )
        seen.setdefault(start, name)


def named_attacks(attacks: Sequence[str | Attack]) -> dict[str, Attack]:
    """Attack objects by name; any callable is an attack."""
    from spatialstats.attacks import as_attack

    made = [as_attack(attack) for attack in attacks]
    names = [attack.name for attack in made]
    if len(set(names)) < len(names):
        raise InputError(
            f"attacks need names of their own, got {', '.join(names)}: give each a different `name`."
        )
    return dict(zip(names, made, strict=True))
