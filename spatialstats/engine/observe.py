"""One chunk of images: what the model says of them, where it looks, and where each attack hits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spatialstats import maps
from spatialstats.attacks import Attacked, Saved, check_attacked, run_attack
from spatialstats.engine.context import SAVED, Context
from spatialstats.engine.controls import EDGES, UNTRAINED, edge_regions
from spatialstats.engine.plan import Chunk, derive_seed
from spatialstats.importance import magnitude, margin_gradient, run_importance
from spatialstats.models import Classifier
from spatialstats.regions import clean, threshold


@dataclass(frozen=True)
class Seen:
    """The images of a chunk as the model sees them.

    Parameters
    ----------
    chunk : Chunk
        Which images.
    x : numpy.ndarray
        float32 (n, C, H, W) in [0, 1].
    labels, prediction : numpy.ndarray
        int64 (n,): true and predicted classes.
    logits : numpy.ndarray
        float32 (n, K).
    importance : numpy.ndarray
        float32 (n, H, W): magnitude of the importance map, each divided by its maximum.
    importance_scale : numpy.ndarray
        float32 (n,): that maximum.
    roi : numpy.ndarray
        bool (n, H, W): region of importance.
    others : tuple of tuple of numpy.ndarray
        Of each other model the region of importance, bool (n, H, W), and its prediction, int64 (n,).
    controls : dict of str to numpy.ndarray
        By name, bool (n, H, W): regions of importance where nothing is looked at.
    """

    chunk: Chunk
    x: np.ndarray
    labels: np.ndarray
    prediction: np.ndarray
    logits: np.ndarray
    importance: np.ndarray
    importance_scale: np.ndarray
    roi: np.ndarray
    others: tuple[tuple[np.ndarray, np.ndarray], ...]
    controls: dict[str, np.ndarray]

    @property
    def correct(self) -> np.ndarray:
        """bool (n,): whether the clean image is classified correctly."""
        right: np.ndarray = self.prediction == self.labels
        return right


@dataclass(frozen=True)
class Hit:
    """What one attack did to the images of a chunk.

    Maps are of the correctly classified images alone (`Seen.correct`), m of n.

    Parameters
    ----------
    name : str
        The attack.
    attacked : Attacked
        All n results: ``x_adv``, ``logits``, ``prediction``, ``norm``.
    rival : numpy.ndarray
        int64 (m,): the class that the margin is taken against.
    effect : maps.Effect
        Signed effect maps (m, H, W), change of the margin, completeness error.
    energy, frequency : numpy.ndarray
        float32 and bool (m, H, W).
    formed : numpy.ndarray
        bool (m,): whether the image has an RoA.
    candidate, roa : numpy.ndarray
        bool (m, H, W): the attack map above its threshold, and the same where `formed`, else empty.
    """

    name: str
    attacked: Attacked
    rival: np.ndarray
    effect: maps.Effect
    energy: np.ndarray
    frequency: np.ndarray
    formed: np.ndarray
    candidate: np.ndarray
    roa: np.ndarray

    @cached_property
    def damage(self) -> np.ndarray:
        """float32 (m, H, W): the damaging part of the effect, non-negative."""
        return maps.damage_part(self.effect.values)

    def attack_map(self, kind: str) -> np.ndarray:
        """The map (m, H, W) that the region of attack is taken from."""
        return attack_map(kind, self.effect, self.energy, self.frequency)


def see(context: Context, chunk: Chunk) -> Seen:
    """Read a chunk's images and find where the model looks."""
    classifier = context.classifier
    x = context.dataset.read(chunk.rows)
    logits = classifier.predict_logits(x)
    prediction = logits.argmax(1)
    scaled, scale, roi = look(context, classifier, chunk, x, prediction)
    others = []
    for model in context.others:
        theirs = model.predict(x)
        others.append((look(context, model, chunk, x, theirs)[2], theirs))
    controls = {}
    if context.config.controls:
        controls[EDGES] = edge_regions(context, x)
    if context.untrained is not None:
        guess = context.untrained.predict(x)
        controls[UNTRAINED] = look(context, context.untrained, chunk, x, guess)[2]
    labels = context.dataset.labels[chunk.rows]
    return Seen(chunk, x, labels, prediction, logits, scaled, scale, roi, tuple(others), controls)


