"""Occlusion: what the class's logit loses when a window is covered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from spatialstats.errors import InputError
from spatialstats.importance.baselines import baseline_images
from spatialstats.importance.protocol import Classifier
from spatialstats.paths import micro_batches

if TYPE_CHECKING:
    import torch

__all__ = ["Occlusion"]


@dataclass(frozen=True)
class Occlusion:
    """Mean loss of the logit over the windows that cover a pixel; forward passes only.

    Parameters
    ----------
    window : int
        Side of the square window, in pixels.
    stride : int
        Distance of neighbouring windows; the last ones are moved back inside the image.
    baseline : {'black', 'grey', 'mean', 'blur'}
        What the window shows.

    References
    ----------
    M. Zeiler, R. Fergus, *Visualizing and Understanding Convolutional Networks*, ECCV 2014.
    """

    window: int = 8
    stride: int = 4
    baseline: str = "mean"

    name: ClassVar[str] = "occlusion"
    signed: ClassVar[bool] = True
    gradient: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 1 <= self.stride <= self.window:
            raise InputError(
                "occlusion needs 1 <= stride <= window, so that every pixel is covered, got "
                f"stride {self.stride} and window {self.window}"
            )

    @property
    def label(self) -> str:
        """For a reader: the method and its settings."""
        return f"Occlusion ({self.window}x{self.window} windows every {self.stride} pixels)"

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, target: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        """See `spatialstats.importance.Importance`; `seed` is not used."""
        import torch

        height, width = x.shape[2:]
        covers = self._covers(height, width).to(x.device)
        fill = baseline_images(x, self.baseline)
        n_windows = len(covers)
        lost = torch.zeros(len(x) * n_windows, device=x.device)
        for flat, first, last in micro_batches(len(lost), classifier.batch_size, x.device):
            rows = flat // n_windows
            covered = torch.where(covers[flat % n_windows, None], fill[rows], x[rows])
            found = torch.from_numpy(classifier.predict_logits(covered)).to(x.device)
            lost[first:last] = -found.gather(1, target[rows, None])[: last - first, 0]
        whole = torch.from_numpy(classifier.predict_logits(x)).to(x.device).gather(1, target[:, None])
        share = covers.flatten(1).float()
        share = share / share.sum(0)
        return ((lost.view(len(x), n_windows) + whole) @ share).view(-1, height, width)

    def _covers(self, height: int, width: int) -> torch.Tensor:
        """The windows as masks, (n_windows, H, W)."""
        import torch

        if self.window > min(height, width):
            raise InputError(
                f"the occluding window must fit into the image, got {self.window} pixels for an image of "
                f"{height}x{width}: choose a smaller window"
            )
        sides = []
        for n in (height, width):
            starts = torch.arange(0, n - self.window + self.stride, self.stride).clamp(max=n - self.window)
            at = torch.arange(n)
            sides.append((at >= starts[:, None]) & (at < starts[:, None] + self.window))
        rows, columns = sides
        return (rows[:, None, :, None] & columns[None, :, None, :]).flatten(0, 1)
