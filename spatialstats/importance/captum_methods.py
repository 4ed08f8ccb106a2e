"""Any attribution method of captum by its name, where captum is installed."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from spatialstats.errors import InputError, unknown
from spatialstats.importance.protocol import Classifier

__all__ = ["CaptumMethod", "captum_method"]

_UNSUITED = {
    "Attribution",
    "InternalAttribution",
    "LayerAttribution",
    "NeuronAttribution",
    "PerturbationAttribution",
}


class _Logits(nn.Module):
    """The classifier as a module: some methods hook the layers of what they explain."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.module = classifier.module
        self._logits = classifier.logits

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._logits(x)


@dataclass(frozen=True)
class CaptumMethod:
    """A method of ``captum.attr``, summed over channels (Saliency: the largest channel).

    Parameters
    ----------
    method : str
        Name of the class in ``captum.attr``, one that is built from the model alone.
    parameters : dict
        Passed on to its ``attribute``.  Batches within it default to the classifier's
        batch size, the baselines that a method insists on to black images.
    """

    method: str
    parameters: dict[str, Any] = field(default_factory=dict)

    signed: ClassVar[bool] = True
    gradient: ClassVar[bool] = True  # of nearly all of them; a wrong True only holds a claim back

    @property
    def name(self) -> str:
        """As `get_importance` takes it, without the parameters."""
        return f"captum:{self.method}"

    @property
    def label(self) -> str:
        """For a reader: the method and its settings."""
        settings = ", ".join(f"{key}={value}" for key, value in self.parameters.items())
        return f"{self.method} (captum{', ' + settings if settings else ''})"

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, target: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        """See `spatialstats.importance.Importance`; randomness depends on the micro-batch here."""
        classifier.prepare(x)
        attribution = _methods()[self.method](_Logits(classifier))
        accepted = inspect.signature(attribution.attribute).parameters
        arguments = dict(self.parameters)
        if "internal_batch_size" in accepted:
            arguments.setdefault("internal_batch_size", max(classifier.batch_size, len(x)))
        if "baselines" in accepted and accepted["baselines"].default is inspect.Parameter.empty:
            arguments.setdefault("baselines", torch.zeros_like(x))
        with _seeded(seed, x.device):
            given = attribution.attribute(x.detach().clone().requires_grad_(), target=target, **arguments)
        values: torch.Tensor = given.detach().float()
        return values.abs().amax(1) if self.method == "Saliency" else values.sum(1)


def captum_method(method: str, parameters: dict[str, Any]) -> CaptumMethod:
    """A checked `CaptumMethod`.

    Raises
    ------
    InputError
        If captum is not installed, or does not have the method or a parameter, or
        needs one that was not given.
    """
    methods = _methods()
    if method not in methods:
        raise unknown("captum method", method, methods)
    accepted = inspect.signature(methods[method].attribute).parameters
    for name in parameters:
        if name not in accepted:
            raise unknown(f"parameter of captum's {method}", name, list(accepted)[1:])
    for name, about in accepted.items():
        given = name in {"self", "inputs", "target", "baselines", *parameters}
        if about.default is inspect.Parameter.empty and about.kind is not about.VAR_KEYWORD and not given:
            raise InputError(
                f"captum's {method} needs the parameter {name}: write captum:{method}({name}=...)"
            )
    return CaptumMethod(method, parameters)


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seeded global generators of torch and NumPy, from which captum draws; then the old ones again."""
    before = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        np.random.set_state(np.random.RandomState(seed % 2**32).get_state())  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(before)  # noqa: NPY002


def _methods() -> dict[str, Any]:
    """Methods that are built from the model alone and explain its input."""
    try:
        import captum.attr
    except ImportError:
        raise InputError(
            "methods named captum:... need captum, which is not installed: pip install captum"
        ) from None
    found = {}
    for name, kind in vars(captum.attr).items():
        if inspect.isclass(kind) and hasattr(kind, "attribute") and name not in _UNSUITED:
            needed = [
                parameter
                for parameter in list(inspect.signature(kind.__init__).parameters.values())[1:]
                if parameter.default is parameter.empty
            ]
            if len(needed) == 1 and needed[0].name in {"forward_func", "model"}:
                found[name] = kind
    return found
