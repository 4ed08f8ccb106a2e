"""One browser and one run for all tests of the page."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic import CLASSES, make_run

from spatialstats.report import build_report

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def report(run_dir: Path) -> Path:
    return build_report(run_dir)


@pytest.fixture(scope="session")
def large_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """224 pixels of noise in pictures and masks: what compresses and outlines worst."""
    path = make_run(
        tmp_path_factory.mktemp("large"), size=224, attacks=("pgd-linf", "pgd-l2"), classes=CLASSES[:3]
    )
    rng = np.random.default_rng(0)
    with np.load(path / "examples.npz") as archive:
        arrays = {key: archive[key] for key in archive.files}
    for name, values in arrays.items():
        if name == "x" or name.endswith("x_adv"):
            arrays[name] = rng.integers(0, 256, values.shape).astype(np.uint8)
        elif name.endswith(("roi", "roa", "segments")):
            arrays[name] = (rng.random(values.shape) < 0.3).astype(values.dtype)
    np.savez(path / "examples.npz", **arrays)
    return build_report(path)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("there is no chromium on the PATH")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a report; afterwards asserts that it neither complained nor asked for anything."""
    contexts, complaints, requests = [], [], []

    def record(route: Any) -> None:
        url = route.request.url
        if not url.startswith(("file:", "data:")):
            requests.append(url)
            route.abort()
        else:
            route.continue_()

    def open_page(path: Path, width: int = 1366, height: int = 768, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.route("**/*", record)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    assert requests == []
