"""The pages of gists: lists, one gist, its form, and what one can do to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

from mizzen.auth import User
from mizzen.cache import Cache
from mizzen.orm import Database
from mizzen.web import HTML, Context, NotFound, Redirect, Text

from . import keeping
from .importing import Importer
from .keeping import Draft
from .live import Announcer
from .models import File, Gist, Star, Visibility
from .paging import page_of
from .policy import listed_for, may_edit, owned, seen

if TYPE_CHECKING:
    from mizzen.orm import Query
    from mizzen.web import Web

PER_PAGE = 20
LARGEST_FILE = 1_000_000


def add_routes(web: Web) -> None:
    """Register the pages of this file."""
    web.get("/")(front)
    web.get("/u/{username}")(of_user)
    web.get("/new")(new)
    web.post("/gists")(create)
    web.get("/g/{id}", name="gist")(show)
    web.get("/g/{id}/raw/{name}")(raw)
    web.get("/g/{id}/edit")(edit)
    web.post("/g/{id}")(update)
    web.post("/g/{id}/delete")(delete)
    web.post("/g/{id}/fork")(fork)
    web.post("/g/{id}/star")(star)


@dataclass
class GistForm:
    """The form: the repeated fields `name` and `content` are the files."""

    title: str = ""
    description: str = ""
    visibility: str = "public"
    name: list[str] = field(default_factory=list[str])
    content: list[str] = field(default_factory=list[str])

    @property
    def files(self) -> list[tuple[str, str]]:
        """The files as (name, content)."""
        pairs = zip_longest(self.name, self.content, fillvalue="")
        return [(name.strip()[:200].replace("/", "_"), plain(text)) for name, text in pairs] or [
            ("", "")
        ]

    def draft(self) -> Draft:
        """Return what is to be kept; `ValueError` says what the writer can mend."""
        files = [(name, text) for name, text in self.files if name or text.strip()]
        if not self.title.strip():
            raise ValueError("Give the gist a title.")
        if not files:
            raise ValueError("Write at least one file.")
        if any(not name for name, _ in files):
            raise ValueError("Give every file a name; its ending tells the language.")
        for name, _ in files:
            if not name.isprintable() or name in (".", ".."):
                raise ValueError(f"“{ascii(name)[1:-1]}” can't be the name of a file.")
        if len({name for name, _ in files}) < len(files):
            raise ValueError("Two files have the same name.")
        if any(len(text) > LARGEST_FILE for _, text in files):
            raise ValueError("A file can have a million characters at most.")
        return Draft(
            title=plain(self.title).strip()[:200],
            description=plain(self.description).strip()[:2_000],
            visibility=Visibility(self.visibility),
            files=files,
        )


def plain(text: str) -> str:
    """Return what was typed as files have it: browsers send CRLF, and no database likes a NUL."""
    return text.replace("\r\n", "\n").replace("\0", "\ufffd")


async def front(ctx: Context, importer: Importer, page: int = 1) -> HTML:
    """Show everyone's gists."""
    progress = await importer.progress()
    gists = Gist.where(listed_for(ctx.user))
    return await list_page(ctx, gists, page, heading="All gists", page="list", progress=progress)


async def of_user(ctx: Context, username: str, page: int = 1) -> HTML:
    """Show one person's gists, as far as the visitor may see them."""
    gists = Gist.where(listed_for(ctx.user), owner=username)
    heading = f"Gists of {username}"
    return await list_page(ctx, gists, page, heading=heading, page="user", progress=None)


async def list_page(ctx: Context, gists: Query[Gist], number: int, **more: object) -> HTML:
    """Return one page of a list, newest first."""
    shown = await page_of(gists.order("-created_at", "id"), number, size=PER_PAGE)
    return ctx.render("gists/index.html", 200, query="", **shown._asdict(), **more)


async def show(ctx: Context, id: str) -> HTML:
    """Show one gist with its files."""
    gist = await seen(id, ctx.user)
    starred = ctx.user and await Star.find_by(gist_id=id, user_id=ctx.user.id)
    return ctx.render(
        "gists/show.html", gist=gist, files=await keeping.files_of(gist),
        starred=bool(starred), mine=may_edit(gist, ctx.user),
    )  # fmt: skip


