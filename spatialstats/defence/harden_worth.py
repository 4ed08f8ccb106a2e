"""What a fine-tune changed: accuracies before and after it, on held-out images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spatialstats.stats.intervals import Interval, paired_difference, proportion

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Change", "Worth", "worth"]

Hits = Mapping[str, npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class Change:
    """One accuracy before and after.

    Parameters
    ----------
    name, label : str
        ``clean``, ``masked`` or ``attacked``, and what a reader sees.
    before, after : Interval
        Wilson's.
    difference : Interval
        After minus before over the same images, Newcombe's paired interval.
    """

    name: str
    label: str
    before: Interval
    after: Interval
    difference: Interval

    @property
    def sentence(self) -> str:
        """Both accuracies, their difference and its interval."""
        return (
            f"{self.label}: {_share(self.before)} before, {_share(self.after)} after; "
            f"{100 * self.difference.value:+z.1f} points [{100 * self.difference.low:+z.1f}, "
            f"{100 * self.difference.high:+z.1f}] (n = {self.after.n})"
        )


@dataclass(frozen=True)
class Worth:
    """The accuracies of a fine-tuned model beside those of the model that it started as.

    Parameters
    ----------
    changes : tuple of Change
    attack : str or None
        What ``attacked`` stands under.
    """

    changes: tuple[Change, ...]
    attack: str | None = None

    @property
    def sentence(self) -> str:
        """What was measured, on what, and what it does not mean."""
        tail = (
            f" {self.attack} alone is no robustness claim: no gradient-free and no other attack was run."
            if self.attack
            else " Accuracy behind random masks is no certificate: that takes every pair of masks."
        )
        return (
            "Measured on images held out of this fine-tune; the model that it started as may have been "
            f"trained on them, and then its own accuracies are too high. Intervals of 95 %.{tail}"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row an accuracy."""
        import pandas as pd

        return pd.json_normalize(self.to_dict()["changes"])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "changes": [
                {
                    "name": change.name,
                    "label": change.label,
                    "before": change.before.to_dict(),
                    "after": change.after.to_dict(),
                    "difference": change.difference.to_dict(),
                }
                for change in self.changes
            ],
            "attack": self.attack,
            "sentence": self.sentence,
        }


def worth(before: Hits, after: Hits, labels: Mapping[str, str], attack: str | None = None) -> Worth:
    """Compare whether each image was right before and after.

    Parameters
    ----------
    before, after : mapping of str to numpy.ndarray
        bool (N,) of each accuracy, over the same images.
    labels : mapping of str to str
        What to call each accuracy.
    attack : str, optional
        What ``attacked`` stands under.
    """
    return Worth(
        tuple(
            Change(
                name,
                labels[name],
                proportion(before[name]),
                proportion(after[name]),
                paired_difference(after[name], before[name]),
            )
            for name in before
        ),
        attack if "attacked" in before else None,
    )


def _share(interval: Interval) -> str:
    return f"{100 * interval.value:.1f} % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
