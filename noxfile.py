# /// script
# requires-python = ">=3.11"
# dependencies = ["nox[uv]>=2026.4"]
# ///
"""Every check, by name: `uv run nox -l`. A bare `uv run nox` runs those that CI runs."""

from __future__ import annotations

import pathlib
import sys
import tomllib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import nox

nox.needs_version = ">=2026.4"
nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = [
    "lint", "types", "tests", "build", "alone", "floor", "notebooks", "browser", "docs",
]  # fmt: skip

ROOT = pathlib.Path(__file__).parent
DISTRIBUTIONS = {
    path.parent.name: path.parent for path in sorted(ROOT.glob("packages/*/pyproject.toml"))
}
EDITABLES = [f"--editable={path}" for path in [*DISTRIBUTIONS.values(), ROOT / "examples/gists"]]
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"  # `tests` runs on this one
OTHERS = [python for python in ("3.11", "3.12", "3.13", "3.14") if python != HERE]
PINNED = ["--constraint=constraints.txt"]
# A wheel in dist/ keeps its name when its content changes: never take it from uv's cache.
BUILT = ["--find-links=dist", *(f"--refresh-package={name}" for name in DISTRIBUTIONS)]


def manifest(path: pathlib.Path) -> dict[str, Any]:
    return tomllib.loads((path / "pyproject.toml").read_text())


def module_of(package: str) -> str:
    return str(manifest(DISTRIBUTIONS[package])["tool"]["uv"]["build-backend"]["module-name"])


def install(session: nox.Session, *groups: str) -> None:
    """Install the workspace, editable, with dependency groups, at the pinned versions."""
    session.install(*EDITABLES, *(f"--group={group}" for group in groups), *PINNED)


@nox.session(tags=["quick"])
def lint(session: nox.Session) -> None:
    """Style, formatting and the order of imports."""
    session.install("--group=lint", *PINNED)
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Strict pyright and mypy, complete public types, and who may import whom."""
    install(session, "test", "notebook", "browser", "lint")
    python = f"{session.virtualenv.location}/bin/python"
    with ThreadPoolExecutor(2) as pool:  # pyright's own threads each read all libraries again
        checks: list[Future[Any]] = []
        checks += [pool.submit(session.run, "pyright", f"--pythonpath={python}")]
        session.run("mypy")
        session.run("lint-imports", "--no-cache")
        checks += [pool.submit(verify_types, session, package) for package in DISTRIBUTIONS]
    for check in checks:
        check.result()


def verify_types(session: nox.Session, package: str) -> None:
    # Namespace packages installed as editable have no folder of their own to find py.typed in.
    env = {"PYTHONPATH": str(DISTRIBUTIONS[package] / "src")}
    session.run(
        "pyright", "--ignoreexternal", "--verifytypes", module_of(package), silent=True, env=env
    )


@nox.session
def tests(session: nox.Session) -> None:
    """All but notebooks and browsers, on real servers."""
    install(session, "test")
    session.run("pytest", "-q", "--numprocesses=2", *session.posargs)


@nox.session(python=OTHERS, default=False)
def pythons(session: nox.Session) -> None:
    """The tests that need no server and no child process, on each other Python that is there."""
    install(session, "test")
    session.run("pytest", "-q", "--numprocesses=2", "-m", "not slow", *session.posargs)


@nox.session(tags=["quick"], default=False)
def fast(session: nox.Session) -> None:
    """The packages' tests without servers, processes and documents: before each commit."""
    install(session, "test")
    quick = ("-m", "not slow", "--ignore-glob=*.md")
    session.run("pytest", "-q", "--numprocesses=2", *quick, *(session.posargs or ["packages"]))


@nox.session(venv_backend="none")
def build(session: nox.Session) -> None:
    """Wheels and sdists of every distribution, into `dist/`."""
    session.run(
        "uv", "build", "--all-packages", "--wheel", "--sdist", "--out-dir=dist", "--clear",
        external=True, silent=True,
    )  # fmt: skip


