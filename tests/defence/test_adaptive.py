"""Planted broken defences fall, sound bookkeeping stands: what an adaptive evaluation must get right."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from spatialstats.defence.adaptive import ATTACKS, Effort, Outcome, evaluate_adaptive, run_attack_on
from spatialstats.defence.adaptive.threat import Threat
from spatialstats.defence.blind_maps import Gradient
from spatialstats.defence.defence import Defence
from spatialstats.defence.locate import Knowledge
from spatialstats.defence.neutralized import NeutralizedModel
from spatialstats.defence.patchcleanser import PatchCleanser
from spatialstats.defence.prior import Fixed
from spatialstats.defence.rivals.plain import Undefended
from spatialstats.errors import InputError
from spatialstats.models import Classifier

SHAPE = (3, 8, 8)
EFFORT = Effort(
    "small", images=12, steps=9, restarts=2, queries=150, draws=4, places=3, masks=4, curve=(1.0,)
)
LINF, L2, PATCH = Threat.parse("linf:0.05"), Threat.parse("l2:0.6"), Threat.parse("patch:3x3")


class Net(nn.Module):
    """A small smooth network of four classes."""

    def __init__(self) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(11)
        self.first = nn.Parameter(torch.randn(192, 24, generator=rng) / 192**0.5)
        self.second = nn.Parameter(torch.randn(24, 4, generator=rng) / 24**0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 8 * torch.tanh(4 * (x - 0.5).flatten(1) @ self.first) @ self.second


class Toy(Defence):
    """A defence of nobody."""

    name = "toy"
    label = "toy"

    @property
    def knowledge(self) -> Knowledge:
        return Knowledge("blind", "blind")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


class Mirrored(Toy):
    """What fools the model does not fool it mirrored: transfer fails, and the white box does not."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x.flip(3, 2, 1))