async def raw(ctx: Context, id: str, name: str, cache: Cache) -> Text:
    """Return a file's text as it is; never as something that a browser would run."""
    gist = await seen(id, ctx.user)

    async def load() -> str:
        file = await File.find_by(gist_id=gist.id, name=name)
        if file is None:
            raise NotFound("This gist has no such file.")
        return file.content

    key = f"raw:{gist.id}:{name}"
    return Text(await cache.fetch(key, load, ttl="10m", tags=[f"gist:{gist.id}"]))


async def new(ctx: Context) -> HTML | Redirect:
    """Show the empty form."""
    if ctx.user is None:
        return Redirect("/login?back=/new")
    return form_page(ctx, GistForm(), heading="New gist", action="/gists", submit="Create")


async def create(
    ctx: Context, form: GistForm, db: Database, announcer: Announcer
) -> HTML | Redirect | tuple[HTML, int]:
    """Keep a new gist, and tell every open browser."""
    user = writer(ctx)
    try:
        draft = form.draft()
    except ValueError as error:
        return form_page(
            ctx, form, error, heading="New gist", action="/gists", submit="Create"
        ), 422
    gist = await keeping.create(db, user, draft)
    await announcer.changed(gist)
    return Redirect(f"/g/{gist.id}")


async def edit(ctx: Context, id: str) -> HTML:
    """Show the form with the gist in it."""
    gist = await owned(id, ctx.user)
    files = await keeping.files_of(gist)
    form = GistForm(
        title=gist.title, description=gist.description, visibility=gist.visibility.value,
        name=[file.name for file in files], content=[file.content for file in files],
    )  # fmt: skip
    return form_page(ctx, form, heading="Edit gist", action=f"/g/{id}", submit="Save")


async def update(
    ctx: Context, id: str, form: GistForm, db: Database, cache: Cache, announcer: Announcer
) -> HTML | Redirect | tuple[HTML, int]:
    """Keep the new version."""
    gist = await owned(id, ctx.user)
    try:
        draft = form.draft()
    except ValueError as error:
        return form_page(
            ctx, form, error, heading="Edit gist", action=f"/g/{id}", submit="Save"
        ), 422
    gist = await keeping.rewrite(db, gist, draft)
    await cache.invalidate_tags(f"gist:{id}")
    await announcer.changed(gist)
    return Redirect(f"/g/{id}")


async def delete(ctx: Context, id: str, cache: Cache, announcer: Announcer) -> Redirect:
    """Delete the gist with its files and stars."""
    gist = await owned(id, ctx.user)
    await gist.destroy()
    await cache.invalidate_tags(f"gist:{id}")
    await announcer.gone(gist)
    ctx.flash(f"“{gist.title}” was deleted.")
    return Redirect("/")


async def fork(ctx: Context, id: str, db: Database, announcer: Announcer) -> Redirect:
    """Copy the gist to the visitor."""
    user = writer(ctx)
    copy = await keeping.fork(db, user, await seen(id, user))
    await announcer.changed(copy)
    return Redirect(f"/g/{copy.id}")


async def star(ctx: Context, id: str, db: Database, announcer: Announcer) -> Redirect:
    """Star the gist, or take the star back."""
    user = writer(ctx)
    gist = await seen(id, user)
    await announcer.starred(gist, await keeping.toggle_star(db, user, gist))
    return Redirect(f"/g/{id}")


def writer(ctx: Context) -> User:
    """Return who is logged in; nobody else writes."""
    user: User | None = ctx.user
    if user is None:
        raise NotFound("Log in to do this.")
    return user


def form_page(ctx: Context, form: GistForm, error: ValueError | None = None, **texts: str) -> HTML:
    """Return the form, with what was typed and what has to be mended."""
    return ctx.render("gists/form.html", 200, form=form, error=error and str(error), **texts)
