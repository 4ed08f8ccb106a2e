"""SmoothGrad: gradients averaged over noisy copies of the image."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from spatialstats.errors import InputError
from spatialstats.importance.gradients import target_gradient
from spatialstats.importance.protocol import Classifier
from spatialstats.paths import mean_gradient

if TYPE_CHECKING:
    import torch

__all__ = ["SmoothGrad"]


@dataclass(frozen=True)
class SmoothGrad:
    """Mean gradient over noisy copies, then the largest absolute value over channels.

    Parameters
    ----------
    samples : int
        Noisy copies of an image: gradients an image.
    sigma : float
        Standard deviation of the noise, in units of [0, 1].

    Notes
    -----
    The noise of an image is drawn from its own generator, keyed by the seed and the
    image's content: neither its place in the data nor the micro-batch matters.

    References
    ----------
    D. Smilkov et al., *SmoothGrad: removing noise by adding noise*, arXiv 1706.03825.
    """

    samples: int = 16
    sigma: float = 0.05

    name: ClassVar[str] = "smoothgrad"
    signed: ClassVar[bool] = False
    gradient: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.samples < 1 or not self.sigma > 0:
            raise InputError(
                f"SmoothGrad needs at least one sample and a positive sigma, got {self.samples} and "
                f"{self.sigma}: try samples=16, sigma=0.05"
            )

    @property
    def label(self) -> str:
        """For a reader: the method and its settings."""
        return f"SmoothGrad ({self.samples} samples, sigma {self.sigma:g})"

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, target: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        """See `spatialstats.importance.Importance`."""
        import torch

        keys = [_key(image, seed) for image in x.detach().cpu().numpy()]

        def noisy(rows: torch.Tensor, nodes: torch.Tensor) -> torch.Tensor:
            pairs = zip(rows.tolist(), nodes.tolist(), strict=True)
            noise = np.stack([_noise(keys[row], node, tuple(x.shape[1:])) for row, node in pairs])
            return x[rows] + self.sigma * torch.from_numpy(noise).to(x)

        weights = np.full(self.samples, 1 / self.samples)
        gradient = target_gradient(classifier, target)
        return mean_gradient(gradient, noisy, x, weights, size=classifier.batch_size).abs().amax(1)


def _key(image: npt.NDArray[np.float32], seed: int) -> int:
    """128 bits from the seed and the image."""
    digest = hashlib.blake2b(str(seed).encode() + b"\0", digest_size=16)
    digest.update(np.ascontiguousarray(image).tobytes())
    return int.from_bytes(digest.digest(), "little")


def _noise(key: int, sample: int, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Standard normal noise of one copy: the counter starts far from that of the others."""
    bits = np.random.Philox(key=key, counter=sample << 128)
    return np.random.Generator(bits).standard_normal(shape, dtype=np.float32)
