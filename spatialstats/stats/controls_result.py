"""What the same number is where nothing is looked at: effects of the controls beside the real one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from spatialstats.stats.wording import finite, number, with_interval

if TYPE_CHECKING:
    import pandas as pd

REAL, EDGES, UNTRAINED, NOISE = "this model", "edges", "random weights", "clipped noise"

TITLES = {
    REAL: "this model's RoI with the attack's RoA",
    EDGES: "RoI from the image's edges, without a model, with the attack's RoA",
    UNTRAINED: "RoI of the same architecture with random weights, with the attack's RoA",
    NOISE: "this model's RoI with the RoA of equal-budget noise, clipped to the image's range",
}


@dataclass(frozen=True)
class ControlRow:
    """The swap excess of one pair of masks.

    Parameters
    ----------
    key : str
        "this model", "edges", "random weights" or "clipped noise".
    title : str
        Which masks were paired.
    observed, swapped : float
        Mean overlap lift over maps of one image, and over maps of two different images.
    effect, low, high : float
        ``observed - swapped`` with its bootstrap interval over images.
    real_less, real_less_low, real_less_high : float
        The effect of "this model" less this one, image by image; 0 for itself.
    n : int
        Images, the same for all rows.
    """

    key: str
    title: str
    observed: float
    swapped: float
    effect: float
    low: float
    high: float
    real_less: float
    real_less_low: float
    real_less_high: float
    n: int


@dataclass(frozen=True)
class Controls:
    """Effects of controls beside the real one, on the same images, by one bootstrap.

    Parameters
    ----------
    rows : tuple of ControlRow
        The real one first.
    n, n_left_out : int
        Images; left out because a mask of one of the rows is empty.
    confidence : float
        Of every interval.
    """

    rows: tuple[ControlRow, ...]
    n: int
    n_left_out: int
    confidence: float

    def row(self, key: str) -> ControlRow:
        """One row by its key."""
        return next(row for row in self.rows if row.key == key)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON, None in place of NaN."""
        rows = [{name: finite(value) for name, value in asdict(row).items()} for row in self.rows]
        return {"statistic": "overlap lift", "n": self.n, "n_left_out": self.n_left_out} | {
            "confidence": self.confidence,
            "rows": rows,
            "sentence": self.sentence,
        }

    def to_frame(self) -> pd.DataFrame:
        """A pandas table with one row for each pair of masks."""
        import pandas as pd

        return pd.DataFrame([asdict(row) for row in self.rows])

    @property
    def sentence(self) -> str:
        """What was compared, on what, and what it does not mean."""
        if self.n < 2:
            return "Nothing was compared: fewer than two images have all masks."
        real, *rest = self.rows
        others = ", ".join(f"{row.key} {number(row.effect, sign=True)}" for row in rest)
        return (
            "The overlap lift of one image's masks exceeds that of different images' by "
            f"{with_interval(real)} for this model; of the controls: {others or 'none were given'}. "
            "These are effect sizes, not tests: a control need not vanish, since attacks, random networks "
            "and clipping all follow the picture. An excess that a control shares says nothing of what "
            f"this model has learnt. {100 * self.confidence:g} % bootstrap intervals over the same "
            f"{self.n} images."
        )
