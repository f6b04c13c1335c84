"""The component: builds, remembers the manifest, names the files, serves them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from . import _manifest, _tags
from ._builder import Builder, Options, Report
from ._errors import AssetsError, ManifestError, NotStarted
from ._manifest import Manifest
from ._serve import Counts, Receive, Scope, Send, Table
from ._sources import Layout
from ._tools import Toolbox
from ._units import seconds, size
from ._watched import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from types import TracebackType

    from typing import Self

    from ._tags import HTML, Attribute
    from .abc import Tool
    from .notebook import View

T = TypeVar("T")


class Assets:
    """A folder of sources, built into a folder of fingerprinted files and served from there.

    `entries` are compiled or bundled: `app.scss` becomes `app.css`, `app.ts` becomes `app.js`;
    without them, every compilable file directly in *source* that does not start with an
    underscore. Everything else is copied, and so is what lies in `static` (folders or files).
    `aliases` maps names imported by scripts to absolute paths; `load_paths` are folders
    where Sass looks too. `keep` is the number of earlier releases whose files stay.
    `timeout` bounds one compilation; `memory` bounds the file bytes held for serving.
    """

    def __init__(
        self,
        source: str | Path,
        output: str | Path = "public/assets",
        *,
        prefix: str = "/assets/",
        entries: Sequence[str] | None = None,
        aliases: Mapping[str, str | Path] | None = None,
        static: Sequence[str | Path] = (),
        load_paths: Sequence[str | Path] = (),
        minify: bool = True,
        source_maps: bool = False,
        keep: int = 3,
        build: bool = True,
        timeout: float | str | timedelta = "60s",
        memory: int | str = "64MB",
        tools: Sequence[Tool] = (),
    ) -> None:
        if not prefix.endswith("/") or not prefix.startswith(("/", "https://", "http://")):
            raise AssetsError(f"prefix {prefix!r} must begin with / or https:// and end with /")
        self.prefix = prefix
        self._build_on_start = build
        names = None if entries is None else tuple(entries)
        layout = Layout(_absolute(source), _absolute(output), names, _paths(static))
        where = {name: str(_absolute(path)) for name, path in (aliases or {}).items()}
        self._tools = Toolbox(tools)
        options = Options(
            prefix, minify, source_maps, where, _paths(load_paths), keep, seconds(timeout)
        )
        self._builder = Builder(layout, options, self._tools)
        self._manifest: Manifest | None = None
        self._urls: dict[str, str] = {}
        self._table = Table(layout.output, size(memory))
        self._counts = Counts()
        self._snapshot: Snapshot | None = None
        self._stop = threading.Event()
        self._turn: Any = None
        self._last: Report | None = None
        self._builds = self._failures = self._compiled = self._reused = 0
        self._seconds = 0.0
        self._failure: AssetsError | None = None

    @property
    def source(self) -> Path:
        """The folder of the sources, absolute."""
        return self._builder.layout.root

    @property
    def output(self) -> Path:
        """The folder of the built files, absolute."""
        return self._builder.layout.output

    @property
    def manifest(self) -> Manifest:
        """The manifest that is served from now; raises NotStarted before there is one."""
        if self._manifest is None:
            raise NotStarted(
                "no manifest is loaded: call `await assets.start()` or use `async with`"
            )
        return self._manifest

    async def start(self) -> Self:
        """Load the manifest, after building what is missing or out of date.

        With `build=False` nothing is compiled, and a missing manifest is a ManifestError.
        """
        if self._manifest is None:
            if self._build_on_start:
                await self.build()
            else:
                from anyio import to_thread

                self._load(await to_thread.run_sync(self._read))
        return self

    async def aclose(self) -> None:
        """Stop a running build, end the compilers, forget the manifest and what it held."""
        from anyio import to_thread

        self._stop.set()
        async with self._lock():
            await to_thread.run_sync(self._tools.close)
        self._manifest = self._snapshot = None
        self._table.load({})
        self._urls = {}

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def build(self) -> Manifest:
        """Build what changed, and serve the result from now on; it need not be started.

        Raises an AssetsError when it cannot; what was served before is served still.
        """
        async with self._lock():
            return await self._build()

    async def refresh(self) -> bool:
        """Build again if a source was touched; return whether a new manifest is served.

        Cheap when nothing happened: one stat per file. Meant for each page during development.
        """
        from anyio import to_thread

        async with self._lock():
            snapshot = self._snapshot
            if snapshot is not None and await to_thread.run_sync(snapshot.holds):
                return False
            before = self._manifest
            return (await self._build()).to_json() != (before.to_json() if before else b"")

    def url(self, name: str) -> str:
        """Return the address of an asset: `app.css` to `/assets/app-1a2b3c4d.css`."""
        found = self._urls.get(name)
        if found is None:
            found = self._urls[name] = self.prefix + quote(self.manifest[name].file)
        return found

    def tag(self, name: str, **attributes: Attribute) -> HTML:
        """Return the HTML element that loads a stylesheet, script or image, with integrity.

        Attributes are added as they are named: `nonce="…"`, `media="print"`, `data_x=1`.
        """
        return _tags.tag(self.manifest[name], self.url(name), attributes)

    def preload(self, name: str, **attributes: Attribute) -> HTML:
        """Return the `<link>` that has an asset fetched ahead of its use."""
        return _tags.preload(self.manifest[name], self.url(name), attributes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve as an ASGI application, mounted anywhere or by itself."""
        kind = scope["type"]
        if kind == "http":
            name = self._name(scope)
            await self._table.answer(name, scope["method"], scope["headers"], send, self._counts)
        elif kind == "lifespan":
            await self._lifespan(receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    def _name(self, scope: Scope) -> str:
        path: str = scope["path"]
        if path.startswith(self.prefix):
            return path[len(self.prefix) :]
        root: str = scope.get("root_path", "")
        if root and path.startswith(root):
            path = path[len(root) :]
        return path[len(self.prefix) :] if path.startswith(self.prefix) else path[1:]

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self.start()
                except AssetsError as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _build(self) -> Manifest:
        from anyio import to_thread

        begun = time.perf_counter()
        snapshot = Snapshot(self._builder.layout, self._last.watched if self._last else ())
        try:
            await to_thread.run_sync(snapshot.take)
            report = await self._in_thread(self._builder.build)
        except AssetsError as error:
            self._failures += 1
            self._failure = error
            self._snapshot = None
            raise
        self._failure = None
        self._builds += 1
        self._compiled += report.compiled
        self._reused += report.reused
        self._seconds = time.perf_counter() - begun
        # The snapshot was taken before the build: what was saved meanwhile is noticed later.
        if self._last is not None and report.watched == self._last.watched:
            self._snapshot = snapshot
        else:
            self._snapshot = await to_thread.run_sync(snapshot.widened, report.watched)
        self._last = report
        self._load(report.manifest)
        return report.manifest

    def _load(self, manifest: Manifest) -> None:
        if manifest is not self._manifest:
            self._manifest = manifest
            self._urls = {}
            self._table.load(manifest.files())

    def _read(self) -> Manifest:
        body = self._builder.output.read(_manifest.NAME)
        if body is None:
            raise ManifestError(f"{self.output} has no manifest; run the build first")
        return Manifest.from_json(body)

    async def _in_thread(self, work: Callable[[threading.Event], T]) -> T:
        """Run blocking work off the loop; a cancelled caller has it stopped, then waits."""
        from anyio import create_task_group, sleep_forever, to_thread

        stop = self._stop = threading.Event()
        outcome: list[T] = []
        failure: Exception | None = None

        async def stop_when_cancelled() -> None:
            try:
                await sleep_forever()
            finally:
                stop.set()

        async with create_task_group() as group:
            group.start_soon(stop_when_cancelled)
            try:
                outcome.append(await to_thread.run_sync(work, stop))
            except Exception as error:  # raised below: a task group would wrap it
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return outcome[0]

    def _lock(self) -> Any:
        if self._turn is None:
            from anyio import Lock

            self._turn = Lock()
        return self._turn


def _absolute(path: str | Path) -> Path:
    return Path(os.path.abspath(path))


def _paths(paths: Sequence[str | Path]) -> tuple[Path, ...]:
    return tuple(_absolute(path) for path in paths)
