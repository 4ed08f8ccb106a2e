"""What every chunk of a run is measured with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spatialstats.attacks import Attack
from spatialstats.data import Dataset
from spatialstats.engine.config import Config
from spatialstats.engine.progress import Progress, Silent
from spatialstats.importance import Importance
from spatialstats.models import Classifier

SAVED = "saved"  # the name of the attack whose results come from a file


@dataclass(frozen=True)
class Context:
    """A run's parts, fixed before its first chunk.

    Parameters
    ----------
    config : Config
        The settings.
    dataset : Dataset
        The images of this run, already drawn; a "row" is a place in it.
    classifier : Classifier
        The model.
    others : tuple of Classifier
        Independently trained models of the same classes, whose RoI is sought too.
    untrained : Classifier or None
        The model with random weights, a control of RoI.
    untrained_note : str or None
        Why there is none, where it was wanted.
    importance : Importance
        How RoI is found.
    attacks : dict of str to Attack
        By name, in the order of the report; every control stands behind what it controls.
        The attack named "saved" is read from `dataset`.
    controls : dict of str to str
        Name of a control to the name of the attack whose budget it has.
    splits : numpy.ndarray
        int8 (N,): 0 locate, 1 choose, 2 report.
    pictured, sensitive : numpy.ndarray
        bool (N,): the images of the reservoir; those that the sensitivity curve is measured on.
    progress : Progress
        Who is told.
    """

    config: Config
    dataset: Dataset
    classifier: Classifier
    importance: Importance
    attacks: dict[str, Attack]
    controls: dict[str, str]
    splits: np.ndarray
    pictured: np.ndarray
    sensitive: np.ndarray
    others: tuple[Classifier, ...] = ()
    untrained: Classifier | None = None
    untrained_note: str | None = None
    progress: Progress = Silent()  # noqa: RUF009 - it has no state

    @property
    def fought(self) -> list[str]:
        """The attacks that are no controls."""
        return [name for name in self.attacks if name not in self.controls]

    @property
    def models(self) -> tuple[Classifier, ...]:
        """Every model whose passes count."""
        return tuple(model for model in (self.classifier, *self.others, self.untrained) if model is not None)

    @property
    def n_pixels(self) -> int:
        """Pixels of an image."""
        _, height, width = self.dataset.shape
        return height * width
