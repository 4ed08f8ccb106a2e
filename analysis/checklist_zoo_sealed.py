"""A sealed zoo: planted broken region defences of an author who had not seen the checklist's flags.

The author knew the plain attack (`checklist_zoo_naive`), the adaptive attacks and the interface of a defence;
no flag, no other zoo and no result of the checklist.  The names below were written first, each with its
mechanism, before any was tried.  Strengths, nets and regions were then set by those attacks alone, with no
checklist at hand; none was dropped.  The zoo is for one run of the checklist, and no change follows from it.

1. RecallTiles: the middle is looked up, tile by tile, among training tiles; only the margins have a gradient
2. Humility: suspicion divides the logits, and the gradient goes for the suspicion
3. ToneRipple: a fine ripple on the tones turns half of the gradient's signs
4. WindowFollower: the window has a gradient, the pixels do not
5. AnswersTwice: what looks like an image seen before gets the answer given then
6. BatchHistogram: every image gets the batch's histogram, and its gradient goes to the others
7. PhaseKeeper: masks the spectrum; magnitudes have a gradient, phases do not
8. SecondOpinion: two nets that disagree leave the answer to the second, without a gradient
9. HardVeto: labels are counted over sliding windows
10. SharpViews: views vote by probabilities so sharp that they are flat
11. Stairs: steep soft stairs, flat nearly everywhere
12. LocalContrast: the standard deviation of a filled, hence constant, region has no finite gradient
13. HalfStore: the shown image is stored in 16 bits, in which small gradients are 0
14. TransposedBackward: a hand-made gradient that mixes up rows and columns
15. ShieldedSaliency: the pixels that matter are dimmed in a copy, which has no gradient
16. FirstViewSpeaks: the mean of views, with the gradient of the first and poorest
17. BackwardsRivals: the losing classes' logits are handed out in reverse order
18. DitherDraws: random dithering to few levels, declared
19. ShuffledTwins: pixels of nearly the same tone change places at random, which is not declared
20. PeelingCopy: window after window is filled in a copy, so that only fills have a gradient
21. ClippedCodes: components of the middle are clipped so narrowly that most are at a stop
"""

from __future__ import annotations

from functools import cache, partial

import torch
import torch.nn.functional as F
from checklist_zoo_world import PATCH, SIDE, THREAT, Member, Planted, digits, region, trained

from spatialstats.models import Classifier

__all__ = ["SEALED"]


