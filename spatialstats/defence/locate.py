"""Where to neutralize without knowing the clean image: a mask learnt on other images."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal, get_args

import numpy as np
from scipy import ndimage

from spatialstats.errors import InputError, unknown
from spatialstats.regions import clean, top_fraction

Source = Literal["oracle", "prior", "blind"]


@dataclass(frozen=True)
class Knowledge:
    """What a defence knew, printed beside each of its numbers.

    Parameters
    ----------
    roi, roa : {"oracle", "prior", "blind"}
        Where each region came from: ``oracle`` needs the clean image or labels, ``prior`` was
        learnt on other images, ``blind`` sees the given image only, or uses no such region.
    labels : bool
        Whether true labels of the defended images were used.
    """

    roi: Source
    roa: Source
    labels: bool = False

    def __post_init__(self) -> None:
        for source in (self.roi, self.roa):
            if source not in get_args(Source):
                raise unknown("source of knowledge", source, get_args(Source))

    @property
    def is_defence(self) -> bool:
        """Whether a defender could have it: nothing from an oracle, no labels."""
        return "oracle" not in (self.roi, self.roa) and not self.labels

    def to_dict(self) -> dict[str, str | bool]:
        """``roi, roa, labels`` ready for JSON."""
        return asdict(self)


def prior_mask(
    frequency: np.ndarray,
    fraction: float = 0.15,
    *,
    sigma: float = 1.0,
    min_area: int = 1,
    connectivity: int = 1,
) -> np.ndarray:
    """One mask for all images, from how often each pixel was to be neutralized on others.

    Parameters
    ----------
    frequency : numpy.ndarray
        (H, W) non-negative: over the images of the `locate` split, how often a pixel was in RoA
        but not in RoI.
    fraction : float
        Share of the pixels that the mask may take.
    sigma : float
        Gaussian smoothing of the frequency in pixels before the cut: counts of a few images
        are noisy and full of ties, and ties at the cut are left out.
    min_area, connectivity
        Components smaller than this are dropped; see `spatialstats.regions.clean`.

    Returns
    -------
    numpy.ndarray
        bool (H, W); may be empty where nothing was ever to be neutralized.

    Raises
    ------
    InputError
        If the frequency is no (H, W) map of numbers of at least 0.
    """
    frequency = np.asarray(frequency, np.float64)
    if frequency.ndim != 2 or not bool((frequency >= 0).all()):
        raise InputError(
            f"a prior mask is learnt from one (H, W) map of frequencies, got {frequency.shape}, or values "
            "below 0 or NaN: pass the mean over the images of the locate split."
        )
    smooth = ndimage.gaussian_filter(frequency, sigma, mode="nearest") if sigma > 0 else frequency
    return clean(top_fraction(smooth, fraction), min_area, connectivity)
