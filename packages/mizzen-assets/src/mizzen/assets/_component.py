"""The component: builds, remembers the manifest, names the files, serves them."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from . import _display
from ._asgi import asked_name, lifespan
from ._errors import AssetsError, ManifestError, NotStarted
from ._manifest import NAME as MANIFEST
from ._manifest import Manifest
from ._options import Layout, Options
from ._serve import Server
from ._table import Table
from ._tags import preload, tag
from ._threads import stoppable
from ._tools import Toolbox
from ._units import seconds, size
from ._watched import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta
    from types import TracebackType
    from typing import Self

    from ._builder import Builder
    from ._options import Report
    from ._serve import Receive, Scope, Send
    from ._tags import HTML, Attribute
    from .abc import Tool
    from .notebook import View

NOT_STARTED = "no manifest is loaded: call `await assets.start()` or use `async with`"


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
        self._path = prefix if prefix[0] == "/" else urlsplit(prefix).path
        self._build_on_start = build
        names = None if entries is None else tuple(entries)
        self._layout = Layout(_absolute(source), _absolute(output), names, _paths(static))
        self._options = Options(
            prefix=prefix,
            minify=minify,
            source_maps=source_maps,
            aliases={name: str(_absolute(path)) for name, path in (aliases or {}).items()},
            load_paths=_paths(load_paths),
            keep=keep,
            timeout=seconds(timeout),
        )
        self._tools = Toolbox(tools)
        self._server = Server(Table(self._layout.output, size(memory)))
        self._builder: Builder | None = None
        self._manifest: Manifest | None = None
        self._urls: dict[str, str] = {}
        self._snapshot: Snapshot | None = None
        self._report: Report | None = None
        self._failure: AssetsError | None = None
        self._stop = threading.Event()
        self._turn: Any = None
        self._totals = {"builds": 0, "build_failures": 0, "compiled": 0, "reused": 0, "written": 0}
        self._seconds = 0.0

    @property
    def source(self) -> Path:
        """The folder of the sources, absolute."""
        return self._layout.root

    @property
    def output(self) -> Path:
        """The folder of the built files, absolute."""
        return self._layout.output

    @property
    def manifest(self) -> Manifest:
        """The manifest that is served from now; raises NotStarted before there is one."""
        if self._manifest is None:
            raise NotStarted(NOT_STARTED)
        return self._manifest

    @property
    def warnings(self) -> tuple[str, ...]:
        """What compilers warned of in the sources as they are built now."""
        return self._report.warnings if self._report else ()

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
        """Stop a running build, end the compilers, forget the manifest and what was held."""
        from anyio import to_thread

        self._stop.set()
        async with self._lock():
            await to_thread.run_sync(self._tools.close)
        self._manifest = self._snapshot = self._report = self._failure = None
        self._server.table.load({})
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
            return await self._build(self._building_once)

    def build_blocking(self) -> Manifest:
        """Do the same without an event loop, for command lines and build hooks."""
        return self._building_once(threading.Event())

    async def refresh(self) -> bool:
        """Build again if a source was touched; return whether a new manifest is served.

        Cheap when nothing happened: one stat per file. Meant for each page during development.
        """
        from anyio import to_thread

        async with self._lock():
            snapshot, before = self._snapshot, self._manifest
            if snapshot is not None and await to_thread.run_sync(snapshot.holds):
                return False
            # The compilers stay for the next change, until aclose().
            return await self._build(self._building) is not before

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
        return tag(self.manifest[name], self.url(name), attributes)

    def preload(self, name: str, **attributes: Attribute) -> HTML:
        """Return the `<link>` that has an asset fetched ahead of its use."""
        return preload(self.manifest[name], self.url(name), attributes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve as an ASGI application, mounted anywhere or by itself."""
        kind = scope["type"]
        if kind == "http":
            if self._manifest is None:
                raise NotStarted(NOT_STARTED)
            await self._server.answer(asked_name(scope, self._path), scope, send)
        elif kind == "lifespan":
            await lifespan(self, receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def health(self) -> dict[str, object]:
        """Return whether files are served, and what is wrong otherwise; never raises."""
        from anyio import to_thread

        detail = {"manifest": "ok", "output": "ok", "build": "ok"}
        if self._manifest is None:
            detail["manifest"] = "no manifest is loaded"
        if not await to_thread.run_sync(os.access, self._layout.output / MANIFEST, os.R_OK):
            detail["output"] = f"{self._layout.output} has no readable manifest"
        if self._failure is not None:
            detail["build"] = f"the last build failed, its predecessor is served: {self._failure}"
        return {"ok": all(words == "ok" for words in detail.values()), "detail": detail}

    def stats(self) -> dict[str, float]:
        """Return counters (`…_total`) and gauges; sizes are in bytes."""
        manifest, counts, table = self._manifest, self._server.counts, self._server.table
        return {
            "assets": len(manifest or ()),
            "asset_bytes": sum(asset.size for asset in manifest.values()) if manifest else 0,
            "served_files": len(table.assets),
            "memory_bytes": table.held,
            "last_build_seconds": self._seconds,
            "requests_total": counts.requests,
            "not_modified_total": counts.not_modified,
            "not_found_total": counts.not_found,
            "sent_bytes_total": counts.sent_bytes,
            **{f"{name}_total": count for name, count in self._totals.items()},
        }

    def view(self, every: float = 0.5) -> View:
        """Return a view that follows these assets in a notebook, *every* so many seconds."""
        from .notebook import View

        return View(self, every)

    def __repr__(self) -> str:
        return _display.line(self.source.name, self._manifest, self._failure)

    def _repr_html_(self) -> str:
        return _display.table(repr(self)[1:-1], self._manifest, self._failure)

    async def _build(self, work: Callable[[threading.Event], Manifest]) -> Manifest:
        self._stop = threading.Event()
        return await stoppable(work, self._stop)

    def _building_once(self, stop: threading.Event) -> Manifest:
        try:
            return self._building(stop)
        finally:
            self._tools.close()

    def _building(self, stop: threading.Event) -> Manifest:
        from ._builder import Builder

        begun = time.perf_counter()
        if self._builder is None:
            self._builder = Builder(self._layout, self._options, self._tools)
        known = self._report.watched if self._report else frozenset[str]()
        # Looked at before the build: what is saved meanwhile is noticed by the next refresh.
        snapshot = Snapshot(self._layout, known)
        try:
            report = self._builder.build(stop)
        except AssetsError as error:
            self._totals["build_failures"] += 1
            self._failure, self._snapshot = error, None
            raise
        self._failure = None
        self._snapshot = snapshot if report.watched == known else snapshot.widened(report.watched)
        self._report = report
        self._totals["builds"] += 1
        self._totals["compiled"] += report.compiled
        self._totals["reused"] += report.reused
        self._totals["written"] += report.written
        self._seconds = time.perf_counter() - begun
        self._load(report.manifest)
        return self.manifest

    def _load(self, manifest: Manifest) -> None:
        if self._manifest is None or manifest.to_json() != self._manifest.to_json():
            self._server.table.load(manifest.files())
            self._manifest, self._urls = manifest, {}

    def _read(self) -> Manifest:
        try:
            body = (self._layout.output / MANIFEST).read_bytes()
        except OSError as error:
            raise ManifestError(f"{self.output} has no manifest; run the build first") from error
        return Manifest.from_json(body)

    def _lock(self) -> Any:
        if self._turn is None:
            from anyio import Lock

            self._turn = Lock()
        return self._turn


def _absolute(path: str | Path) -> Path:
    return Path(os.path.abspath(path))


def _paths(paths: Sequence[str | Path]) -> tuple[Path, ...]:
    return tuple(_absolute(path) for path in paths)
