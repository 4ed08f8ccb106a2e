"""A defence for a threat: what its specification leaves open is taken from the threat."""

from __future__ import annotations

from typing import Any

from spatialstats.attacks import Attack, get_attack
from spatialstats.defence.adaptive.threat import Threat
from spatialstats.defence.defence import Defence
from spatialstats.defence.registry import get_defence
from spatialstats.models import Classifier
from spatialstats.spec import parse

__all__ = ["complete", "made_for", "static_attack"]

STATIC = {"linf": "pgd-linf", "l2": "pgd-l2", "patch": "patch"}


def static_attack(threat: Threat, shape: tuple[int, ...]) -> Attack:
    """The attack on the undefended model that stands for a threat in the static column."""
    amount = threat.budget(shape).epsilon
    return get_attack(STATIC[threat.norm], **{"side" if threat.norm == "patch" else "epsilon": amount})


def complete(spec: str, threat: Threat) -> str:
    """The specification of a defence with what it leaves open taken from the threat.

    A prior mask is learnt from the threat's own kind of attack, in the attack's own default budget, and
    double masking expects the threat's own patch: a defender who knows what comes.
    """
    name, parameters = parse("a defence", spec)
    if name == "neutralize":
        parameters["locator"] = _against(str(parameters.get("locator", "prior")), threat)
    if name == "patchcleanser" and threat.norm == "patch":
        parameters.setdefault("patch", int(threat.epsilon))
    if not parameters:
        return name
    return f"{name}({', '.join(f'{key}={value}' for key, value in parameters.items())})"


def _against(locator: str, threat: Threat) -> str:
    """A prior locator with the threat's kind of attack, where it names none; any other as it is."""
    name, parameters = parse("a locator", locator)
    if name != "prior" or "attack" in parameters:
        return locator
    given = {**parameters, "attack": STATIC[threat.norm]}
    return f"{name}({', '.join(f'{key}={value}' for key, value in given.items())})"


def made_for(
    spec: str, threat: Threat, classifier: Classifier, locate: tuple[Any, Any] | None
) -> tuple[str, Defence]:
    """The completed specification, and the defence."""
    whole = complete(spec, threat)
    return whole, get_defence(whole, classifier, locate=locate)
