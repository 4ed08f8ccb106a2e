"""``spatialstats list``: the names of what there is."""

from __future__ import annotations

from typing import Any

EXAMPLES = """
**Examples**

- `spatialstats list` : any of these names goes with `--model`, `--attack`, `--importance`, `--defence`
"""


def names() -> None:
    """The names of datasets, models, attacks, importance methods, defences and locators."""
    from spatialstats.attacks import list_attacks
    from spatialstats.defence.registry import list_defences, list_locators
    from spatialstats.importance import list_importance
    from spatialstats.models import list_models

    parts: dict[str, Any] = {
        "datasets": ["cifar10", "fashion-mnist"],
        "models": list_models(),
        "attacks": list_attacks(),
        "importance": list_importance(),
        "defences": list_defences(),
        "locators": list_locators(),
    }
    for kind, names in parts.items():
        print(f"{kind}: {', '.join(names)}")
