"""The command line as a user meets it: one sentence and exit code 2 for whatever cannot be used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
ENTRY = [sys.executable, "-c", "from spatialstats.cli import main; main()"]


def spatialstats(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}  # tests run in other folders
    return subprocess.run(
        [*ENTRY, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
        timeout=600,
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--dataset", "cifr10"], "did you mean 'cifar10'?"),
        (["--attack", "pdg-linf"], "did you mean 'pgd-linf'?"),
        (["--importance", "salency"], "did you mean 'saliency'?"),
        (["--model", "cifar10-7"], "did you mean 'cifar10-"),
        (["--model", "nowhere.to:be_found"], "nowhere"),
        (["--effort", "most"], "unknown effort"),
        (["--mean", "a,b,c"], "--mean takes numbers"),
        (["--epsilon", "8/0"], "--epsilon takes a number"),
        (["--clean", "x.npz"], "both --clean and --adversarial"),
        (["--dataset", "images.npz"], "images.npz"),
        (["--device", "cuda"], "cuda"),
        (["--resume", "runs/there", "--n", "50"], "leave out --n"),
        (["--backend", "gpu"], "keeps its maps on the CPU"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_and_exit_code_2(
    arguments: list[str], sentence: str, tmp_path: Path
) -> None:
    ended = spatialstats("analyze", *arguments, "--n", "20", "--quiet", cwd=tmp_path)
    assert ended.returncode == 2, ended.stderr
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_model_is_required_where_none_is_bundled(tmp_path: Path) -> None:
    images = np.zeros((20, 3, 8, 8), np.uint8) + np.arange(20, dtype=np.uint8)[:, None, None, None]
    np.savez(tmp_path / "mine.npz", images=images, labels=np.arange(20) % 2)
    ended = spatialstats("analyze", "--dataset", "mine.npz", cwd=tmp_path)
    assert ended.returncode == 2
    assert "pass --model package.module:attribute" in ended.stderr


def test_another_runs_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    ended = spatialstats("analyze", "--out", "run", "--n", "20", "--quiet", cwd=tmp_path)
    assert ended.returncode == 2
    assert "holds another run" in ended.stderr
    assert (tmp_path / "run" / "run.json").read_text() == "{}"


def test_report_of_no_run_is_refused(tmp_path: Path) -> None:
    ended = spatialstats("report", str(tmp_path))
    assert ended.returncode == 2
    assert "no complete run" in ended.stderr


def test_json_is_all_that_standard_output_holds(tmp_path: Path) -> None:
    ended = spatialstats(
        "analyze", "--attack", "fgsm", "--importance", "saliency", "--n", "40", "--effort", "quick", "--json",
        "--out", "run", cwd=tmp_path,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["attacks"][0]["name"] == "fgsm"
    assert (tmp_path / "run" / "report.html").exists()
    again = spatialstats("report", "run", cwd=tmp_path)
    assert again.returncode == 0
    assert "report.html" in again.stdout


def test_list_names_everything() -> None:
    printed = spatialstats("list").stdout
    assert all(
        name in printed for name in ("pgd-linf", "patch", "noise", "integrated-gradients", "cifar10-0")
    )


def test_help_shows_examples() -> None:
    printed = spatialstats("analyze", "--help").stdout
    assert "--resume" in printed
    assert "Examples" in printed


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom spatialstats.cli import main\nsys.argv=['spatialstats','--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy={'torch','numba','numpy','pandas','matplotlib','skimage','sklearn','scipy'}&set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    began = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert time.perf_counter() - began < 30  # a hang, not a speed goal
