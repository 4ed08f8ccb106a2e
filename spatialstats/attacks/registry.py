"""Attacks by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spatialstats.attacks.apgd import ApgdL2, ApgdLinf
from spatialstats.attacks.base import Attack
from spatialstats.attacks.ddn import Ddn
from spatialstats.attacks.fgsm import Fgsm, MiFgsm
from spatialstats.attacks.library import library_attack
from spatialstats.attacks.noise import Noise
from spatialstats.attacks.patch import Patch
from spatialstats.attacks.pgd import PgdL2, PgdLinf
from spatialstats.attacks.saved import Custom
from spatialstats.attacks.sparse import Sparse
from spatialstats.attacks.square import SquareL2, SquareLinf
from spatialstats.attacks.square_patch import SquarePatch
from spatialstats.errors import InputError, unknown
from spatialstats.spec import build, parse

__all__ = ["as_attack", "get_attack", "list_attacks"]

ATTACKS: dict[str, type[Any]] = {
    "fgsm": Fgsm,
    "pgd-linf": PgdLinf,
    "pgd-l2": PgdL2,
    "mi-fgsm": MiFgsm,
    "apgd-linf": ApgdLinf,
    "apgd-l2": ApgdL2,
    "square-linf": SquareLinf,
    "square-l2": SquareL2,
    "square-patch": SquarePatch,
    "ddn": Ddn,
    "sparse": Sparse,
    "patch": Patch,
    "noise": Noise,
}


def list_attacks() -> tuple[str, ...]:
    """Names of the attacks of this package.

    Those of other libraries are written ``foolbox:Name`` and ``torchattacks:Name``.
    """
    return tuple(ATTACKS)


def get_attack(spec: str, **overrides: Any) -> Attack:
    """An attack by its name, with parameters: ``pgd-linf(epsilon=4/255,steps=20)``.

    Parameters
    ----------
    spec : str
        A name of `list_attacks`, ``foolbox:Name`` or ``torchattacks:Name``.
    **overrides
        Parameters; they win over those in the text.

    Returns
    -------
    Attack

    Raises
    ------
    InputError
        If there is no such attack or parameter, or the library is not installed.
    """
    name, parameters = parse("an attack", spec)
    parameters.update(overrides)
    if ":" in name:
        library, _, kind = name.partition(":")
        return library_attack(library, kind, parameters)
    if name not in ATTACKS:
        raise unknown("attack", name, [*ATTACKS, "foolbox:Name", "torchattacks:Name"])
    made: Attack = build(ATTACKS[name], name, parameters)
    return made


def as_attack(attack: str | Attack | Callable[..., Any]) -> Attack:
    """An attack from its name, from itself, or from any function ``(classifier, x, y, seed=)``."""
    if isinstance(attack, str):
        return get_attack(attack)
    if isinstance(attack, Attack):
        return attack
    if not callable(attack):
        raise InputError(f"an attack is a name or a function, got {type(attack).__name__}.")
    name = str(getattr(attack, "name", getattr(attack, "__name__", type(attack).__name__)))
    given = {key: getattr(attack, key) for key in ("budget", "gradient", "control") if hasattr(attack, key)}
    return Custom(attack, name, str(getattr(attack, "label", name)), **given)
