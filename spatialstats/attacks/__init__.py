"""Attacks: the protocol, the built-in ones, and those of other libraries by name."""

from __future__ import annotations

from spatialstats.attacks.apgd import ApgdL2, ApgdLinf
from spatialstats.attacks.base import OUTCOMES, Attack, Attacked, check_attacked, outcomes, run_attack
from spatialstats.attacks.budget import Budget
from spatialstats.attacks.ddn import Ddn
from spatialstats.attacks.fgsm import Fgsm, MiFgsm
from spatialstats.attacks.library import LibraryAttack
from spatialstats.attacks.noise import Noise
from spatialstats.attacks.patch import Patch
from spatialstats.attacks.pgd import PgdL2, PgdLinf
from spatialstats.attacks.registry import as_attack, get_attack, list_attacks
from spatialstats.attacks.saved import Custom, Saved
from spatialstats.attacks.sparse import Sparse
from spatialstats.attacks.square import SquareL2, SquareLinf
from spatialstats.attacks.square_patch import SquarePatch

__all__ = [
    "OUTCOMES",
    "ApgdL2",
    "ApgdLinf",
    "Attack",
    "Attacked",
    "Budget",
    "Custom",
    "Ddn",
    "Fgsm",
    "LibraryAttack",
    "MiFgsm",
    "Noise",
    "Patch",
    "PgdL2",
    "PgdLinf",
    "Saved",
    "Sparse",
    "SquareL2",
    "SquareLinf",
    "SquarePatch",
    "as_attack",
    "check_attacked",
    "get_attack",
    "list_attacks",
    "outcomes",
    "run_attack",
]
