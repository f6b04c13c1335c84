"""What is published says the truth about itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .distributions import brought_by, name_of

if TYPE_CHECKING:
    from pathlib import Path

    from .distributions import Distribution

# Needed though nothing of ours imports them: what a library runs faster with, or a plugin lives in.
UNSEEN = {"hiredis", "httptools", "websockets"}


def test_it_brings_one_module_of_the_namespace_and_not_the_namespace(
    distribution: Distribution,
) -> None:
    namespace = distribution.folder / "src" / "mizzen"
    inside = sorted(path.name for path in namespace.iterdir() if path.name != "__pycache__")
    assert inside == [distribution.module.removeprefix("mizzen.")]
    assert (distribution.source / "py.typed").is_file()
    assert [path.name for path in namespace.parent.iterdir()] == ["mizzen"]


def test_it_says_who_may_use_it_and_how(distribution: Distribution) -> None:
    project = distribution.project
    assert project["name"] == distribution.name
    assert project["requires-python"] == ">=3.11"
    assert (project["license"], project["license-files"]) == ("MIT", ["LICENSE"])
    assert "MIT License" in (distribution.folder / "LICENSE").read_text()
    pythons = [c for c in project["classifiers"] if re.search(r":: 3\.\d+$", c)]
    assert pythons == [f"Programming Language :: Python :: 3.{n}" for n in (11, 12, 13, 14)]
    assert "Typing :: Typed" in project["classifiers"]
    assert project["description"].endswith(".")


def test_its_readme_is_its_description(distribution: Distribution) -> None:
    assert distribution.project["readme"] == "README.md"
    text = (distribution.folder / "README.md").read_text()
    assert text.startswith(f"# {distribution.name}\n\n")
    assert f"pip install {distribution.name}" in text.replace('"', "")


def test_it_keeps_a_changelog_of_fragments(distribution: Distribution) -> None:
    tool = distribution.manifest["tool"]["towncrier"]
    assert (tool["directory"], tool["filename"]) == ("changelog.d", "CHANGELOG.md")
    assert (
        "<!-- towncrier release notes start -->"
        in (distribution.folder / tool["filename"]).read_text()
    )
    # An empty folder would not survive a clone.
    assert list((distribution.folder / tool["directory"]).iterdir())


def test_everything_it_imports_is_declared(distribution: Distribution) -> None:
    declared = distribution.required.union(
        *({name_of(line) for line in lines} for lines in distribution.extras.values())
    )
    undeclared = {
        f"{file.relative_to(distribution.folder)}: {module}"
        for file, module in distribution.imports()
        if not (brought_by(module) & declared) and not is_for_pytest(file, module)
    }
    assert undeclared == set()


def is_for_pytest(file: Path, module: str) -> bool:
    """Tell whether only pytest's users load this; they have pytest."""
    names = {file.stem.partition("_")[0], file.stem, file.parent.name.lstrip("_")}
    testing = bool(names & {"testing", "pytest_plugin", "contract"})
    return testing and module.partition(".")[0] in {"pytest", "_pytest"}


def test_everything_it_requires_is_imported(distribution: Distribution) -> None:
    used: set[str] = set()
    for _, module in distribution.imports():
        used |= brought_by(module)
    assert distribution.required - used - UNSEEN == set()


def test_no_component_requires_another(distribution: Distribution) -> None:
    ours = {name for name in distribution.required if name.startswith("mizzen")}
    assert not ours or distribution.name == "mizzen"
    if distribution.name != "mizzen":
        for lines in distribution.extras.values():
            assert {name_of(n) for n in lines if n.startswith("mizzen")} <= {distribution.name}


def test_the_extra_all_has_all(distribution: Distribution) -> None:
    extras = set(distribution.extras) - {"all"}
    line = f"{distribution.name}[{','.join(sorted(extras))}]"
    assert distribution.extras["all"] == [line]


def test_every_extra_that_a_message_or_page_names_is_there(distribution: Distribution) -> None:
    named: set[str] = set()
    for file in [*distribution.source.rglob("*.py"), distribution.folder / "README.md"]:
        for found in re.finditer(rf"\b{distribution.name}\[([a-z,]+)\]", file.read_text()):
            named |= set(found[1].split(","))
    assert named <= set(distribution.extras)


def test_its_entry_points_lead_somewhere(distribution: Distribution) -> None:
    project = distribution.project
    groups = {**project.get("entry-points", {}), "scripts": project.get("scripts", {})}
    assert "pytest11" in groups
    for target in (target for group in groups.values() for target in group.values()):
        module, _, name = target.partition(":")
        path = distribution.folder.joinpath("src", *module.split("."))
        file = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
        assert file.exists(), target
        assert not name or f"def {name}(" in file.read_text(), target
