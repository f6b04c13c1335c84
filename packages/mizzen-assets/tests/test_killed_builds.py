"""A build may be killed at any moment and meet another: the manifest is always a whole one."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

FILES = 30


@pytest.fixture
def many(source: Path) -> Path:
    write_sources(source, 0)
    return source


def write_sources(source: Path, version: int) -> None:
    for number in range(FILES):
        text = f"console.log({version}, {number});\n" * 300
        (source / f"script{number}.js").write_text(text)


def start(source: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mizzen.assets", "build", str(source), str(out)]
    command += ["--quiet", "--keep", "0"]  # so that every build has something to remove
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def finish(build: subprocess.Popen[str]) -> None:
    _, err = build.communicate(timeout=30)
    assert (build.returncode, err) == (0, "")


def check(out: Path) -> None:
    manifest = json.loads((out / "manifest.json").read_bytes())
    for asset in manifest["assets"].values():
        body = (out / asset["file"]).read_bytes()
        digest = base64.b64encode(hashlib.sha384(body).digest()).decode()
        assert asset["integrity"] == f"sha384-{digest}"


def content(out: Path) -> dict[str, bytes]:
    paths = (p for p in out.rglob("*") if p.is_file() and p.name != "lock")
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


def test_killed_build_leaves_the_previous_one_whole(many: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    finish(start(many, out))
    chance = random.Random(1)
    for version in range(1, 9):
        write_sources(many, version)
        build = start(many, out)
        time.sleep(chance.uniform(0.08, 0.4))  # the moment of death, not a wait
        build.send_signal(signal.SIGKILL)
        build.communicate()
        check(out)
    finish(start(many, out))
    check(out)
    manifest = json.loads((out / "manifest.json").read_bytes())
    known = {asset["file"] for asset in manifest["assets"].values()}.union(*manifest["kept"])
    scripts = {path.name for path in out.glob("*.js")}
    assert scripts == {file for file in known if file.endswith(".js")}, "orphans are left"
    assert not list((out / ".mizzen/tmp").iterdir())


def test_two_builders_at_once_make_one_build(many: Path, tmp_path: Path) -> None:
    builds = [start(many, tmp_path / "out") for _ in range(3)]
    for build in builds:
        finish(build)
    finish(start(many, tmp_path / "alone"))
    assert content(tmp_path / "out") == content(tmp_path / "alone")
