"""Images outside [0, 1]: what happened to them, said in one sentence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spatialstats.errors import InputError

Vector = npt.NDArray[np.float64]
TOLERANCE = 1e-5  # what rounding in a normalise/denormalise round trip leaves; readers clip it


class Statistics(NamedTuple):
    """A mean and a standard deviation by which images are commonly normalised."""

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def text(self) -> str:
        return f"{self.name} mean {self.mean} and std {self.std}"


KNOWN = (
    Statistics("ImageNet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    Statistics("CIFAR-10", (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    Statistics("CIFAR-10", (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    Statistics("CIFAR-100", (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
    Statistics("CLIP", (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    Statistics("[-1, 1] scaling:", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    Statistics("MNIST", (0.1307,), (0.3081,)),
    Statistics("Fashion-MNIST", (0.2860,), (0.3530,)),
    Statistics("[-1, 1] scaling:", (0.5,), (0.5,)),
)


def recognise(low: Vector, high: Vector) -> Statistics | None:
    """The known statistics that send [0, 1] to the range seen in every channel, if any do.

    Parameters
    ----------
    low, high : ndarray, (C,)
        Smallest and largest value of each channel.
    """
    best: tuple[float, Statistics | None] = (
        0.06,
        None,
    )  # in [0, 1] units: a set need not reach black or white
    for known in KNOWN:
        if len(known.mean) != len(low):
            continue
        mean, std = np.array(known.mean), np.array(known.std)
        miss = float(np.max(np.abs(np.concatenate([low * std + mean, high * std + mean - 1]))))
        if miss < best[0]:
            best = (miss, known)
    return best[1]


def out_of_range(what: str, low: Vector, high: Vector) -> InputError:
    """The refusal of images whose channels span [low, high] instead of [0, 1].

    Parameters
    ----------
    what : str
        Which images: ``"images"``, ``"adversarial images"``.
    low, high : ndarray, (C,)
        Smallest and largest value of each channel.
    """
    begins = f"{what} must lie in [0, 1], got [{low.min():.3g}, {high.max():.3g}]"
    known = recognise(low, high)
    if known is not None:
        return InputError(
            f"{begins}: pass unnormalised images and give mean and std to Classifier (the range is that of "
            f"images normalised by {known.text}; x * std + mean undoes it)"
        )
    if low.min() >= -1 and 1.5 < high.max() <= 255.5:
        return InputError(f"{begins}: divide them by 255, or save them as uint8")
    if low.min() >= -0.2 and high.max() <= 1.2:
        return InputError(f"{begins}: clip them to [0, 1] where they are made, as the model's input was")
    return InputError(f"{begins}: pass unnormalised images and give mean and std to Classifier")
