"""Text and tables as LaTeX: escaping, numbers with intervals, booktabs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spatialstats.report import text

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "∞": r"$\infty$",
    "×": r"$\times$",
    "−": r"$-$",
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "ε": r"$\varepsilon$",
    "δ": r"$\delta$",
    "→": r"$\rightarrow$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "’": "'",
    "‘": "`",
    "“": "``",
    "”": "''",
    "\u00a0": "~",
    "\u202f": r"\,",
    "\n": " ",
    "\t": " ",
}


def escape(value: Any) -> str:
    """Any text so that LaTeX prints it as it is; what a Latin font does not hold becomes a question mark."""
    found = []
    for letter in str(value):
        if letter in _SPECIAL:
            found.append(_SPECIAL[letter])
        elif letter.isprintable() and ord(letter) < 0x180:
            found.append(letter)
        elif letter.isprintable():
            found.append("?")
    return "".join(found)


def percent(item: Any, *, stacked: bool = False) -> str:
    """A share with its interval in per cent: ``39.3 [38.1, 40.5]``; a dash without a value."""
    value = text.point(item)
    if value is None:
        return "--"
    return _with_ends(text.percent(value, unit=False), text.bracket(item), stacked)


def lift(item: Any, *, stacked: bool = False) -> str:
    """An excess of the overlap lift with its interval."""
    value = text.point(item)
    if value is None:
        return "--"
    ends = text.bracket(item, 2, fraction=False, sign=True)
    return _with_ends(text.number(value, 2, sign=True), ends, stacked)


def _with_ends(value: str, ends: str, stacked: bool) -> str:
    """A number and its interval, side by side or one above the other, where columns are many."""
    if not ends:
        return escape(value)
    return stack(escape(value), rf"{{\scriptsize {escape(ends)}}}") if stacked else escape(f"{value} {ends}")


def stack(*lines: str) -> str:
    """Lines of one cell, LaTeX already, one above the other."""
    return r"\shortstack[r]{" + r"\\".join(lines) + "}"


def group(title: str, width: int) -> list[str]:
    """A row that is one heading, LaTeX already, over `width` columns."""
    return [rf"\multicolumn{{{width}}}{{l}}{{\textit{{{title}}}}}"]


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, align: str, caption: str, label: str
) -> str:
    """A floating table with booktabs rules, as wide as the page at the most.

    Parameters
    ----------
    columns : sequence of str
        Headings, LaTeX already.
    rows : sequence of sequence of str
        Cells, LaTeX already; a row of one cell is a `group`.
    align : str
        Column types.
    caption, label : str
        LaTeX already; the caption stands above.
    """
    body: list[str] = []
    for row in rows:
        if body and (len(row) == 1 or any("shortstack" in cell for cell in row)):
            body.append(r"\addlinespace")
        body.append(" & ".join(row) + r" \\")
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{caption}}}",
        rf"\label{{{label}}}",
        r"\small",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{align}}}",
        r"\toprule",
        " & ".join(columns) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"
