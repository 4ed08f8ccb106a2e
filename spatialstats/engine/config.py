"""What a run is asked to do, whole: the same configuration and data give the same bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from spatialstats.engine.settings import Settings
from spatialstats.errors import InputError, unknown
from spatialstats.precision import check_precision
from spatialstats.spec import rule_text, threshold_rule

IN_MEMORY = "in memory"  # stands in a configuration for images that no path leads to
DEFAULT_ATTACKS = ("pgd-linf", "pgd-l2", "patch", "noise")
ATTACK_MAPS = ("effect", "energy", "frequency")
PRIORS = ("frequency", "confidence")
Effort = Literal["quick", "default", "full"]

# n images, images of the sensitivity curve, permutations of the swap null.  "default" is
# what two slow cores finish within three minutes; "full" takes every image there is.
EFFORTS: dict[str, dict[str, int | None]] = {
    "quick": {"n": 100, "sensitivity_images": 32, "n_resamples": 999},
    "default": {"n": 300, "sensitivity_images": 64, "n_resamples": 9999},
    "full": {"n": None, "sensitivity_images": 500, "n_resamples": 9999},
}


@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    """The settings of a run, beside those that every job has: see `Settings`.

    Parameters
    ----------
    clean, adversarial, epsilon
        A saved adversarial set in place of `dataset`; see `spatialstats.data.load_pairs`.
    precision : {"float32", "bfloat16"}
        Of passes that record a gradient; predictions are always float32.  A `Classifier` that was
        given has its own.
    n : int or None
        How many images, drawn evenly over the classes; all of them when None.
    others : tuple of str or None
        Independently trained models of the same classes, whose RoI on the same images tells
        what belongs to the image and what to the model; by default the other bundled ones.
    attacks : tuple of str
        Attack specifications; see `spatialstats.attacks.get_attack`.
    importance : str or None
        Importance specification; the default method when None.
    attack_map : {"effect", "energy", "frequency"}
        The attack map that the region of attack is taken from.
    roi, roa : float or str
        Threshold rule of RoI and RoA: the top fraction of an image's pixels, in (0, 1), also
        written ``"top:0.3"``, or ``"otsu"``.
    min_area : int
        Regions of fewer pixels are dropped.
    connectivity : {1, 2}
        Pixel connectivity, as in scikit-image.
    fractions : tuple of float
        Top fractions of the sensitivity curve.
    sensitivity_images : int
        How many (seeded) images the sensitivity curve is measured on.
    prior : {"frequency", "confidence"}
        How the mask that is learnt on the `locate` split is taken: the pixels most often attacked
        but not important, as many as there are in the mean; or those for which this is certain to
        happen more often than to the average pixel (`spatialstats.stats.confidence_mask`).
    controls : bool
        Whether RoI is sought, too, in the images' edges and by the model with random weights.
    fills : tuple of str
        Fills among which one is chosen on the `choose` split.
    n_resamples : int
        Permutations of the image-swap null and resamples of the bootstrap.
    reservoir : int
        How many (seeded) images keep their maps, for ``reservoir.npz`` and the examples of the
        report; fewer where the maps would take more than `spatialstats.engine.reservoir.MAX_BYTES`.
    backend : {"auto", "cpu", "gpu"}
        Where the kernels run.
    effort : {"quick", "default", "full"}
        The effort that the counts were taken from.
    """

    clean: str | None = None
    adversarial: str | None = None
    epsilon: float | None = None
    precision: str = "float32"
    n: int | None = None
    others: tuple[str, ...] | None = None
    attacks: tuple[str, ...] = DEFAULT_ATTACKS
    importance: str | None = None
    attack_map: str = "effect"
    roi: float | str = 0.3
    roa: float | str = 0.2
    min_area: int = 1
    connectivity: int = 1
    fractions: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.4)
    sensitivity_images: int = 64
    prior: str = "frequency"
    controls: bool = True
    fills: tuple[str, ...] = ("mean", "constant", "blur", "inpaint", "svd")
    n_resamples: int = 9999
    reservoir: int = 2000
    backend: str = "auto"

    COUNTS: ClassVar = (*Settings.COUNTS, "n", "n_resamples", "min_area", "reservoir")
    EFFORTS: ClassVar = EFFORTS

    def __post_init__(self) -> None:
        super().__post_init__()
        check_precision(self.precision)
        if self.attack_map not in ATTACK_MAPS:
            raise unknown("attack map", self.attack_map, ATTACK_MAPS)
        for name in ("roi", "roa"):
            object.__setattr__(self, name, region_rule(name, getattr(self, name)))
        if self.connectivity not in (1, 2):
            raise InputError(
                f"connectivity must be 1 (four neighbours) or 2 (eight), got {self.connectivity}."
            )
        if not self.attacks:
            raise InputError("at least one attack is needed, got none: pass --attack pgd-linf, for example.")
        if self.prior not in PRIORS:
            raise unknown("rule of the learnt mask", self.prior, PRIORS)
        if self.backend not in ("auto", "cpu", "gpu"):
            raise unknown("backend", self.backend, ("auto", "cpu", "gpu"))

    def rules(self) -> dict[str, str]:
        """How RoI, RoA and the learnt mask are taken from their maps, in words."""
        whole = self.attack_map == "frequency"  # a mask already
        return {
            "roi": rule_text(self.roi),
            "roa": "all changed pixels" if whole else rule_text(self.roa),
            "prior": "most often attacked but not important, as many as in the mean"
            if self.prior == "frequency"
            else "certain, at 95 %, to be attacked but not important more often than the average pixel",
        }


def region_rule(name: str, rule: float | str) -> float | str:
    """The threshold rule `rule` of the setting `name` in its one form."""
    try:
        found = threshold_rule(rule)
    except (InputError, TypeError):
        found = 0.0
    if isinstance(found, float) and not 0 < found < 1:
        raise InputError(
            f"--{name} is a top fraction of the pixels, above 0 and below 1, or 'otsu', got {rule}."
        )
    return found
