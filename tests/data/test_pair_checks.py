"""What is noticed about saved adversarial sets, and that sound ones raise nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from spatialstats.data import check_pairs
from spatialstats.data.normalisation import KNOWN
from spatialstats.errors import InputError

CIFAR = next(known for known in KNOWN if known.name == "CIFAR-10")
Perturbation = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def clip(x: np.ndarray) -> np.ndarray:
    return np.clip(x, 0, 1).astype(np.float32)


def linf(x: np.ndarray, rng: np.random.Generator, epsilon: float = 8 / 255) -> np.ndarray:
    """Mostly at the bound, as sign attacks leave it."""
    return clip(x + epsilon * np.clip(1.5 * rng.normal(size=x.shape), -1, 1))


def large_linf(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return linf(x, rng, 0.3)


def l2(x: np.ndarray, rng: np.random.Generator, norm: float = 0.5) -> np.ndarray:
    delta = gaussian_filter(rng.normal(size=x.shape), (0, 0, 1, 1))
    return clip(x + norm * delta / np.sqrt((delta**2).sum((1, 2, 3), keepdims=True)))


def large_l2(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return l2(x, rng, 12.0)


def patch(x: np.ndarray, rng: np.random.Generator, side: int = 5) -> np.ndarray:
    out = x.copy()
    for image in out:
        r, c = rng.integers(0, 32 - side, 2)
        image[:, r : r + side, c : c + side] = rng.uniform(size=(3, side, side))
    return out


def large_patch(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return patch(x, rng, 20)


def red_square(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    out = x.copy()
    out[:, :, 4:24, 8:28] = np.array([1, 0, 0]).reshape(3, 1, 1)
    return out


def sparse(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    out = x.copy()
    for image in out:
        image[:, rng.integers(0, 32, 20), rng.integers(0, 32, 20)] = rng.integers(0, 2, (3, 20))
    return out


def blur(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return clip(gaussian_filter(x, (0, 0, 2, 2)))


def darker(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return clip(0.4 * x)


def grey(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return clip(np.repeat(x.mean(1, keepdims=True), 3, 1))


def partly_unchanged(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random((len(x), 1, 1, 1)) < 0.3, x, linf(x, rng)).astype(np.float32)


SOUND = [
    linf, large_linf, l2, large_l2, patch, large_patch, red_square, sparse, blur, darker, grey,
    partly_unchanged,
]  # fmt: skip


def pairs(photos: np.ndarray, attack: Perturbation = linf) -> tuple[np.ndarray, np.ndarray]:
    x = photos.astype(np.float32) / np.float32(255)
    return x, attack(x, np.random.default_rng(0))


def to_bytes(x: np.ndarray) -> np.ndarray:
    return np.rint(x * 255).astype(np.uint8)


@pytest.mark.parametrize("attack", SOUND)
@pytest.mark.parametrize("stored", ["floats", "rounded"])
def test_sound_pairs_raise_nothing(attack: Perturbation, stored: str, photos: np.ndarray) -> None:
    x, x_adv = pairs(photos, attack)
    assert check_pairs(photos, to_bytes(x_adv) if stored == "rounded" else x_adv) == ()
    assert check_pairs(x[:5], x_adv[:5]) == ()
    assert check_pairs(x[:1], x_adv[:1]) == ()


@pytest.mark.parametrize("attack", [linf, patch])
def test_sound_grey_pairs_raise_nothing(attack: Perturbation, photos: np.ndarray) -> None:
    x, x_adv = (v[:, :1] for v in pairs(photos, attack))
    assert check_pairs(x, x_adv) == ()


def test_sound_pairs_of_plain_noise_images_raise_nothing() -> None:
    x = np.random.default_rng(1).uniform(size=(40, 3, 16, 16)).astype(np.float32)
    assert check_pairs(x, linf(x, np.random.default_rng(2))) == ()
    flat = np.repeat(np.linspace(0, 1, 40, dtype=np.float32), 3 * 64).reshape(40, 3, 8, 8)
    assert check_pairs(flat, linf(flat, np.random.default_rng(2))) == ()


def test_sizes_that_differ_are_refused(photos: np.ndarray) -> None:
    x, x_adv = pairs(photos)
    for other, says in (
        (x_adv[:-10], "without dropping the last batch"),
        (x_adv[:, :, 2:, 2:], "after resizing and cropping"),
        (x_adv[:, :1], "with the same channels"),
    ):
        with pytest.raises(
            InputError, match=r"one shape \(N, C, H, W\), got \(120, 3, 32, 32\) and .*" + says
        ):
            check_pairs(x, other)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("half", ["clean", "adversarial"])
def test_values_that_are_not_finite_are_counted(half: str, value: float, photos: np.ndarray) -> None:
    x, x_adv = pairs(photos)
    broken = x if half == "clean" else x_adv
    broken[[17, 40], 0, 3, 3] = value
    with pytest.raises(InputError, match=rf"^{half} images .* in 2 of 120 images \(the first is row 17\)"):
        check_pairs(x, x_adv)


@pytest.mark.parametrize("known", [k for k in KNOWN if len(k.mean) == 3], ids=lambda k: k.text)
@pytest.mark.parametrize("half", ["clean", "adversarial", "both"])
def test_normalised_images_are_recognised(known: object, half: str, photos: np.ndarray) -> None:
    x, x_adv = pairs(photos)
    mean, std = (np.array(v).reshape(3, 1, 1) for v in (known.mean, known.std))
    first = (x - mean) / std if half != "adversarial" else x
    second = (x_adv - mean) / std if half != "clean" else x_adv
    name = "adversarial" if half == "adversarial" else "clean"
    with pytest.raises(InputError) as caught:
        check_pairs(first, second)
    assert str(caught.value).startswith(f"{name} images must lie in [0, 1], got [-")
    assert f"normalised by {known.text}; x * std + mean undoes it" in str(caught.value)


def test_other_ranges_are_refused_with_their_remedy(photos: np.ndarray) -> None:
    x, x_adv = pairs(photos)
    with pytest.raises(
        InputError, match=r"adversarial images must lie in \[0, 1\], got \[0, 255\]: divide them by 255"
    ):
        check_pairs(x, x_adv * 255)
    with pytest.raises(
        InputError, match=r"got \[-0.03\d*, 1.03\]: clip them to \[0, 1\] where they are made"
    ):
        check_pairs(x, x + 8 / 255 * np.sign(np.random.default_rng(0).normal(size=x.shape)))
    with pytest.raises(InputError, match=r"pass unnormalised images and give mean and std to Classifier$"):
        check_pairs(x * 9 - 4, x_adv)


@pytest.mark.parametrize("attack", [linf, l2, patch, sparse])
def test_normalised_and_clipped_images_are_recognised(attack: Perturbation, photos: np.ndarray) -> None:
    x, x_adv = pairs(photos, attack)
    mean, std = (np.array(v).reshape(3, 1, 1) for v in (CIFAR.mean, CIFAR.std))
    with pytest.raises(
        InputError, match=r"got adversarial images that look normalised by CIFAR-10 mean .* and then"
    ):
        check_pairs(x, clip((x_adv - mean) / std))
    with pytest.raises(
        InputError, match=r"got clean images that look normalised by CIFAR-10 mean .* give mean and std"
    ):
        check_pairs(clip((x - mean) / std), x_adv)


@pytest.mark.parametrize("attack", [linf, l2, patch, large_patch, sparse, red_square])
@pytest.mark.parametrize(
    ("convert", "says"),
    [
        (
            lambda v: v[:, ::-1],
            r"one half that looks in BGR channel order against RGB .*: reverse the channels",
        ),
        (lambda v: v[..., ::-1], r"one half that looks mirrored left to right .*: switch random flips off"),
        (lambda v: v.swapaxes(2, 3), r"one half that looks transposed .*: swap the last two axes"),
        (lambda v: v / 255, r"adversarial images that look divided by 255 twice .*: divide by 255 once"),
    ],
)
def test_halves_that_are_stored_differently_are_recognised(
    attack: Perturbation, convert: Perturbation, says: str, photos: np.ndarray
) -> None:
    x, x_adv = pairs(photos, attack)
    with pytest.raises(InputError, match=says):
        check_pairs(x, convert(x_adv))


@pytest.mark.parametrize("attack", [linf, l2, patch, sparse])
@pytest.mark.parametrize(
    ("order", "says"),
    [
        (
            np.random.default_rng(3).permutation(120),
            r"of 120 rows looked at .*\(such as \d+ matching \d+, .*not shuffle",
        ),
        (np.roll(np.arange(120), 1), "the rows are shifted by -1"),
        (np.roll(np.arange(120), -2), "the rows are shifted by 2"),
        (np.arange(120)[::-1], "the rows are reversed"),
    ],
)
def test_shuffled_rows_are_refused(
    attack: Perturbation, order: np.ndarray, says: str, photos: np.ndarray
) -> None:
    x, x_adv = pairs(photos, attack)
    with pytest.raises(InputError, match=says):
        check_pairs(x, x_adv[order])


def test_shuffled_rows_under_a_strong_attack_are_refused_too(photos: np.ndarray) -> None:
    x, x_adv = pairs(photos, large_linf)
    with pytest.raises(InputError, match="must belong to clean row i"):
        check_pairs(x, x_adv[::-1])


def test_some_shuffled_rows_are_refused_and_a_single_one_is_noted(photos: np.ndarray) -> None:
    x, x_adv = (v[:100] for v in pairs(photos))
    tail = np.arange(100)
    tail[80:] = tail[80:][::-1]
    with pytest.raises(InputError, match="got 20 of 100 rows looked at that match another clean row"):
        check_pairs(x, x_adv[tail])
    one = np.arange(100)
    one[7] = 70
    assert check_pairs(x, x_adv[one]) == (
        "Adversarial row 7 looks more like clean row 70 than like its own.",
    )


@pytest.mark.parametrize("attack", [linf, patch])
def test_pairs_of_other_images_are_refused(attack: Perturbation, photos: np.ndarray) -> None:
    x, x_adv = pairs(photos, attack)
    with pytest.raises(
        InputError, match=r"farther away than \d\d % of the others .* the set was made from, in its order"
    ):
        check_pairs(x[:60], x_adv[60:])


def floored(x: np.ndarray) -> np.ndarray:
    return (x * np.float32(255)).astype(np.uint8)


def at_the_bound(x: np.ndarray, rng: np.random.Generator, steps: float = 8) -> np.ndarray:
    """As PGD writes its result: x + clamp(x' - x), in float32."""
    delta = np.float32(steps / 255) * np.sign(rng.normal(size=x.shape)).astype(np.float32)
    return clip(x + delta)


def test_floor_to_uint8_is_noticed_by_the_budget_it_breaks(photos: np.ndarray) -> None:
    x, x_adv = pairs(photos, at_the_bound)
    broken = floored(x_adv)
    steps = broken.astype(int) - photos
    assert (steps.min(), steps.max()) == (-9, 8)
    share = 100 * (steps == -9).sum() / (steps <= -8).sum()
    (note,) = check_pairs(photos, broken)
    assert note.startswith("The changes reach +8/255 but -9/255")
    assert f"{share:.2g} % of those at or below -8/255" in note
    assert "save_type='float'" in note
    assert check_pairs(photos, broken, epsilon=8 / 255) == (note,)
    assert check_pairs(x, to_bytes(x_adv), epsilon=8 / 255) == ()


def test_floor_is_noticed_where_the_clean_images_are_floats_off_the_grid(photos: np.ndarray) -> None:
    rng = np.random.default_rng(5)
    x = clip(photos / 255 + rng.uniform(-0.5, 0.5, photos.shape) / 255)
    (note,) = check_pairs(x, floored(at_the_bound(x, rng)))
    assert note.startswith("The changes reach +8/255 but -9/255")


def test_floor_after_a_round_trip_lowers_untouched_values(photos: np.ndarray) -> None:
    _, x_adv = pairs(photos, patch)
    trip = (x_adv.astype(np.float32) - np.float32(0.45)) / np.float32(0.23) * np.float32(0.23) + np.float32(
        0.45
    )
    (note,) = check_pairs(photos, floored(clip(trip)))
    assert check_pairs(photos, to_bytes(clip(trip))) == ()
    assert "lower than the clean ones by 1/255" in note


def test_changes_beyond_the_given_epsilon_are_refused_unless_rounding_explains_them(
    photos: np.ndarray,
) -> None:
    x, x_adv = pairs(photos, at_the_bound)
    with pytest.raises(
        InputError, match=r"within the given epsilon of 4/255, got up to 8/255 in 120 of 120 images"
    ):
        check_pairs(x, x_adv, epsilon=4 / 255)
    with pytest.raises(InputError, match=r"write 8/255 rather than 8"):
        check_pairs(x, x_adv, epsilon=8)
    x, x_adv = pairs(photos, lambda v, rng: at_the_bound(v, rng, 7.65))
    assert check_pairs(x, x_adv, epsilon=0.03) == ()
    (note,) = check_pairs(photos, to_bytes(x_adv), epsilon=0.03)
    assert "reach 8/255 in 120 of 120 images, above the epsilon of 7.65/255 by no more than rounding" in note


def test_a_set_paired_with_itself_is_refused(photos: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"no change in any of 120: pass two different files, clean first"):
        check_pairs(photos, photos)
