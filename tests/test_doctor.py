"""`spatialstats doctor`: right kernels pass, wrong ones are told, and nothing is claimed unseen."""

from __future__ import annotations

import dataclasses
import json
from unittest import mock

import numpy as np
import pytest
from emulation import emulated
from typer.testing import CliRunner

from spatialstats import doctor
from spatialstats.cli import app
from spatialstats.doctor import checks, machine
from spatialstats.doctor.entries import CHECKS

BY_NAME = {check.name: check for check in CHECKS}


@pytest.mark.parametrize("name", BY_NAME)
def test_cpu_kernels_agree_with_brief_answers(name: str) -> None:
    said = doctor.verdict(BY_NAME[name], gpu=False)
    answer = "ok" if BY_NAME[name].truth else "not checked"
    assert (said.cpu, said.gpu, said.again) == (answer, "not checked", "not checked")


@pytest.mark.parametrize("name", BY_NAME)
def test_launchers_give_the_bits_of_the_cpu(name: str) -> None:
    here = checks.on_cpu(BY_NAME[name])
    with emulated("random", 3):
        there = checks.on_gpu(BY_NAME[name])
    assert checks.differing(there, here) == []


def test_a_difference_of_one_bit_is_told() -> None:
    found = {"result.a": np.array([1.0, 2.0]), "result.b": np.arange(3)}
    off = {**found, "result.a": np.nextafter(found["result.a"], 3)}
    assert checks.differing(off, found) == ["result.a"]
    assert checks.differing({**found, "result.b": np.arange(3, dtype=np.int32)}, found) == ["result.b"]
    assert checks.differing({"result.b": found["result.b"]}, found) == ["result.a"]
    assert checks.far_from(off, found) == []
    assert checks.far_from(found, {"result.b": np.array([0, 1, 3])}) == ["result.b"]


def wrong(check: checks.Check) -> checks.Check:
    """A check whose kernel is off by one."""
    return dataclasses.replace(check, run=lambda given, gpu: (np.arange(3) + 1,), truth=truth)


def truth(given: object) -> dict[str, np.ndarray]:
    return {"result.0": np.arange(3)}


def failing(given: object, gpu: bool) -> None:
    raise RuntimeError("no kernel image is available\nfor the device")


def test_wrong_and_failing_kernels_are_told_and_end_with_exit_code_1() -> None:
    check = CHECKS[0]
    entries = [wrong(check), dataclasses.replace(check, name="broken", run=failing)]
    with mock.patch.object(doctor, "CHECKS", entries):
        ended = CliRunner().invoke(app, ["doctor"])
    assert ended.exit_code == 1
    assert "differs: 0" in ended.stdout
    assert "RuntimeError: no kernel image is available" in ended.stdout
    assert "2 things are wrong." in ended.stdout


def test_a_gpu_that_differs_is_told() -> None:
    check = dataclasses.replace(CHECKS[0], run=lambda given, gpu: (np.arange(3) + gpu,), truth=None)
    with emulated():
        said = doctor.verdict(check, gpu=True)
    assert said.failed
    assert (said.cpu, said.gpu, said.again) == ("not checked", "differs: 0", "ok")


@pytest.mark.skipif(machine.why_no_gpu() == "", reason="there is a GPU")
def test_without_a_gpu_it_says_so_and_what_was_not_checked() -> None:
    with mock.patch.object(doctor, "CHECKS", CHECKS[-1:]):
        ended = CliRunner().invoke(app, ["doctor"])
        as_json = CliRunner().invoke(app, ["doctor", "--json"])
    assert ended.exit_code == 0
    assert "No GPU was used" in ended.stdout
    assert "it was not checked that kernels compile for a device" in ended.stdout
    found = json.loads(as_json.stdout)
    assert found["healthy"] is True
    assert found["verdicts"][0]["gpu"] == "not checked"
    assert found["speed"] == {}


@pytest.mark.gpu
@pytest.mark.skipif(machine.why_no_gpu() != "", reason="no CUDA device")
def test_with_a_gpu_everything_is_checked() -> None:
    found = doctor.examine()
    assert found.healthy, doctor.shown(found)
    assert found.unchecked == []
    assert all(said.gpu == said.again == "ok" for said in found.verdicts)
    assert found.speed["density"] > 0


def test_every_cuda_file_that_a_launcher_loads_is_there() -> None:
    assert machine.missing_sources() == []
