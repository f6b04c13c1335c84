"""`import mizzen.<x>` loads what it must, and no sibling; so does each package's pytest plugin.

Seconds are for a benchmark; that nothing heavy is loaded before it is used can be told exactly.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .distributions import Distribution

# What an import may load of others, and no more. The rest waits until it is used.
SMALL = {"typing_extensions"}
SQLMODEL = {"annotated_types", "greenlet", "pydantic", "pydantic_core", "sqlalchemy", "sqlmodel"}
MAY_LOAD = {
    "mizzen": {"anyio", "msgspec"},
    "mizzen-assets": {"anyio"},
    "mizzen-auth": {"anyio"},
    "mizzen-cable": {"anyio", "msgspec"},
    "mizzen-cache": {"msgspec"},
    "mizzen-orm": {"anyio", "typing_inspection", *SQLMODEL},
    "mizzen-queue": {"anyio", "msgspec"},
    "mizzen-testing": {"anyio"},
    "mizzen-web": {"anyio", "msgspec"},
}

# One interpreter tells both: what the package loads, then what the plugin adds under pytest.
LOOK = """
import importlib, json, sys
bare = set(sys.modules)
importlib.import_module(sys.argv[1])
package = set(sys.modules) - bare
import pytest
under_pytest = set(sys.modules)
importlib.import_module(sys.argv[1] + ".pytest_plugin")
plugin = set(sys.modules) - under_pytest
print(json.dumps([sorted(package), sorted(plugin)]))
"""


@pytest.fixture
def loaded(distribution: Distribution) -> tuple[set[str], set[str]]:
    """Return the modules that the package loads, and those that its plugin adds."""
    command = [sys.executable, "-I", "-W", "error", "-c", LOOK, distribution.module]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    package, plugin = json.loads(run.stdout)
    return set(package), set(plugin)


def of_others(modules: set[str]) -> set[str]:
    """Return the libraries among modules: neither Python's own, nor ours, nor a build's helper."""
    tops = {module.partition(".")[0] for module in modules} - sys.stdlib_module_names
    return {top for top in tops if not top.startswith("_")} - {"mizzen", "cython_runtime"}


def of_siblings(distribution: Distribution, modules: set[str]) -> set[str]:
    ours = {".".join(module.split(".")[:2]) for module in modules if module.startswith("mizzen.")}
    return ours - {distribution.module}


def test_an_import_loads_no_sibling_and_nothing_heavy(
    distribution: Distribution, loaded: tuple[set[str], set[str]]
) -> None:
    package, plugin = loaded
    allowed = MAY_LOAD[distribution.name] | SMALL
    assert of_siblings(distribution, package) == set()
    assert of_others(package) <= allowed
    # The plugin is loaded in every pytest run of whoever has the package.
    assert of_siblings(distribution, plugin) == set()
    assert of_others(plugin) <= allowed