@cache
def typical() -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and spread (1, 1, 16, 16) of the training images."""
    x = digits()[0]
    return x.mean(0, keepdim=True), x.std(0, keepdim=True)


def scores(x: torch.Tensor, side: int) -> torch.Tensor:
    """How far from typical each window is (N, windows)."""
    mean, spread = typical()
    return F.avg_pool2d((x - mean).abs() / (spread + 0.2), side, 1).flatten(1)


@cache
def windows(side: int, stride: int = 1) -> torch.Tensor:
    """bool (M, 16, 16): the windows in the order of `scores`."""
    here = torch.zeros(0, SIDE, SIDE, dtype=torch.bool)
    for top in range(0, SIDE - side + 1, stride):
        for left in range(0, SIDE - side + 1, stride):
            one = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
            one[:, top : top + side, left : left + side] = True
            here = torch.cat([here, one])
    return here


def straight(value: torch.Tensor, path: torch.Tensor) -> torch.Tensor:
    """One thing's value with another thing's gradient."""
    return path + (value - path).detach()


class Windowed(Planted):
    """Hides the windows that are farthest from typical behind the typical digit."""

    side, count, net, passes = 2, 1, "plain", 4000

    def ask(self, x: torch.Tensor) -> torch.Tensor:
        """The wrapped model's logits."""
        found: torch.Tensor = self.model(x)
        return found

    def located(self, x: torch.Tensor) -> torch.Tensor:
        return windows(self.side)[scores(x, self.side).topk(self.count).indices].any(1)

    def hide(self, x: torch.Tensor) -> torch.Tensor:
        """The image with the typical digit in what is located."""
        return torch.where(self.located(x)[:, None], typical()[0], x)

    def shown(self, x: torch.Tensor) -> torch.Tensor:
        """What the model sees."""
        return self.hide(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.ask(self.shown(x))


@cache
def tiles() -> torch.Tensor:
    """400 tiles of 2x2 pixels (400, 4) of the training images."""
    cut = F.unfold(digits()[0], 2, stride=2).transpose(1, 2).reshape(-1, 4)
    return cut[torch.randperm(len(cut), generator=torch.Generator().manual_seed(0))[:400]]


class RecallTiles(Windowed):
    """Looks the middle up among training tiles, so that only the margins have a gradient."""

    def located(self, x: torch.Tensor) -> torch.Tensor:
        return (~region()).expand(len(x), -1, -1)

    def shown(self, x: torch.Tensor) -> torch.Tensor:
        cut = F.unfold(x, 2, stride=2).transpose(1, 2)
        recalled = tiles()[torch.cdist(cut, tiles()[None]).argmin(2)]
        return torch.where(region(), x, F.fold(recalled.transpose(1, 2), SIDE, 2, stride=2))


def roughness(x: torch.Tensor) -> torch.Tensor:
    """Mean absolute step (N, 1) from pixel to pixel."""
    return (x.diff(dim=2).abs().mean((1, 2, 3)) + x.diff(dim=3).abs().mean((1, 2, 3)))[:, None]


class Humility(Windowed):
    """Divides the logits by a suspicion so steep that the gradient goes for it, and not for the class."""

    net = "noisy"
    power = 20.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        suspicion = roughness(x) / roughness(typical()[0])
        return self.ask(self.hide(x)) / (suspicion / 2) ** self.power


class ToneRipple(Windowed):
    """A ripple on the tones, too fine to be seen, turns half of the gradient's signs."""

    net = "noisy"

    def shown(self, x: torch.Tensor) -> torch.Tensor:
        return self.hide(x) + 0.01 * torch.sin(2000 * x)


class WindowFollower(Windowed):
    """Fades a window that follows the image smoothly; the pixels themselves are taken for constant."""

    def shown(self, x: torch.Tensor) -> torch.Tensor:
        weight = (10 * scores(x, self.side)).softmax(1)
        fade = torch.einsum("nm,mhw->nhw", weight, windows(self.side).float())[:, None]
        return x.detach() * (1 - fade) + typical()[0] * fade


class AnswersTwice(Windowed):
    """Takes what looks like an image seen before for it, and gives the answer that it gave then."""

    near = 0.12

    def __init__(self, model: Classifier) -> None:
        super().__init__(model)
        self.seen, self.said = torch.full((1, SIDE * SIDE), 9.0), torch.zeros(1, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits, flat = self.ask(self.hide(x)), x.detach().flatten(1)
        away, at = (torch.cdist(flat, self.seen, p=1) / flat.shape[1]).min(1)
        known = away < self.near
        answer = torch.where(known[:, None], self.said[at], logits)
        self.seen = torch.cat([self.seen, flat[~known]])[:2000]
        self.said = torch.cat([self.said, logits.detach()[~known]])[:2000]
        return answer


class BatchHistogram(Windowed):
    """Gives every image the histogram of its batch, so that its gradient goes to the others."""

    net = "noisy"

    def shown(self, x: torch.Tensor) -> torch.Tensor:
        flat = self.hide(x).flatten(1)
        blurred = F.avg_pool2d(x, 3, 1, 1).flatten(1)  # breaks ties
        order = (flat + 0.01 * blurred).argsort(1)
        tones = flat.gather(1, order).mean(0, keepdim=True).expand_as(flat)
        return torch.zeros_like(flat).scatter(1, order, tones).view_as(x)


@cache
def usual() -> torch.Tensor:
    """Magnitudes (1, 16, 16) that a tenth of the training spectra exceed."""
    sizes: torch.Tensor = torch.fft.fft2(digits()[0]).abs().quantile(0.9, dim=0)
    return sizes


class PhaseKeeper(Windowed):
    """Caps what is large in the spectrum; fine magnitudes have a gradient, phases and coarse ones do not."""

    def shown(self, x: torch.Tensor) -> torch.Tensor:
        spectrum = torch.fft.fft2(self.hide(x))
        size = torch.minimum(spectrum.abs(), usual())
        away = torch.fft.fftfreq(SIDE).abs() * SIDE
        fine = torch.maximum(away[:, None], away) > 4
        kept = torch.where(fine, size, size.detach())
        masked: torch.Tensor = torch.fft.ifft2(torch.polar(kept, spectrum.detach().angle())).real
        return masked.clamp(0, 1)


class SecondOpinion(Windowed):
    """Leaves the answer to a second net, without a gradient, where it disagrees with the first."""

    def __init__(self, model: Classifier) -> None:
        super().__init__(model)
        self.second = trained(0, "robust").logits

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shown = self.hide(x)
        first, second = self.ask(shown), self.second(shown).detach()
        return torch.where((first.argmax(1) == second.argmax(1))[:, None], first, second)

    def relaxed(self, x: torch.Tensor, temperature: float = 0.1) -> torch.Tensor:
        shown = self.hide(x)
        return self.ask(shown) + self.second(shown)


class HardVeto(Windowed):
    """Counts labels over sliding windows."""

    passes = 1500

    def family(self, shape: tuple[int, int]) -> torch.Tensor:
        return windows(4, 3)

    def located(self, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(x), SIDE, SIDE, dtype=torch.bool)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        views = torch.where(windows(4, 3)[:, None, None], typical()[0], x)
        labels = self.ask(views.flatten(0, 1)).argmax(1).view(-1, len(x))
        return F.one_hot(labels, 10).sum(0).float()


class SharpViews(Windowed):
    """Views without the odd window or the margins vote by probabilities so sharp that they are flat."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        views = (self.hide(x), torch.where(region(), typical()[0], x))
        votes = torch.stack([(100 * self.ask(view)).softmax(1) for view in views])
        return (votes.mean(0) + 1e-6).log()


class Stairs(Windowed):
    """Brings what is left to a few tones by steep soft stairs, flat nearly everywhere."""

    count, net = 3, "noisy"

    def shown(self, x: torch.Tensor) -> torch.Tensor:
        steps = torch.arange(1, 8).sub(0.5) / 7
        return torch.sigmoid(2000 * (self.hide(x)[..., None] - steps)).mean(-1)


class LocalContrast(Windowed):
    """Evens the contrast by a standard deviation, of no finite gradient in the evenly filled window."""

    side = 3

    def hide(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(self.located(x)[:, None], x.mean((2, 3), keepdim=True), x)

    def shown(self, x: torch.Tensor) -> torch.Tensor:
        even = self.hide(x)
        near = F.unfold(F.pad(even, (0, 1, 0, 1)), 2).view(len(x), 4, SIDE, SIDE)
        deviation = near.var(1, keepdim=True, unbiased=False).sqrt()
        return (even * 1.2 / (1 + deviation)).clamp(0, 1)


class HalfStore(Windowed):
    """Stores what is shown in 16 bits, in whose units small gradients are 0."""

    net = "noisy"

    def family(self, shape: tuple[int, int]) -> torch.Tensor:
        return region()[None]

    def located(self, x: torch.Tensor) -> torch.Tensor:
        return region().expand(len(x), -1, -1)

    def shown(self, x: torch.Tensor) -> torch.Tensor:
        return (self.hide(x) * 60000).half().float() / 60000


class TransposedBackward(Windowed):
    """A hand-made gradient of the fill that mixes up rows and columns."""

    net = "noisy"

    def shown(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.hide(x)
        return straight(hidden, hidden.transpose(2, 3))


class ShieldedSaliency(Windowed):
    """Dims the pixels that matter most in a copy, which has no gradient."""

    share = 0.6

    def located(self, x: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            leaf = x.detach().clone().requires_grad_(True)
            (slope,) = torch.autograd.grad(self.ask(leaf).amax(1).sum(), leaf)
        size = slope.abs()[:, 0]
        return size > size.flatten(1).quantile(1 - self.share, dim=1)[:, None, None]

    def shown(self, x: torch.Tensor) -> torch.Tensor:
        dimmed = 0.8 * x.detach() + 0.2 * typical()[0]
        return torch.where(self.located(x)[:, None], dimmed, x)


class FirstViewSpeaks(Windowed):
    """The mean of views behind windows, with the gradient of the first and poorest view alone."""

    passes = 1500

    def family(self, shape: tuple[int, int]) -> torch.Tensor:
        poor = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
        poor[:, 2:14, 3:13] = True
        return torch.cat([poor, windows(4, 4)])

    def located(self, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(x), SIDE, SIDE, dtype=torch.bool)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        views = torch.where(self.family((SIDE, SIDE))[:, None, None], typical()[0], x)
        logits = self.ask(views.flatten(0, 1)).view(len(views), len(x), -1)
        return straight(logits.mean(0), logits[0])


class BackwardsRivals(Windowed):
    """Hands out the losing classes' logits in reverse order, so that nobody learns the runner-up."""

    net = "noisy"

    def located(self, x: torch.Tensor) -> torch.Tensor:
        mean, spread = typical()
        away = ((x - mean) / (spread + 0.2)).abs().sum((1, 2))
        return F.one_hot(away.argmax(1), SIDE).bool()[:, None].expand(-1, SIDE, -1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = self.ask(self.hide(x))
        top = F.one_hot(logits.argmax(1), 10).bool()
        low = logits.detach().amin(1, keepdim=True)
        high = logits.detach().masked_fill(top, -torch.inf).amax(1, keepdim=True)
        return torch.where(top, logits.detach(), low + high - logits)


class DitherDraws(Windowed):
    """Dithers what is left to few levels, at random and declared; the stand-in forgets the levels."""

    randomized = True
    levels = 3

    def __init__(self, model: Classifier) -> None:
        super().__init__(model)
        self.drawn = torch.Generator().manual_seed(0)

    def reseed(self, seed: int) -> None:
        self.drawn.manual_seed(seed)

    def shown(self, x: torch.Tensor) -> torch.Tensor:
        noise = torch.rand(x.shape, generator=self.drawn)
        return (self.hide(x) * self.levels + noise).floor().clamp(0, self.levels) / self.levels

    def relaxed(self, x: torch.Tensor, temperature: float = 0.1) -> torch.Tensor:
        return self.ask(straight(self.shown(x), self.hide(x)))


class ShuffledTwins(Windowed):
    """Lets pixels of nearly the same tone change places at random, which it does not declare."""

    net = "noisy"

    def shown(self, x: torch.Tensor) -> torch.Tensor:
        flat = self.hide(x).flatten(1)
        order = flat.argsort(1)
        swap = torch.rand(len(x), 32, 8).argsort(2) + 8 * torch.arange(32)[:, None]
        twins = order.gather(1, swap.flatten(1))
        return torch.zeros_like(flat).scatter(1, order, flat.gather(1, twins)).view_as(x)


class PeelingCopy(Windowed):
    """Fills window after window in a copy of the image, so that only fills have a gradient."""

    def located(self, x: torch.Tensor) -> torch.Tensor:
        return self.peeled(x)[1]

    def peeled(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The image and what was hidden after two rounds."""
        copy, hidden = x.detach().clone(), torch.zeros(len(x), SIDE, SIDE, dtype=torch.bool)
        for _ in range(2):
            here = windows(2)[scores(copy, 2).argmax(1)]
            copy = torch.where(here[:, None], F.avg_pool2d(x, 5, 1, 2), copy)
            hidden = hidden | here
        return copy, hidden

    def shown(self, x: torch.Tensor) -> torch.Tensor:
        return self.peeled(x)[0]


@cache
def components() -> torch.Tensor:
    """The 40 strongest directions (40, 256) of the training images, by their spread."""
    x = digits()[0].flatten(1)
    _, size, across = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    found: torch.Tensor = across[:40] * (size[:40, None] / len(x) ** 0.5)
    return found


class ClippedCodes(Windowed):
    """Restores the middle from components clipped so narrowly that most are at a stop."""

    stop = 0.05

    def located(self, x: torch.Tensor) -> torch.Tensor:
        return (~region()).expand(len(x), -1, -1)

    def shown(self, x: torch.Tensor) -> torch.Tensor:
        base = components()
        codes = (x - typical()[0]).flatten(1) @ (base / base.square().sum(1, keepdim=True)).T
        restored = typical()[0] + (codes.clamp(-self.stop, self.stop) / self.stop @ base).view_as(x)
        return torch.where(region(), x, (x.detach() + restored) / 2)


def make(kind: type[Windowed], seed: int) -> tuple[Classifier, Planted]:
    """A net and a defence around it."""
    classifier = trained(seed, kind.net)
    return classifier, kind(classifier)


KINDS: tuple[type[Windowed], ...] = (
    RecallTiles,
    Humility,
    ToneRipple,
    WindowFollower,
    AnswersTwice,
    BatchHistogram,
    PhaseKeeper,
    SecondOpinion,
    HardVeto,
    SharpViews,
    Stairs,
    LocalContrast,
    HalfStore,
    TransposedBackward,
    ShieldedSaliency,
    FirstViewSpeaks,
    BackwardsRivals,
    DitherDraws,
    ShuffledTwins,
    PeelingCopy,
    ClippedCodes,
)
SEALED: tuple[Member, ...] = tuple(
    Member(kind.__name__ + tail, partial(make, kind), threat, kind.passes)
    for kind in KINDS
    for tail, threat in (("", THREAT), (", patch", PATCH))
)
