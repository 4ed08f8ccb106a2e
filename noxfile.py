"""One session for each chore, run in the environment that nox itself runs in."""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "layers", "docs", "tests"]


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; arguments after -- go to pytest."""
    session.run("pytest", *session.posargs)


@nox.session
def emulate(session: nox.Session) -> None:
    """Run the kernels' CUDA on the CPU: the emulation's own tests, and the sanitizers."""
    session.run("pytest", "tests/cuda_host", *session.posargs)


@nox.session
def mutate(session: nox.Session) -> None:
    """Break every kernel on purpose; each fault must be noticed.  Names of operations go after --."""
    session.run("python", "tests/cuda_host/mutate.py", *session.posargs)


@nox.session
def sass(session: nox.Session) -> None:
    """Compile the kernels without a GPU and hold the machine code to its promises (extra gpu-check)."""
    session.run("python", "tests/cuda_host/compile_check.py", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(name="format")
def format_(session: nox.Session) -> None:
    """Repair style and formatting."""
    session.run("ruff", "check", "--fix", ".")
    session.run("ruff", "format", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    session.run("mypy")


@nox.session
def layers(session: nox.Session) -> None:
    """Check that modules import only from the layers below them."""
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")


@nox.session
def build(session: nox.Session) -> None:
    """Build the source archive, and the wheel from it, into dist/."""
    session.run("python", "-m", "build", "--no-isolation")
