"""The one sentence of a ladder: never more than its rungs carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spatialstats.stats.rung import CLASS, CONTENT, MODEL, MODEL_NOISE, NOISE, POPULATION, Rung
from spatialstats.stats.wording import draws_of, number, with_interval

if TYPE_CHECKING:
    from spatialstats.stats.ladder_result import Ladder

CLAIM = "The attack hits where this model looks"


def sentence(ladder: Ladder) -> str:
    """How far the evidence goes, then what was tested and what it does not mean.

    `CLAIM` is said only where the intervals of all rungs but the content's lie above 0, those of
    the model and of the noise among them: an intersection-union test, so the rungs need no
    correction for each other.
    """
    return verdict(ladder) if ladder.n < 2 else f"{verdict(ladder)} {_conditions(ladder)}"


def verdict(ladder: Ladder) -> str:
    """How far the evidence goes, alone."""
    if ladder.n < 2:
        return f"Nothing was tested: the ladder needs two images with all masks, got {ladder.n}."
    stop = ladder.stops_at
    if stop is None:
        model, noise, both = (ladder.rung(key) for key in (MODEL, NOISE, MODEL_NOISE))
        if ladder.shared_gradient:
            return (
                f"Every rung is passed (this model: {with_interval(model)}; beyond noise: "
                f"{with_interval(noise)}; both: {with_interval(both)}), but RoI and RoA are both made of "
                "this model's gradient, which can do that by itself: nothing is claimed until it holds "
                "with an importance that uses no gradient, such as occlusion."
            )
        return (
            f"{CLAIM}: it overlaps this model's RoI more than that of {_models(ladder)} on the same images "
            f"({with_interval(model)}), more than equal-budget noise does ({with_interval(noise)}), and what "
            f"is specific to this model exceeds that of the noise ({with_interval(both)})."
        )
    return _stop(ladder, ladder.rung(stop))


def _stop(ladder: Ladder, rung: Rung) -> str:
    if not rung.tested:
        return (
            f"The ladder could be climbed to the rung {ladder.reached!r} only: {rung.key!r} was not tested, "
            f"{rung.method}, so nothing is said about where this model looks."
        )
    found = with_interval(rung)
    content = ladder.rung(CONTENT)
    models = _models(ladder)
    meaning = {
        POPULATION: (
            f"RoI and RoA of one image {_less(rung, 'overlap')} than those of different images ({found}); "
            f"what the maps of all images share is a lift of {number(rung.reference)}"
        ),
        CLASS: (
            "RoI and RoA of one image overlap more than those of any two images, but "
            f"{_less(rung, 'overlap')} than those of two images of one class ({found}): what images of a "
            "class have in common may explain it"
        ),
        MODEL: (
            "RoI and RoA meet in the same places of the image, but the attack "
            f"{_less(rung, 'overlap', one=True)} with this model's RoI than with that of {models} ({found}): "
            + (
                f"the content of the image may explain it (other models' RoI: {with_interval(content)})"
                if content.above
                else "that it is due to this model is not shown"
            )
        ),
        NOISE: (
            f"The attack overlaps this model's RoI more than that of {models}, but "
            f"{_less(rung, 'overlap', one=True)} with it than equal-budget noise does ({found}): any "
            "perturbation of this size may show it"
        ),
        MODEL_NOISE: (
            f"The attack overlaps this model's RoI more than that of {models}, and more than noise does, "
            f"but its surplus over other models' RoI {_less(rung, 'exceed', one=True)} the noise's "
            f"({found}): any perturbation of this size may show it"
        ),
    }[rung.key]
    return f"The evidence stops at the rung {rung.key!r}. {meaning}."


def _less(rung: Rung, verb: str, *, one: bool = False) -> str:
    """``overlap less`` where that is shown, else ``are not shown to overlap more``."""
    if verb == "exceed":
        return "falls short of" if rung.below else "is not shown to exceed"
    if rung.below:
        return f"{verb}{'s' if one else ''} less"
    return f"{'is' if one else 'are'} not shown to {verb} more"


def _conditions(ladder: Ladder) -> str:
    strata = "within classes" if ladder.rung(CLASS).tested else "over all images"
    return (
        f"Measured: excesses of the overlap lift on the same {ladder.n} images, paired, doubly centred "
        f"{strata}, and judged by {100 * ladder.confidence:g} % intervals from one bootstrap over images; "
        f"p-values of the lower rungs are from permuted pairings ({draws_of(ladder.n_resamples)}). "
        "Conditional on these models and on the rules that make the masks, and not corrected over attacks. "
        "It is a mean over images: it says nothing of a single image, nor that looking there is why the "
        "attack works."
    )


def _models(ladder: Ladder) -> str:
    return "another model" if ladder.n_models == 1 else f"{ladder.n_models} other models"
