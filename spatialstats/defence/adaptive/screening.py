"""Where on an image a patch does most: every place tried once, before any is optimised."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from spatialstats.attacks.losses import lead
from spatialstats.attacks.patch import window
from spatialstats.defence.adaptive.effort import Effort
from spatialstats.defence.adaptive.target import DEAR, Target
from spatialstats.defence.adaptive.threat import Threat
from spatialstats.defence.certified_places import refuse_broken_at

__all__ = ["Screened", "screen"]

APART = 2  # pixels between chosen places: a neighbour is nearly the same place


@dataclass(frozen=True)
class Screened:
    """The worst places of a patch.

    Parameters
    ----------
    corners : Tensor of int64, (N, K, 2)
        Top left corners of places where the defence proves nothing, the worst first.
    counts : Tensor of int64, (N,)
        How many of an image's corners mean something: fewer than K where fewer places are open, 0 where all
        are proven.
    asked : Tensor of float32, (N, C, H, W)
        Colours, 0 or 1, that the gradient at the image asks for.
    best, margin : Tensor of float32, (N, C, H, W) and (N,)
        The worst image tried, and its margin.
    deployed : bool
        Whether places were judged by the deployed defence; else, because one of its predictions
        takes many passes, by the undefended model.
    places : int
        Places of each image.
    proven : Tensor of bool, (N, H - s + 1, W - s + 1), optional
        Places where the defence proves the right answer; None where it proves nothing anywhere.
    rows : Tensor of bool, (N,)
        Which images were screened; what is said of the others means nothing.
    tried, gradients : Tensor of int64, (N,)
        What it took; see `Target`.
    passes : int
        Images that went through the model.
    """

    corners: torch.Tensor
    counts: torch.Tensor
    asked: torch.Tensor
    best: torch.Tensor
    margin: torch.Tensor
    deployed: bool
    places: int
    proven: torch.Tensor | None
    rows: torch.Tensor
    tried: torch.Tensor
    gradients: torch.Tensor
    passes: int

    @property
    def open(self) -> torch.Tensor:
        """bool (N,): images with a place where the defence proves nothing."""
        return self.counts > 0


def screen(
    target: Target, x: torch.Tensor, y: torch.Tensor, threat: Threat, effort: Effort, right: torch.Tensor
) -> Screened:
    """Try a patch of the asked colours at every place; those to be climbed are not proven harmless.

    Parameters
    ----------
    target : Target
        Of its own, whose counts go into the result: many attacks share one screening.
    x, y : Tensor, (N, C, H, W) and (N,)
    threat : Threat
        Of a patch.
    effort : Effort
        `stride` and `places`.
    right : Tensor of bool, (N,)
        Which images to screen; the others get places without meaning.
    """
    side, rows = int(threat.epsilon), right.nonzero()[:, 0]
    threat.budget(x.shape)  # refuses a patch larger than the image
    spans = [length - side for length in x.shape[-2:]]
    axes = [torch.arange(0, span + 1, effort.stride) for span in spans]
    axes = [
        torch.cat([a, torch.tensor([s])]) if int(a[-1]) != s else a for a, s in zip(axes, spans, strict=True)
    ]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).view(-1, 2).to(x.device)
    deployed = target.cost <= DEAR

    def value(part: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, None]:
        logits = target.defence.relaxed(part, 0.3)
        return -lead(logits, y[index]), None

    def undefended(part: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -lead(target.classifier.logits(part), y[index]), None

    asked = torch.zeros_like(x)
    slope = target.gradient(value, x[rows], rows)[0]
    lost = (slope.flatten(1) == 0).all(1)
    if bool(lost.any()):  # no gradient through the defence: the undefended model's
        slope[lost] = target.gradient(undefended, x[rows[lost]], rows[lost])[0]
    asked[rows] = (slope > 0).to(x)
    margins = x.new_full((len(x), len(places)), torch.inf)
    best, lowest = x.clone(), x.new_full((len(x),), torch.inf)
    proven = proven_places(target, x, y, rows, side)
    shut = None if proven is None else proven[:, places[:, 0], places[:, 1]]

    def patched(index: torch.Tensor, corner: torch.Tensor) -> torch.Tensor:
        return torch.where(window(x[index], corner.expand(len(index), 2), side), asked[index], x[index])

    for k, corner in enumerate(places if len(rows) else ()):
        tried = patched(rows, corner)
        if deployed:
            found = target.margins(tried, rows, y[rows], draws=1)
            if shut is not None:
                refuse_broken_at(rows[(found < 0) & shut[rows, k]])
        else:
            target.count(rows)
            with torch.no_grad():
                parts = [target.classifier.logits(part) for part in tried.split(16)]
                found = lead(torch.cat(parts), y[rows])
        margins[rows, k] = found
        better = found < lowest[rows]
        best[rows[better]], lowest[rows[better]] = tried[better], found[better]
    counts = torch.full((len(x),), min(effort.places, len(places)), device=x.device)
    if shut is not None and proven is not None:
        if not deployed:  # the worst of the proven places is shown to the defence itself
            some = shut.any(1).nonzero()[:, 0]
            worst = margins[some].masked_fill(~shut[some], torch.inf).argmin(1)
            if len(some):
                refuse_broken_at(some[target.margins(patched(some, places[worst]), some, y[some]) < 0])
        margins[shut], counts = torch.inf, counts.clamp_max((~shut).sum(1))
    chosen = spread(margins, places, effort.places)
    if proven is not None:
        chosen, counts = with_off_grid(chosen, counts, ~proven)
    spent = (target.tried, target.gradients, target.passes)
    return Screened(chosen, counts, asked, best, lowest, deployed, len(places), proven, right.clone(), *spent)


def proven_places(
    target: Target, x: torch.Tensor, y: torch.Tensor, rows: torch.Tensor, side: int
) -> torch.Tensor | None:
    """bool (N, H - s + 1, W - s + 1): certified places of some rows, nowhere else; None without proofs."""
    some = target.defence.certified_places(x[rows], y[rows], (side, side))
    if some is None:
        return None
    proven = torch.zeros(len(x), *some.shape[1:], dtype=torch.bool, device=x.device)
    proven[rows] = some
    return proven


def with_off_grid(
    chosen: torch.Tensor, counts: torch.Tensor, free: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Fill up starts (N, K, 2), of which the first `counts` are free, with free places between those tried.

    Parameters
    ----------
    chosen, counts : Tensor
        See `Screened`.
    free : Tensor of bool, (N, H - s + 1, W - s + 1)
        Places where nothing is proven.
    """
    chosen, counts, most = chosen.clone(), counts.clone(), chosen.shape[1]
    short = counts < free.flatten(1).sum(1).clamp_max(most)
    for row in short.nonzero()[:, 0].tolist():
        have = int(counts[row])
        rest = free[row].clone()
        rest[chosen[row, :have, 0], chosen[row, :have, 1]] = False
        there = rest.nonzero()
        more = min(len(there), most - have)
        there = there[torch.linspace(0, len(there) - 1, more).long()]
        chosen[row, have : have + more], counts[row] = there, have + more
    return chosen, counts


def spread(margins: torch.Tensor, places: torch.Tensor, count: int) -> torch.Tensor:
    """The worst places (N, K, 2), none within `APART` pixels of a worse one while there are others."""
    count = min(count, len(places))
    near = (places[:, None] - places[None]).abs().amax(2) < APART
    left, chosen = margins.clone(), []
    kept = torch.zeros_like(margins, dtype=torch.bool)
    for _ in range(count):
        # Places too near to a chosen one come last, in their order; chosen ones never again.
        later = margins.double().clamp_max(1e6) + 1e9
        free = torch.where(torch.isinf(left), later, left.double()).masked_fill(kept, torch.inf)
        at = free.argmin(1)
        chosen.append(places[at])
        kept.scatter_(1, at[:, None], True)
        left = left.masked_fill(near[at], torch.inf)
    return torch.stack(chosen, 1)
