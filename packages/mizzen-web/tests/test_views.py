"""Pages: escaping, layouts, helpers, flashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mizzen.web import HTML, Context, Redirect, ViewError, Web

if TYPE_CHECKING:
    from pathlib import Path


async def page(web: Web, template: str = "page.html", **values: Any) -> str:
    @web.get("/page")
    async def index(ctx: Context) -> HTML:
        return ctx.render(template, **values)

    return (await web.test().get("/page")).text


@pytest.mark.parametrize("name", ["page.html", "page.htm", "page.svg", "page.jinja", "page"])
async def test_everything_is_escaped_whatever_the_file_is_called(name: str) -> None:
    web = Web(views={name: "<p title='{{ x }}'>{{ x }}</p>"})
    text = await page(web, name, x="<'\">")
    assert text == "<p title='&lt;&#39;&#34;&gt;'>&lt;&#39;&#34;&gt;</p>"


async def test_text_templates_are_not_escaped() -> None:
    assert await page(Web(views={"mail.txt": "{{ x }}"}), "mail.txt", x="<>") == "<>"


async def test_layout_and_partial_come_from_folders_in_order(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "base").mkdir()
    (tmp_path / "base/layout.html").write_text("<main>{% block main %}{% endblock %}</main>")
    (tmp_path / "base/_part.html").write_text("theirs")
    (tmp_path / "own/_part.html").write_text("ours {{ x }}")
    (tmp_path / "own/page.html").write_text(
        '{% extends "layout.html" %}{% block main %}{% include "_part.html" %}{% endblock %}'
    )
    web = Web(views=[tmp_path / "own", tmp_path / "base"])
    assert await page(web, x=1) == "<main>ours 1</main>"


async def test_unknown_name_is_an_error_in_debug_only() -> None:
    views = {"page.html": "[{{ missing }}]"}
    assert await page(Web(views=views)) == "[]"
    assert "'missing' is undefined" in await page(Web(views=views, debug=True))


async def test_missing_template_and_folder_are_named(caplog: pytest.LogCaptureFixture) -> None:
    await page(Web(views={}), "gone.html")
    assert "'gone.html'" in caplog.text
    await page(Web(), "gone.html")
    assert "Web(views=...)" in caplog.text
    lost = Web(views="no-such-folder")
    assert await lost.health() == {
        "ok": False,
        "detail": {"views": "the folder 'no-such-folder' of views= doesn't exist"},
    }
    with pytest.raises(ViewError, match="no-such-folder"):
        await lost.start()


async def test_helpers_reach_templates_and_macros_defined_apart() -> None:
    web = Web(
        views={
            "m.html": "{% macro link(p) %}{{ asset(p) }}{% endmacro %}",
            "page.html": '{% from "m.html" import link %}{{ link("a") }} {{ site }}',
        }
    )
    web.helpers(asset="/assets/{}".format, site="S")
    assert await page(web) == "/assets/a S"


async def test_form_helper_hides_the_method_browsers_lack() -> None:
    web = Web(
        views={
            "page.html": '{% call form(url("page", q=1), "delete", class_="x", hidden=true) %}'
            '<b>{{ "<" }}</b>{% endcall %}{{ button("<", "/a", "put") }}{{ form("/", "get") }}'
        }
    )

    @web.get("/page", name="page")
    async def named() -> None: ...

    assert await page(web) == (
        '<form action="/page?q=1" method="post" class="x" hidden>'
        '<input type="hidden" name="_method" value="delete"><b>&lt;</b></form>'
        '<form action="/a" method="post"><input type="hidden" name="_method" value="put">'
        '<button type="submit">&lt;</button></form><form action="/" method="get">'
    )


async def test_template_sees_the_request_and_its_mount_prefix() -> None:
    inner = Web(views={"p.html": '{{ ctx.path }} {{ url("home") }}'})

    @inner.get("/", name="home")
    async def home(ctx: Context) -> HTML:
        return ctx.render("p.html")

    outer = Web()
    outer.mount("/in ner", inner)
    assert (await outer.test().get("/in%20ner/")).text == "/in ner/ /in%20ner/"


def flashing() -> Web:
    web = Web(
        views={"f.html": "{% for f in flashes() %}[{{ f.kind }}: {{ f.message }}]{% endfor %}"}
    )

    @web.post("/")
    async def save(ctx: Context, n: int = 1) -> Redirect:
        for _ in range(n):
            ctx.flash("Saved <b>é</b>")
        ctx.flash("But", kind="warning")
        return ctx.redirect("/")

    @web.get("/")
    async def home(ctx: Context) -> HTML:
        return ctx.render("f.html")

    @web.get("/now")
    async def now(ctx: Context) -> HTML:
        ctx.flash("now")
        return ctx.render("f.html")

    return web


async def test_flash_is_shown_once_on_the_next_page_and_escaped() -> None:
    client = flashing().test()
    await client.post("/")
    page = "[notice: Saved &lt;b&gt;é&lt;/b&gt;][warning: But]"
    assert (await client.get("/")).text == page
    assert (await client.get("/")).text == ""
    assert client.cookies == {}


async def test_flash_survives_pages_that_don_t_show_it() -> None:
    client = flashing().test()
    await client.post("/")
    await client.get("/nowhere")
    assert "But" in (await client.get("/")).text


async def test_flash_of_the_same_request_is_shown_and_not_kept() -> None:
    client = flashing().test()
    reply = await client.get("/now")
    assert reply.text == "[notice: now]"
    assert "set-cookie" not in reply.headers


async def test_too_many_flashes_keep_the_newest() -> None:
    client = flashing().test()
    await client.post("/?n=500")
    assert len(client.cookies["mizzen_flash"]) < 4000
    assert (await client.get("/")).text.endswith("[warning: But]")


@pytest.mark.parametrize("forged", ["x", "e30", "W10", "W1sxLDJdXQ", "%00", "bnVsbA"])
async def test_forged_flash_cookie_is_nothing(forged: str) -> None:
    client = flashing().test()
    client.cookies["mizzen_flash"] = forged
    assert (await client.get("/")).text == ""
