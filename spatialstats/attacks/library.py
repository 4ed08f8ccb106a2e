"""Attacks of foolbox and torchattacks, by name, where those are installed."""

from __future__ import annotations

import importlib
import inspect
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from spatialstats.attacks.budget import Budget, Norm
from spatialstats.errors import InputError, unknown
from spatialstats.models import Classifier

__all__ = ["LibraryAttack", "library_attack"]

LIBRARIES = ("foolbox", "torchattacks")
DEFAULTS: dict[str, float] = {"linf": 8 / 255, "l2": 0.5}
NORM_WORDS: tuple[tuple[str, Norm], ...] = (("linf", "linf"), ("l2", "l2"), ("l0", "l0"))


@dataclass(frozen=True)
class LibraryAttack:
    """An attack of another library, on the classifier's images in [0, 1].

    Parameters
    ----------
    library : {'foolbox', 'torchattacks'}
    kind : str
        The attack's class in it.
    parameters : tuple of (str, value)
        For that class.
    budget : Budget
        What is checked.

    Notes
    -----
    These libraries draw from global generators: they are seeded for the length of a call
    and put back.  What is drawn for an image then depends on its micro-batch.
    """

    library: str
    kind: str
    parameters: tuple[tuple[str, Any], ...]
    budget: Budget
    gradient: ClassVar[bool] = True
    control: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return f"{self.library}:{self.kind}"

    @property
    def label(self) -> str:
        return f"{self.name} {self.budget.text}"

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        made = _class_of(self.library, self.kind)
        model = _Module(classifier)
        x = x.contiguous()
        try:
            with _global_seed(seed, classifier.device):
                if self.library == "torchattacks":
                    found: torch.Tensor = made(model, **dict(self.parameters))(x, y)
                else:
                    found = self._foolbox(made, model, x, y)
        except InputError:
            raise
        except Exception as error:  # another library's attack may raise anything
            said = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(f"attack {self.name!r} failed: {said[:200]}; check its parameters.") from error
        return found.detach()

    def _foolbox(self, made: Any, model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        foolbox = importlib.import_module("foolbox")
        wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device=x.device)
        attack = made(**dict(self.parameters))
        _, clipped, _ = attack(
            wrapped, x, foolbox.criteria.Misclassification(y), epsilons=self.budget.epsilon
        )
        found: torch.Tensor = clipped
        return found


def library_attack(library: str, kind: str, parameters: dict[str, Any]) -> LibraryAttack:
    """An attack of a library by the name of its class.

    Parameters
    ----------
    library : {'foolbox', 'torchattacks'}
    kind : str
        As in ``PGD``.
    parameters : dict
        For the class; ``epsilon`` and ``norm`` say the budget where the class does not.

    Raises
    ------
    InputError
        If the library is not installed, or has no such attack or parameter.
    """
    made = _class_of(library, kind)
    rest = dict(parameters)
    norm, epsilon = rest.pop("norm", None), rest.pop("epsilon", None)
    accepted = inspect.signature(made).parameters
    own = accepted.get("eps") if library == "torchattacks" else None
    if own is not None:
        if epsilon is not None:
            rest.setdefault("eps", epsilon)
        epsilon = rest.get("eps", own.default)
    for key in rest:
        if key not in accepted and not any(one.kind is one.VAR_KEYWORD for one in accepted.values()):
            raise unknown(
                f"parameter of {library}:{kind}", key, [name for name in accepted if name != "model"]
            )
    norm = norm or _norm_of(library, made, own is not None)
    if norm == "none":
        epsilon = None
    elif epsilon is None and library == "foolbox" and _is_minimal(made):
        norm = "none"
    elif epsilon is None:
        epsilon = DEFAULTS.get(norm)
        if epsilon is None:
            raise InputError(f"{library}:{kind} needs a budget: write epsilon=... in its brackets.")
    if epsilon is not None and not isinstance(epsilon, (int, float)):
        raise InputError(f"epsilon of {library}:{kind} must be a number, got {epsilon!r}: as in 8/255.")
    return LibraryAttack(library, kind, tuple(sorted(rest.items())), Budget(norm, epsilon))


def _class_of(library: str, kind: str) -> Any:
    if library not in LIBRARIES:
        raise unknown("attack library", library, LIBRARIES)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they import is deprecated here and there
            source = importlib.import_module("foolbox.attacks" if library == "foolbox" else library)
    except ImportError as error:
        raise InputError(f"attack {library}:{kind} needs {library}: {error}; install it.") from error
    found = getattr(source, kind, None)
    base = source.base.Attack if library == "foolbox" else source.attack.Attack
    if not (inspect.isclass(found) and issubclass(found, base)):
        classes = inspect.getmembers(source, inspect.isclass)
        names = [name for name, part in classes if issubclass(part, base) and part is not base]
        raise unknown(f"{library} attack", kind, names)
    return found


def _norm_of(library: str, made: Any, has_eps: bool) -> Norm:
    """The norm that a class's name, or its distance, speaks of."""
    distance = getattr(made, "distance", None)
    words = f"{made.__name__} {'' if isinstance(distance, property) else distance}".lower()
    words += (
        " ".join(f" {parent.__name__}" for parent in made.__mro__).lower() if library == "foolbox" else ""
    )
    for word, norm in NORM_WORDS:
        if word in words:
            return norm
    return "linf" if has_eps else "none"


def _is_minimal(made: Any) -> bool:
    return any(parent.__name__ == "MinimizationAttack" for parent in made.__mro__)


class _Module(nn.Module):
    """The classifier as a module: libraries may flip this one's mode, never the user's."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self._logits = classifier.logits
        self.place = nn.Parameter(torch.zeros((), device=classifier.device), requires_grad=False)
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._logits(x)


@contextmanager
def _global_seed(seed: int, device: torch.device) -> Iterator[None]:
    """Global generators seeded for the length of a block."""
    devices = [device.index or 0] if device.type == "cuda" else []
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002
            random.setstate(python_state)
