"""What one attack on a defence found, image by image, ready to be written and read again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spatialstats.errors import InputError
from spatialstats.stats.intervals import proportion

__all__ = ["Outcome"]

ARRAYS = {"robust": np.bool_, "margin": np.float32, "tried": np.int64, "gradients": np.int64}


@dataclass(frozen=True)
class Outcome:
    """What one attack on a defence found.

    Parameters
    ----------
    name : str
        Which attack; see `spatialstats.defence.adaptive.suite.ATTACKS`.
    robust : numpy.ndarray
        bool (N,): whether the deployed defence still gives the true label, asked once more after
        the attack; of a randomized defence in a fresh draw that the attack never saw.
    margin : numpy.ndarray
        float32 (N,): the lowest deployed margin found; infinite where nothing was attacked.
    tried, gradients : numpy.ndarray
        int64 (N,): examples of each image shown to the defence, or to what stands in for it, and
        gradients taken.
    passes : int
        Images that went through the model, whoever asked.
    blind_steps : float
        Share of the gradients that were zero or did not exist, at images that were not broken yet.
    skipped : str
        Why the attack was not run; empty where it was.
    setting : dict
        What it ran with.
    x_adv : numpy.ndarray, optional
        float32 (N, C, H, W): the best images found.
    """

    name: str
    robust: npt.NDArray[np.bool_]
    margin: npt.NDArray[np.float32]
    tried: npt.NDArray[np.int64]
    gradients: npt.NDArray[np.int64]
    passes: int
    blind_steps: float
    skipped: str
    setting: dict[str, Any]
    x_adv: npt.NDArray[np.float32] | None = None

    @property
    def ran(self) -> bool:
        """Whether it was run."""
        return not self.skipped

    def plain(self) -> Outcome:
        """The same without images."""
        return replace(self, x_adv=None)

    def summary(self) -> dict[str, Any]:
        """Robust accuracy with Wilson's interval and what it cost, ready for JSON."""
        return {
            "name": self.name,
            "skipped": self.skipped or None,
            "robust_accuracy": proportion(self.robust).to_dict() if self.ran else None,
            "tried": _spent(self.tried),
            "gradients": _spent(self.gradients),
            "model_passes": self.passes,
            "zero_gradients": self.blind_steps,
            "setting": self.setting,
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything but the images, ready for JSON; `from_dict` reads it."""
        arrays = {key: getattr(self, key).tolist() for key in ARRAYS}
        arrays["margin"] = [value if np.isfinite(value) else None for value in arrays["margin"]]
        return {
            "name": self.name,
            **arrays,
            "passes": self.passes,
            "blind_steps": self.blind_steps,
            "skipped": self.skipped,
            "setting": self.setting,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any], x_adv: npt.NDArray[np.float32] | None = None) -> Outcome:
        """What `to_dict` wrote.

        Raises
        ------
        InputError
            If something is missing.
        """
        try:
            data = dict(data)
            data["margin"] = [np.inf if value is None else value for value in data["margin"]]
            read: dict[str, Any] = {key: np.asarray(data.pop(key), kind) for key, kind in ARRAYS.items()}
            return cls(**read, **data, x_adv=x_adv)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"a stored outcome of an adaptive attack cannot be read ({error}): delete it, and the "
                "attack is run again."
            ) from error


def _spent(counts: npt.NDArray[np.int64]) -> dict[str, float]:
    """Of an image: the mean and the most."""
    return (
        {"mean": float(counts.mean()), "most": int(counts.max())} if counts.size else {"mean": 0.0, "most": 0}
    )
