"""The open half of the planted broken region defences; see `checklist_zoo_regions`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from checklist_zoo_open import NoisyGradient, codebook
from checklist_zoo_regions import FILL, Region, blurred, detail, hashed, members, windows
from checklist_zoo_world import SIDE, digits
from skimage.measure import label

from spatialstats.defence.rivals.jpeg import pillow_jpeg
from spatialstats.models import Classifier

__all__ = ["REGIONS_OPEN"]


class NoisyRim(Region):
    """What the mask leaves goes through a layer whose gradient drowns in noise."""

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(self.hidden(x), FILL, NoisyGradient.apply(x))  # type: ignore[no-untyped-call]


class UnseededWindows(Region):
    """Says that it draws, but no seed fixes its three windows nor the dither between them."""

    randomized = True

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        return windows(torch.rand_like(x), 3, 3)

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(self.hidden(x), FILL, (3 * x + torch.rand_like(x) - 0.5).round() / 3)


class JpegOutside(Region):
    """Hides the window and sends the rest through a real JPEG, without a stand-in."""

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        return pillow_jpeg(super().filled(x.detach()), 60)


class SineOutside(Region):
    """Outside the window lies a tiny, very fast sine of the pixels."""

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        return super().filled(x + 0.003 * torch.sin(3e5 * x))


class SteepMask(Region):
    """The mask is soft, and so steep that its own slope drowns that of the image."""

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        found = detail(x.detach())
        return found > found.flatten(1).quantile(0.9, 1)[:, None, None, None]

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        found = detail(x)
        cut = found.detach().flatten(1).quantile(0.9, 1)[:, None, None, None]
        weight = torch.sigmoid(2000 * (found - cut))
        return weight * FILL + (1 - weight) * x


class OutsideGraph(Region):
    """The image is masked by a script before it comes to the model: no gradient at all."""

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        return super().filled(x.detach())


class HashedWindows(Region):
    """Eight windows at places that a hash of the image chooses: deterministic, new at every step."""

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        drawn = [torch.rand(1, SIDE, SIDE, generator=hashed(image)) for image in x.detach()]
        return windows(torch.stack(drawn), 3, 8)


class SuspicionSwitch(Region):
    """Where a window has more detail than digits have, it is hidden and the graph is cut."""

    def __init__(self, model: Classifier) -> None:
        super().__init__(model)
        self.usual = float(self.most(digits()[0]).quantile(0.95))

    @staticmethod
    def most(x: torch.Tensor) -> torch.Tensor:
        """The most detail of a 4x4 window of each image (N,)."""
        return F.avg_pool2d(detail(x), 4, 1).flatten(1).amax(1)

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        return super().hidden(x) & (self.most(x.detach()) > self.usual)[:, None, None, None]

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.hidden(x)
        shown = torch.where(hidden, FILL, 0.7 * x + 0.3 * blurred(x)).detach()
        return torch.where(hidden.flatten(1).any(1)[:, None, None, None], shown, x)


class DeflectedPixels(Region):
    """Pixels without detail take a neighbour's place by undeclared chance; all is smoothed and detached."""

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        given = x.detach()
        unseen = detail(given) < detail(given).flatten(1).quantile(0.7, 1)[:, None, None, None]
        down, right = (int(step) for step in torch.randint(-2, 3, (2,)))
        moved = torch.where(unseen & (torch.rand_like(given) < 0.3), given.roll((down, right), (2, 3)), given)
        return super().filled(0.7 * moved + 0.3 * blurred(moved))


class SaturatedWhenFound(Region):
    """What is seen behind the mask becomes probabilities at a temperature at which they are 0 or 1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.softmax(300 * super().forward(x), 1)


class LinearRepair(Region):
    """All is drawn anew by a linear generator that is fitted to what the mask leaves, outside the graph."""

    def __init__(self, model: Classifier) -> None:
        super().__init__(model)
        flat = digits()[0].flatten(1)
        self.centre = flat.mean(0)
        self.basis = torch.linalg.svd(flat - self.centre, full_matrices=False).Vh[:40]

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        seen = ~self.hidden(x).flatten(1)
        given = x.detach().flatten(1) - self.centre
        code = torch.zeros(len(x), len(self.basis))
        for _ in range(20):
            code = code - 0.5 * ((code @ self.basis - given) * seen) @ self.basis.T
        mended: torch.Tensor = (code @ self.basis + self.centre).clamp(0, 1)
        return mended.view_as(x)


class LargestComponent(Region):
    """Hides the largest connected component of unusual pixels, in an image on sixteen levels."""

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        found = detail(x.detach())
        unusual = (found > found.flatten(1).quantile(0.85, 1)[:, None, None, None])[:, 0].numpy()
        masks = []
        for one in unusual:
            parts: Any = label(one, connectivity=2)  # type: ignore[no-untyped-call]
            sizes = np.bincount(parts.ravel(), minlength=2)[1:]
            masks.append((parts == 1 + sizes.argmax()) & one)
        return torch.from_numpy(np.stack(masks))[:, None]

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        return super().filled((15 * x).round() / 15)


class NearestDonor(Region):
    """The window comes from the known image that is most like the rest, which is toned to it."""

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        known, given = digits()[0], x.detach()
        seen = (~self.hidden(x)).flatten(1).float()
        away = [
            ((known.flatten(1) - image) * kept).norm(dim=1)
            for image, kept in zip(given.flatten(1), seen, strict=True)
        ]
        donors = known[torch.stack(away).argmin(1)]
        return torch.where(self.hidden(x), donors, 0.5 * given + 0.5 * donors)


class NanRim(Region):
    """Detail sharpens what the mask leaves by a square root that is 0 forwards and not a number backwards."""

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        return super().filled(x + (detail(x) - detail(x).detach()).abs().sqrt())


class TypicalPieces(Region):
    """The 12 pieces of 16 that are least typical become the nearest typical ones; the rest is passed by."""

    def compared(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pieces (N, 16, 16), the nearest typical ones, and bool (N, 16): which are replaced."""
        pieces = F.unfold(x.detach(), 4, stride=4).transpose(1, 2)
        away = torch.cdist(pieces, codebook()[None].expand(len(x), -1, -1))
        unusual = away.amin(2) >= away.amin(2).topk(12, 1).values[:, -1:]
        return pieces, codebook()[away.argmin(2)], unusual

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        replaced = self.compared(x)[2].view(-1, 1, 4, 4)
        return replaced.repeat_interleave(4, 2).repeat_interleave(4, 3)

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        pieces, typical, unusual = self.compared(x)
        shown = torch.where(unusual[..., None], typical, pieces)
        return F.fold(shown.transpose(1, 2), SIDE, 4, stride=4)


REGIONS_OPEN = members(
    *(NoisyRim, UnseededWindows, JpegOutside, SineOutside, SteepMask, OutsideGraph, HashedWindows),
    *(SuspicionSwitch, DeflectedPixels, SaturatedWhenFound, LinearRepair, LargestComponent),
    *(NearestDonor, NanRim, TypicalPieces),
)
