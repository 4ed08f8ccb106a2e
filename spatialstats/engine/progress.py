"""How a run tells how far it is; the command line shows it with rich."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What a run tells of its progress."""

    def start(self, step: str, total: int) -> None:
        """A long step begins that has `total` images to go through."""

    def advance(self, images: float) -> None:
        """`images` more of the current step are done; parts of one where a step does several things."""

    def say(self, text: str) -> None:
        """Something that the user should read."""


class Silent:
    """Tells nothing."""

    def start(self, step: str, total: int) -> None:
        """Tell nothing."""

    def advance(self, images: float) -> None:
        """Tell nothing."""

    def say(self, text: str) -> None:
        """Tell nothing."""
