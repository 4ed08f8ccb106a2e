"""Predictions of a model on images behind one or two masks of a cover, many images at once."""

from __future__ import annotations

import torch

from spatialstats.defence.fill import Fill
from spatialstats.defence.locator import Model
from spatialstats.errors import InputError
from spatialstats.models import batched

__all__ = ["MaskedModel", "fill_of_visible"]


class MaskedModel:
    """A model behind the masks of a cover, in micro-batches that mix images and masks.

    Micro-batches have one fixed size, so that the logits of an image behind a mask are the same
    bits wherever they are asked for: what a certificate saw is what a prediction sees.

    Parameters
    ----------
    model : Classifier, torch.nn.Module or callable
        Images (N, C, H, W) in [0, 1] to logits (N, K).
    cover : torch.Tensor
        bool (M, H, W).
    fill : Fill
        Of visible pixels alone.
    batch_size : int
        Rows of a micro-batch.

    Attributes
    ----------
    predictions : int
        Masked predictions so far, without the padding of micro-batches.
    """

    def __init__(self, model: Model, cover: torch.Tensor, fill: Fill, batch_size: int = 64) -> None:
        self.model, self.cover, self.fill, self.batch_size = model, cover, fill_of_visible(fill), batch_size
        self.predictions = 0

    def images(self, x: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Image i behind the masks `first[i]` and `second[i]`, filled at once where they unite."""
        cover = self.cover.to(x.device)
        return self.fill(x, cover[first] | cover[second])

    def logits(
        self, x: torch.Tensor, rows: torch.Tensor, first: torch.Tensor, second: torch.Tensor
    ) -> torch.Tensor:
        """Logits of some images behind some masks.

        Parameters
        ----------
        x : torch.Tensor
            Floating (N, C, H, W) in [0, 1].
        rows, first, second : torch.Tensor
            int64 (P,): which image, and which two masks; the same mask twice is one mask.

        Returns
        -------
        torch.Tensor
            (P, K).
        """
        self.predictions += len(rows)
        # Two masks hide the same pixels in either order: one order, one fill, one prediction.
        low, high = torch.minimum(first, second), torch.maximum(first, second)

        def one(row: torch.Tensor, i: torch.Tensor, j: torch.Tensor) -> torch.Tensor:
            return self.model(self.images(x[row], i, j))

        return batched(one, rows, low, high, size=self.batch_size)

    def one_mask(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, M, K) of every image behind every single mask."""
        n, m = len(x), len(self.cover)
        rows = torch.arange(n, device=x.device).repeat_interleave(m)
        masks = torch.arange(m, device=x.device).repeat(n)
        return self.logits(x, rows, masks, masks).view(n, m, -1)

    def mean_logits(self, x: torch.Tensor) -> torch.Tensor:
        """Mean (N, K) of the logits behind every single mask, to be differentiated.

        No row is padding here, so that the last bits differ from those of `one_mask`.
        """
        n, m = len(x), len(self.cover)
        self.predictions += n * m
        rows = torch.arange(n, device=x.device).repeat_interleave(m)
        masks = torch.arange(m, device=x.device).repeat(n)
        parts = zip(rows.split(self.batch_size), masks.split(self.batch_size), strict=True)
        found = torch.cat([self.model(self.images(x[row], mask, mask)) for row, mask in parts])
        return found.view(n, m, -1).mean(1)


def fill_of_visible(fill: Fill) -> Fill:
    """The fill, if it does not read the pixels that it replaces: masks would hide nothing otherwise."""
    if fill.reads_hidden:
        raise InputError(
            f"the fill {fill.name!r} reads the pixels that it replaces, so a mask does not remove a patch: "
            "use constant, mean, blur or inpaint."
        )
    return fill
