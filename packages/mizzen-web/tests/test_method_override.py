"""PUT, PATCH and DELETE from forms, which know GET and POST only."""

from __future__ import annotations

import pytest

from mizzen.web import Context, Web


def site() -> Web:
    web = Web()

    @web.post("/gists/{id}")
    async def post(id: int) -> str:
        return "post"

    @web.delete("/gists/{id}")
    async def destroy(id: int, ctx: Context) -> str:
        return f"{ctx.method} {id} {(await ctx.form())['why']}"

    @web.post("/upload")
    async def upload(ctx: Context) -> int:
        return len([chunk async for chunk in ctx.stream()])

    return web


async def test_form_field_chooses_the_method() -> None:
    reply = await site().test().post("/gists/3", data={"_method": "delete", "why": "old"})
    assert reply.text == "DELETE 3 old"


@pytest.mark.parametrize("method", ["get", "trace", "post", "nonsense", ""])
async def test_only_put_patch_and_delete_can_be_chosen(method: str) -> None:
    assert (await site().test().post("/gists/3", data={"_method": method})).text == "post"


async def test_query_and_json_choose_nothing() -> None:
    client = site().test()
    assert (await client.post("/gists/3?_method=delete")).text == "post"
    assert (await client.post("/gists/3", json={"_method": "delete"})).text == "post"
    header = {"x-http-method-override": "DELETE"}
    assert (await client.post("/gists/3", headers=header)).text == "post"


async def test_chosen_method_without_a_route_is_a_405() -> None:
    reply = await site().test().post("/gists/3", data={"_method": "put"})
    assert reply.status == 405


async def test_form_is_left_unread_where_it_could_not_matter() -> None:
    assert (await site().test().post("/upload", data={"_method": "delete"})).json() == 1
