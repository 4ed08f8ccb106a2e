"""What rivals share that hide a region and fill it."""

from __future__ import annotations

from typing import Any

from spatialstats.defence.defence import Defence
from spatialstats.defence.fill import Fill
from spatialstats.defence.locator import Locator, Model
from spatialstats.defence.neutralized import NeutralizedModel

__all__ = ["MaskingRival"]


class MaskingRival(NeutralizedModel):
    """A named pair of a locator and a fill, specified by its own parameters."""

    def __init__(self, model: Model, locator: Locator, filled: str | Fill, **settings: Any) -> None:
        super().__init__(model, locator, filled)
        self._settings = settings

    @property
    def spec(self) -> str:
        """See `Defence.spec`."""
        return Defence.spec.fget(self)  # type: ignore[attr-defined, no-any-return]
