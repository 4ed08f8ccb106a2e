"""How hard to try: every number that a stronger attack would raise, in three presets."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from spatialstats.attacks.parameters import at_least_one
from spatialstats.errors import InputError, unknown

__all__ = ["EFFORTS", "Effort"]


@dataclass(frozen=True)
class Effort:
    """The budget of every adaptive attack.

    Parameters
    ----------
    name : str
        What it is called.
    images : int
        How many of the images are attacked, from the first.
    steps : int
        Gradients of an image and restart (of a patch: and place).
    restarts : int
        Random starts, each with the next loss; of a patch, every place is a start.
    queries : int
        Trials of the attacks without gradients.
    draws : int
        Fresh draws that a gradient, and a margin, of a randomized defence are averaged over;
        and the number of noises tried.
    stride : int
        Of the screened places of a patch; 1 screens all.
    places : int
        The worst places, at which a patch is optimised.
    masks : int
        Masks of a family that one gradient looks behind at a time.
    passes : int
        At most so many model passes of an image and attack: where one defended prediction takes
        many, `queries` and `steps` are cut down to it.
    curve : tuple of float
        Budgets of the success-against-budget curve, as multiples of the threat's.
    doubling : bool
        Whether everything is tried again with twice the budget on what resisted.
    first_loss : int
        With which of the losses the restarts begin, in the order dlr, ce, dlr-targeted, margin.  Above 0 a
        patch begins at random colours in place of those that the gradient asks for.
    conclusive : bool
        False has every result say that it is too weak to conclude.
    """

    name: str = "default"
    images: int = 200
    steps: int = 30
    restarts: int = 3
    queries: int = 500
    draws: int = 8
    stride: int = 1
    places: int = 20
    masks: int = 9
    passes: int = 20_000
    curve: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
    doubling: bool = True
    first_loss: int = 0
    conclusive: bool = True

    def __post_init__(self) -> None:
        at_least_one(
            self, "images", "steps", "restarts", "queries", "draws", "stride", "places", "masks", "passes"
        )
        if any(not factor > 0 for factor in self.curve) or list(self.curve) != sorted(set(self.curve)):
            raise InputError(f"the curve's budgets are rising multiples above 0, got {self.curve}.")

    @classmethod
    def named(cls, name: str | Effort) -> Effort:
        """One of `EFFORTS`.

        Raises
        ------
        InputError
            If there is no such preset.
        """
        if isinstance(name, Effort):
            return name
        if name not in EFFORTS:
            raise unknown("effort", name, EFFORTS)
        return EFFORTS[name]

    def doubled(self) -> Effort:
        """Twice the steps, queries and draws; other starts (a patch: random colours) with the next loss."""
        return replace(
            self,
            name=f"{self.name} doubled",
            steps=2 * self.steps,
            queries=2 * self.queries,
            draws=2 * self.draws,
            passes=2 * self.passes,
            first_loss=self.first_loss + 1,
        )

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self) | {"curve": list(self.curve)}


EFFORTS = {
    "quick": Effort(
        "quick",
        images=50,
        steps=10,
        restarts=1,
        queries=60,
        draws=4,
        stride=3,
        places=3,
        masks=6,
        passes=1500,
        curve=(0.5, 1.0, 4.0, 16.0),
        conclusive=False,
    ),
    "default": Effort(),
    "full": Effort(
        "full", images=1000, steps=100, restarts=5, queries=5000, draws=16, masks=36, passes=400_000
    ),
}
