"""What an evaluation of defences is asked to do, whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from spatialstats.engine.settings import Settings
from spatialstats.errors import InputError

__all__ = ["EFFORTS", "DefendConfig"]

# Images of the report split that static and certified numbers stand on, and defences and threats by
# default; the adaptive attacks have presets of the same names (spatialstats.defence.adaptive.effort).
EFFORTS: dict[str, dict[str, Any]] = {
    "quick": {"n": 50, "defences": ("neutralize",), "threats": ("linf:8/255",)},
    "default": {
        "n": 300,
        "defences": ("neutralize", "oddr", "patchcleanser"),
        "threats": ("linf:8/255", "patch:5x5"),
    },
    "full": {
        "n": 1000,
        "defences": ("neutralize", "oddr", "patchcleanser"),
        "threats": ("linf:8/255", "l2:0.5", "patch:5x5"),
    },
}


@dataclass(frozen=True, kw_only=True)
class DefendConfig(Settings):
    """The settings of an evaluation of defences, beside those that every job has: see `Settings`.

    Parameters
    ----------
    defences : tuple of str
        Specifications; see `spatialstats.defence.registry.get_defence`.
    threats : tuple of str
        ``linf:8/255``, ``l2:0.5``, ``patch:5x5``.
    n : int
        Images of the `report` split that static and certified numbers stand on; all of them where
        there are fewer.
    adaptive : int or None
        How many of those are attacked adaptively; the effort's number when None.
    located : int
        Images of the `locate` split that priors are learnt on, at most.
    effort : {"quick", "default", "full"}
        How hard the adaptive attacks try.
    """

    defences: tuple[str, ...] = ("neutralize",)
    threats: tuple[str, ...] = ("linf:8/255",)
    n: int = 300
    adaptive: int | None = None
    located: int = 256

    COUNTS: ClassVar = (*Settings.COUNTS, "n", "adaptive", "located")
    EFFORTS: ClassVar = EFFORTS

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("defences", "threats"):
            if not getattr(self, name):
                raise InputError(f"at least one of the {name} is needed, got none.")
