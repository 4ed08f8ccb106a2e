"""A fast copy of a model that gives the same logits: batch norm folded, channels last."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from spatialstats.errors import InputError
from spatialstats.models.folding import NORMS, fold

__all__ = ["Prepared", "borrowed", "checked_logits", "prepare", "unprepared"]

LOGIT_TOLERANCE = 1e-4  # of the largest logit: float32 noise of folding is near 1e-6
GRADIENT_TOLERANCE = 0.1  # of the gradient's norm: kinks of ReLU and max pooling flip on float noise
CANDIDATES = ((True, True), (True, False), (False, True), (False, False))  # (folding, channels last)


@dataclass(frozen=True)
class Prepared:
    """The module that is called, and what is known of it.

    Parameters
    ----------
    module : torch.nn.Module
        A prepared copy, or the user's module where none could be made.
    own : bool
        Whether `module` is a copy; the user's own is only borrowed, pass by pass.
    channels_last : bool
        Whether it wants its images in the channels-last memory format.
    report : dict
        ``copied``, ``batch_norms_folded``, ``channels_last``, ``max_logit_difference`` (None
        where nothing was compared) and ``reason`` (None, or why less was done than could be).
    """

    module: nn.Module
    own: bool
    channels_last: bool
    report: dict[str, Any]


@contextmanager
def borrowed(module: nn.Module) -> Iterator[nn.Module]:
    """Evaluation mode without parameter gradients, for the length of a block.

    Every submodule's mode and every parameter's ``requires_grad`` are put back as they were.
    """
    modes = [(part, part.training) for part in module.modules()]
    wanted = [parameter for parameter in module.parameters() if parameter.requires_grad]
    try:
        for part, _ in modes:
            part.training = False
        for parameter in wanted:
            parameter.requires_grad_(False)
        yield module
    finally:
        for part, mode in modes:
            part.training = mode
        for parameter in wanted:
            parameter.requires_grad_(True)


def unprepared(module: nn.Module, reason: str | None) -> Prepared:
    """The user's module itself."""
    return Prepared(module, False, False, _report(False, 0, False, None, reason))


def prepare(module: nn.Module, probe: torch.Tensor, device: torch.device) -> Prepared:
    """The fastest copy of a module whose logits and input gradients are those of the module.

    Parameters
    ----------
    module : torch.nn.Module
        Left as it is.
    probe : Tensor of float32, (n, C, H, W)
        Normalised images to compare on, on the module's device.
    device : torch.device
        Where the copy shall live.

    Returns
    -------
    Prepared
        Candidates are tried from the fastest down to a plain copy; the user's own module is
        what remains when it cannot be copied.

    Notes
    -----
    Gradients are compared too, because tracing drops ``torch.no_grad`` blocks inside a
    model: its logits would agree and every attack on it would not.
    """
    with torch.inference_mode(False), torch.enable_grad():
        probe = probe.detach().clone()
        with borrowed(module):
            expected = _logits_and_gradient(module, probe)
        reasons: list[str] = []
        for folding, last in CANDIDATES:
            if (folding and not _has(module, NORMS)) or (last and not _has(module, nn.Conv2d)):
                continue
            label = "the plain copy" if not (folding or last) else f"the copy{' folded' * folding}"
            label += " with channels last" * last
            try:
                made, folded = _copy(module, device, folding, last)
                images = probe.to(device, memory_format=_format(last))
                logits, gradient = _logits_and_gradient(made, images)
            except Exception as error:  # a user's module may raise anything when copied or traced
                reasons.append(f"{label} could not be made ({_first_line(error)})")
                continue
            difference = float((logits - expected[0]).abs().max())
            if not difference <= LOGIT_TOLERANCE * max(1e-3, float(expected[0].abs().max())):
                reasons.append(f"{label} gave other logits (by {difference:.2g})")
            elif float((gradient - expected[1]).norm()) > GRADIENT_TOLERANCE * float(expected[1].norm()):
                reasons.append(f"{label} gave other gradients")
            else:
                report = _report(True, folded, last, difference, "; ".join(reasons) or None)
                return Prepared(made, True, last, report)
    return unprepared(module, "; ".join(reasons))


def _copy(module: nn.Module, device: torch.device, folding: bool, last: bool) -> tuple[nn.Module, int]:
    """A copy in evaluation mode without parameter gradients, and how many batch norms were folded."""
    made, folded = copy.deepcopy(module).eval(), 0
    if folding:
        made, folded = fold(made)
    made.eval()
    for parameter in made.parameters():
        parameter.requires_grad_(False)
        parameter.grad = None
    made.to(device)
    if last:
        made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return made, folded


def _logits_and_gradient(module: nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits, and the gradient of a fixed combination of them; zeros where there is none."""
    x = images.detach().requires_grad_(True)
    logits = checked_logits(module(x), len(x))
    gradient = None
    if logits.requires_grad:
        weights = torch.cos(torch.arange(logits.numel(), device=logits.device)).view_as(logits)
        (gradient,) = torch.autograd.grad((logits * weights).sum(), x, allow_unused=True)
    gradient = torch.zeros_like(x) if gradient is None else gradient
    return logits.detach().float().cpu(), gradient.float().cpu()


def checked_logits(logits: Any, n: int) -> torch.Tensor:
    """What a module returned for `n` images, refused unless it is a tensor (n, classes)."""
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or len(logits) != n:
        got = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise InputError(
            f"a model must return logits (N, classes), for {n} images it returned {got}: "
            "wrap it in a module that does."
        )
    return logits


def _has(module: nn.Module, kind: type[nn.Module] | tuple[type[nn.Module], ...]) -> bool:
    return any(isinstance(part, kind) for part in module.modules())


def _format(last: bool) -> torch.memory_format:
    return torch.channels_last if last else torch.contiguous_format


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:120]}"


def _report(
    copied: bool, folded: int, last: bool, difference: float | None, reason: str | None
) -> dict[str, Any]:
    return {
        "copied": copied,
        "batch_norms_folded": folded,
        "channels_last": last,
        "max_logit_difference": difference,
        "reason": reason,
    }
