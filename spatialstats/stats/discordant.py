"""McNemar's exact test: two ways to answer the same questions, told apart where only one is right."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from spatialstats.errors import InputError
from spatialstats.stats.resampling import Alternative, checked, of_tails

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["McNemar", "mcnemar_test"]


@dataclass(frozen=True)
class McNemar:
    """What McNemar's exact test found.

    Parameters
    ----------
    only_first, only_second : int
        Rows that are true of one alone: nothing else enters the test.
    n : int
        All rows.
    p_value : float
        Exact, of the binomial distribution.
    alternative : {"two-sided", "greater", "less"}
        ``greater``: the first alone is true more often.
    """

    only_first: int
    only_second: int
    n: int
    p_value: float
    alternative: Alternative

    def to_dict(self) -> dict[str, Any]:
        """The numbers and the sentence, ready for JSON."""
        return {**asdict(self), "sentence": self.sentence}

    def to_frame(self) -> pd.DataFrame:
        """A pandas table of one row: the numbers of `to_dict`."""
        import pandas as pd

        return pd.DataFrame([asdict(self)])

    @property
    def sentence(self) -> str:
        """What was tested, against what, and what it does not mean."""
        differ = self.only_first + self.only_second
        return (
            f"Of {self.n} rows {self.only_first} are true of the first alone and {self.only_second} of the "
            f"second alone: exact p = {self.p_value:.3g} ({self.alternative}), against rows that differ "
            f"falling to either side with equal chance, conditional on the {differ} that "
            "differ. It needs no draws. It says nothing of how large the difference is."
        )


def mcnemar_test(first: np.ndarray, second: np.ndarray, *, alternative: Alternative = "two-sided") -> McNemar:
    """Test whether one of two is true of more rows than the other, row by row.

    Parameters
    ----------
    first, second : numpy.ndarray
        bool (N,), of the same rows in the same order.
    alternative : {"two-sided", "greater", "less"}
        ``greater`` asks whether the first alone is true more often; two-sided is twice the smaller
        one-sided value, at most 1.

    Raises
    ------
    InputError
        If they are not booleans of one length, or there is no such alternative.

    References
    ----------
    Q. McNemar, *Note on the sampling error of the difference between correlated proportions or
    percentages*, Psychometrika 12, 1947.
    """
    checked(alternative, 1)
    first, second = np.asarray(first), np.asarray(second)
    if first.dtype != bool or second.dtype != bool or first.ndim != 1 or first.shape != second.shape:
        raise InputError(
            f"McNemar's test takes two boolean arrays (N,) of the same rows, got {first.dtype} "
            f"{first.shape} and {second.dtype} {second.shape}."
        )
    one, other = int((first & ~second).sum()), int((second & ~first).sum())
    null = stats.binom(one + other, 0.5)
    p = of_tails(np.asarray(null.sf(one - 1)), np.asarray(null.cdf(one)), alternative)
    return McNemar(one, other, len(first), float(p), alternative)
