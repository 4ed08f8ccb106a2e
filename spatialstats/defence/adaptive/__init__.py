"""Attacks on a defence by someone who knows it: all of them, the worst case, and whether to believe it."""

from __future__ import annotations

from spatialstats.defence.adaptive.baseline import allowance, run_baseline
from spatialstats.defence.adaptive.effort import EFFORTS, Effort
from spatialstats.defence.adaptive.estimate import Estimate, estimate
from spatialstats.defence.adaptive.evaluate import evaluate_adaptive
from spatialstats.defence.adaptive.outcome import Outcome
from spatialstats.defence.adaptive.result import AdaptiveResult, CurvePoint
from spatialstats.defence.adaptive.suite import ATTACKS, LABELS, run_attack_on
from spatialstats.defence.adaptive.threat import Threat

__all__ = [
    "ATTACKS",
    "EFFORTS",
    "LABELS",
    "AdaptiveResult",
    "CurvePoint",
    "Effort",
    "Estimate",
    "Outcome",
    "Threat",
    "allowance",
    "estimate",
    "evaluate_adaptive",
    "run_attack_on",
    "run_baseline",
]
