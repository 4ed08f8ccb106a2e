from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spatialstats import segments
from spatialstats.errors import InputError
from spatialstats.segments import SEGMENTS, damage, segment


class Toy:
    """A small nonlinear model that writes down what it is asked."""

    def __init__(self, batch_size: int = 8, shape: tuple[int, ...] = (3, 6, 5)) -> None:
        rng = np.random.default_rng(7)
        self.batch_size = batch_size
        self.asked: list[int] = []
        size = int(np.prod(shape))
        self.first, self.second = rng.standard_normal((size, 20)), rng.standard_normal((20, 4))

    def predict_logits(self, x: np.ndarray | torch.Tensor) -> np.ndarray:
        x = np.asarray(x)
        self.asked.append(len(x))
        return (np.tanh(x.reshape(len(x), -1) @ self.first) @ self.second).astype(np.float32)


class Case:
    def __init__(self, n: int = 11) -> None:
        rng = np.random.default_rng(3)
        self.model = Toy()
        self.x = rng.random((n, 3, 6, 5), np.float32)
        self.x_adv = np.clip(self.x + rng.uniform(-0.2, 0.2, self.x.shape), 0, 1).astype(np.float32)
        self.y = rng.integers(0, 4, n)
        self.rival = (self.y + rng.integers(1, 4, n)) % 4
        self.roi, self.roa = rng.random((n, 6, 5)) < 0.4, rng.random((n, 6, 5)) < 0.3
        self.roi[0] = False  # no contested, no protected
        self.roa[1] = False
        self.roi[2], self.roa[2] = False, False
        self.roi[3], self.roa[3] = True, True
        self.codes = segment(self.roi, self.roa)

    def damage(self, **known: np.ndarray) -> segments.Damage:
        return damage(self.model, self.x, self.x_adv, self.y, self.rival, self.codes, **known)

    def margin_of(self, row: int, attacked: set[int]) -> float:
        image = np.where(np.isin(self.codes[row], list(attacked)), self.x_adv[row], self.x[row])
        logits = self.model.predict_logits(image[None])[0].astype(np.float64)
        return float(logits[self.y[row]] - logits[self.rival[row]])


@pytest.fixture
def case() -> Case:
    return Case()


@given(hnp.arrays(bool, (2, 3, 4)), hnp.arrays(bool, (2, 3, 4)))
def test_codes_name_the_four_segments(roi: np.ndarray, roa: np.ndarray) -> None:
    codes = segment(roi, roa)
    assert codes.dtype == np.uint8
    for name, where in {
        "background": ~roi & ~roa,
        "neutralizable": roa & ~roi,
        "protected": roi & ~roa,
        "contested": roi & roa,
    }.items():
        np.testing.assert_array_equal(codes == SEGMENTS.index(name), where)
    np.testing.assert_allclose(segments.areas(codes).sum(1), 1)


def test_masks_of_different_images_are_refused() -> None:
    with pytest.raises(InputError, match="masks of the same images"):
        segment(np.zeros((2, 3, 3)), np.zeros((1, 3, 3)))


def test_shares_are_the_mean_marginal_drop_over_all_orders(case: Case) -> None:
    found = case.damage()
    for row in range(len(case.y)):
        expected = np.zeros(4)
        for order in permutations(range(4)):
            attacked: set[int] = set()
            for player in order:
                before = case.margin_of(row, attacked)
                attacked.add(player)
                expected[player] += before - case.margin_of(row, attacked)
        np.testing.assert_allclose(found.shapley[row], expected / 24, atol=1e-6)


def test_shares_sum_to_the_drop_of_the_margin(case: Case) -> None:
    found = case.damage()
    ends = [[case.margin_of(row, set()), case.margin_of(row, {0, 1, 2, 3})] for row in range(len(case.y))]
    np.testing.assert_allclose(found.drop, np.subtract(*np.array(ends).T), atol=1e-6)
    np.testing.assert_allclose(found.shapley.sum(1), found.drop, atol=1e-12)


