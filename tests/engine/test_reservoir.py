"""The reservoir keeps what a later statistic needs, and is written without being held."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from small_world import go

import spatialstats
from spatialstats import kernels
from spatialstats.data import Dataset
from spatialstats.engine.reservoir import FEWEST, MAX_BYTES, capacity, write_member
from spatialstats.models import Classifier
from spatialstats.regions import threshold

ATTACK = "pgd-linf"


@pytest.fixture(scope="module")
def kept(finished: spatialstats.Result) -> dict[str, np.ndarray]:
    return finished.reservoir


def test_it_holds_the_images_that_were_asked_for(
    kept: dict[str, np.ndarray], finished: spatialstats.Result
) -> None:
    assert len(kept["row"]) == 24 == finished.results["data"]["reservoir"]
    samples = finished.samples
    inside = samples["row"].isin(kept["row"]).to_numpy()
    for column in ("row", "index", "label", "prediction", "split"):
        np.testing.assert_array_equal(kept[column], samples[column][inside])
    for column in ("prediction", "outcome", "formed"):
        np.testing.assert_array_equal(kept[f"{ATTACK}/{column}"], samples[f"{ATTACK}.{column}"][inside])
    assert set(kept["split"]) == {0, 1, 2}


def test_its_masks_are_those_of_the_run(kept: dict[str, np.ndarray], finished: spatialstats.Result) -> None:
    samples = finished.samples.set_index("row").loc[kept["row"]]
    roi, roa = (kernels.unpack(kept[name], kept["shape"]) for name in ("roi", f"{ATTACK}/roa"))
    formed = kept[f"{ATTACK}/formed"]
    for segment, mask in (("contested", roi & roa), ("neutralizable", roa & ~roi)):
        np.testing.assert_allclose(
            mask[formed].mean((1, 2)), samples[f"{ATTACK}.area.{segment}"].to_numpy()[formed]
        )
    candidate = kernels.unpack(kept[f"{ATTACK}/candidate"], kept["shape"])
    np.testing.assert_array_equal(roa, candidate & formed[:, None, None])


def test_its_maps_say_what_the_masks_and_margins_say(
    kept: dict[str, np.ndarray], finished: spatialstats.Result
) -> None:
    right = kept["label"] == kept["prediction"]
    effect = kept[f"{ATTACK}/effect"].astype(np.float64)
    assert np.isnan(effect[~right]).all()
    assert np.isnan(kept[f"{ATTACK}/effect_scale"][~right]).all()
    assert (kept[f"{ATTACK}/rival"][right] != kept["label"][right]).all()
    logits = effect[right] * kept[f"{ATTACK}/effect_scale"][right, None, None]
    change = finished.samples.set_index("row").loc[kept["row"]][f"{ATTACK}.change"].to_numpy()[right]
    error = finished.samples.set_index("row").loc[kept["row"]][f"{ATTACK}.completeness"].to_numpy()[right]
    assert (np.abs(logits.sum((1, 2)) - change) <= (error + 0.003) * np.abs(change)).all()
    assert np.nanmax(np.abs(effect)) == 1
    assert kept["importance"].dtype == kept[f"{ATTACK}/energy"].dtype == np.float16
    again = threshold(kept["importance"].astype(np.float32), 0.3)
    roi = kernels.unpack(kept["roi"], kept["shape"])
    assert (again != roi).mean() < 0.01  # rounded maps may tie at the cut
    touched = kernels.unpack(kept[f"{ATTACK}/frequency"], kept["shape"])
    assert (touched[right] == (kept[f"{ATTACK}/energy"][right] > 0)).mean() > 0.98


def test_a_member_written_in_parts_is_what_numpy_writes(tmp_path: Path) -> None:
    whole = np.random.default_rng(0).standard_normal((9, 4, 3)).astype(np.float16)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        write_member(archive, "x/y", 9, iter([whole[:2], whole[2:2], whole[2:]]))
    with np.load(tmp_path / "a.npz") as stored:
        assert stored.files == ["x/y"]
        np.testing.assert_array_equal(stored["x/y"], whole)
        assert stored["x/y"].dtype == whole.dtype


def test_large_images_are_fewer() -> None:
    assert capacity(2000, 32 * 32, 6) == 2000
    few = capacity(2000, 224 * 224, 2)
    assert 400 < few < 500
    assert few * 224 * 224 * 2 * 5 < MAX_BYTES
    assert capacity(2000, 4096 * 4096, 6) == FEWEST
    assert capacity(3, 4096 * 4096, 6) == 3


def test_merged_chunks_hold_no_maps_of_single_images(
    classifier: Classifier, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spatialstats.engine import run as engine

    held = []
    real = engine.write_results

    def spied(context: object, run: object, merged: object, *rest: object, **more: object) -> None:
        held.extend(merged.names(""))  # type: ignore[attr-defined]
        real(context, run, merged, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "write_results", spied)
    go(classifier, dataset, tmp_path / "run", attacks=["fgsm(epsilon=0.15)"], n=48)
    assert "row.label" in held
    assert not [name for name in held if name.startswith(("reservoir", "picture", "region"))]


def test_otsu_takes_another_area_from_every_image(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    result = go(
        classifier, dataset, tmp_path / "run", attacks=["fgsm(epsilon=0.15)"], n=48, roi="otsu", roa="top:0.2"
    )
    assert (result.results["config"]["roi"], result.results["config"]["roa"]) == ("otsu", 0.2)
    rules = result.results["rules"]
    assert (rules["roi"], rules["roa"]) == ("above Otsu's threshold", "top 20 %")
    area = kernels.area(result.reservoir["roi"])
    assert len(set(area.tolist())) > 5
    assert "RoI above Otsu&#39;s threshold, RoA top 20 %" in result.report.read_text()
