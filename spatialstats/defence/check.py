"""One item of the checklist for evaluations of defences."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = [
    "ATHALYE",
    "AUTOATTACK",
    "CARLINI",
    "OURS",
    "TRAMER",
    "Check",
]

CARLINI = "Carlini et al. 2019, On Evaluating Adversarial Robustness, arXiv 1902.06705"
TRAMER = "Tramer et al. 2020, On Adaptive Attacks to Adversarial Example Defenses, arXiv 2002.08347"
ATHALYE = "Athalye et al. 2018, Obfuscated Gradients Give a False Sense of Security, arXiv 1802.00420"
AUTOATTACK = "Croce & Hein 2020, AutoAttack, arXiv 2003.01690, and the flags of its reference code"
OURS = "this package"


@dataclass(frozen=True)
class Check:
    """What was looked at, whether it speaks against the evaluation, and with which numbers.

    Parameters
    ----------
    name : str
        What was looked at, in a few words.
    flag : bool or None
        True: the defended accuracy should not be believed before this is explained.  None: it
        does not apply here, or it is worth knowing but decides nothing.
    evidence : str
        A sentence with the numbers.
    source : str
        Who asks for it.
    """

    name: str
    flag: bool | None
    evidence: str
    source: str

    def to_dict(self) -> dict[str, Any]:
        """``name, flag, evidence, source`` ready for JSON."""
        return asdict(self)
