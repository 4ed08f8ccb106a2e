"""Anomaly Unveiled: segments that DBSCAN calls noise, blocked by the mean pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from spatialstats.defence.blind_windows import fragments, pixels, windows
from spatialstats.defence.locate import Knowledge
from spatialstats.defence.locator import Locator, Model
from spatialstats.defence.rivals.masking import MaskingRival
from spatialstats.errors import InputError

__all__ = ["AnomalyUnveiled", "NoiseSegments", "dbscan_noise"]


@dataclass(frozen=True)
class NoiseSegments(Locator):
    """Segments that belong to no dense cluster of the segments of their own image.

    Parameters
    ----------
    window : float
        Side of a segment, as a share of the image's shorter side.
    step : float
        Distance of neighbouring segments, as a share of the window.
    reach : float
        DBSCAN's eps, in units of the median distance from a segment to its `dense`-th nearest
        (itself counted): images differ in contrast by more than one eps could serve.
    dense : int
        DBSCAN's minPts: segments within eps, itself counted, that make a core.
    """

    window: float = 5 / 32
    step: float = 0.4
    reach: float = 2.0
    dense: int = 4
    name: ClassVar[str] = "anomaly-unveiled"
    label: ClassVar[str] = "DBSCAN noise among segments"

    def __post_init__(self) -> None:
        for key in ("window", "step"):
            if not 0 < getattr(self, key) <= 1:
                raise InputError(
                    f"{key} of anomaly-unveiled is a share above 0 and at most 1, got {getattr(self, key)}."
                )
        if not self.reach > 0 or self.dense < 1:
            raise InputError(
                "anomaly-unveiled takes a reach above 0 and a dense of at least 1, got "
                f"{self.reach} and {self.dense}."
            )

    @property
    def knowledge(self) -> Knowledge:
        """See `Locator.knowledge`: nothing but the image, and no region of importance."""
        return Knowledge("blind", "blind", labels=False)

    def find(self, model: Model, x: torch.Tensor) -> torch.Tensor:
        """See `Locator.find`."""
        side = pixels(self.window, x.shape)
        stride = max(1, round(self.step * side))
        covers = windows(x.shape, side, stride).to(x.device)
        points = fragments(x, side, stride).flatten(2)
        if points.shape[1] < self.dense:
            return torch.zeros(len(x), *x.shape[2:], dtype=torch.bool, device=x.device)
        apart = distances(points)
        eps = self.reach * apart.kthvalue(self.dense, dim=2).values.median(1).values
        noise = dbscan_noise(apart, eps, self.dense)
        return (noise.float() @ covers.flatten(1).float() > 0).view(len(x), *x.shape[2:])


class AnomalyUnveiled(MaskingRival):
    """Anomaly Unveiled: segment, isolate by DBSCAN, block with the mean pixel.

    Parameters
    ----------
    model : Classifier, torch.nn.Module or callable
        The undefended model.
    window, step, reach, dense
        See `NoiseSegments`; the source's kernel, stride, eps and minPts could not be read.

    Notes
    -----
    "The mean pixel" is read as the mean of the pixels that stay visible, channel by channel.
    The gradient takes the mask for constant.

    References
    ----------
    N. Chattopadhyay, A. Guesmi, M. Shafique, *Anomaly Unveiled: Securing Image Classification
    against Adversarial Patch Attacks*, ICIP 2024 (arXiv 2402.06249).
    """

    name: ClassVar[str] = "anomaly-unveiled"
    label: ClassVar[str] = "Anomaly Unveiled"
    ours: ClassVar[tuple[str, ...]] = ("window", "step", "reach", "dense")

    def __init__(
        self,
        model: Model,
        *,
        window: float = 5 / 32,
        step: float = 0.4,
        reach: float = 2.0,
        dense: int = 4,
    ) -> None:
        super().__init__(
            model,
            NoiseSegments(window, step, reach, dense),
            "mean",
            window=window,
            step=step,
            reach=reach,
            dense=dense,
        )


def distances(points: torch.Tensor) -> torch.Tensor:
    """Euclidean distances (N, M, M) between the points (N, M, D) of each row."""
    return torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")


def dbscan_noise(apart: torch.Tensor, eps: torch.Tensor, dense: int) -> torch.Tensor:
    """bool (N, M): the points that DBSCAN labels as noise, from distances (N, M, M) and eps (N,).

    Noise needs no clusters: it is what is no core and has no core within eps.
    """
    near = apart <= eps[:, None, None]
    core = near.sum(2) >= dense
    return ~core & ~(near & core[:, None, :]).any(2)
