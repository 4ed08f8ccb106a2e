"""Threats, efforts, screening, counting, the decoy and the statistics of an adaptive evaluation."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from spatialstats.attacks.patch import window
from spatialstats.defence.adaptive import (
    EFFORTS,
    Effort,
    Outcome,
    Threat,
    estimate,
    evaluate_adaptive,
)
from spatialstats.defence.adaptive.estimate import nominal
from spatialstats.defence.adaptive.job import Job
from spatialstats.defence.adaptive.misleading import baited, decoy_pixels
from spatialstats.defence.adaptive.screening import screen, spread
from spatialstats.defence.adaptive.suite import ATTACKS, CLIMBS, run_attack_on, why_not
from spatialstats.defence.adaptive.target import Target
from spatialstats.defence.blind_maps import Gradient
from spatialstats.defence.certified_places import refuse_broken_places
from spatialstats.defence.neutralized import NeutralizedModel
from spatialstats.defence.prior import Fixed
from spatialstats.defence.rivals.plain import Undefended
from spatialstats.errors import InputError
from spatialstats.models import Classifier

EFFORT = Effort("small", images=4, steps=6, restarts=2, queries=25, draws=3, places=4, masks=2, curve=(1.0,))


class Plane(nn.Module):
    """Two classes by the sign of a weighted sum."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(6)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        score = ((x - 0.5) * self.weight).sum((1, 2, 3))
        return torch.stack([score, -score], 1)


