"""`mizzen-assets build SRC OUT`: one build from a command line."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ._component import Assets
from ._display import bytes_in_words
from ._errors import AssetsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._manifest import Manifest


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 1 after telling what is wrong, 130 when interrupted."""
    chosen = _parser().parse_args(arguments)
    try:
        assets = Assets(
            chosen.source,
            chosen.output,
            prefix=chosen.prefix,
            entries=chosen.entry,
            aliases=dict(pair.partition("=")[::2] for pair in chosen.alias),
            static=chosen.static,
            load_paths=chosen.load_path,
            minify=not chosen.no_minify,
            source_maps=chosen.source_maps,
            keep=chosen.keep,
            timeout=chosen.timeout,
        )
        manifest = assets.build_blocking()
    except (AssetsError, ValueError) as error:
        print(f"mizzen-assets: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("mizzen-assets: interrupted; the previous build is untouched", file=sys.stderr)
        return 130
    for warning in assets.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if not chosen.quiet:
        _tell(assets, manifest)
    return 0


def _tell(assets: Assets, manifest: Manifest) -> None:
    for name, asset in manifest.items():
        smallest = min(asset.encodings.values(), default=asset.size)
        sizes = f"{bytes_in_words(asset.size):>9} {bytes_in_words(smallest):>9}"
        print(f"{sizes}  {name} → {asset.file}")
    stats = assets.stats()
    compiled, written = int(stats["compiled_total"]), int(stats["written_total"])
    spent = stats["last_build_seconds"] * 1000
    print(f"{len(manifest)} assets, {compiled} compiled, {written} written, {spent:.0f} ms")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mizzen-assets", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="build SRC into OUT, as far as something changed")
    build.add_argument("source", metavar="SRC", help="folder with the sources")
    build.add_argument("output", metavar="OUT", help="folder for the built files")
    build.add_argument("--entry", action="append", help="file to compile, such as app.scss")
    build.add_argument("--prefix", default="/assets/", help="where the files are served")
    build.add_argument("--alias", action="append", default=[], metavar="NAME=PATH")
    build.add_argument("--static", action="append", default=[], metavar="PATH")
    build.add_argument("--load-path", action="append", default=[], metavar="FOLDER")
    build.add_argument("--no-minify", action="store_true")
    build.add_argument("--source-maps", action="store_true")
    build.add_argument("--keep", type=int, default=3, help="earlier releases whose files stay")
    build.add_argument("--timeout", default="60s", help="for one compilation")
    build.add_argument("--quiet", action="store_true", help="print only what is wrong")
    return parser
