"""The parts of an evaluation of defences: settings, model, and which images judge and which teach."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spatialstats import __version__, kernels
from spatialstats.data import SPLITS, Dataset, splits
from spatialstats.defence.adaptive.effort import Effort
from spatialstats.engine.defences.config import DefendConfig
from spatialstats.engine.plan import derive_seed
from spatialstats.engine.progress import Progress, Silent
from spatialstats.errors import InputError
from spatialstats.models import Classifier

__all__ = ["Evaluation"]


@dataclass(frozen=True)
class Evaluation:
    """The parts of an evaluation, fixed before its first unit.

    Parameters
    ----------
    config : DefendConfig
        The settings.
    classifier : Classifier
        The undefended model.
    report : Dataset
        The images of the `report` split that are used, in a seeded order.
    locate : Dataset
        Those of the `locate` split, likewise.
    progress : Progress
        Who is told.
    """

    config: DefendConfig
    classifier: Classifier
    report: Dataset
    locate: Dataset
    progress: Progress = Silent()  # noqa: RUF009 - it has no state

    @classmethod
    def of(
        cls, config: DefendConfig, dataset: Dataset, classifier: Classifier, progress: Progress
    ) -> Evaluation:
        """Split the images by their content, and draw."""
        parts = splits(dataset.digests())

        def drawn(name: str, n: int) -> Dataset:
            rows = np.flatnonzero(parts == SPLITS.index(name))
            # Sets are often sorted by class: in a seeded order, the first few stand for all.
            order = kernels.pairing(len(rows), derive_seed(config.seed, name), 0) if len(rows) else rows
            return dataset.subset(rows[np.asarray(order, np.int64)][:n])

        report, locate = drawn("report", config.n), drawn("locate", config.located)
        if len(report) < 2 or not len(locate):
            raise InputError(
                f"defences are learnt and judged on splits by content, but {len(dataset)} images leave "
                f"{len(locate)} to learn on and {len(report)} to judge: pass more images."
            )
        return cls(config, classifier, report, locate, progress)

    @property
    def effort(self) -> Effort:
        """How hard the adaptive attacks try, and on how many images."""
        preset = Effort.named(self.config.effort)
        return replace(preset, images=min(self.config.adaptive or preset.images, len(self.report)))

    @property
    def fingerprints(self) -> dict[str, str]:
        """What a resumed evaluation must share with the one that was cut off, beside the settings."""
        model = self.classifier
        return {
            "version": __version__,
            "data": self.report.fingerprint,
            "model": model.fingerprint,
            "passes": model.passes,
        }

    def learnt_on(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of the locate split."""
        return self.locate.read(np.arange(len(self.locate))), self.locate.labels

    def attacked_images(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels for the adaptive attacks: the first of the report split."""
        rows = np.arange(self.effort.images)
        return self.report.read(rows), self.report.labels[rows]
