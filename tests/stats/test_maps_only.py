"""`spatialstats test`: the right test for a null and a statistic, and refusals in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fields import packed, smooth, top
from typer.testing import CliRunner

import spatialstats.stats as tools
from spatialstats.cli import app
from spatialstats.errors import InputError
from spatialstats.regions import threshold
from spatialstats.stats.maps_only import MAPS, MASKS, OF_ONE, OF_TWO, choose, run_test

RNG = np.random.default_rng(5)
N, DRAWS = 20, 49
A = smooth(RNG, N)
B = A + smooth(RNG, N)
PIXELS = int(A[0].size)
CLASSES = np.arange(N) % 2


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    at = tmp_path_factory.mktemp("maps")
    np.savez(at / "a.npz", maps=A)
    np.save(at / "b.npy", B.astype(np.float32))
    np.savez(at / "masks.npz", top(A))
    np.savez(at / "other.npz", anything=top(B).astype(np.uint8))
    np.save(at / "labels.npy", CLASSES)
    np.savez(at / "two.npz", x=A, y=B)
    np.savez(at / "positive.npz", maps=np.exp(A))
    np.savez(at / "short.npz", maps=A[:7])
    np.savez(at / "one.npz", maps=A[:1])
    np.save(at / "flat.npy", np.ones_like(A))
    bad = A.copy()
    bad[3, 1, 1] = np.nan
    np.savez(at / "bad.npz", maps=bad)
    np.savez(at / "pickled.npz", maps=np.array([{}, 1], object))
    np.save(at / "words.npy", np.full((2, 3, 3), "x"))
    (at / "broken.npz").write_bytes(b"PK\x03\x04 nothing")
    return at


def run(files: Path, *arguments: str) -> Any:
    return CliRunner().invoke(
        app, ["test", *(str(files / a) if (files / a).exists() else a for a in arguments)]
    )


def as_json(files: Path, *arguments: str) -> dict[str, Any]:
    done = run(files, *arguments, "--json", "--n-resamples", str(DRAWS))
    assert done.exit_code == 0, (done.output, done.exception)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_lift_of_top_fractions_against_swapped_images_is_the_default(files: Path) -> None:
    found = as_json(files, "a.npz", "b.npy")
    assert (found["null"], found["statistic"]) == ("swap", "overlap lift")
    roi, roa = packed(threshold(A, 0.3), threshold(B.astype(np.float32), 0.2))
    (wanted,) = tools.swap_family({"x": (roi, roa)}, PIXELS, n_resamples=DRAWS).rows
    row = found["rows"][0]
    assert [row[k] for k in ("observed", "effect", "p_value")] == pytest.approx(
        [wanted.observed, wanted.effect, wanted.p_value]
    )
    assert found["masks"] == ["top 30 % of each image", "top 20 % of each image"]


def test_masks_are_taken_as_they_come(files: Path) -> None:
    found = as_json(files, "masks.npz", "other.npz", "--statistic", "dice")
    assert found["masks"] == ["masks as they came"] * 2
    assert found["rows"][0]["observed"] == pytest.approx(
        np.mean(2 * (top(A) & top(B)).sum((1, 2)) / (top(A).sum((1, 2)) + top(B).sum((1, 2))))
    )


def test_classes_restrict_the_swaps(files: Path) -> None:
    found = as_json(files, "a.npz", "b.npy", "--statistic", "pearson", "--classes", "labels.npy")
    assert [row["stratum"] for row in found["rows"]] == ["within classes", "0", "1"]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("--null", "shift", "--statistic", "pearson"), lambda: tools.shift_test(A, B, n_resamples=DRAWS)),
        (("--null", "phase"), lambda: tools.phase_test(A, B, n_resamples=DRAWS)),
        (("--null", "pixel"), lambda: tools.pixel_permutation_test(A, B, n_resamples=DRAWS)),
        (("--null", "effective-size"), lambda: tools.effective_size_test(A, B)),
        (("--null", "sign-flip"), lambda: tools.paired_test(A, B, n_resamples=DRAWS)),
        (
            ("--null", "permutation", "--alternative", "greater"),
            lambda: tools.group_test(A, B, n_resamples=DRAWS, alternative="greater"),
        ),
    ],
)
def test_each_null_of_two_files_is_the_test_of_that_name(
    arguments: tuple[str, ...], wanted: Any, tmp_path: Path
) -> None:
    np.savez(tmp_path / "a.npz", maps=A)
    np.savez(tmp_path / "b.npz", maps=B)
    found = as_json(tmp_path, "a.npz", "b.npz", *arguments)
    told = wanted().to_dict()
    names = {key for key in told if key in found} - {"null", "statistic", "what", "sentence"}
    assert len(names) > 4
    assert {key: found[key] for key in names} == {key: told[key] for key in names}


def test_one_file_gives_its_autocorrelation(files: Path) -> None:
    assert as_json(files, "a.npz")["values"] == tools.morans_i(A, n_resamples=DRAWS).values.tolist()
    assert as_json(files, "a.npz", "--statistic", "gearys-c")["statistic"] == "Geary's C"
    assert "bb" in as_json(files, "a.npz", "--statistic", "join-counts", "--roi", "otsu")


def test_an_array_is_named_with_key(files: Path) -> None:
    found = as_json(files, "two.npz", "two.npz", "--key", "x", "--key", "y", "--statistic", "pearson")
    assert found["rows"][0]["observed"] == pytest.approx(float(tools.pearson(A, B).mean()))


def test_the_sentence_comes_first_then_a_table(files: Path) -> None:
    done = run(files, "a.npz", "b.npy", "--n-resamples", "49")
    assert done.exit_code == 0
    assert done.stdout.startswith("Overlap lift differs from that of swapped images for a and b")
    assert "It does not mean" in done.stdout
    assert "observed" in done.stdout.splitlines()[-2]
    long = run(files, "a.npz", "--n-resamples", "9").stdout
    assert long.count("Moran's I") == 21


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bad.npz", "b.npy"), "NaN or infinity in 1 of 20 maps .the first is map 3."),
        (("a.npz", "short.npz"), r"\(20, 12, 14\) and \(7, 12, 14\)"),
        (("one.npz", "one.npz"), "1 of 1 have two maps that vary"),
        (("a.npz", "flat.npy"), "0 of 20 have two maps that vary"),
        (("flat.npy", "flat.npy", "--null", "shift"), "no image has two maps that vary"),
        (("flat.npy",), "constant in every image"),
        (("positive.npz", "--null", "sign-flip"), "raw maps are refused, since skewed ones"),
        (("pickled.npz",), "Python objects"),
        (("broken.npz",), "must hold plain arrays"),
        (("words.npy",), "must hold numbers or masks"),
        (("labels.npy",), r"maps \(N, H, W\)"),
        (("two.npz",), "holds 2 arrays"),
        (("two.npz", "--key", "z"), "holds no array 'z'"),
        (("nothing.npz",), "there is no file"),
        (("a.pt",), "come as .npz or .npy"),
        (("a.npz", "--null", "swap"), "compares two maps of each image, got one file"),
        (("a.npz", "b.npy", "--null", "phase", "--statistic", "lift"), "goes with pearson"),
        (("a.npz", "b.npy", "--null", "moon"), "unknown null 'moon'"),
        (("a.npz", "b.npy", "--statistic", "dicee"), "did you mean 'dice'"),
        (
            ("a.npz", "b.npy", "--null", "shift", "--classes", "labels.npy"),
            "classes restrict the null 'swap'",
        ),
        (("a.npz", "b.npy", "--classes", "b.npy"), "one integer an image"),
        (("a.npz", "b.npy", "--roi", "2"), "a top fraction"),
        (("a.npz", "b.npy", "--alternative", "up"), "unknown alternative"),
        (("a.npz", "b.npy", "--n-resamples", "0"), "a test needs draws"),
        (("a.npz", "b.npy", "--statistic", "weighted-jaccard"), "nowhere negative"),
    ],
)
def test_what_cannot_be_tested_is_refused_in_words(
    files: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run(files, *arguments)
    assert isinstance(done.exception, InputError), done.output
    with pytest.raises(InputError, match=message):
        raise done.exception


@pytest.mark.parametrize("two", [True, False])
def test_every_null_and_statistic_that_is_offered_runs(two: bool) -> None:
    positive = np.exp(A), np.exp(B)
    for null, names in (OF_TWO if two else OF_ONE).items():
        for name in names:
            if name in ("tfce", "cluster-extent", "fdr-by"):
                continue  # as their siblings: slow to compile
            chosen = choose(two, null, name)
            maps = [top(one) for one in positive] if chosen.masks else list(positive)
            if null == "sign-flip" and not two:
                maps[0] = A - B
            found = run_test(chosen, *maps[: 1 + two], n_resamples=9)
            assert found.sentence
            assert found.to_dict()
    assert set(MASKS) | set(MAPS) == set(OF_TWO["swap"])


def test_a_statistic_alone_finds_its_null() -> None:
    assert choose(True, None, "tfce").null == "sign-flip"
    assert choose(True, None, "pearson").null == "swap"
    assert choose(False, None, "tfce").null == "sign-flip"


@pytest.mark.parametrize(("statistic", "masks"), [("dice", True), ("pearson", False)])
def test_all_but_the_primary_statistic_say_that_they_are_exploratory(
    files: Path, statistic: str, masks: bool
) -> None:
    found = as_json(files, "a.npz", "b.npy", "--statistic", statistic)
    assert found["sentence"].startswith("Exploratory: the one primary statistic is overlap lift")
    assert ("monotone" in found["sentence"]) == masks
    assert "xploratory" not in as_json(files, "a.npz", "b.npy")["sentence"]
