"""What a defence is worth against an attacker who knows it, with everything that belongs to the number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from spatialstats.defence.adaptive.effort import Effort
from spatialstats.defence.adaptive.outcome import Outcome
from spatialstats.defence.adaptive.suite import LABELS, survivors
from spatialstats.defence.adaptive.threat import Threat
from spatialstats.stats.discordant import mcnemar_test
from spatialstats.stats.intervals import paired_difference, proportion

__all__ = ["AdaptiveResult", "CurvePoint"]

MOVES, NEAR_ZERO = 0.01, 0.02  # a point may move, and two points may be left
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CurvePoint:
    """Robust accuracy at one budget.

    Parameters
    ----------
    threat : Threat
    factor : float
        Its budget as a multiple of the threat's in question.
    robust : numpy.ndarray
        bool (N,): images that no smaller budget broke either; of a randomized defence one draw an image,
        so that this need not fall.
    """

    threat: Threat
    factor: float
    robust: Bools


@dataclass(frozen=True)
class AdaptiveResult:
    """All attacks on one defence, the worst case over them, and whether that can be trusted.

    Parameters
    ----------
    defence, model : str
        The defence's specification, and the model's name.
    threat : Threat
    effort : Effort
    seed : int
    knowledge : dict
        What the defence knew; see `Knowledge.to_dict`.
    randomized : bool
        Whether the defence draws.
    clean, undefended_clean : numpy.ndarray
        bool (N,): right without any attack, with the defence and without.
    outcomes : dict of str to Outcome
        By attack, in the order they ran.
    doubled : dict of str to Outcome
        The same attacks with twice the budget, on what had resisted all; empty where not asked for.
    baseline : Outcome
        The undefended model under as many examples and gradients.
    curve : tuple of CurvePoint
        Rising budgets.
    static, undefended_static : numpy.ndarray, optional
        bool (N,): right under an attack within the threat that knew of no defence, with the defence and
        without; it counts in both worst cases too, unless the defence draws.
    """

    defence: str
    model: str
    threat: Threat
    effort: Effort
    seed: int
    knowledge: dict[str, Any]
    randomized: bool
    clean: Bools
    undefended_clean: Bools
    outcomes: dict[str, Outcome]
    doubled: dict[str, Outcome]
    baseline: Outcome
    curve: tuple[CurvePoint, ...]
    static: Bools | None = None
    undefended_static: Bools | None = None

    @property
    def first(self) -> Bools:
        """bool (N,): right under every attack of the plain budget."""
        return self._standing(list(self.outcomes.values()))

    @property
    def both(self) -> Bools:
        """bool (N,): right under every attack, doubled budgets included."""
        return self._standing([*self.outcomes.values(), *self.doubled.values()])

    @property
    def worst(self) -> Bools:
        """bool (N,): right under everything that was tried within the threat, smaller budgets included."""
        found = self.both
        for point in self.curve:
            if point.factor <= 1 and not self.randomized:
                found = found & point.robust
        return found

    @property
    def undefended(self) -> Bools:
        """bool (N,): what the undefended model gets right under as much."""
        found, static = self.baseline.robust, self.undefended_static
        return found if static is None or self.randomized else found & static  # both sides or neither

    @property
    def moved(self) -> float | None:
        """How far doubling every budget lowered the worst case; None where it was not tried."""
        if not self.doubled:
            return None
        return float(self.first.mean() - self.both.mean()) if len(self.first) else 0.0

    @property
    def converged(self) -> bool:
        """Whether it moved by at most a point."""
        return self.moved is not None and self.moved <= MOVES + 1e-9

    @property
    def lowest(self) -> float:
        """The lowest accuracy on the curve; NaN without one."""
        return min((float(point.robust.mean()) for point in self.curve), default=float("nan"))

    @property
    def reaches_zero(self) -> bool:
        """Whether some budget leaves at most two points, or one image."""
        n = max(1, len(self.clean))
        return bool(self.curve) and self.lowest <= max(NEAR_ZERO, 1 / n) + 1e-9

    @property
    def flags(self) -> tuple[str, ...]:
        """Why the worst case is no robustness claim; empty where nothing speaks against it."""
        found = []
        if not self.effort.conclusive:
            found.append(f"too weak to conclude: effort {self.effort.name} is for a first look")
        if self.moved is None:
            found.append("not converged: twice the budget was not tried")
        elif not self.converged:
            found.append(
                f"not converged: twice the budget lowers the worst case by {100 * self.moved:.1f} points"
            )
        if not self.curve:
            found.append("too weak to conclude: no success-against-budget curve was asked for")
        elif not self.reaches_zero:
            last = self.curve[-1].threat.text
            found.append(f"too weak to conclude: {100 * self.lowest:.1f} % remain even at {last}")
        return tuple(found)

    @property
    def best_attack(self) -> str:
        """The attack that alone leaves the least, but for noise."""
        ran = {name: one for name, one in self.outcomes.items() if one.ran and name != "noise"}
        return min(ran, key=lambda name: float(ran[name].robust.mean())) if ran else ""

    @property
    def sentence(self) -> str:
        """What the number is, led by the worst case."""
        worst, clean, bare = (proportion(hits) for hits in (self.worst, self.clean, self.undefended))
        ran = [one for one in self.outcomes.values() if one.ran]
        aside = "" if self.static is None or self.randomized else " and one that knows of no defence"
        text = (
            f"Of {worst.n} images, {_percent(worst)} are still classified correctly by {self.defence} on "
            f"{self.model} in the worst case over {len(ran)} attacks within {self.threat.text} that are "
            f"tried on the defence{aside}, conditional on this model, these images and this effort "
            f"({self.effort.name}); without an attack {_percent(clean)}, without the defence, given as many "
            f"trials and gradients, {_percent(bare)}. It is an upper bound of the robustness: a better "
            "attack may leave less."
        )
        return f"{text} Caution: {'; '.join(self.flags)}." if self.flags else text

    def _standing(self, outcomes: list[Outcome]) -> Bools:
        among = self.clean if self.static is None else self.clean & self.static
        return survivors(outcomes, among, randomized=self.randomized)

    def to_frame(self) -> pd.DataFrame:
        """One row an attack: robust accuracy with its interval, and what it took."""
        rows = []
        parts = [*self.outcomes.items(), *((f"{k} (doubled)", v) for k, v in self.doubled.items())]
        for name, one in [*parts, ("baseline", self.baseline)]:
            said = proportion(one.robust) if one.ran else None
            rows.append(
                {
                    "attack": name,
                    "label": LABELS.get(one.name, "the undefended model, same numbers"),
                    "robust_accuracy": said.value if said else np.nan,
                    "low": said.low if said else np.nan,
                    "high": said.high if said else np.nan,
                    "n": len(one.robust),
                    "tried": int(one.tried.sum()),
                    "gradients": int(one.gradients.sum()),
                    "model_passes": one.passes,
                    "zero_gradients": one.blind_steps,
                    "skipped": one.skipped,
                }
            )
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON, with the per-image arrays."""
        return {
            "defence": self.defence,
            "model": self.model,
            "threat": self.threat.spec,
            "effort": self.effort.to_dict(),
            "seed": self.seed,
            "knowledge": self.knowledge,
            "randomized": self.randomized,
            "n": len(self.clean),
            "clean": proportion(self.clean).to_dict(),
            "undefended_clean": proportion(self.undefended_clean).to_dict(),
            "worst_case": proportion(self.worst).to_dict(),
            "worst_case_before_doubling": proportion(self.first).to_dict(),
            "moved_by_doubling": self.moved,
            "converged": self.converged,
            "undefended_worst_case": proportion(self.undefended).to_dict(),
            "gain_over_no_defence": paired_difference(self.worst, self.undefended).to_dict()
            | {"mcnemar_p": mcnemar_test(self.worst, self.undefended).p_value},
            "attacks": {name: one.summary() for name, one in self.outcomes.items()},
            "doubled": {name: one.summary() for name, one in self.doubled.items()},
            "baseline": self.baseline.summary(),
            "curve": [
                {
                    "threat": p.threat.spec,
                    "factor": p.factor,
                    "robust_accuracy": proportion(p.robust).to_dict(),
                }
                for p in self.curve
            ],
            "reaches_zero": self.reaches_zero,
            "flags": list(self.flags),
            "sentence": self.sentence,
            "images": {
                "clean": self.clean.tolist(),
                "undefended_clean": self.undefended_clean.tolist(),
                "worst": self.worst.tolist(),
                "undefended": self.undefended.tolist(),
                **{f"attack:{name}": one.robust.tolist() for name, one in self.outcomes.items() if one.ran},
            },
        }


def _percent(interval: Any) -> str:
    return f"{100 * interval.value:.1f} % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