def look(
    context: Context, classifier: Classifier, chunk: Chunk, x: np.ndarray, prediction: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where a model looks for its own prediction: scaled importance maps, their scales, and RoI."""
    config = context.config
    seed = derive_seed(config.seed, "importance", chunk.name)
    found = magnitude(run_importance(context.importance, classifier, x, prediction, seed=seed))
    scaled, scale = maps.scale(found)
    return scaled, scale, clean(threshold(scaled, config.roi), config.min_area, config.connectivity)


def hit(context: Context, seen: Seen, name: str) -> Hit:
    """Attack a chunk's images and map where it hits them."""
    config, classifier = context.config, context.classifier
    attacked = attack(context, seen, name)
    ok = seen.correct
    x, x_adv, labels = seen.x[ok], attacked.x_adv[ok], seen.labels[ok]
    rival = best_rival(attacked.logits[ok], labels)
    change = margin(attacked.logits[ok], labels, rival) - margin(seen.logits[ok], labels, rival)
    path = margin_gradient(classifier, labels, rival)
    effect = maps.effect(path, x, x_adv, change=change, size=classifier.batch_size)
    energy, frequency = maps.energy(x, x_adv), maps.frequency(x, x_adv)
    chosen = attack_map(config.attack_map, effect, energy, frequency)
    candidate = region_of_attack(chosen, config.roa, config.min_area, config.connectivity)
    formed = np.asarray(candidate.any((1, 2)))
    if config.attack_map == "effect":
        formed &= maps.cancellation(effect.values) <= maps.CANCELLATION_LIMIT
    return Hit(
        name, attacked, rival, effect, energy, frequency, formed, candidate, candidate & formed[:, None, None]
    )


def attack(context: Context, seen: Seen, name: str) -> Attacked:
    """The adversarial images of a chunk, made now or read from the saved set."""
    if name == SAVED and context.dataset.adversarial is not None:
        x_adv = context.dataset.adversarial(seen.chunk.rows)
        # Whether the file kept its budget was told when it was read; it is analyzed as it is.
        return check_attacked(Saved(), context.classifier, seen.x, x_adv)
    seed = attack_seed(context, seen.chunk, name)
    return run_attack(context.attacks[name], context.classifier, seen.x, seen.labels, seed=seed)


def attack_seed(context: Context, chunk: Chunk, name: str) -> int:
    """The seed of an attack on a chunk."""
    return derive_seed(context.config.seed, "attack", name, chunk.name)


def spread(values: np.ndarray, chosen: np.ndarray, fill: float) -> np.ndarray:
    """`values` (m, ...) put at the m places `chosen` among n, the others holding `fill`."""
    out = np.full((len(chosen), *values.shape[1:]), fill, values.dtype)
    out[chosen] = values
    return out


def best_rival(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """int64 (m,): the strongest class other than the true one, by the logits (m, K) at x_adv."""
    others = logits.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    best: np.ndarray = others.argmax(1)
    return best


def margin(logits: np.ndarray, labels: np.ndarray, rival: np.ndarray) -> np.ndarray:
    """float64 (m,): logit of the true class minus logit of the rival."""
    rows = np.arange(len(labels))
    values: np.ndarray = logits[rows, labels].astype(np.float64) - logits[rows, rival]
    return values


def attack_map(kind: str, effect: maps.Effect, energy: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """One of the three readings, (m, H, W): of the effect the damage."""
    if kind == "effect":
        return maps.damage_part(effect.values)
    return energy if kind == "energy" else frequency


def region_of_attack(chosen: np.ndarray, rule: float | str, min_area: int, connectivity: int) -> np.ndarray:
    """The RoA masks of attack maps (m, H, W): the support of a boolean map, else by a threshold rule."""
    found = chosen if chosen.dtype == bool else threshold(chosen, rule)
    return clean(found, min_area, connectivity)