class Sure(nn.Module):
    """Always the first class, with a gradient."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.square().mean((1, 2, 3))
        return torch.stack([10 + mean, mean * 0, 0.5 * mean, 0.9 * mean], 1)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(2))


def job_of(defence, classifier, x, threat, effort=EFFORT) -> Job:
    target = Target(defence, classifier, len(x), draws=effort.draws, seed=0)
    target.probe(x)
    y = defence(x).argmax(1)
    found = Threat.parse(threat)
    right = torch.ones(len(x), dtype=torch.bool)
    return Job(target, x, y, found, effort, 0, right, lambda: screen(target, x, y, found, effort, right))


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("linf:8/255", "L∞ 8/255"),
        ("l2:0.5", "L2 0.5"),
        ("patch:5x5", "5x5 patch anywhere"),
        ("linf:0.5/255", "L∞ 0.5/255"),
    ],
)
def test_threats_are_written_as_they_are_read(spec: str, text: str) -> None:
    found = Threat.parse(spec)
    assert (found.spec, found.text) == (spec, text)
    assert Threat.parse(found.spec) == found


@given(st.floats(1e-4, 1.0), st.sampled_from(["linf", "l2"]))
def test_a_threat_s_text_is_the_same_threat(epsilon: float, norm: str) -> None:
    threat = Threat(norm, epsilon)
    assert Threat.parse(threat.spec) == threat


@pytest.mark.parametrize(
    "spec",
    ["linf", "linf:", "linf:2", "l1:3", "patch:5x6", "patch:0", "l2:-1", "l2:1/0", "l2:nan", "patch:1.5"],
)
def test_wrong_threats_are_refused(spec: str) -> None:
    with pytest.raises(InputError):
        Threat.parse(spec)


def test_threats_grow_as_far_as_images_allow() -> None:
    assert Threat.parse("linf:8/255").scaled(1000, (3, 8, 8)).epsilon == 1
    assert Threat.parse("patch:5").scaled(0.1, (3, 8, 8)).spec == "patch:1x1"
    assert Threat.parse("patch:5").scaled(9, (3, 8, 8)).spec == "patch:8x8"
    with pytest.raises(InputError, match="does not fit"):
        Threat.parse("patch:9").budget((1, 3, 8, 8))


def test_twice_the_budget_is_twice_the_budget() -> None:
    for effort in EFFORTS.values():
        twice = effort.doubled()
        assert (twice.steps, twice.queries) == (2 * effort.steps, 2 * effort.queries)
        assert twice.first_loss != effort.first_loss
    assert not Effort.named("quick").conclusive
    with pytest.raises(InputError, match="unknown effort 'fast'"):
        Effort.named("fast")
    with pytest.raises(InputError, match="rising"):
        Effort(curve=(2.0, 1.0))


def test_screening_finds_the_worst_place_of_a_linear_model(x: torch.Tensor) -> None:
    classifier = Classifier(Plane(), batch_size=3)
    defence = Undefended(classifier)
    job = job_of(defence, classifier, x, "patch:3x3")
    found = screen(job.target, x, job.y, job.threat, EFFORT, job.right)
    assert found.places == 36
    assert found.deployed
    downhill = -Plane().weight.detach() * (1 - 2 * job.y)[:, None, None, None]
    gain = torch.where(downhill > 0, downhill * (1 - x), -downhill * x).sum(1)
    sums = gain.unfold(1, 3, 1).unfold(2, 3, 1).sum((3, 4)).flatten(1)
    at = sums.argmax(1)
    assert found.corners[:, 0].tolist() == torch.stack([at // 6, at % 6], 1).tolist()
    inside = window(x, found.corners[:, 0], 3)
    assert torch.equal(torch.where(inside, found.asked, x), found.best)
    assert (job.target.tried == 36 + 1).all()


def test_chosen_places_are_spread_before_they_are_repeated() -> None:
    places = torch.stack(torch.meshgrid(torch.arange(3), torch.arange(3), indexing="ij"), -1).view(-1, 2)
    margins = torch.arange(9.0)[None]
    chosen = spread(margins, places, 9)[0].tolist()
    assert chosen[:4] == [[0, 0], [0, 2], [2, 0], [2, 2]]  # two pixels apart
    assert sorted(chosen) == sorted(places.tolist())


def test_counts_are_what_was_asked_for(x: torch.Tensor) -> None:
    """Nothing breaks a sure model, so every attack spends exactly what the estimate says, or what it may."""
    classifier = Classifier(Sure(), batch_size=2)
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[:2] = True
    for defence in (Undefended(classifier), NeutralizedModel(classifier, Fixed(mask), "mean")):
        for threat in ("linf:8/255", "patch:3x3"):
            job = job_of(defence, classifier, x, threat)
            for name in ATTACKS:
                if why_not(name, job):
                    continue
                found = run_attack_on(name, defence, classifier, x, job.y, job.threat, EFFORT, 1)
                tried, gradients = nominal(name, job)
                assert (found.gradients == gradients).all(), name
                asked = found.tried - tried - gradients
                assert ((asked >= 0) & (asked <= 2)).all(), name  # and the clean logits
                assert found.robust.all()


def test_an_evaluation_that_breaks_nothing_says_that_it_is_too_weak(x: torch.Tensor) -> None:
    classifier = Classifier(Sure(), batch_size=4)
    y = torch.zeros(4, dtype=torch.int64)
    effort = replace(EFFORT, curve=(1.0, 4.0))
    result = evaluate_adaptive(Undefended(classifier), classifier, x, y, "linf:8/255", effort=effort)
    assert result.worst.all()
    assert result.converged
    assert not result.reaches_zero
    assert any("remain even at" in flag for flag in result.flags)
    assert "Caution" in result.sentence
    assert "upper bound" in result.sentence


def test_a_weak_budget_is_flagged_by_its_double(x: torch.Tensor) -> None:
    """One random trial seldom finds what two hundred do."""
    classifier = Classifier(Plane(), batch_size=4)
    near = 0.5 + 0.02 * (x - 0.5)
    y = torch.from_numpy(classifier.predict(near))
    effort = replace(EFFORT, queries=10, steps=1)
    result = evaluate_adaptive(
        Undefended(classifier), classifier, near, y, "linf:0.0008", effort=effort, attacks=("square",)
    )
    lower = [one.robust.mean() for one in result.doubled.values()]
    assert result.moved == pytest.approx(result.first.mean() - lower[0])
    assert result.moved > 0.01
    assert not result.converged
    assert "not converged" in " ".join(result.flags)


def test_twice_the_budget_of_a_patch_begins_elsewhere(x: torch.Tensor) -> None:
    """A patch is climbed from the asked colours, then from random ones at the same places."""
    classifier = Classifier(Plane(), batch_size=4)
    once, again = (
        next(job_of(Undefended(classifier), classifier, x, "patch:3x3", effort).rounds())
        for effort in (EFFORT, EFFORT.doubled())
    )
    assert once.loss != again.loss
    assert once.inside is not None
    assert again.inside is not None
    assert torch.equal(once.inside, again.inside)
    changed = (once.start != again.start).any(1, keepdim=True)
    assert changed.any()
    assert not (changed & ~once.inside).any()


def test_a_decoy_is_one_part_of_the_budget(x: torch.Tensor) -> None:
    classifier = Classifier(Plane(), batch_size=4)
    defence = NeutralizedModel(classifier, Gradient(fraction=0.15), "mean")
    for threat in ("linf:0.1", "l2:0.5", "patch:6x6"):
        job = job_of(defence, classifier, x, threat)
        one = next(job.rounds())
        bait = decoy_pixels(job, one)
        area = bait.flatten(1).sum(1)
        assert (area > 0).all()
        if one.inside is not None:
            assert (area == 12).all()
            assert not (bait & ~one.inside).any()
        else:
            assert not (bait[:, 0] & job.clean_masks).flatten(1).any(1).all()
        region, start = baited(job, one, bait, free=False)
        budget = job.threat.budget(x.shape)
        climbed = region.project(start + torch.randn(x.shape, generator=torch.Generator().manual_seed(1)))
        assert float(budget.measure(x, climbed).max()) <= budget.limit(x.shape)
        held = bait.expand_as(x)
        assert torch.equal(climbed[held], start[held])
        assert (start != x)[held].any()


def test_an_estimate_counts_the_attacks_that_apply(x: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["spatialstats.defence.adaptive.estimate"]  # the package's name of it is the function
    monkeypatch.setattr(module, "_timed", lambda call, device: 0.8)
    classifier = Classifier(Plane(), batch_size=4)
    y = torch.from_numpy(classifier.predict(x))
    defence, effort = Undefended(classifier), replace(EFFORT, curve=(0.5, 1.0, 4.0))
    found = estimate(defence, classifier, x, y, "linf:8/255", effort, images=100)
    assert found.attacks == ("noise", "transfer", "square", "white-box")
    assert (found.tried, found.gradients) == (3 + 12 + 25, 12 + 12)
    each = 0.8 / 4  # of a prediction and of a gradient
    # Three examples of noise are not doubled; the curve attacks twice, at budgets other than the threat's.
    plain, twice, curve = 40 + 24, 2 * (40 + 24 - 3), 2 * (12 + 12 + 12)
    bare = plain + twice
    assert found.seconds == pytest.approx(100 * each * (plain + twice + bare + curve))
    assert found.sentence.startswith("About 2.5 hours if nothing breaks: 4 attacks with up to 40 ex")
    done = ("noise", "square", "square/doubled", "baseline", "curve/0.5/transfer", "curve/0.5/white-box")
    rest = estimate(defence, classifier, x, y, "linf:8/255", effort, images=100, done=done)
    assert found.seconds - rest.seconds == pytest.approx(100 * each * (3 + 25 + 2 * 25 + bare + 36))


def test_an_estimate_names_the_units_that_an_evaluation_does(x: torch.Tensor) -> None:
    classifier = Classifier(Plane(), batch_size=4)
    y = torch.from_numpy(classifier.predict(x))
    defence, effort = Undefended(classifier), replace(EFFORT, curve=(0.5, 1.0, 4.0))
    done: list[str] = []
    evaluate_adaptive(
        defence, classifier, x, y, "linf:0.001", effort=effort, store=lambda key, _: done.append(key)
    )
    # A budget of 4 times next to nothing breaks no image either: no part of the curve is left out.
    assert estimate(defence, classifier, x, y, "linf:0.001", effort, done=done).seconds == 0
    assert estimate(defence, classifier, x, y, "linf:0.001", effort, done=done[:-1]).seconds > 0


def test_a_damaged_outcome_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Outcome.from_dict({"name": "white-box", "margin": []})


def test_wrong_input_is_refused(x: torch.Tensor) -> None:
    classifier = Classifier(Plane(), batch_size=4)
    y = torch.from_numpy(classifier.predict(x))
    defence = Undefended(classifier)
    with pytest.raises(InputError, match="unknown adaptive attack 'whitebox'"):
        evaluate_adaptive(defence, classifier, x, y, "l2:0.5", attacks=["whitebox"])
    with pytest.raises(InputError, match="one label each"):
        evaluate_adaptive(defence, classifier, x, y[:2], "l2:0.5")


def test_a_screening_is_shared_and_counted_once(x: torch.Tensor) -> None:
    classifier = Classifier(Plane(), batch_size=4)
    defence = Undefended(classifier)
    y, threat = torch.from_numpy(classifier.predict(x)), Threat.parse("patch:2x2")
    shared: list = []
    alone, among = (
        [
            run_attack_on(name, defence, classifier, x, y, threat, EFFORT, 1, shared=one)
            for name in ("screening", "transfer", "white-box")
        ]
        for one in (None, shared)
    )
    assert len(shared) == 1
    for first, second in zip(alone, among, strict=True):
        assert first.to_dict() == second.to_dict()
    assert (alone[0].tried >= 49).all()
    assert (alone[1].tried <= 2 * 4 * 6 + 1).all()  # no place among them


class HalfBlind(Undefended):
    """A model that does not look at the left five columns, and a defence that proves what it is told to."""

    def __init__(self, places=None) -> None:
        model = Plane()
        model.weight.data[:, :, :5] = 0
        super().__init__(Classifier(model, batch_size=4))
        self.places = places

    def certified_places(self, x, y, sides):
        found = torch.zeros(len(x), 9 - sides[0], 9 - sides[1], dtype=torch.bool)
        found[:, :, : 6 - sides[1]] = True
        return found if self.places is None else self.places.expand(len(x), -1, -1)

    def sure_images(self) -> torch.Tensor:
        """Four images that no 2x2 patch breaks, so that all that is claimed of them is true."""
        sign = self.model.module.weight.detach().sign()
        return torch.stack([0.5 + 0.5 * side * sign for side in (1, -1, 1, -1)])


def test_climbs_begin_at_places_that_are_not_proven_and_nowhere_else() -> None:
    places = torch.zeros(4, 7, 7, dtype=torch.bool)
    places[0, :, :4] = True
    places[1] = True
    places[2] = True
    places[2, 3, 3] = places[2, 3, 4] = False
    defence, threat, effort = HalfBlind(places), Threat.parse("patch:2x2"), replace(EFFORT, places=30)
    x = defence.sure_images()
    job = job_of(defence, defence.model, x, "patch:2x2", effort)
    found = screen(job.target, x, job.y, threat, effort, job.right)
    assert found.counts.tolist() == [21, 0, 2, 30]
    assert found.open.tolist() == [True, False, True, True]
    assert found.tried.tolist() == [49 + 1] * 4  # every place is tried
    for k, one in enumerate(job.rounds()):
        for row in one.given.nonzero()[:, 0].tolist():
            assert not places[row][tuple(found.corners[row, k])]
    for name in ATTACKS:
        made = run_attack_on(name, defence, defence.model, x, job.y, threat, effort, 1)
        assert made.robust.all()
        if name in CLIMBS and made.ran:
            assert made.gradients.tolist() == [21 * 6, 0, 2 * 6, 30 * 6]
            assert made.setting["proven"] == 1
    bare = Target(Undefended(defence.model), defence.model, 4, draws=1, seed=0)
    everywhere = screen(bare, x, job.y, threat, replace(EFFORT, places=1), job.right)
    assert torch.equal(everywhere.corners[3, 0], found.corners[3, 0])


def test_free_places_between_those_that_were_screened_are_climbed_too() -> None:
    defence, effort = HalfBlind(), replace(EFFORT, stride=3, places=4)
    weight = defence.model.module.weight
    weight.data[:] = 0
    weight.data[:, 2, 5] = 1  # the model looks at one pixel, which no place of the grid of threes holds
    there = torch.ones(1, 7, 7, dtype=torch.bool)
    there[0, 1:3, 4:6] = False
    defence.places = there
    x = torch.full((2, 3, 8, 8), 0.6)
    job = job_of(defence, defence.model, x, "patch:2x2", effort)
    found = screen(job.target, x, job.y, job.threat, effort, job.right)
    assert found.counts.tolist() == [4, 4]
    assert {tuple(at) for at in found.corners[0].tolist()} == {(1, 4), (1, 5), (2, 4), (2, 5)}
    made = run_attack_on("white-box", defence, defence.model, x, job.y, job.threat, effort, 1)
    assert not made.robust.any()
    # One free place on the grid, and more beside it: the others are climbed as well.
    there[0, 3, 3] = False
    assert screen(job.target, x, job.y, job.threat, effort, job.right).counts.tolist() == [4, 4]


def test_places_near_to_chosen_ones_come_in_their_order() -> None:
    places = torch.stack(torch.meshgrid(torch.arange(3), torch.arange(3), indexing="ij"), -1).view(-1, 2)
    margins = torch.tensor([[9.0, 8, 7, 6, -5, -4, 5, 4, -3]])
    chosen = spread(margins, places, 4)[0]
    assert (3 * chosen[:, 0] + chosen[:, 1]).tolist() == [4, 5, 8, 7]


@pytest.mark.parametrize("side", [1, 2, 4])
def test_a_broken_image_is_refused_exactly_where_a_certified_place_holds_its_change(side: int) -> None:
    draw = torch.Generator().manual_seed(side)
    seen = set()
    for _ in range(200):
        proven = torch.rand(1, 7 - side, 7 - side, generator=draw) < 0.2
        at = torch.randint(0, 7 - side, (2,), generator=draw).tolist()
        x, inside = torch.zeros(1, 1, 6, 6), torch.zeros(1, 1, 6, 6)
        inside[:, :, at[0] : at[0] + side, at[1] : at[1] + side] = 1
        x_adv = inside * (torch.rand(1, 1, 6, 6, generator=draw) < 0.4)
        wanted = False
        for i, j in proven[0].nonzero().tolist():
            rest = x_adv.clone()
            rest[:, :, i : i + side, j : j + side] = 0
            wanted |= not rest.any()
        if not x_adv.any():
            wanted = bool(proven.any())
        refuse_broken_places(proven, x, x_adv, torch.tensor([False]), side)
        seen.add(wanted)
        if wanted:
            with pytest.raises(RuntimeError, match="certified"):
                refuse_broken_places(proven, x, x_adv, torch.tensor([True]), side)
        else:
            refuse_broken_places(proven, x, x_adv, torch.tensor([True]), side)
    assert seen == {True, False}


@pytest.mark.parametrize("dear", [False, True])
def test_the_screening_shows_proven_places_to_the_defence_itself(dear: bool, x: torch.Tensor) -> None:
    liar = HalfBlind()
    near = (x - 0.5) * 0.05 + 0.5
    worst = job_of(liar, liar.model, near, "patch:2x2")
    found = screen(worst.target, near, worst.y, worst.threat, EFFORT, worst.right)
    liar.places = torch.ones(4, 7, 7, dtype=torch.bool)
    liar.places[torch.arange(4), found.corners[:, 0, 0], found.corners[:, 0, 1]] = False  # but the worst
    job = job_of(liar, liar.model, near, "patch:2x2")
    job.target.cost = 100.0 if dear else 1.0
    with pytest.raises(RuntimeError, match="at a place that is certified"):
        screen(job.target, near, job.y, job.threat, EFFORT, job.right)


@pytest.mark.parametrize("name", ["noise", "screening", "square"])
def test_a_proof_that_does_not_hold_stops_everything(name: str, x: torch.Tensor) -> None:
    liar = HalfBlind(torch.ones(1, 7, 7, dtype=torch.bool))
    near = (x - 0.5) * 0.05 + 0.5  # of small margins
    y = torch.from_numpy(liar.model.predict(near))
    effort = replace(EFFORT, draws=40, queries=60)
    with pytest.raises(RuntimeError, match="at a place that is certified"):
        run_attack_on(name, liar, liar.model, near, y, Threat.parse("patch:2x2"), effort, 1)


def test_an_estimate_leaves_out_what_is_proven(x: torch.Tensor) -> None:
    class Proven(Undefended):
        def certified_places(self, x, y, sides):
            return torch.ones(len(x), 9 - sides[0], 9 - sides[1], dtype=torch.bool)

    classifier = Classifier(Plane(), batch_size=4)
    y = torch.from_numpy(classifier.predict(x))
    keys = {*ATTACKS, *(f"{name}/doubled" for name in ATTACKS), "baseline"}
    seconds = {
        type(defence): estimate(defence, classifier, x, y, "patch:2x2", EFFORT, done=keys - {"white-box"})
        for defence in (Proven(classifier), Undefended(classifier))
    }
    one = seconds[Proven].seconds / seconds[Proven].seconds_of_a_gradient
    assert one == pytest.approx(4 * 4 * 6 * (1 / 6), rel=1e-6)  # four images: one of six is left by the rule
    all_of_them = seconds[Undefended].seconds / seconds[Undefended].seconds_of_a_gradient
    assert all_of_them == pytest.approx(4 * 4 * 6, rel=1e-6)


@pytest.mark.parametrize("threat", ["linf:0.1", "patch:2x2"])
def test_nothing_is_attacked_where_nothing_is_right(threat: str, x: torch.Tensor) -> None:
    classifier = Classifier(Plane(), batch_size=4)
    defence = NeutralizedModel(classifier, Gradient(fraction=0.1), "mean")
    with torch.no_grad():
        wrong = 1 - defence(x).argmax(1)
    for name in ATTACKS:
        found = run_attack_on(name, defence, classifier, x, wrong, Threat.parse(threat), EFFORT, 1)
        assert not found.robust.any()
        assert found.gradients.sum() == 0


def test_a_flat_gradient_is_missed_only_where_one_is_needed(x: torch.Tensor) -> None:
    classifier = Classifier(Plane(), batch_size=3)
    labels = torch.from_numpy(classifier.predict(x))
    labels[1::2] = 1 - labels[1::2]  # broken already
    flat = {}
    for known in (None, labels):
        target = Target(Undefended(classifier), classifier, len(x), draws=1, seed=0, labels=known)
        target.gradient(
            lambda part, rows: (0 * part.flatten(1).sum(1), classifier.logits(part)), x, torch.arange(len(x))
        )
        flat[known is None] = target.blind_steps
    assert flat == {True: len(x), False: (len(x) + 1) // 2}