class Rounded(Toy):
    """No gradient passes its rounding."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model((x * 20).round() / 20)


class Lying(Mirrored):
    """Its stand-in gives the wrong direction: what it is fooled by does not fool the deployed thing."""

    def relaxed(self, x: torch.Tensor, temperature: float = 0.1) -> torch.Tensor:
        return -self.forward(x)


class Coin(Toy):
    """Right in half of its draws, whatever it is shown."""

    randomized = True

    def __init__(self, model: Classifier) -> None:
        super().__init__(model)
        self.rng = torch.Generator()

    def reseed(self, seed: int) -> None:
        self.rng.manual_seed(seed)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        heads = torch.rand(len(x), generator=self.rng) < 0.5
        sure = torch.zeros(len(x), 4)
        sure[:, 0] = torch.where(heads, 1.0, -1.0)
        return sure + 0 * x.sum()


class Noisy(Toy):
    """Noise before the model: one gradient says little, the mean of several says it all."""

    randomized = True

    def __init__(self, model: Classifier, sigma: float = 0.15) -> None:
        super().__init__(model)
        self.rng, self.sigma = torch.Generator(), sigma

    def reseed(self, seed: int) -> None:
        self.rng.manual_seed(seed)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x + self.sigma * torch.randn(x.shape, generator=self.rng))


@pytest.fixture
def x() -> torch.Tensor:
    return 0.5 + 0.6 * (torch.rand(12, *SHAPE, generator=torch.Generator().manual_seed(4)) - 0.5)


@pytest.fixture
def classifier() -> Classifier:
    return Classifier(Net(), batch_size=5)


def labels_of(defence: Defence, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return defence(x).argmax(1)


def attack(
    name: str,
    defence: Defence,
    classifier: Classifier,
    x: torch.Tensor,
    threat: Threat,
    effort: Effort = EFFORT,
) -> Outcome:
    return run_attack_on(name, defence, classifier, x, labels_of(defence, x), threat, effort, 3)


def test_what_stops_transfer_does_not_stop_the_white_box(classifier: Classifier, x: torch.Tensor) -> None:
    defence = Mirrored(classifier)
    assert attack("transfer", defence, classifier, x, LINF).robust.mean() > 0.6
    assert attack("white-box", defence, classifier, x, LINF).robust.mean() == 0


def test_a_defence_without_gradients_falls_without_gradients(classifier: Classifier, x: torch.Tensor) -> None:
    defence = Rounded(classifier)
    white_box = attack("white-box", defence, classifier, x, LINF)
    assert white_box.blind_steps == 1
    for name in ("transfer", "square"):
        other = attack(name, defence, classifier, x, LINF)
        assert other.robust.mean() < 0.3
        assert other.robust.mean() < white_box.robust.mean()
    result = evaluate_adaptive(defence, classifier, x, labels_of(defence, x), LINF, effort=EFFORT)
    assert result.worst.mean() < 0.3


def test_success_counts_on_the_deployed_defence_alone(classifier: Classifier, x: torch.Tensor) -> None:
    defence = Lying(classifier)
    found = attack("white-box", defence, classifier, x, LINF)
    with torch.no_grad():
        said = defence(torch.from_numpy(found.x_adv)).argmax(1)
    np.testing.assert_array_equal(found.robust, said == labels_of(defence, x))
    assert found.robust.any()


@pytest.mark.parametrize("threat", [LINF, L2, PATCH])
@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_keeps_to_the_threat(
    name: str, threat: Threat, classifier: Classifier, x: torch.Tensor
) -> None:
    defence = NeutralizedModel(classifier, Gradient(fraction=0.1), "mean")
    effort = replace(EFFORT, steps=4, queries=20, places=2)
    found = attack(name, defence, classifier, x, threat, effort)
    if found.skipped:
        assert name in ("screening", "straight-through")
        return
    made = torch.from_numpy(found.x_adv)
    assert made.min() >= 0
    assert made.max() <= 1
    budget = threat.budget(x.shape)
    assert float(budget.measure(x, made).max()) <= budget.limit(x.shape)
    assert np.isfinite(found.margin).all()
    with torch.no_grad():
        said = defence(made).argmax(1)
    np.testing.assert_array_equal(found.robust, said == labels_of(defence, x))


@pytest.mark.parametrize("threat", [LINF, L2, PATCH])
def test_the_roi_only_attack_never_touches_what_is_hidden(
    threat: Threat, classifier: Classifier, x: torch.Tensor
) -> None:
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[:, :4] = True
    for defence in (
        NeutralizedModel(classifier, Gradient(fraction=0.2), "mean"),
        NeutralizedModel(classifier, Fixed(mask), "mean"),
    ):
        found = attack("roi-only", defence, classifier, x, threat)
        made = torch.from_numpy(found.x_adv)
        changed = (made != x).any(1)
        assert changed.flatten(1).any(1).all()
        assert not (changed & defence.located(made)).any()


def test_a_fixed_mask_is_just_another_network(classifier: Classifier, x: torch.Tensor) -> None:
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[2:6, 2:6] = True
    defence = NeutralizedModel(classifier, Fixed(mask), "mean")
    result = evaluate_adaptive(defence, classifier, x, labels_of(defence, x), LINF, effort=EFFORT)
    skipped = {name for name, one in result.outcomes.items() if one.skipped}
    moving = {"clean-mask", "attacked-mask", "every-mask", "saliency-hiding", "decoy"}
    assert skipped == {"screening", "straight-through"} | moving
    assert not result.worst.any()
    assert not result.outcomes["white-box"].robust.any()


def test_one_perturbation_for_every_mask_beats_a_cover(classifier: Classifier, x: torch.Tensor) -> None:
    defence = PatchCleanser(classifier, patch=2, per_axis=2)
    y = labels_of(defence, x)
    found = run_attack_on("every-mask", defence, classifier, x, y, LINF, EFFORT, 3)
    assert found.robust.mean() < 0.2
    assert found.gradients.max() <= 2 * 9 * 4  # two restarts of nine steps, four masks each
    assert found.setting["passes_of_a_prediction"] > 1
    assert run_attack_on("clean-mask", defence, classifier, x, y, LINF, EFFORT, 3).skipped


def test_the_mean_over_draws_beats_a_single_draw(classifier: Classifier, x: torch.Tensor) -> None:
    defence = Noisy(classifier)
    defence.reseed(0)
    with torch.no_grad():
        y = classifier.logits(x).argmax(1)
    effort = replace(EFFORT, restarts=1, steps=12)
    threat = Threat.parse("linf:0.03")
    hits = {
        draws: np.mean(
            [
                run_attack_on(
                    "white-box", defence, classifier, x, y, threat, replace(effort, draws=draws), seed
                ).robust.mean()
                for seed in range(3)
            ]
        )
        for draws in (1, 12)
    }
    assert hits[12] < hits[1]


def test_luck_is_not_counted_as_an_attack_s_success(classifier: Classifier, x: torch.Tensor) -> None:
    """Attacks that do nothing to a coin leave it right in half of the draws, at every budget."""
    many = x.repeat(15, 1, 1, 1)
    y = torch.zeros(len(many), dtype=torch.int64)
    effort = replace(
        EFFORT, images=180, restarts=1, steps=3, queries=10, doubling=True, curve=(0.5, 1.0, 2.0)
    )
    attacks = ("noise", "transfer", "square", "white-box")
    result = evaluate_adaptive(Coin(classifier), classifier, many, y, LINF, effort=effort, attacks=attacks)
    told = [result.clean, result.first, result.worst, *(point.robust for point in result.curve)]
    assert len(told) == 6
    assert all(0.35 < right.mean() < 0.65 for right in told)  # 4 standard errors of 180 coins
    assert not result.reaches_zero


def test_an_attack_that_knew_of_no_defence_counts_in_both_worst_cases(
    classifier: Classifier, x: torch.Tensor
) -> None:
    defence = NeutralizedModel(classifier, Gradient(fraction=0.1), "mean")
    y = labels_of(defence, x)
    effort = replace(EFFORT, steps=2, restarts=1, queries=4, curve=(1.0, 2.0), doubling=False)
    weak, known = Threat.parse("linf:0.00001"), ("white-box", "square")
    alone = evaluate_adaptive(defence, classifier, x, y, weak, effort=effort, attacks=known)
    with_it, without = np.arange(len(x)) % 3 != 0, np.arange(len(x)) % 2 != 0
    result = evaluate_adaptive(
        defence, classifier, x, y, weak, effort=effort, attacks=known, static=(with_it, without)
    )
    np.testing.assert_array_equal(result.worst, alone.worst & with_it)
    np.testing.assert_array_equal(result.curve[0].robust, result.worst)
    np.testing.assert_array_equal(result.undefended, alone.undefended & without)
    told = result.to_dict()
    assert "and one that knows of no defence" in result.sentence
    assert told["worst_case"]["value"] == pytest.approx(result.worst.mean())
    assert told["undefended_worst_case"]["value"] == pytest.approx(result.undefended.mean())


def test_the_worst_case_is_no_better_than_any_attack_and_is_resumed(
    classifier: Classifier, x: torch.Tensor
) -> None:
    defence = NeutralizedModel(classifier, Gradient(fraction=0.1), "mean")
    y = labels_of(defence, x)
    y[0] = (y[0] + 1) % 4  # wrong from the start
    stored: dict[str, str] = {}
    effort = replace(EFFORT, steps=3, restarts=1, queries=15, curve=(0.5, 1.0, 4.0, 30.0))
    weak = Threat.parse("linf:0.01")
    kwargs = {"effort": effort, "seed": 5}
    result = evaluate_adaptive(
        defence, classifier, x, y, weak, **kwargs,
        store=lambda key, one: stored.__setitem__(key, json.dumps(one.to_dict())),
    )  # fmt: skip
    assert not result.clean[0]
    assert not any(one.robust[0] for one in result.outcomes.values())
    for one in [*result.outcomes.values(), *result.doubled.values()]:
        if one.ran:
            assert (result.worst <= one.robust).all()
    assert (result.worst <= result.first).all()
    assert (result.first <= result.clean).all()
    assert result.moved == pytest.approx(result.first.mean() - np.mean(
        result.first & np.all([one.robust for one in result.doubled.values()], 0)))  # fmt: skip
    falling = [point.robust.mean() for point in result.curve]
    assert falling == sorted(falling, reverse=True)
    assert result.reaches_zero
    done = {key: Outcome.from_dict(json.loads(text)) for key, text in stored.items()}
    first_run = classifier.calls
    again = evaluate_adaptive(defence, classifier, x, y, weak, **kwargs, done=done)
    assert classifier.calls - first_run < 0.03 * first_run  # only what is right without an attack
    assert again.to_dict() == result.to_dict()
    json.dumps(result.to_dict(), allow_nan=False)
    assert len(result.to_frame()) == len(result.outcomes) + len(result.doubled) + 1
    with pytest.raises(InputError, match="belongs to another run"):
        evaluate_adaptive(defence, classifier, x[:6], y[:6], weak, **kwargs, done=done)


def test_results_do_not_depend_on_the_micro_batch(classifier: Classifier, x: torch.Tensor) -> None:
    defence = NeutralizedModel(classifier, Gradient(fraction=0.1), "mean")
    y = labels_of(defence, x)
    found = []
    for size in (3, 12):
        classifier.batch_size = size
        found.append(
            [
                run_attack_on(name, defence, classifier, x, y, Threat.parse("linf:0.02"), EFFORT, 3).robust
                for name in ("white-box", "square", "roi-only", "decoy")
            ]
        )
    np.testing.assert_array_equal(*found)


def test_the_baseline_gets_the_same_number_of_trials_and_gradients(
    classifier: Classifier, x: torch.Tensor
) -> None:
    from spatialstats.defence.adaptive import allowance, run_baseline

    unbreakable = Threat.parse("linf:0.00001")
    for threat in (unbreakable, Threat.parse("l2:0.00001")):
        y = labels_of(Undefended(classifier), x)
        baseline = run_baseline(classifier, x, y, threat, EFFORT, 0, tried=80, gradients=36)
        assert baseline.robust.all()
        assert (baseline.gradients == 36).all()
        assert ((baseline.tried > 70) & (baseline.tried <= 80)).all()
    defence = NeutralizedModel(classifier, Gradient(fraction=0.1), "mean")
    y = labels_of(defence, x)
    effort = replace(EFFORT, steps=3, restarts=1, queries=6, curve=())
    result = evaluate_adaptive(defence, classifier, x, y, unbreakable, effort=effort, attacks=("white-box",))
    spent = sum(part["white-box"].gradients for part in (result.outcomes, result.doubled))
    assert result.doubled["white-box"].gradients.any()
    assert result.baseline.gradients.max() == spent.max()  # twice the effort included
    ran = [attack(name, defence, classifier, x, unbreakable) for name in ("white-box", "square", "decoy")]
    assert allowance(ran) == (
        max(np.sum([one.tried for one in ran], 0)), max(np.sum([one.gradients for one in ran], 0))
    )  # fmt: skip


def test_of_a_defence_that_draws_a_static_attack_counts_on_neither_side(
    classifier: Classifier, x: torch.Tensor
) -> None:
    y = labels_of(Undefended(classifier), x)
    effort = replace(EFFORT, steps=2, restarts=1, queries=4, curve=(1.0,), doubling=False)
    nothing = np.zeros(len(x) + 3, bool)  # more images than are attacked
    for defence in (Coin(classifier), Undefended(classifier)):
        result = evaluate_adaptive(
            defence, classifier, x, y, "linf:0.00001", effort=replace(effort, images=len(x)),
            attacks=("white-box", "square"), static=(nothing, nothing),
        )  # fmt: skip
        assert result.undefended.all() == result.worst.any() == defence.randomized
    with pytest.raises(InputError, match="static outcomes"):
        evaluate_adaptive(Coin(classifier), classifier, x, y, LINF, effort=effort, static=(nothing[:2],) * 2)


def test_a_stored_baseline_of_other_numbers_is_made_anew(classifier: Classifier, x: torch.Tensor) -> None:
    y = labels_of(Undefended(classifier), x)
    effort = replace(EFFORT, steps=2, restarts=1, queries=4, curve=(), doubling=False)
    made: dict[str, Outcome] = {}
    settings = {"effort": effort, "attacks": ("white-box", "square")}
    asked = (Undefended(classifier), classifier, x, y, "patch:3x3")
    evaluate_adaptive(*asked, **settings, store=made.__setitem__)
    again: dict[str, Outcome] = {}
    evaluate_adaptive(*asked, **settings, done=made, store=again.__setitem__)
    assert not again
    weaker = replace(made["baseline"], setting=made["baseline"].setting | {"tried": 0})
    evaluate_adaptive(*asked, **settings, done=made | {"baseline": weaker}, store=again.__setitem__)
    assert set(again) == {"baseline"}


def test_rounded_gradients_are_refused(classifier: Classifier, x: torch.Tensor) -> None:
    narrow = Classifier(classifier.original, precision="bfloat16")
    y = torch.zeros(len(x), dtype=torch.int64)
    for pair in ((Undefended(narrow), classifier), (Undefended(classifier), narrow)):
        with pytest.raises(InputError, match="precision float32"):
            evaluate_adaptive(*pair, x, y, LINF, effort=EFFORT)
        with pytest.raises(InputError, match="precision float32"):
            run_attack_on("white-box", *pair, x, y, LINF, EFFORT, 0)
