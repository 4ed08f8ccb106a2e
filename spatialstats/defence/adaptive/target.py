"""The defence as an attacker meets it: every example tried and every gradient counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from spatialstats.attacks.losses import lead
from spatialstats.attacks.seeds import derived
from spatialstats.defence.defence import Defence
from spatialstats.errors import InputError
from spatialstats.models import Classifier

__all__ = ["Target", "Value", "placed"]

Value = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor | None]]
"""Of images (M, C, H, W) and their rows: what is climbed (M,), and logits if those are the deployed ones."""
ROWS_AT_ONCE = 64
FILLED = 7  # times as many images of a dear defence where no gradient is kept
OFTEN, SELDOM, DEAR = 1, 5, 4  # how often the deployed prediction is asked for, and from what cost on seldom


def placed(classifier: Classifier, x: Any, y: Any, n: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """The first `n` images, and labels (int64), where the classifier lies: all that follows stays there."""
    labels = y if isinstance(y, torch.Tensor) else torch.from_numpy(np.array(y, np.int64))
    return classifier.as_images(x[:n]), labels[:n].to(classifier.device, torch.int64)


class Target:
    """A defence, its undefended model, and counts of what was asked of them.

    Parameters
    ----------
    defence : Defence
        What is attacked.
    classifier : Classifier
        The undefended model.
    n : int
        Number of images, for counts.
    draws : int
        Fresh draws that the gradient and the margin of a randomized defence are averaged over.
    seed : int
        Of the draws.
    labels : Tensor of int64, (N,), optional
        Of the images.  With them, `blind_steps` leaves out gradients at images that an exact stand-in
        misclassifies already: there the difference of logits ratio can be at its top, and flat.

    Raises
    ------
    InputError
        If the model's gradients, or the defence's, are not of float32.

    Attributes
    ----------
    tried, gradients : Tensor of int64, (N,)
        Examples of each image shown to the defence or a stand-in of it, and gradients taken.
    passes : int
        Images that went through the model itself, whoever asked.
    blind_steps : int
        Gradients that were exactly zero, or did not exist, where one was needed.
    cost : float
        Model passes of one defended prediction; set by `probe`.
    """

    def __init__(
        self,
        defence: Defence,
        classifier: Classifier,
        n: int,
        *,
        draws: int,
        seed: int,
        labels: torch.Tensor | None = None,
    ) -> None:
        for model in (classifier, defence.model):
            if getattr(model, "precision", "float32") != "float32":
                raise InputError(
                    "attacks on a defence follow exact gradients, and judge by the logits on the way: give "
                    "them, and the defence, a Classifier of precision float32."
                )
        self.defence, self.classifier, self.seed, self.labels = defence, classifier, seed, labels
        self.draws = draws if defence.randomized else 1
        self.tried, self.gradients = (torch.zeros(n, dtype=torch.int64) for _ in "ab")
        self.passes, self.blind_steps, self.cost, self._draw = 0, 0, 1.0, 0

    @property
    def randomized(self) -> bool:
        """See `Defence`."""
        return self.defence.randomized

    @property
    def exact(self) -> bool:
        """Whether the stand-in is the deployed defence itself, so that its logits need no second look."""
        if self.randomized:
            return False
        locator = getattr(self.defence, "locator", None)
        followed = type(self.defence).relaxed is Defence.relaxed
        return followed or (locator is not None and not getattr(locator, "adaptive", True))

    @property
    def every(self) -> int:
        """After how many steps the deployed prediction is asked for."""
        return OFTEN if self.cost <= DEAR else SELDOM

    @property
    def size(self) -> int:
        """Images of a micro-batch with gradients: fewer where a prediction takes many passes."""
        return max(1, min(self.classifier.batch_size, int(ROWS_AT_ONCE / self.cost)))

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Counts the model's passes in a block."""

        def count(_: Any, given: Any) -> None:
            self.passes += len(given[0])

        handle = self.classifier.module.register_forward_pre_hook(count)
        try:
            yield
        finally:
            handle.remove()

    def probe(self, x: torch.Tensor) -> None:
        """Find out what a defended prediction costs, from at most 8 images; nothing is counted."""
        few = x[:8]
        self.classifier.prepare(few)
        with self.watched(), torch.no_grad():
            self._fresh()
            self.defence(few)
        self.cost, self.passes = max(1.0, self.passes / max(1, len(few))), 0

    def count(self, rows: torch.Tensor, tried: int = 1, gradients: int = 0) -> None:
        """Add to the counts of some rows, which stay on the CPU wherever the images are."""
        rows = rows.cpu()
        self.tried.index_add_(0, rows, torch.full((len(rows),), tried))
        self.gradients.index_add_(0, rows, torch.full((len(rows),), gradients))

    def logits(self, x: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Deployed logits (M, K) of images of some rows; of a fresh draw where the defence draws."""
        self.count(rows)
        with torch.no_grad():
            self._fresh()
            # One image's masks would leave a micro-batch of a dear defence half empty.
            size = self.size if self.cost <= DEAR else min(self.classifier.batch_size, FILLED * self.size)
            parts = [self.defence(part) for part in x.split(size)]
            return torch.cat(parts) if parts else x.new_zeros(0, 1)

    def margins(
        self, x: torch.Tensor, rows: torch.Tensor, labels: torch.Tensor, *, draws: int | None = None
    ) -> torch.Tensor:
        """Deployed margins (M,), averaged over fresh draws; below 0 is misclassified."""
        n = (draws or self.draws) if self.randomized else 1
        total = x.new_zeros(len(x))
        for _ in range(n):
            total = total + lead(self.logits(x, rows), labels)
        return total / n

    def gradient(
        self, value: Value, x: torch.Tensor, rows: torch.Tensor, *, cost: int = 1
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Gradient, value and, where `value` gives them, logits; averaged over fresh draws.

        Parameters
        ----------
        value : callable
            See `Value`.
        x : Tensor of float32, (M, C, H, W)
        rows : Tensor of int64, (M,)
            Which images of all they are.
        cost : int
            Gradients of the model that one image takes.
        """
        asked = cost * self.draws
        self.count(rows, asked, gradients=asked)
        total, climbed = torch.zeros_like(x), x.new_zeros(len(x))
        logits: list[torch.Tensor] = []
        size = max(1, self.size // cost)
        for _ in range(self.draws):
            self._fresh()
            logits = []
            for start in range(0, len(x), size):
                part = slice(start, start + size)
                with torch.enable_grad():
                    leaf = x[part].detach().clone().requires_grad_(True)
                    found, seen = value(leaf, rows[part])
                    slope = None
                    if found.requires_grad:
                        (slope,) = torch.autograd.grad(found.sum(), leaf, allow_unused=True)
                if slope is not None:
                    total[part] += slope.nan_to_num() / self.draws
                climbed[part] += found.detach() / self.draws
                if seen is not None:
                    logits.append(seen.detach())
        seen_last = torch.cat(logits) if logits else None
        lost = (total.flatten(1) == 0).all(1)
        if seen_last is not None and self.labels is not None:
            lost &= seen_last.argmax(1) == self.labels[rows]
        self.blind_steps += int(lost.sum())
        return total, climbed, seen_last

    def _fresh(self) -> None:
        if self.randomized:
            self._draw += 1
            self.defence.reseed(int(derived(self.seed, self._draw)) % 2**31)