@nox.session(requires=["build"], reuse_venv=False)
@nox.parametrize("package", list(DISTRIBUTIONS), ids=list(DISTRIBUTIONS))
def alone(session: nox.Session, package: str) -> None:
    """Each wheel by itself: siblings absent, its tests pass bare, its README with its extras."""
    wheel = wheel_of(package)
    session.install(wheel, *BUILT, *PINNED)
    module = module_of(package)
    session.run(
        "python", "-I", "-W", "error", "-c", ALONE.format(module=module, absent=strangers(package))
    )
    session.install("--group=bare", *PINNED)
    env = {"MIZZEN_ALONE": "1"}
    bare = ("--numprocesses=2", "-m", "not slow")
    session.run("pytest", "-q", *bare, f"{DISTRIBUTIONS[package]}/tests", env=env)
    session.install(f"{wheel}[all]", "--group=tools", *BUILT, *PINNED)
    # What was left out; in one process, which runs a document's examples to its last.
    rest = ("-m", "slow or extra or document")
    session.run("pytest", "-q", *rest, str(DISTRIBUTIONS[package]), env=env)


@nox.session(python="3.11", requires=["build"], reuse_venv=False)
@nox.parametrize("package", list(DISTRIBUTIONS), ids=list(DISTRIBUTIONS))
def floor(session: nox.Session, package: str) -> None:
    """The lowest versions that each package declares really work."""
    session.install("--resolution=lowest-direct", f"{wheel_of(package)}[all]", *BUILT)
    session.install("--group=tools")
    session.run(
        "pytest", "-q", "--numprocesses=2", str(DISTRIBUTIONS[package]), "-m", "not slow",
        env={"MIZZEN_ALONE": "1"},
    )  # fmt: skip


@nox.session
def notebooks(session: nox.Session) -> None:
    """Every notebook, from an empty kernel to its last cell."""
    install(session, "test", "notebook")
    session.run("pytest", "tests/notebooks", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """The demonstration and the tour, in a real browser (Debian: `apt-get install chromium`)."""
    install(session, "test", "notebook", "browser")
    session.run("pytest", "tests/browser", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The manual, into `docs/_build/html`; a warning is an error."""
    install(session, "docs", "test")
    session.run("sphinx-build", "-W", "-q", "--keep-going", "docs", "docs/_build/html")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """`nox -s bench -- AREA [--json FILE]`: one component beside its peers."""
    area = next((word for word in session.posargs if not word.startswith("-")), "")
    peers = ROOT / "tests/benchmarks" / area / "requirements.txt"
    if not area or not peers.exists():
        known = ", ".join(
            sorted(path.parent.name for path in ROOT.glob("tests/benchmarks/*/figures.py"))
        )
        session.error(f"name an area: {known}")
    session.install(*EDITABLES, "--group=servers", f"--requirement={peers}")
    session.run("python", "tests/benchmarks/table.py", *session.posargs)


@nox.session(default=False, venv_backend="none")
def constraints(session: nox.Session) -> None:
    """Refresh `constraints.txt` on purpose, from today's newest versions."""
    session.run("uv", "lock", "--upgrade", external=True)
    session.run(
        "uv", "export", "--quiet", "--frozen", "--all-packages", "--all-groups", "--all-extras",
        "--no-emit-workspace", "--no-hashes", "--no-annotate", "--no-header",
        "--output-file=constraints.txt", external=True,
    )  # fmt: skip


def wheel_of(package: str) -> str:
    return str(next((ROOT / "dist").glob(f"{package.replace('-', '_')}-[0-9]*.whl")))


def strangers(package: str) -> list[str]:
    """Return the modules of the distributions that *package* does not depend on."""
    wanted = " ".join(manifest(DISTRIBUTIONS[package])["project"]["dependencies"])
    return [
        module_of(other)
        for other in DISTRIBUTIONS
        if other not in (package, "mizzen") and other not in wanted
    ]


ALONE = """
import importlib.util, {module}
assert "site-packages" in {module}.__file__, {module}.__file__
along = [name for name in {absent!r} if importlib.util.find_spec(name)]
assert not along, f"came along: {{along}}"
"""
