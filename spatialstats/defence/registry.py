"""Locators and defences by name."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from spatialstats.defence.blind_maps import Frequency, Gradient, Occluded, Outlier
from spatialstats.defence.defence import Defence
from spatialstats.defence.locator import Locator, Model
from spatialstats.defence.neutralized import NeutralizedModel
from spatialstats.defence.patchcleanser import PatchCleanser
from spatialstats.defence.prior import learn
from spatialstats.defence.rivals.anomaly_unveiled import AnomalyUnveiled, NoiseSegments
from spatialstats.defence.rivals.gradients_smoothing import GradientsSmoothing
from spatialstats.defence.rivals.jpeg import Jpeg
from spatialstats.defence.rivals.oddr import Oddr, OutlyingFragments
from spatialstats.defence.rivals.plain import Blurred, Undefended
from spatialstats.defence.rivals.saliency_mask import SaliencyMask
from spatialstats.errors import InputError, unknown
from spatialstats.models import Classifier
from spatialstats.spec import build, parse

__all__ = ["get_defence", "get_locator", "list_defences", "list_locators"]

LOCATORS: dict[str, type[Any]] = {
    kind.name: kind for kind in (Gradient, Occluded, Frequency, Outlier, OutlyingFragments, NoiseSegments)
}
RIVALS: dict[str, type[Any]] = {
    kind.name: kind
    for kind in (Undefended, Oddr, AnomalyUnveiled, GradientsSmoothing, SaliencyMask, Jpeg, Blurred)
}
Locate = tuple[Any, Any]


@dataclasses.dataclass(frozen=True)
class _Prior:
    """Parameters of the locator ``prior``; see `spatialstats.defence.prior.learn`."""

    attack: str = "pgd-linf"
    fraction: float = 0.15
    roi: float = 0.3
    roa: float = 0.2
    importance: str = "integrated-gradients"
    per_class: bool = False
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class _Neutralize:
    """Parameters of the defence ``neutralize``."""

    locator: str = "prior"
    fill: str = "mean"


@dataclasses.dataclass(frozen=True)
class _Cleanse:
    """Parameters of the defence ``patchcleanser``; see `PatchCleanser`."""

    patch: int = 5
    per_axis: int = 6
    fill: str = "constant"


def list_locators() -> tuple[str, ...]:
    """Names for `get_locator`."""
    return ("prior", *LOCATORS)


def list_defences() -> tuple[str, ...]:
    """Names for `get_defence`."""
    return ("none", "neutralize", *(name for name in RIVALS if name != "none"), PatchCleanser.name)


def get_locator(spec: str | Locator, model: Model | None = None, *, locate: Locate | None = None) -> Locator:
    """The locator that a specification names.

    Parameters
    ----------
    spec : str or Locator
        ``"occluded(fraction=0.03)"``, ``"prior(attack=patch)"``; a locator is handed back.
    model : Classifier, optional
        What a prior mask is learnt on.
    locate : tuple of arrays, optional
        Images and labels of the `locate` split, for a prior mask.

    Raises
    ------
    InputError
        If there is no such locator or parameter, or a prior mask has nothing to be learnt from.
    """
    if isinstance(spec, Locator):
        return spec
    name, parameters = parse("a locator", spec)
    if name == "prior":
        if locate is None or not isinstance(model, Classifier):
            raise InputError(
                "a prior mask is learnt on other images with the model's own gradients: pass a Classifier "
                "and locate=(images, labels) of the locate split, or a Fixed mask in place of the name."
            )
        settings = dataclasses.asdict(build(_Prior, name, parameters))
        return learn(model, np.asarray(locate[0]), np.asarray(locate[1]), **settings)
    if name not in LOCATORS:
        raise unknown("locator", name, list_locators())
    made: Locator = build(LOCATORS[name], name, parameters)
    return made


def get_defence(
    spec: str, model: Model, *, locate: Locate | None = None, locator: Locator | None = None
) -> Defence:
    """A defence by name, around a model.

    Parameters
    ----------
    spec : str
        ``"neutralize(locator=occluded, fill=inpaint)"``, ``"oddr"``, ``"jpeg(quality=60)"``.
    model : Classifier, torch.nn.Module or callable
        What is defended; images (N, C, H, W) in [0, 1] to logits (N, K).
    locate : tuple of arrays, optional
        Images and labels of the `locate` split, for what is learnt on other images.
    locator : Locator, optional
        For ``neutralize``, in place of the one that the specification names.

    Returns
    -------
    Defence

    Raises
    ------
    InputError
        If there is no such defence or parameter.
    """
    name, parameters = parse("a defence", spec)
    if not callable(model):
        raise InputError(
            f"a defence is put around a model that can be called, got {type(model).__name__}: "
            "pass a Classifier."
        )
    if name == "neutralize":
        chosen = build(_Neutralize, name, parameters)
        found = locator or get_locator(chosen.locator, model, locate=locate)
        return NeutralizedModel(model, found, chosen.fill)
    if name == PatchCleanser.name:
        return PatchCleanser(model, **dataclasses.asdict(build(_Cleanse, name, parameters)))
    if name not in RIVALS:
        raise unknown("defence", name, list_defences())
    made: Defence = RIVALS[name](model, **checked(RIVALS[name], name, parameters))
    return made


def checked(made: Callable[..., Any], name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters against the keywords of a class: known, and of the type of their default."""
    known = [
        (key, type(value.default), dataclasses.field(default=value.default))
        for key, value in inspect.signature(made).parameters.items()
        if value.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    settings = dataclasses.make_dataclass("Settings", known, frozen=True)
    return dataclasses.asdict(build(settings, name, parameters))
