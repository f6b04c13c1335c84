"""What templates put into pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.assets import HTML, Assets, AssetsError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def assets(source: Path, tmp_path: Path) -> Assets:
    (source / "a.woff2").write_bytes(b"font")
    (source / "data.json").write_text("{}")
    assets = Assets(source, tmp_path / "out")
    assets.build_blocking()
    return assets


def test_stylesheet_is_linked_with_its_integrity(assets: Assets) -> None:
    url, mark = assets.url("site.css"), assets.manifest["site.css"].integrity
    assert assets.tag("site.css") == f'<link rel="stylesheet" href="{url}" integrity="{mark}">'


def test_script_is_a_module_with_its_integrity(assets: Assets) -> None:
    url, mark = assets.url("plain.js"), assets.manifest["plain.js"].integrity
    wanted = f'<script type="module" src="{url}" integrity="{mark}" nonce="n"></script>'
    assert assets.tag("plain.js", nonce="n") == wanted


def test_image_has_an_alternative_text(assets: Assets) -> None:
    tag = assets.tag("img/dot.svg", alt="A dot", class_="icon", data_x=1, hidden=True, title=None)
    url = assets.url("img/dot.svg")
    assert tag == f'<img src="{url}" alt="A dot" class="icon" data-x="1" hidden>'


def test_attributes_are_escaped(assets: Assets) -> None:
    assert 'media="&quot;&gt;&lt;script&gt;"' in assets.tag("site.css", media='"><script>')


def test_templates_leave_tags_alone(assets: Assets) -> None:
    tag = assets.tag("site.css")
    assert isinstance(tag, HTML)
    assert tag.__html__() == tag


def test_preload_fits_the_kind(assets: Assets) -> None:
    assert 'rel="modulepreload"' in assets.preload("plain.js")
    assert 'as="style" integrity="sha384-' in assets.preload("site.css")
    assert 'as="font" type="font/woff2" crossorigin="anonymous"' in assets.preload("a.woff2")
    assert 'as="image"' in assets.preload("img/dot.svg")
    assert 'as="fetch"' in assets.preload("data.json")


def test_what_no_element_loads_is_refused(assets: Assets) -> None:
    with pytest.raises(AssetsError, match="url\\(\\) or preload\\(\\)"):
        assets.tag("a.woff2")


def test_other_host_is_asked_with_cors(source: Path, tmp_path: Path) -> None:
    assets = Assets(source, tmp_path / "cdn", prefix="https://cdn.example/x/")
    assets.build_blocking()
    tag = assets.tag("plain.js")
    assert 'src="https://cdn.example/x/plain-' in tag
    assert 'crossorigin="anonymous"' in tag
