"""Where the model looks, from the attacked image alone, in ways that an attack cannot easily bend.

A region of importance read from the attacked image is the attacker's: whatever fools the model
also is what the model looks at, so that plain importance protects the very patch that is to be
hidden.  Three remedies stand beside the plain map; `analysis/blind_localisation.py` measures how
much of a planted patch each of them claims, and how much of the clean image's region it finds.

- ``median``: importance for the class of the *median-filtered* image.  Where an attacker holds
  less than half of a window, its median lies between values that the surroundings hold: whatever
  is put on a small patch moves it by a bounded amount, while an object's silhouette stays.
- ``blurred``: the same behind a Gaussian blur, which weakens a patch without bounding it.
- ``crops``: the mean over magnified crops, each for its own class.  A small patch lies in some of
  them only, at another scale than it was made for.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from spatialstats import regions
from spatialstats.arrays import to_array, to_tensor
from spatialstats.attacks.losses import lead
from spatialstats.defence.blind_windows import covered_lead, pixel_mean, pixels, windows
from spatialstats.defence.locator import Model
from spatialstats.errors import unknown

__all__ = ["KINDS", "importance", "roi", "top_fraction"]

KINDS = ("median", "blurred", "crops", "plain", "none")
BLUR = 1 / 16  # of the side, as a standard deviation
CROP = 3 / 4  # of the side
MEDIAN = 1 / 4  # of the side: a square of a sixth of the image's side covers less than half of it


def roi(kind: str, model: Model, x: torch.Tensor, fraction: float) -> torch.Tensor:
    """The region of importance, bool (N, H, W): the top `fraction` of `importance`; none for ``none``.

    Raises
    ------
    InputError
        If there is no such kind.
    """
    if kind not in KINDS:
        raise unknown("estimate of the region of importance", kind, KINDS)
    if kind == "none" or fraction <= 0:
        return torch.zeros(len(x), *x.shape[2:], dtype=torch.bool, device=x.device)
    with torch.no_grad():
        return top_fraction(importance(kind, model, x.detach()), fraction)


def importance(kind: str, model: Model, x: torch.Tensor) -> torch.Tensor:
    """Importance maps (N, H, W) of at least 0: what the class loses when a window is covered."""
    if kind == "crops":
        return _of_crops(model, x)
    side = min(x.shape[2:])
    if kind == "blurred":
        return _by_occlusion(model, blurred(x, BLUR * side))
    return _by_occlusion(
        model, median_filtered(x, int(MEDIAN * side) // 2 * 2 + 1) if kind == "median" else x
    )


def top_fraction(maps: torch.Tensor, fraction: float) -> torch.Tensor:
    """`spatialstats.regions.top_fraction` of maps on any device, where the masks then lie too."""
    return to_tensor(regions.top_fraction(to_array(maps.detach().cpu()), fraction), maps.device)


def blurred(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """Gaussian blur of width `sigma` in pixels; beyond the edge the nearest pixel goes on."""
    if sigma <= 0:
        return x
    reach = max(1, int(4 * sigma + 0.5))
    at = torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, 1, -1)
    groups = x.shape[1]
    across = F.conv2d(F.pad(x, (reach, reach, 0, 0), mode="replicate"), kernel, groups=groups)
    return F.conv2d(F.pad(across, (0, 0, reach, reach), mode="replicate"), kernel.mT, groups=groups)


def median_filtered(x: torch.Tensor, side: int) -> torch.Tensor:
    """Median of each channel in a square of odd `side`, of pixels near the edge in the nearest whole square.

    Squares that were filled up beyond the edge would count a patch there many times over.
    """
    tall = x.shape[2] - side + 1
    made = []
    for image in x.split(1):  # a large image's squares take a gigabyte
        rows = [image.unfold(3, side, 1)[:, :, k : k + tall] for k in range(side)]
        made.append(torch.cat(rows, -1).median(-1).values)
    return F.pad(torch.cat(made), (side // 2,) * 4, mode="replicate")


def _by_occlusion(model: Model, x: torch.Tensor) -> torch.Tensor:
    logits = model(x)
    target = logits.argmax(1)
    window, stride = pixels(1 / 4, x.shape), pixels(1 / 8, x.shape)
    covers = windows(x.shape, window, stride).to(x.device)
    lost = lead(logits, target)[:, None] - covered_lead(model, x, target, covers)
    return pixel_mean(lost, covers).clamp_min(0)


def _of_crops(model: Model, x: torch.Tensor) -> torch.Tensor:
    """Mean over five crops of a crop's importance, each divided by its maximum."""
    height, width = x.shape[2:]
    tall, wide = max(1, round(CROP * height)), max(1, round(CROP * width))
    down, right = height - tall, width - wide
    corners = dict.fromkeys(((0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)))
    total, seen = torch.zeros_like(x[:, 0]), torch.zeros_like(x[0, 0])
    for top, left in corners:
        part = x[..., top : top + tall, left : left + wide]
        large = F.interpolate(part, size=(height, width), mode="bilinear", align_corners=False)
        found = F.interpolate(_by_occlusion(model, large)[:, None], size=(tall, wide), mode="area")[:, 0]
        found = found / found.amax((1, 2), keepdim=True).clamp_min(1e-12)
        total[:, top : top + tall, left : left + wide] += found
        seen[top : top + tall, left : left + wide] += 1
    return total / seen
