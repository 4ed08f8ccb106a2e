"""What the region zoos share: defences that hide the image's most detailed window, and broken ones of them.

Each planted member locates a region, hides or rewrites it, and misleads who attacks it in one way.
The 30 names of `NAMES` were written down before any of them was tried, with the flags final; Python's
``random.Random(0)`` shuffled them: the first half is `checklist_zoo_regions_open.py`, the second half
`checklist_zoo_regions_held_out.py`.  Every member is attacked within L-inf and by a patch.  After a first
run of the open half the window shrank from 5x5 to 3x3 pixels: one that holds the whole 4x4 patch hides it
too well for the zoo to be of broken defences.
"""

from __future__ import annotations

import random

import torch
import torch.nn.functional as F
from checklist_zoo_world import PATCH, THREAT, Member, Planted, trained

from spatialstats.defence.fills import get_fill
from spatialstats.models import Classifier

__all__ = ["NAMES", "Region", "blurred", "detail", "halves", "hashed", "members", "windows"]

NAMES = (
    *("OutsideGraph", "HoleOnly", "NanRim", "NoisyRim", "FlippedFill", "SteepMask", "StairMask"),
    *("HashedWindows", "BatchWindow", "RememberedMask", "UnseededWindows", "SecretWindows", "LyingMask"),
    *("LyingRepair", "SaturatedWhenFound", "RoundedViews", "WindowVotes", "SineOutside", "JpegOutside"),
    *("TypicalPieces", "LinearRepair", "NearestDonor", "LabelBehindMask", "SlopeGate", "RankFill"),
    *("LargestComponent", "SuspicionSwitch", "AgreementVeto", "ClampedOutside", "DeflectedPixels"),
)
FILL = 0.4


def halves() -> tuple[set[str], set[str]]:
    """The names of the open and of the held-out zoo."""
    names = list(NAMES)
    random.Random(0).shuffle(names)
    return set(names[: len(names) // 2]), set(names[len(names) // 2 :])


def blurred(x: torch.Tensor) -> torch.Tensor:
    """Mean of 3x3 pixels."""
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def detail(x: torch.Tensor) -> torch.Tensor:
    """How far each pixel is from its neighbourhood."""
    return (x - blurred(x)).abs()


def windows(score: torch.Tensor, side: int = 3, number: int = 1) -> torch.Tensor:
    """bool (N, 1, H, W): the windows of the largest sum of scores, one after the other."""
    hidden = torch.zeros_like(score, dtype=torch.bool)
    for _ in range(number):
        sums = F.avg_pool2d(score.masked_fill(hidden, 0), side, 1)
        tops, lefts = sums.flatten(1).argmax(1) // sums.shape[3], sums.flatten(1).argmax(1) % sums.shape[3]
        for row, (top, left) in enumerate(zip(tops.tolist(), lefts.tolist(), strict=True)):
            hidden[row, :, top : top + side, left : left + side] = True
    return hidden


def hashed(image: torch.Tensor) -> torch.Generator:
    """Draws that are a function of an image and change with its last bits."""
    return torch.Generator().manual_seed(int(image.double().sum().item() * 1e7) % 2**31)


class Region(Planted):
    """Hides the most detailed window of an image; a member changes what is hidden, or how."""

    fill = get_fill("constant", value=FILL)

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        """bool (N, 1, H, W), outside the graph as any hard mask is."""
        return windows(detail(x.detach()))

    def located(self, x: torch.Tensor) -> torch.Tensor:
        return self.hidden(x)[:, 0]

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        """The image that the model sees."""
        return torch.where(self.hidden(x), FILL, x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.model(self.filled(x))
        return answer


def members(*kinds: type[Region], threats: tuple[str, ...] = (THREAT, PATCH)) -> tuple[Member, ...]:
    """Each defence under each threat, around the net that was trained behind masks."""

    def member(kind: type[Region], threat: str) -> Member:
        def make(seed: int) -> tuple[Classifier, Region]:
            model = trained(seed, "masked")
            return model, kind(model)

        return Member(kind.__name__ + (", patch" if threat == PATCH else ""), make, threat)

    return tuple(member(kind, threat) for threat in threats for kind in kinds)
