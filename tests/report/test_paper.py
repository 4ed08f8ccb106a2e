"""The paper kit: LaTeX that compiles, and exactly the references that are cited."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from synthetic import make_run
from typer.testing import CliRunner

from spatialstats.attacks import list_attacks
from spatialstats.cli import app
from spatialstats.engine.config import Config
from spatialstats.errors import InputError
from spatialstats.importance import list_importance
from spatialstats.report.paper import paper_kit
from spatialstats.report.paper_latex import escape
from spatialstats.report.paper_references import (
    OF_ATTACK,
    OF_DATA,
    OF_FILL,
    OF_IMPORTANCE,
    bibliography,
    references,
)

HOSTILE = r"my_net #1 & 100% {of} ~the^ $models\ <b> | π ε “x”"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_run(tmp_path_factory.mktemp("paper"))
    results = json.loads((path / "results.json").read_text())
    results["config"] = Config().to_dict()
    results["rules"] = Config().rules()
    results["model"]["name"] = HOSTILE
    results["others"] = [{"name": "an_other", "comparable": True}]
    (path / "results.json").write_text(json.dumps(results))
    parts = "pgd-linf=PgdLinf(epsilon=0.0313725, steps=10, alpha=0.00784313725490196, random_start=True); "
    (path / "run.json").write_text(
        json.dumps({"config": {}, "parts": f"{parts}importance=IntegratedGradients(steps=4)"})
    )
    return path


@pytest.fixture(scope="module")
def kit(run: Path) -> Path:
    return paper_kit(run)


def balanced(tex: str) -> bool:
    depth = 0
    for token in re.findall(r"\\.|[{}]", tex, flags=re.DOTALL):
        depth += {"{": 1, "}": -1}.get(token, 0)
        if depth < 0:
            return False
    return depth == 0


def unescaped(tex: str) -> list[str]:
    """Characters that LaTeX would not print, outside of math, tables' rules and comments at line ends."""
    plain = re.sub(r"\\[a-zA-Z]+\*?|\\.", "", tex)
    plain = re.sub(r"(?<!\\)\$[^$]*\$", "", plain)
    plain = re.sub(r"%$", "", plain, flags=re.MULTILINE)
    return re.findall(r"[#%_^$\\<>|\"]", plain)


def structure(tex: str) -> list[str]:
    found = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", tex):
        if kind == "begin":
            found.append(name)
        elif not found or found.pop() != name:
            return ["crossed"]
    return found


@pytest.mark.parametrize("name", ["methods.tex", "table.tex", "paper.tex"])
def test_the_latex_is_sound(kit: Path, name: str) -> None:
    tex = (kit / name).read_text()
    assert balanced(tex)
    assert structure(tex) == []
    assert tex.count("$") % 2 == tex.count(r"\$") % 2
    text = re.sub(r"\{[lr]+\}|\\ifdim.*?\\fi", "", tex).replace(" & ", " ")
    assert unescaped(text) == []
    assert tex.isascii() or all(ord(letter) < 0x180 for letter in tex)


def test_each_row_of_a_table_has_its_columns(kit: Path) -> None:
    for block in re.findall(
        r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end", (kit / "table.tex").read_text(), re.S
    ):
        columns, body = block
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(rows) > 1
        headed = rf"\multicolumn{{{len(columns)}}}{{l}}{{"  # a row that is one heading over all columns
        widths = [
            len(columns) if row.startswith(headed) else len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows
        ]
        assert set(widths) == {len(columns)}


def test_exactly_the_cited_works_are_in_the_bibliography(kit: Path) -> None:
    cited = re.findall(r"\\cite\{([^}]+)\}", (kit / "methods.tex").read_text())
    keys = {key for group in cited for key in group.split(",")}
    held = re.findall(r"^@\w+\{(\w+),$", (kit / "references.bib").read_text(), flags=re.MULTILINE)
    assert keys == set(held)
    assert len(held) == len(set(held)) > 8
    assert {"chattopadhyay2020", "madry2018", "sundararajan2017", "shapley1953"} <= keys
    assert "croce2020" not in keys  # AutoAttack was not run


def test_every_reference_is_whole_and_can_be_cited() -> None:
    found = references()
    assert len(found) == (files("spatialstats.report") / "references.bib").read_text().count("\n@")
    for entry in found.values():
        kind = re.match(r"@(\w+)", entry)[1]
        fields = dict(re.findall(r"^  (\w+) = \{(.*)\},?$", entry, re.MULTILINE))
        assert {"author", "title", "year"} <= set(fields)
        needed = {"article": "journal", "inproceedings": "booktitle", "misc": "eprint"}.get(kind)
        assert needed is None or fields[needed]
        assert re.fullmatch(r"(19|20)\d\d", fields["year"])
    assert balanced(bibliography(found))
    for table in (OF_ATTACK, OF_DATA, OF_FILL, OF_IMPORTANCE):
        assert set(table.values()) <= set(found)
    assert set(OF_ATTACK) == set(list_attacks()) - {"noise"}
    assert set(OF_IMPORTANCE) == set(list_importance())


