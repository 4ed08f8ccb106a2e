"""An estimate with its confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval.

    Parameters
    ----------
    value, low, high : float
        The estimate and the ends of its interval; NaN where there are none.
    n : int
        How many images it stands on.
    method : str
        What the interval is called.
    """

    value: float
    low: float
    high: float
    n: int
    method: str

    def to_dict(self) -> dict[str, float | int | None]:
        """``value, low, high, n`` ready for JSON: None in place of NaN and infinity."""
        ends = {"value": self.value, "low": self.low, "high": self.high}
        return {**{k: float(v) if math.isfinite(v) else None for k, v in ends.items()}, "n": self.n}

    def to_frame(self) -> pd.DataFrame:
        """A pandas table of one row."""
        import pandas as pd

        return pd.DataFrame([{**self.to_dict(), "method": self.method}])

    @property
    def sentence(self) -> str:
        """What was estimated, how, from what, and what it does not mean."""
        if not math.isfinite(self.value):
            return f"Nothing was estimated: there is no value for {self.n} images ({self.method})."
        ends = f"[{self.low:.3g}, {self.high:.3g}]" if math.isfinite(self.low) else "no interval"
        return (
            f"{self.value:.3g} {ends} ({self.method}), of the population that these {self.n:,} images were "
            "drawn from. Nothing was tested, and it does not say that single images lie in it."
        )
