"""The report as a reader meets it, in headless Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from synthetic import CLASSES, edit, make_run

from spatialstats.report import build_report

pytestmark = pytest.mark.browser
Visit = Callable[..., Any]
CONTRAST = """selector => {
  const parse = s => s.match(/[\\d.]+/g).map(Number);
  const linear = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = c => .2126 * linear(c[0]) + .7152 * linear(c[1]) + .0722 * linear(c[2]);
  const backdrop = e => {
    const colour = parse(getComputedStyle(e).backgroundColor);
    return colour[3] === 0 && e.parentElement ? backdrop(e.parentElement) : colour;
  };
  return [...document.querySelectorAll(selector)].filter(e => e.offsetParent).map(e => {
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(backdrop(e))].sort((x, y) => y - x);
    return [(a + .05) / (b + .05), e.textContent.trim().slice(0, 40)];
  });
}"""


@pytest.fixture(scope="module")
def page(browser: Any, report: Path) -> Any:
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    opened = context.new_page()
    opened.goto(report.as_uri())
    yield opened
    context.close()


def test_opening_it_on_a_laptop_asks_for_nothing_and_logs_nothing(visit: Visit, report: Path) -> None:
    page = visit(report)
    assert page.locator("h1").inner_text().startswith("PGD L∞ 8/255 puts 68 %")


@pytest.mark.parametrize("part", ["h1", ".chips", "#hero", "#shares", "#colocation", "#examples"])
def test_first_screen_fits_a_laptop(page: Any, part: str) -> None:
    box = page.locator(part).bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1366
    assert box["y"] + box["height"] <= 768


def test_first_screen_is_laid_out_left_centre_right_and_below(page: Any) -> None:
    hero, shares, lift, strip = (
        page.locator(p).bounding_box() for p in ("#hero", "#shares", "#colocation", "#examples")
    )
    assert hero["x"] < shares["x"] < lift["x"] < strip["x"] + strip["width"]
    assert strip["y"] > max(box["y"] + box["height"] for box in (hero, shares, lift)) - 1
    assert page.locator("#examples .strip li").count() == 6


def test_six_images_stand_in_the_order_of_their_quantile(page: Any) -> None:
    captions = page.locator("#examples .shot:not([hidden]) .cap b").all_inner_texts()
    assert captions == [f"q {q}" for q in ("0.05", "0.20", "0.35", "0.50", "0.65", "0.95")]


def test_a_tab_changes_bars_hero_examples_and_selects(visit: Visit, report: Path) -> None:
    page = visit(report)
    before = page.locator("#shares .panel:visible svg").text_content()
    page.get_by_role("tab", name="Patch 5×5").click()
    assert page.locator("#shares .panel:visible svg").text_content() != before
    assert "57.1" in page.locator("#shares .panel:visible svg").text_content()
    assert "Patch" in page.locator("#hero figcaption:visible .sub").inner_text()
    assert [s.input_value() for s in page.locator("[data-attack-select]").all()] == ["a2", "a2"]
    assert page.locator(".row-back.is-current").get_attribute("data-row") == "a2"
    page.locator("#densities [data-attack-select]").select_option(label="PGD L2 0.5")
    assert page.get_by_role("tab", selected=True).inner_text() == "PGD L2 0.5"


def test_tabs_follow_the_arrow_keys_home_and_end(visit: Visit, report: Path) -> None:
    page = visit(report)
    page.get_by_role("tab").first.focus()
    chosen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "ArrowLeft", "Home"):
        page.keyboard.press(key)
        chosen.append(page.get_by_role("tab", selected=True).get_attribute("data-key"))
        assert page.evaluate("document.activeElement.getAttribute('aria-selected')") == "true"
    assert chosen == ["a1", "a2", "a1", "a3", "a0", "a3", "a0"]
    assert page.locator('[role="tab"][tabindex="0"]').count() == 1
    assert page.locator('[role="tabpanel"]:visible').count() == 1


def test_noise_without_a_region_says_why(visit: Visit, report: Path) -> None:
    page = visit(report)
    page.get_by_role("tab", name="Uniform noise 8/255").click()
    said = page.locator("#shares .panel:visible").inner_text()
    assert "No region of attack" in said
    assert "6.5 times the net change" in said
    assert page.locator("#examples .shot:visible .overlay").count() == 0


def test_class_and_outcome_change_the_density_shown(visit: Visit, report: Path) -> None:
    page = visit(report)
    maps = page.locator(".density:visible")
    first = maps.first.screenshot()
    alt = maps.first.locator("img").get_attribute("alt")
    page.locator("#group").select_option(label=f"{CLASSES[3]} (55)")
    assert maps.first.locator("img").get_attribute("alt") != alt
    assert CLASSES[3] in maps.first.locator("img").get_attribute("alt")
    assert maps.first.screenshot() != first
    page.locator("#group").select_option(label="succeeded")
    assert "not split by outcome" in maps.first.inner_text()
    assert "succeeded" in maps.nth(1).locator("img").get_attribute("alt")


def test_scale_of_the_energy_map_follows_the_attack(visit: Visit, run_dir: Path, report: Path) -> None:
    page = visit(report)
    assert page.locator(".row-energy .ramp-top").inner_text().endswith("/255")
    share = page.locator(".row-share .ramp-top").inner_text()
    page.get_by_role("tab", name="Patch 5×5").click()
    assert page.locator(".row-share .ramp-top").inner_text() == share


def test_slider_changes_the_overlay_of_hero_and_examples(visit: Visit, report: Path) -> None:
    page = visit(report)
    opacity = "e => getComputedStyle(e).opacity"
    overlays = page.locator(".overlay:visible")
    assert overlays.first.evaluate(opacity) == "0.45"
    before = page.locator("#examples .photo:visible").first.screenshot()
    page.locator("#opacity").focus()
    page.keyboard.press("End")
    assert {o.evaluate(opacity) for o in overlays.all()} == {"1"}
    assert page.locator("#opacity-value").inner_text().startswith("100")
    assert page.locator("#examples .photo:visible").first.screenshot() != before


def test_switch_shows_the_attacked_picture(visit: Visit, report: Path) -> None:
    page = visit(report)
    page.locator("#opacity").fill("0")
    before = page.locator("#hero .photo:visible").screenshot()
    page.get_by_label("attacked", exact=True).check()
    assert page.locator("#hero .photo:visible").screenshot() != before


def test_outlines_can_be_switched_off(visit: Visit, report: Path) -> None:
    page = visit(report)
    assert page.locator(".sprite svg:visible").count() > 0
    page.locator("#outlines").uncheck()
    assert page.locator(".sprite svg:visible").count() == 0


@pytest.mark.parametrize("which", ["report", "large_report"])
def test_phone_never_scrolls_sideways(visit: Visit, request: pytest.FixtureRequest, which: str) -> None:
    page = visit(request.getfixturevalue(which), 390, 844)
    for details in page.locator("details").all():
        details.evaluate("e => { e.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.evaluate("[...document.querySelectorAll('table')].every(t => t.closest('.scroll, .facts'))")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_contrast_in_both_schemes(visit: Visit, report: Path, scheme: str) -> None:
    page = visit(report, color_scheme=scheme)
    for details in page.locator("details").all():
        details.evaluate("e => { e.open = true; }")
    measured = page.evaluate(CONTRAST, "h1,h2,h3,p,li,td,th,dt,dd,button,label,summary,caption,code,small,a")
    weak = [pair for pair in measured if pair[0] < 4.5]
    assert len(measured) > 100
    assert weak == []
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(re.findall(r"\d+", paper)[0]) < 60) == (scheme == "dark")


def test_keyboard_reaches_skip_link_first_and_shows_its_focus(visit: Visit, report: Path) -> None:
    page = visit(report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.get_by_role("tab").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_screen_reader_finds_landmarks_names_and_headers(page: Any) -> None:
    assert page.get_by_role("main").count() == page.get_by_role("navigation").count() == 1
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.evaluate(
        "[...document.querySelectorAll('table')].every(t => t.caption && t.querySelector('th[scope]'))"
    )
    spoken = "s => s.querySelector('title').textContent && s.querySelector('desc').textContent"
    named = f"[...document.querySelectorAll('svg[role=img]')].every({spoken})"
    assert page.evaluate(named)
    assert page.evaluate(
        "[...document.querySelectorAll('.density:not([hidden]) img')].every(i => i.alt.includes('peak'))"
    )
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    assert page.evaluate(
        "[...document.querySelectorAll('use')].every(u => document.querySelector(u.getAttribute('href')))"
    )


def test_hostile_names_are_shown_and_never_run(visit: Visit, tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>'\"{{7*7}}"
    path = make_run(tmp_path / "run", classes=(evil, *CLASSES[1:]), attacks=("pgd-linf",))

    def spoil(results: dict[str, Any]) -> None:
        results["attacks"][0]["label"] = results["data"]["name"] = results["headline"]["text"] = evil
        results["data"]["notes"] = results["attacks"][0]["effect"]["reason"] = [evil]
        results["attacks"][0]["regions"][0]["class"] = evil
        results["examples"][0]["label"] = 0

    page = visit(build_report(edit(path, spoil)))
    assert page.locator("h1").inner_text() == evil
    assert page.locator("img[src='x']").count() == 0
    assert evil in page.locator("#group option").nth(1).evaluate("e => e.label")


def test_print_shows_every_attack_and_hides_controls(visit: Visit, report: Path) -> None:
    page = visit(report)
    page.emulate_media(media="print")
    assert page.locator("#shares .panel:visible").count() == 4
    assert not page.locator(".tabs").is_visible()
