"""The report of a real run in headless Chromium: quiet, alone, alive, and of the run's own numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import spatialstats

pytestmark = pytest.mark.browser


@pytest.fixture
def page(visit: Callable[..., Any], finished: spatialstats.Result) -> Any:
    """`visit` fails the test afterwards if the page logged or asked for anything."""
    opened = visit(finished.report)
    for details in opened.locator("details").all():
        details.evaluate("e => { e.open = true; }")
    return opened


def shown(text: str) -> list[float]:
    """The percentages of a text."""
    return [float(n.replace("\u2212", "-")) for n in re.findall(r"[\u2212]?\d+\.\d(?=\u202f%)", text)]


def percents(*values: float) -> list[float]:
    return [pytest.approx(100 * value, abs=0.0501) for value in values]


def test_numbers_on_the_page_are_those_of_the_results(page: Any, finished: spatialstats.Result) -> None:
    attack = finished.results["attacks"][0]
    assert page.locator("h1").inner_text() == finished.results["headline"]["text"]
    assert page.locator("table caption", has_text="Shares under").first.is_visible()
    rows = page.locator("#shares .panel:visible tbody tr")
    for row, name in zip(rows.all(), ("contested", "protected", "neutralizable", "background"), strict=True):
        of = attack["segments"][name]
        assert name in row.locator("th").inner_text()
        wanted = percents(*(of[key]["value"] for key in ("area", "damage", "restored")))
        assert shown(row.inner_text()) == wanted
    table = page.locator("#neutralization table.defence tbody").first
    keys = ("attacked", "neutralized", "ceiling", "swapped", "blob", "scattered")
    for row, of in zip(table.locator("tr:not(.group)").all(), attack["neutralization"], strict=True):
        cells = " ".join(row.locator("td").all_inner_texts()[2:8])
        wanted = [of[key]["value"] for key in keys if of[key]["value"] is not None]
        assert shown(cells) == percents(*wanted)
        tag = row.locator(".tag").first.inner_text()
        assert tag == ("deployable" if of["mask"] == "prior" else "analysis: needs the clean image")
        above = of["neutralized"]["value"] > of["ceiling"]["value"]
        assert ("\u2021" in cells) == above
    said = page.locator("#provenance").inner_text()
    assert finished.results["data"]["fingerprint"] in said
    assert "of 24 images, in reservoir.npz" in said


def test_controls_change_what_is_shown(page: Any, finished: spatialstats.Result) -> None:
    attack, noise = finished.results["attacks"]
    assert page.get_by_role("tab", selected=True).inner_text() == attack["label"]
    bars = page.locator("#shares .panel:visible").inner_text()
    page.get_by_role("tab", name=noise["label"]).click()
    assert page.locator("#shares .panel:visible").inner_text() != bars
    page.get_by_role("tab", name=attack["label"], exact=True).click()
    image = page.locator(".density:visible img").first
    before = image.get_attribute("alt")
    page.locator("#group").select_option(label=f"north-east ({finished.maps['class_count'][1]})")
    assert image.get_attribute("alt") != before
    peak = 100 * finished.maps["roi_by_class"][1].max()
    assert f"peak {peak:.1f}" in image.get_attribute("alt")
    overlay = page.locator(".overlay:visible").first
    page.locator("#opacity").fill("100")
    assert overlay.evaluate("e => getComputedStyle(e).opacity") == "1"
    page.locator("#opacity").fill("0")
    clean = page.locator("#hero .photo:visible").screenshot()
    page.get_by_label("attacked", exact=True).check()
    assert page.locator("#hero .photo:visible").screenshot() != clean
    assert page.locator(".sprite svg:visible").count() > 0
    page.locator("#outlines").uncheck()
    assert page.locator(".sprite svg:visible").count() == 0


def test_names_of_classes_are_shown_and_never_run(page: Any) -> None:
    assert "<b>south-east</b>" in page.locator("#group option").all_inner_texts()[4]
    assert page.locator("#group b").count() == 0
