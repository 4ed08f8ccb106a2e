"""A closer look at the images that a quick evaluation of a defence left standing."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spatialstats import named
from spatialstats.console import Console
from spatialstats.defence.adaptive import EFFORTS, Effort, Threat, evaluate_adaptive
from spatialstats.defence.adaptive.baseline import allowance, run_baseline
from spatialstats.defence.adaptive.outcome import Outcome
from spatialstats.defence.adaptive.result import MOVES
from spatialstats.defence.adaptive.target import placed
from spatialstats.defence.defence import Defence
from spatialstats.engine.defences.build import made_for
from spatialstats.engine.defences.config import DefendConfig
from spatialstats.engine.defences.evaluation import Evaluation
from spatialstats.engine.defences.store import Store
from spatialstats.engine.files import write_text
from spatialstats.models import Classifier

DOUBLINGS = 4  # at most


@dataclass(frozen=True)
class Closer:
    """What the default effort found.

    Parameters
    ----------
    rows, worst : numpy.ndarray
        int64 (M,): the images that were attacked; bool (M,): which of them stand.
    undefended : numpy.ndarray
        bool (N,): of all images, what stands undefended under as many trials and gradients.
    moved : float or None
        What the last of the `doublings` took, as a share of all images.
    doublings : int
        How often the budget was doubled.
    hours : float
        Of the wall clock; of what was cut off, only since it went on.
    """

    rows: np.ndarray
    worst: np.ndarray
    undefended: np.ndarray
    moved: float | None
    doublings: int
    hours: float


@dataclass
class Units:
    """The units of work in a folder, written as soon as they are there; ``ran`` says whether any was."""

    store: Store
    ran: bool = False

    def keep(self, which: str, key: str, outcome: Outcome) -> None:
        """Write one."""
        self.ran = True
        self.store.keep(outcome, key, which)


@dataclass(frozen=True)
class Standing:
    """What `doubled_until_settled` leaves: rows (K,), and what it took; see `Closer`."""

    rows: np.ndarray
    moved: float
    doublings: int
    tried: int
    gradients: int


def closer(config: DefendConfig, folder: Path, standing: np.ndarray) -> Closer:
    """Attack what stands and nothing proves with the default effort, doubled until that changes little.

    Parameters
    ----------
    config : DefendConfig
        Of one defence and one threat.
    folder : Path
        Of its evaluation: what is done is kept there, and the same call goes on.
    standing : numpy.ndarray
        bool (N,): which of the attacked images a quick look left right.
    """
    began, dataset = time.perf_counter(), named.find_dataset(config, config.dataset)
    with Console() as console:
        classifier = named.find_model(config, config.model, dataset)
        evaluation = Evaluation.of(config, dataset, classifier, console)
        threat, units = Threat.parse(config.threats[0]), Units(Store(folder))
        defence = made_for(config.defences[0], threat, classifier, evaluation.learnt_on())[1]
        x, y = evaluation.attacked_images()
        rows = np.flatnonzero(standing)
        rows = rows[unproven(defence, x[rows], y[rows], threat)]
        if not len(rows):
            return Closer(rows, np.zeros(0, bool), np.ones(len(x), bool), None, 0, 0.0)
        left = doubled_until_settled(defence, classifier, x, y, rows, threat, units, console.say)
        first = unit_of(EFFORTS["default"], rows)
        bare = units.store.outcomes(first).get("bare")
        spent = {"tried": left.tried, "gradients": left.gradients}
        if bare is None or not spent.items() <= bare.setting.items():
            console.say(
                f"no defence, {threat.text}: {left.tried} examples, {left.gradients} gradients an image"
            )
            images, labels = placed(classifier, x, y)
            bare = run_baseline(classifier, images, labels, threat, EFFORTS["default"], 0, **spent)
            units.keep(first, "bare", bare)
    path = units.store.folder(first) / "seconds"
    seconds = float(path.read_text()) if path.exists() else 0.0
    if units.ran:
        seconds += time.perf_counter() - began
        write_text(path, f"{seconds:.1f}")
    worst = np.isin(rows, left.rows)
    return Closer(rows, worst, bare.robust, left.moved, left.doublings, seconds / 3600)


def doubled_until_settled(
    defence: Defence,
    classifier: Classifier,
    x: Any,
    y: Any,
    rows: np.ndarray,
    threat: Threat,
    units: Units,
    say: Callable[[str], None],
) -> Standing:
    """Attack some rows round by round, until one takes at most a point of all images.

    A round tries a budget and then its double; the next begins with that double, on fewer rows and so from
    other starts.
    """
    effort, left, moved, doublings, tried, gradients = EFFORTS["default"], rows, 1.0, 0, 0, 0
    while moved > MOVES + 1e-9 and doublings < DOUBLINGS and len(left):
        which = unit_of(effort, left)
        found = evaluate_adaptive(
            defence,
            classifier,
            x[left],
            y[left],
            threat,
            effort=replace(effort, curve=()),
            done=units.store.outcomes(which),
            store=partial(units.keep, which),
            progress=say,
        )
        taken = allowance([*found.outcomes.values(), *found.doubled.values()])
        tried, gradients = tried + taken[0], gradients + taken[1]
        before = np.ones(len(left), bool) if doublings else found.first
        moved = float((before & ~found.both).sum()) / len(x)
        left, doublings, effort = left[found.both], doublings + 1, effort.doubled()
    return Standing(left, moved, doublings, tried, gradients)


def unproven(defence: Defence, x: Any, y: Any, threat: Threat) -> np.ndarray:
    """bool (N,): images that the defence does not prove right under the threat."""
    if threat.norm != "patch":
        return np.ones(len(x), bool)
    side = int(threat.epsilon)
    proven = defence.certified_places(torch.from_numpy(x), torch.from_numpy(y), (side, side))
    return np.ones(len(x), bool) if proven is None else ~proven.flatten(1).all(1).numpy()


def unit_of(effort: Effort, rows: np.ndarray) -> str:
    """Under which name the attacks on some images are kept."""
    return f"closer {effort.name} {zlib.crc32(rows.tobytes()):08x}"
