"""What a test of mean maps over images found, in numbers and in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from spatialstats.stats.resampling import SIDES, Alternative
from spatialstats.stats.symmetry import Symmetry
from spatialstats.stats.wording import finite, number, p_text

if TYPE_CHECKING:
    import pandas as pd

Statistic = Literal["max-t", "cluster-extent", "cluster-mass", "tfce", "fdr-bh", "fdr-by"]

WHOLE = "A cluster's p speaks of the cluster as a whole: it names no pixel in it, nor where it ends."
SHARE = "It bounds the expected share of false ones among the marked pixels, and vouches for no single one."

STATISTICS: dict[str, tuple[str, str]] = {
    "max-t": (
        "max-t, familywise over the pixels",
        "It does not mean that nothing differs at the other pixels.",
    ),
    "cluster-extent": (
        "number of pixels, familywise over the clusters",
        WHOLE,
    ),
    "cluster-mass": (
        "sum of abs(t), familywise over the clusters",
        WHOLE,
    ),
    "tfce": (
        "threshold-free cluster enhancement, familywise over the pixels",
        "A pixel's score is lent by its neighbours: its p speaks of the area around it, not of that pixel.",
    ),
    "fdr-bh": (
        "false discovery rate by Benjamini and Hochberg, for independent or positively dependent pixels",
        SHARE,
    ),
    "fdr-by": (
        "false discovery rate by Benjamini and Yekutieli, under any dependence",
        SHARE,
    ),
}
"""For each statistic, what it is, and what its p does not mean."""


@dataclass(frozen=True)
class ClusterRow:
    """One cluster of t beyond the threshold.

    Parameters
    ----------
    label : int
        Its number in the map of labels.
    sign : int
        1 or -1: of its t.
    extent : int
        Pixels.
    mass : float
        Sum of abs(t).
    peak_t : float
        Its t of largest size.
    peak_row, peak_column : int
        Where that is: a description of the sample; the p-value says nothing about it.
    p_value : float
        Familywise over all clusters of the map.
    """

    label: int
    sign: int
    extent: int
    mass: float
    peak_t: float
    peak_row: int
    peak_column: int
    p_value: float


@dataclass(frozen=True)
class MeanMapTest:
    """What a test of the mean difference of maps found.

    Parameters
    ----------
    what : str
        What was compared, such as "PGD - noise".
    design : {"sign-flip", "two-sample"}
        How the null was drawn.
    statistic, alternative : str
        As given.
    effect, t : numpy.ndarray
        float64 (H, W): mean difference, and Student's t of it; infinite where it has no variance.
    p : numpy.ndarray or None
        float64 (H, W): corrected p-values; None for cluster statistics, whose p are those of clusters.
    labels : numpy.ndarray or None
        int32 (H, W): clusters by number, 0 outside; None for the other statistics.
    clusters : tuple of ClusterRow
        In the order of their labels.
    threshold : float
        Of abs(t), that formed the clusters; NaN for the other statistics.
    n, n_second : int
        Images (of the first group), and of the second group, or 0.
    n_resamples : int
        Draws; 0 for parametric p-values.
    exact : bool
        Whether the draws are all sign-flips or relabellings there are.
    alpha : float
        The level the sentence speaks of.
    symmetry : Symmetry or None
        Diagnostic of sign-flips.
    note : str
        What else is to be kept in mind, or nothing.
    """

    what: str
    design: Literal["sign-flip", "two-sample"]
    statistic: Statistic
    alternative: Alternative
    effect: np.ndarray
    t: np.ndarray
    p: np.ndarray | None
    labels: np.ndarray | None
    clusters: tuple[ClusterRow, ...]
    threshold: float
    n: int
    n_second: int
    n_resamples: int
    exact: bool
    alpha: float
    symmetry: Symmetry | None
    note: str

    @property
    def significant(self) -> np.ndarray:
        """bool (H, W): pixels with p <= alpha, or all pixels of the clusters that have it."""
        if self.p is not None:
            return np.asarray(self.p <= self.alpha)
        if self.labels is None:
            return np.zeros(self.t.shape, bool)
        found = [row.label for row in self.clusters if row.p_value <= self.alpha]
        return np.isin(self.labels, found)

    @property
    def min_p(self) -> float:
        """The smallest corrected p-value; 1 where there is no cluster."""
        if self.p is not None:
            return float(self.p.min()) if self.p.size else 1.0
        return min((row.p_value for row in self.clusters), default=1.0)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON, None in place of NaN, without the maps."""
        names = ("what", "design", "statistic", "alternative", "n", "n_second", "n_resamples", "exact")
        found: dict[str, Any] = {name: getattr(self, name) for name in names}
        found |= {"alpha": self.alpha, "threshold": finite(self.threshold), "min_p": self.min_p}
        found |= {"n_significant_pixels": int(self.significant.sum()), "sentence": self.sentence}
        found["clusters"] = [{k: finite(v) for k, v in asdict(row).items()} for row in self.clusters]
        if self.symmetry is not None:
            found["symmetry"] = {k: finite(v) for k, v in asdict(self.symmetry).items()}
        return found

    def to_frame(self) -> pd.DataFrame:
        """A pandas table with one row a cluster, or else one row a pixel in raster order."""
        import pandas as pd

        if self.p is None:
            columns = list(ClusterRow.__annotations__)
            return pd.DataFrame([asdict(row) for row in self.clusters], columns=columns)
        row, column = np.unravel_index(np.arange(self.t.size), self.t.shape)
        held = {"row": row, "column": column, "effect": self.effect.ravel(), "t": self.t.ravel()}
        return pd.DataFrame(held | {"p_value": self.p.ravel()})

    @property
    def sentence(self) -> str:
        """What was found and tested, against what, and what it does not mean."""
        method, limits = STATISTICS[self.statistic]
        if not self.n_resamples:
            null = "Student's t, which needs differences near normal"
        elif self.design == "sign-flip":
            null = "random signs of each image's differences"
        else:
            null = "random labels of the two groups"
        draws = f"{self.n_resamples:,} draws" + (", all that there are" if self.exact else "")
        images = f"{self.n}" if self.design == "sign-flip" else f"{self.n} and {self.n_second}"
        parts = [
            f"{self.what}: {self._found()}.",
            f"Tested: mean maps {SIDES[self.alternative]} ({method}), against {null}"
            f"{f' ({draws})' if self.n_resamples else ''}, conditional on the maps of these {images} images.",
            limits,
            self.symmetry.sentence if self.symmetry is not None else "",
            self.note,
        ]
        return " ".join(part for part in parts if part)

    def _found(self) -> str:
        level = f"{100 * self.alpha:g} %"
        smallest = p_text(self.min_p, self.n_resamples) if self.n_resamples else f"p = {number(self.min_p)}"
        smallest = f"smallest {smallest}"
        if self.p is not None:
            count = int(self.significant.sum())
            near = "lie in areas that differ" if self.statistic == "tfce" else "differ"
            return f"{count:,} of {self.p.size:,} pixels {near} at {level}, {smallest}"
        if not self.clusters:
            return f"no pixel has a t beyond {number(self.threshold)}, so that there is no cluster to test"
        count = sum(row.p_value <= self.alpha for row in self.clusters)
        what = "larger" if self.statistic == "cluster-extent" else "heavier"
        return (
            f"{count} of {len(self.clusters)} clusters of t beyond {number(self.threshold)} are {what} than "
            f"chance makes them at {level}, {smallest}"
        )
