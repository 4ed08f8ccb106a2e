"""A few images of a cell for the eye: clean, attacked, located, neutralized, and their predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from spatialstats.arrays import to_array
from spatialstats.defence.adaptive.result import AdaptiveResult
from spatialstats.defence.adaptive.suite import LABELS
from spatialstats.defence.adaptive.threat import Threat
from spatialstats.defence.attackable import as_classifier
from spatialstats.defence.defence import Defence
from spatialstats.defence.neutralized import NeutralizedModel
from spatialstats.engine.defences.static import located
from spatialstats.engine.defences.store import STRIP, Store, slug
from spatialstats.engine.files import write_arrays

if TYPE_CHECKING:
    from spatialstats.engine.defences.evaluation import Evaluation

__all__ = ["write_strips"]


def write_strips(
    evaluation: Evaluation,
    store: Store,
    defence: Defence,
    adaptive: AdaptiveResult,
    spec: str,
    threat: Threat,
) -> dict[str, Any]:
    """Write the strips of a cell and return what is said of them.

    They are the first images that were attacked, not picked; of each the attack that left the lowest
    margin is shown.

    Returns
    -------
    dict
        ``file``, and for each image ``label, attack`` and the predictions ``undefended_clean, clean,
        undefended_attacked, attacked``.
    """
    x, y = evaluation.attacked_images()
    n = min(STRIP, len(x))
    x, y = x[:n], y[:n]
    ran = {name: one for name, one in adaptive.outcomes.items() if one.ran}
    kept = {name: store.strip(name, "adaptive", spec, threat.spec) for name in ran}
    margins = {name: one.margin[:n] for name, one in ran.items() if kept[name] is not None}
    x_adv, by = x.copy(), [""] * n
    for i in range(n):
        lowest = min(margins, key=lambda name: float(margins[name][i]), default="")
        if lowest and np.isfinite(margins[lowest][i]):
            x_adv[i], by[i] = kept[lowest][i], LABELS[lowest]  # type: ignore[index]
    masks = located(defence, evaluation.classifier, x_adv)
    filled = x_adv
    if isinstance(defence, NeutralizedModel):
        with torch.no_grad():
            filled = to_array(defence.neutralize(evaluation.classifier.as_images(x_adv)).cpu())
    name = f"strips/{slug(spec)}--{slug(threat.spec)}.npz"
    write_arrays(
        store.path / name,
        {"clean": x, "attacked": x_adv, "located": masks, "neutralized": filled},
    )
    defended, bare = as_classifier(defence), evaluation.classifier
    said = {
        "undefended_clean": bare.predict(x),
        "clean": defended.predict(x),
        "undefended_attacked": bare.predict(x_adv),
        "attacked": defended.predict(x_adv),
    }
    classes = evaluation.report.classes
    return {
        "file": name,
        "images": [
            {
                "label": classes[int(y[i])],
                "attack": by[i] or None,
                **{key: classes[int(value[i])] for key, value in said.items()},
            }
            for i in range(n)
        ],
    }