def test_the_paragraph_tells_the_runs_own_settings(kit: Path, run: Path) -> None:
    methods = (kit / "methods.tex").read_text()
    results = json.loads((run / "results.json").read_text())
    for part in (
        escape(HOSTILE),
        "1,000 of cifar10",
        "(3$\\times$32$\\times$32 pixels, 10 classes)",
        "locate: 250, choose: 150, report: 600",
        "92.2\\,\\%",
        "steps 10, alpha 2/255, random start yes",
        "9,999 uniform permutations",
        "the top 30 \\% of the pixels",
        "\\texttt{an\\_other}",
        "seed 0",
        "torch 2.13.0",
        escape(results["attacks"][0]["label"]),
        "no claim of robustness",
    ):
        assert part in methods, part


def test_a_defended_accuracy_stands_with_all_it_needs(kit: Path) -> None:
    head = (kit / "table.tex").read_text().split(r"\label{tab:neutralization}")[1]
    columns, _, group, row = head.split(r"\toprule")[1].splitlines()[1:5]
    for column in ("knowledge", r"clean,\\neutralized", "ceiling", "swapped mask"):
        assert column in columns
    for number in ("clean 9", "attacked ", "$n$ = "):
        assert number in group
    assert row.startswith("roa-minus-roi & ")
    assert "static numbers, no claim of robustness" in (kit / "table.tex").read_text()


def test_every_figure_is_an_svg_and_a_pdf(kit: Path) -> None:
    kinds = {kind: {file.stem for file in (kit / "figures").glob(f"*.{kind}")} for kind in ("svg", "pdf")}
    assert {"shares", "densities"} <= kinds["svg"] == kinds["pdf"]
    assert len(list((kit / "figures").iterdir())) == 2 * len(kinds["svg"])


def test_it_compiles(kit: Path, tmp_path: Path) -> None:
    engine = next(
        (name for name in ("pdflatex", "lualatex", "xelatex", "tectonic") if shutil.which(name)), ""
    )
    if not engine:
        pytest.skip("there is no LaTeX on the PATH: its structure is tested above")
    shutil.copytree(kit, tmp_path, dirs_exist_ok=True)
    source = tmp_path / "paper.tex"
    shown = r"\includegraphics[width=\linewidth]{figures/shares} \ref{tab:where}, \ref{tab:neutralization}"
    source.write_text(source.read_text().replace(r"\bibliographystyle", shown + "\n\\bibliographystyle"))
    steps: list[list[str]] = [[engine, "paper.tex"]]
    if engine != "tectonic":
        call = [engine, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
        steps = [call, ["bibtex", "paper"], call, call]
    for step in steps:
        done = subprocess.run(step, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:]
        assert "Warning--" not in done.stdout  # bibtex, of a field that is missing
    assert not re.findall(r"(?:Citation|Reference) .* undefined", done.stdout)
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("a_b", r"a\_b"),
        ("50 %", r"50 \%"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("L∞ − 3", r"L$\infty$ $-$ 3"),
        ("é", "é"),
        ("漢", "?"),
        ("a\x00b", "ab"),
    ],
)
def test_text_is_escaped(given: str, wanted: str) -> None:
    assert escape(given) == wanted


def test_the_command_writes_where_it_is_told(run: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["paper", str(run), "--out", str(tmp_path / "kit")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "kit" / "references.bib").is_file()
    assert "We analysed where adversarial attacks hit" in done.stdout


def test_what_is_no_run_is_refused(tmp_path: Path, run: Path) -> None:
    with pytest.raises(InputError, match="no complete run"):
        paper_kit(tmp_path)
    (tmp_path / "results.json").write_text('{"kind": "comparison"}')
    with pytest.raises(InputError, match="holds a comparison"):
        paper_kit(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="must be a folder"):
        paper_kit(run, tmp_path / "file")


def test_other_settings_are_told_too(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run")
    results: dict[str, Any] = json.loads((path / "results.json").read_text())
    config = Config(attack_map="frequency", roi="otsu", min_area=3, dataset="photos")
    results |= {"config": config.to_dict(), "rules": config.rules()}
    for attack in results["attacks"]:
        attack["neutralization"] = []
    (path / "results.json").write_text(json.dumps(results))
    kit = paper_kit(path)
    methods = (kit / "methods.tex").read_text()
    assert "the pixels above Otsu's threshold of its positive part" in methods
    assert "The region of attack holds all changed pixels" in methods
    assert "at least 3 pixels" in methods
    assert "krizhevsky2009" not in methods
    assert "otsu1979" in (kit / "references.bib").read_text()
    assert "Neutralization" not in methods
    assert "tab:neutralization" not in (kit / "table.tex").read_text()
