"""Files of a run are whole or absent, and a run's folder is never mixed with another."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from spatialstats.engine.config import Config
from spatialstats.engine.files import atomic, job_folder, read_arrays, write_arrays, write_json
from spatialstats.engine.job import read_results
from spatialstats.engine.rundir import RunDirectory
from spatialstats.errors import InputError

PRINTS = {"data": "d", "model": "m"}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    write_json(target, {"kept": True})
    with pytest.raises(TypeError), atomic(target) as file:
        file.writelines([b"half", "not bytes"])  # type: ignore[list-item]
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    assert "kept" in target.read_text()


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"the disk is full: a\.npz could not be written, .* --resume"):
        write_arrays(tmp_path / "a.npz", {"x": np.ones(3)})
    assert not list(tmp_path.iterdir())


def test_a_full_disk_names_the_folder_of_the_job(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {})
    for place in ("results.json", "chunks/a.npz", "units/static/linf~3a8/00000.npz"):
        assert job_folder(tmp_path / place) == tmp_path
    assert job_folder(tmp_path.parent / "elsewhere" / "a.npz") == tmp_path.parent / "elsewhere"


@pytest.mark.parametrize(
    ("kind", "wanted", "sentence"),
    [
        ("comparison", "run", "holds a comparison, no run: name a folder that `spatialstats analyze` wrote"),
        ("defences", "run", "holds an evaluation of defences, no run"),
        (None, "comparison", "holds a run, no comparison: name a folder that `spatialstats compare` wrote"),
        ("run", "defences", "holds a run, no evaluation of defences"),
    ],
)
def test_results_of_another_kind_are_refused(
    tmp_path: Path, kind: str | None, wanted: str, sentence: str
) -> None:
    write_json(tmp_path / "results.json", {} if kind is None else {"kind": kind})
    with pytest.raises(InputError, match=sentence):
        read_results(tmp_path, wanted)
    assert read_results(tmp_path) == read_results(tmp_path, kind or "run")


def test_a_request_of_another_kind_is_not_continued(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {"kind": "defences", "config": {}})
    with pytest.raises(InputError, match="holds no run: expected a folder that `spatialstats analyze` wrote"):
        RunDirectory.create(tmp_path, Config(), PRINTS, resume=True)


def test_nan_never_reaches_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    arrays = {"a/b": np.arange(6).reshape(2, 3), "text": np.array(["x", "yy"])}
    write_arrays(tmp_path / "a.npz", arrays)
    back = read_arrays(tmp_path / "a.npz")
    assert all((back[k] == arrays[k]).all() and back[k].dtype == arrays[k].dtype for k in arrays)


def test_another_runs_folder_is_refused(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path / "run", Config(), PRINTS, resume=False)
    with pytest.raises(InputError, match="holds another run"):
        RunDirectory.create(tmp_path / "run", Config(), PRINTS, resume=False)


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="holds other files"):
        RunDirectory.create(tmp_path, Config(), PRINTS, resume=True)
    with pytest.raises(InputError, match="must be a folder"):
        RunDirectory.create(tmp_path / "thesis.tex", Config(), PRINTS, resume=False)


def test_resume_refuses_other_settings_and_other_data(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path, Config(seed=1), PRINTS, resume=False)
    with pytest.raises(InputError, match=r"seed: 1, 2"):
        RunDirectory.create(tmp_path, Config(seed=2), PRINTS, resume=True)
    with pytest.raises(InputError, match=r"data: d, other"):
        RunDirectory.create(tmp_path, Config(seed=1), {**PRINTS, "data": "other"}, resume=True)
    RunDirectory.create(tmp_path, Config(seed=1), PRINTS, resume=True)


def test_results_of_an_unfinished_run_say_how_to_go_on(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, Config(), PRINTS, resume=False)
    with pytest.raises(InputError, match="--resume"):
        run.results()
