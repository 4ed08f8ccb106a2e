"""Where a density lies above a threshold for certain, and where it possibly does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from spatialstats.stats.wording import finite, number

if TYPE_CHECKING:
    import pandas as pd

Over = Literal["boundary", "map"]
Drawn = Literal["images", "signs"]


@dataclass(frozen=True)
class ConfidenceSet:
    """Inner and outer confidence set of a set of pixels that is defined by mean maps.

    Parameters
    ----------
    what : str
        The set in words, such as "attack density > 0.2".
    certain, possible : numpy.ndarray
        bool (H, W): inner set; outer set, which holds the inner one.
    estimated : numpy.ndarray
        bool (H, W): where the sample's means satisfy the definition; between the two.
    densities : tuple of numpy.ndarray
        float64 (H, W): the sample's mean maps.
    thresholds : tuple of float
        What each of them is compared with.
    distance : numpy.ndarray
        float64 (H, W): how far inside (or, negative, outside) a pixel lies, in standard errors, by the
        least of its conditions: certain from `quantile` on, possible from minus it on.
    quantile : float
        Of the largest deviation, by the bootstrap.
    confidence : float
        The probability, over sets of images, that both inclusions hold.
    over : {"boundary", "map"}
        Where the largest deviation was taken.
    drawn : {"images", "signs"}
        What the bootstrap draws: images, with replacement, or a random sign for each image.
    n, n_resamples, n_boundary : int
        Images; draws of the bootstrap; pairs of neighbours that the estimated boundary parts.
    note : str
        What makes the confidence approximate, or nothing.
    """

    what: str
    certain: np.ndarray
    possible: np.ndarray
    estimated: np.ndarray
    densities: tuple[np.ndarray, ...]
    thresholds: tuple[float, ...]
    distance: np.ndarray
    quantile: float
    confidence: float
    over: Over
    drawn: Drawn
    n: int
    n_resamples: int
    n_boundary: int
    note: str

    @property
    def grades(self) -> np.ndarray:
        """uint8 (H, W): 2 certain, 1 possible, 0 no."""
        return self.certain.astype(np.uint8) + self.possible.astype(np.uint8)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON, None in place of NaN and infinity, without the maps."""
        names = ("what", "confidence", "over", "drawn", "n", "n_resamples", "n_boundary", "quantile")
        found = {name: finite(getattr(self, name)) for name in names}
        counts = {"n_certain": int(self.certain.sum()), "n_possible": int(self.possible.sum())}
        more = {"n_pixels": self.certain.size, "n_estimated": int(self.estimated.sum())}
        return found | counts | more | {"thresholds": list(self.thresholds), "sentence": self.sentence}

    def to_frame(self) -> pd.DataFrame:
        """A pandas table with one row a pixel, in raster order."""
        import pandas as pd

        row, column = np.indices(self.certain.shape)
        held = {"row": np.ravel(row), "column": np.ravel(column)}
        ends = ("",) if len(self.densities) == 1 else tuple(f"_{i + 1}" for i in range(len(self.densities)))
        held |= {f"density{end}": np.ravel(d) for end, d in zip(ends, self.densities, strict=True)}
        held["distance"] = np.ravel(self.distance)
        words = np.array(["no", "possible", "certain"])
        return pd.DataFrame(held | {"grade": words[np.ravel(self.grades)]})

    @property
    def sentence(self) -> str:
        """What was found, with which confidence, conditional on what, and what it does not mean."""
        size, certain = self.certain.size, int(self.certain.sum())
        further = int(self.possible.sum()) - certain
        level = f"{100 * self.confidence:g} %"
        where = "on the estimated boundary of the set" if self.over == "boundary" else "over the whole map"
        how = "that resample" if self.drawn == "images" else "of signs over"
        fixed = ", thresholds fixed before looking" if self.over == "boundary" else ""
        return (
            f"{self.what}: certain at {certain:,} of {size:,} pixels, possible at {further:,} more, no at "
            f"the other {size - certain - further:,}. With {level} confidence the set of the population of "
            "images that these were drawn from holds all certain pixels and none beyond the possible ones, "
            f"both at once (t-bootstrap of the largest deviation {where}: {number(self.quantile)} "
            f"standard errors; {self.n_resamples:,} draws {how} {self.n:,} images{fixed}). It is "
            "about mean maps: it does not say that a single image has its values there."
            f"{' ' if self.note else ''}{self.note}"
        )