def test_empty_segments_carry_exactly_nothing(case: Case) -> None:
    found = case.damage()
    np.testing.assert_array_equal(found.shapley[segments.areas(case.codes) == 0], 0)
    assert (found.area == 0).any()


def test_a_pass_is_spared_where_coalitions_are_the_same_image(case: Case) -> None:
    case.damage()
    present = (segments.areas(case.codes) > 0).sum(1)
    assert sum(case.model.asked) == (2**present).sum()
    assert all(size % case.model.batch_size == 0 for size in case.model.asked[:-1])


def test_known_logits_spare_the_two_ends_and_change_nothing(case: Case) -> None:
    without = case.damage()
    ends = {
        "clean_logits": case.model.predict_logits(case.x),
        "adversarial_logits": case.model.predict_logits(case.x_adv),
    }
    case.model.asked.clear()
    found = case.damage(**ends)
    np.testing.assert_allclose(found.shapley, without.shapley, atol=1e-5)
    np.testing.assert_array_equal(found.predictions, without.predictions)
    present = (segments.areas(case.codes) > 0).sum(1)
    assert sum(case.model.asked) == (2**present - 2).sum()


def test_torch_and_numpy_images_give_the_same(case: Case) -> None:
    images = torch.from_numpy(case.x), torch.from_numpy(case.x_adv)
    found = damage(case.model, *images, case.y, case.rival, case.codes)
    np.testing.assert_array_equal(found.margins, case.damage().margins)


def test_blocks_do_not_change_the_result(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = case.damage()
    monkeypatch.setattr(segments, "BLOCK_BYTES", 1)
    case.model.asked.clear()
    found = case.damage()
    assert set(case.model.asked[:-1]) == {case.model.batch_size}
    np.testing.assert_allclose(found.margins, whole.margins, atol=1e-5)


@pytest.mark.parametrize("names", [(), ("neutralizable",), ("neutralizable", "contested"), SEGMENTS])
def test_restoring_segments_puts_the_clean_pixels_back(case: Case, names: tuple[str, ...]) -> None:
    back = np.isin(case.codes, [SEGMENTS.index(name) for name in names])
    images = np.where(back[:, None], case.x, case.x_adv)
    expected = case.model.predict_logits(images).argmax(1)
    found = case.damage()
    np.testing.assert_array_equal(found.restored(*names), expected)
    np.testing.assert_array_equal(segments.restored(found.predictions, *names), expected)


def test_an_unknown_segment_is_refused_with_the_nearest(case: Case) -> None:
    with pytest.raises(InputError, match="did you mean 'protected'"):
        case.damage().restored("protecte")


def test_a_rival_must_not_be_the_label(case: Case) -> None:
    case.rival[4] = case.y[4]
    with pytest.raises(InputError, match="must differ from its true label"):
        case.damage()


def test_images_and_segments_must_agree(case: Case) -> None:
    case.codes = case.codes[:, :5]
    with pytest.raises(InputError, match="as many clean and adversarial images"):
        case.damage()


def test_no_images_give_no_rows() -> None:
    empty = np.zeros((0, 3, 6, 5), np.float32)
    none = np.zeros(0, np.int64)
    found = damage(Toy(), empty, empty, none, none, np.zeros((0, 6, 5), np.uint8))
    assert found.shapley.shape == (0, 4)
    assert found.margins.shape == (0, 16)


@given(hnp.arrays(np.float64, (40, 4), elements=st.floats(0.1, 5)))
def test_aggregated_shares_add_up_and_lie_within_their_intervals(shapley: np.ndarray) -> None:
    found = segments.shares(shapley, n_resamples=200)
    assert sum(share.value for share in found.values()) == pytest.approx(1)
    for code, name in enumerate(SEGMENTS):
        assert found[name].value == pytest.approx(shapley[:, code].sum() / shapley.sum())
        assert found[name].low <= found[name].value + 1e-9
        assert found[name].high >= found[name].value - 1e-9
