"""Requests are answered from a table: what is not in it does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mizzen.assets import Assets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    Get = Callable[..., Awaitable[Any]]


@pytest.fixture
async def assets(source: Path, tmp_path: Path) -> AsyncIterator[Assets]:
    async with Assets(source, tmp_path / "out") as assets:
        yield assets


@pytest.fixture
def plain(assets: Assets) -> bytes:
    return (assets.output / assets.manifest["site.css"].file).read_bytes()


async def test_file_is_served_for_ever(assets: Assets, get: Get, plain: bytes) -> None:
    answer = await get(assets, assets.url("site.css"))
    assert answer.status == 200
    assert answer.body == plain
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["content-length"] == str(len(plain))
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_large_file_is_streamed(source: Path, tmp_path: Path, get: Get) -> None:
    body = bytes(range(256)) * 4096
    (source / "film.mp4").write_bytes(body)
    async with Assets(source, tmp_path / "out", memory="1kb") as assets:
        url = assets.url("film.mp4")
        assert (await get(assets, url)).body == body
        assert (await get(assets, url, range="bytes=300000-900000")).body == body[300000:900001]
        assert assets.stats()["memory_bytes"] == 0


async def test_head_tells_everything_but_the_body(assets: Assets, get: Get) -> None:
    full, head = [await get(assets, assets.url("site.css"), m) for m in ("GET", "HEAD")]
    assert (head.status, head.headers, head.body) == (200, full.headers, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_refused(assets: Assets, get: Get, method: str) -> None:
    answer = await get(assets, assets.url("site.css"), method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip;q=0", None),
        ("GZIP ; Q=0.5", "gzip"),
        ("*", "*"),
        pytest.param("gzip;q=0, *;q=0.5", "*", marks=pytest.mark.extra("brotli")),
        ("*;q=0, identity", None),
        ("identity;q=1, gzip;q=0.5", None),
        ("identity;q=0, gzip;q=0.001", "gzip"),
        ("deflate", None),
        ("", None),
        (",,;q=,gzip;q=nonsense", None),
        ("gzip;q=2", None),
    ],
)
async def test_coding_follows_the_clients_weights(
    assets: Assets, get: Get, accept: str, coding: str | None
) -> None:
    answer = await get(assets, assets.url("site.css"), accept_encoding=accept)
    assert answer.status == 200
    got = answer.headers.get("content-encoding")
    assert got in ({"br", "zstd", "gzip"} if coding == "*" else {coding})
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-length"] == str(len(answer.body))
    if accept.startswith("gzip;q=0,"):
        assert got != "gzip"


@pytest.mark.parametrize("accept", ["identity;q=0", "*;q=0", "deflate, identity;q=0"])
async def test_nothing_acceptable_is_said_so(assets: Assets, get: Get, accept: str) -> None:
    answer = await get(assets, assets.url("site.css"), accept_encoding=accept)
    assert (answer.status, answer.headers["cache-control"]) == (406, "no-store")


@pytest.mark.extra("brotli")
async def test_smallest_of_equally_welcome_forms_is_sent(assets: Assets, get: Get) -> None:
    answer = await get(assets, assets.url("site.css"), accept_encoding="gzip, deflate, br, zstd")
    sizes = assets.manifest["site.css"].encodings
    assert sizes[answer.headers["content-encoding"]] == min(sizes.values())


async def test_each_form_has_its_own_tag_and_is_not_sent_twice(assets: Assets, get: Get) -> None:
    url = assets.url("site.css")
    plain, packed = await get(assets, url), await get(assets, url, accept_encoding="gzip")
    assert plain.headers["etag"] != packed.headers["etag"]
    for known in (plain.headers["etag"], f'W/{plain.headers["etag"]}, "x"', "*"):
        again = await get(assets, url, if_none_match=known)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == plain.headers["etag"]
        assert again.headers["vary"] == "Accept-Encoding"
    other = await get(assets, url, if_none_match=plain.headers["etag"], accept_encoding="gzip")
    assert other.status == 200


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-", 5, None),
        ("bytes=-7", -7, None),
        ("bytes=3-99999", 3, None),
    ],
)
async def test_one_range_is_cut_from_the_plain_file(
    assets: Assets, get: Get, plain: bytes, asked: str, start: int, end: int | None
) -> None:
    answer = await get(assets, assets.url("site.css"), range=asked, accept_encoding="gzip, br")
    assert (answer.status, answer.body) == (206, plain[start:end])
    first = start if start >= 0 else len(plain) + start
    told = f"bytes {first}-{first + len(answer.body) - 1}/{len(plain)}"
    assert answer.headers["content-range"] == told
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    "asked",
    ["bytes=0-1,3-4", "bytes=" + ",".join(["0-"] * 1000), "lines=1-2", "bytes=5-2", "bytes=-", "x"],
)
async def test_other_ranges_get_the_whole_file(
    assets: Assets, get: Get, plain: bytes, asked: str
) -> None:
    answer = await get(assets, assets.url("site.css"), range=asked)
    assert (answer.status, answer.body) == (200, plain)


@pytest.mark.parametrize("asked", ["bytes=99999-", "bytes=-0"])
async def test_range_beyond_the_file_is_refused(assets: Assets, get: Get, asked: str) -> None:
    answer = await get(assets, assets.url("site.css"), range=asked)
    assert answer.status == 416
    assert answer.headers["content-range"] == f"bytes */{assets.manifest['site.css'].size}"


async def test_range_of_another_version_gets_the_whole_file(
    assets: Assets, get: Get, plain: bytes
) -> None:
    url = assets.url("site.css")
    answer = await get(assets, url, range="bytes=0-3", if_range='"other"')
    assert (answer.status, answer.body) == (200, plain)
    etag = answer.headers["etag"]
    assert (await get(assets, url, range="bytes=0-3", if_range=etag)).status == 206


@pytest.mark.parametrize(
    "path",
    [
        "/assets/site.css",
        "/assets/../assets.py",
        "/assets/%2e%2e/secret",
        "/assets/manifest.json",
        "/assets/.mizzen/state.json",
        "/assets/",
        "/assets",
        "/",
        "",
        "/assets/site\x00.css",
        "/assets/img\\dot.svg",
        "//assets/site.css",
        "/assets/" + "a" * 100_000,
    ],
)
async def test_what_is_not_in_the_table_does_not_exist(assets: Assets, get: Get, path: str) -> None:
    answer = await get(assets, path)
    assert (answer.status, answer.headers["cache-control"]) == (404, "no-store")


async def test_link_planted_in_the_output_is_not_served(assets: Assets, get: Get) -> None:
    (assets.output / "hosts-12345678.txt").symlink_to("/etc/hosts")
    assert (await get(assets, "/assets/hosts-12345678.txt")).status == 404


async def test_file_that_vanished_or_was_cut_is_not_served(assets: Assets, get: Get) -> None:
    (assets.output / assets.manifest["plain.js"].file).unlink()
    (assets.output / assets.manifest["site.css"].file).write_bytes(b"cut")
    for name in ("plain.js", "site.css"):
        answer = await get(assets, assets.url(name))
        assert (answer.status, answer.headers["cache-control"]) == (404, "no-store")


async def test_earlier_release_is_still_served(assets: Assets, source: Path, get: Get) -> None:
    old = assets.url("plain.js")
    (source / "plain.js").write_text("console.log('new')")
    await assets.build()
    assert assets.url("plain.js") != old
    assert b"plain" in (await get(assets, old)).body


@pytest.mark.parametrize(
    ("path", "root"),
    [("/assets/{}", ""), ("/app/assets/{}", "/app"), ("/{}", "/assets"), ("/x/{}", "/x")],
)
async def test_mounts_may_leave_the_prefix_or_take_it(assets: Assets, path: str, root: str) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    asked = path.format(assets.manifest["plain.js"].file)
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": asked, "root_path": root}
    scope["headers"] = []
    await assets(scope, receive, send)
    assert sent[0]["status"] == 200


async def test_server_starts_and_ends_it_by_lifespan(source: Path, tmp_path: Path) -> None:
    assets = Assets(source, tmp_path / "out")
    sent: list[Any] = []
    steps = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> Any:
        return {"type": next(steps)}

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if message["type"] == "lifespan.startup.complete":
            assert assets.url("site.css")

    await assets({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_failed_start_is_told_to_the_server(tmp_path: Path) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    await Assets(tmp_path / "missing", tmp_path / "out")({"type": "lifespan"}, receive, send)
    assert sent[0]["type"] == "lifespan.startup.failed"
    assert "does not exist" in sent[0]["message"]
