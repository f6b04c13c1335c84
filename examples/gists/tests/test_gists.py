"""Keeping, showing, changing and sharing gists; and what others may not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from mizzen_gists.models import File

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from mizzen.app import App

HELLO = {"title": "Hello", "name": ["hello.py", "notes.md"], "content": ["print('hi')", "# Notes"]}


async def written(browser: httpx.AsyncClient, **changes: object) -> str:
    """Create a gist and return its path."""
    answer = await browser.post("/gists", data={**HELLO, **changes})
    assert answer.status_code == 200, answer.text
    assert re.fullmatch(r"/g/\w{10}", answer.url.path)
    return answer.url.path


async def test_a_gist_with_several_files_is_shown_highlighted(ann: httpx.AsyncClient) -> None:
    page = (await ann.get(await written(ann))).text
    assert "hello.py" in page
    assert "notes.md" in page
    assert '<span class="nb">print</span>' in page


async def test_what_was_written_comes_back_as_it_was(ann: httpx.AsyncClient) -> None:
    text = "\n\n  if a < b && c:\r\n\tpass\r\n\N{SNOWMAN}\n"
    path = await written(ann, name=["a b.py"], content=[text])
    raw = await ann.get(f"{path}/raw/a%20b.py")
    assert raw.text == text.replace("\r\n", "\n")
    assert raw.headers["content-type"] == "text/plain; charset=utf-8"
    assert raw.headers["x-content-type-options"] == "nosniff"


async def test_nothing_that_is_written_becomes_markup(ann: httpx.AsyncClient) -> None:
    evil = "<script>alert(1)</script>"
    path = await written(ann, title=evil, description=evil, name=["x.html"], content=[evil])
    for page in (await ann.get(path)).text, (await ann.get("/")).text:
        assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"title": " "}, "Give the gist a title"),
        ({"name": [""], "content": ["x"]}, "Give every file a name"),
        ({"name": [""], "content": [" "]}, "Write at least one file"),
        ({"name": ["a.py", "a.py"], "content": ["1", "2"]}, "the same name"),
        ({"name": ["a.py", "a.py"], "content": ["1"]}, "the same name"),
        ({"name": ["a/b", "a_b"], "content": ["1", "2"]}, "the same name"),
        ({"name": [".."], "content": ["1"]}, "“..” can&#39;t be the name"),
        ({"name": ["a\0b"], "content": ["1"]}, "can&#39;t be the name"),
        ({"name": ["a.py"], "content": ["1", "2"]}, "Give every file a name"),
        ({"visibility": "everybody"}, "everybody"),
    ],
)
async def test_a_mistake_is_named_and_nothing_typed_is_lost(
    ann: httpx.AsyncClient, changes: dict[str, object], complaint: str
) -> None:
    answer = await ann.post("/gists", data={**HELLO, "description": "keep me", **changes})
    assert answer.status_code == 422
    assert complaint in answer.text
    assert 'value="keep me"' in answer.text


async def test_only_those_who_are_logged_in_write(visitor: Callable[[], httpx.AsyncClient]) -> None:
    nobody = visitor()
    assert (await nobody.get("/new")).url.path == "/login"
    assert (await nobody.post("/gists", data=HELLO)).status_code == 404


async def test_a_private_gist_does_not_exist_for_others(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    path = await written(ann, title="secret plans", visibility="private", content=["xyzzy", "y"])
    assert (await ann.get(path)).status_code == 200
    for address in (path, f"{path}/raw/hello.py", f"{path}/edit"):
        assert (await bob.get(address)).status_code == 404
    for action in ("star", "fork", "delete"):
        assert (await bob.post(f"{path}/{action}")).status_code == 404
    for listing in ("/", "/u/ann", "/search?q=xyzzy"):
        assert "secret plans" not in (await bob.get(listing)).text
    assert "secret plans" in (await ann.get("/u/ann")).text


async def test_an_unlisted_gist_opens_by_its_address_and_is_in_no_list(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    path = await written(ann, title="by address", visibility="unlisted", content=["xyzzy", "y"])
    assert (await bob.get(path)).status_code == 200
    for listing in ("/", "/u/ann", "/search?q=xyzzy"):
        assert "by address" not in (await bob.get(listing)).text


async def test_only_the_owner_changes_and_deletes(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    path = await written(ann)
    assert (await bob.post(path, data={**HELLO, "title": "Mine"})).status_code == 404
    assert (await bob.post(f"{path}/delete")).status_code == 404
    assert "<h1>Hello</h1>" in (await bob.get(path)).text
    await ann.post(path, data={**HELLO, "title": "Changed", "name": ["n.py"], "content": ["1"]})
    page = (await bob.get(path)).text
    assert "<h1>Changed</h1>" in page
    assert "hello.py" not in page
    assert "was deleted" in (await ann.post(f"{path}/delete")).text
    assert (await ann.get(path)).status_code == 404


async def test_a_fork_is_a_copy_of_ones_own(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    path = await written(ann)
    fork = await bob.post(f"{path}/fork")
    assert fork.url.path != path
    assert f'forked from <a href="{path}"' in fork.text
    await ann.post(f"{path}/delete")
    assert (await bob.get(fork.url.path)).status_code == 200


async def test_a_star_counts_once_and_can_be_taken_back(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    path = await written(ann)
    await ann.post(f"{path}/star")
    assert "<span data-stars>2</span>" in (await bob.post(f"{path}/star")).text
    assert "<span data-stars>1</span>" in (await bob.post(f"{path}/star")).text


async def test_a_missing_gist_is_a_page_and_not_an_error(ann: httpx.AsyncClient) -> None:
    answer = await ann.get("/g/nothinghere", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "no such gist" in answer.text


@pytest.mark.parametrize("query", ['"', "AND", "a OR", "(((", "*", "col:x", "-", "\x00", "é" * 300])
async def test_no_search_is_an_error(ann: httpx.AsyncClient, query: str) -> None:
    assert (await ann.get("/search", params={"q": query})).status_code == 200


async def test_search_finds_words_parts_and_phrases_in_files(ann: httpx.AsyncClient) -> None:
    await written(ann, title="Needle", content=["def find_me_now(): return 'a sharp point'", "y"])
    for query in ("find_me_now", "find_m*", '"sharp point"', "sharp -blunt"):
        assert "Needle" in (await ann.get("/search", params={"q": query})).text, query
    for query in ("nowhere_at_all", '"point sharp"', "sharp -point"):
        assert "Needle" not in (await ann.get("/search", params={"q": query})).text, query


async def test_a_page_number_from_nowhere_is_no_error(ann: httpx.AsyncClient) -> None:
    for number in ("0", "-3", "99999", "9" * 30):
        for listing in ("/?", "/u/ann?", "/search?q=x&"):
            assert (await ann.get(f"{listing}page={number}")).status_code == 200
    assert (await ann.get("/?page=x")).status_code in (400, 422)


async def test_a_gist_whose_files_went_in_the_same_moment_is_gone(ann: httpx.AsyncClient) -> None:
    """A deletion between reading the gist and reading its files, as a slow machine has it."""
    path = await written(ann)
    await File.where(gist_id=path.removeprefix("/g/")).delete_all()
    assert (await ann.get(path)).status_code == 404
    assert (await ann.post(f"{path}/fork")).status_code == 404


async def test_a_raw_file_is_cached_until_the_gist_changes(
    app: App, ann: httpx.AsyncClient
) -> None:
    path = await written(ann, name=["a.py"], content=["old"])
    hits = app.cache.stats()["hits_total"]
    assert [(await ann.get(f"{path}/raw/a.py")).text for _ in range(2)] == ["old", "old"]
    assert app.cache.stats()["hits_total"] == hits + 1
    await ann.post(path, data={"title": "t", "name": ["a.py"], "content": ["new"]})
    assert (await ann.get(f"{path}/raw/a.py")).text == "new"
    await ann.post(f"{path}/delete")
    assert (await ann.get(f"{path}/raw/a.py")).status_code == 404
