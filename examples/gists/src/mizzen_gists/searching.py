"""Full-text search in every file that the visitor may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from mizzen.web import HTML, Context

from .highlighting import excerpt
from .models import File, Gist
from .paging import Page, page_of
from .policy import listed_for

if TYPE_CHECKING:
    from mizzen.web import Web

PER_PAGE = 15


def add_routes(web: Web) -> None:
    """Register the pages of this file."""
    web.get("/search")(search)


@dataclass(frozen=True)
class Hit:
    """A file that matches, and some of its lines."""

    gist: Gist
    file: File
    lines: list[tuple[int, str, str, str]]


async def search(ctx: Context, q: str = "", page: int = 1) -> HTML:
    """Show the best matches first."""
    q = q.strip()[:200]
    found = File.matching(q).join(Gist).where(listed_for(ctx.user)).include("gist")
    shown = await page_of(found, page, size=PER_PAGE) if q else Page[File]([], 0, 1, 1)
    hits = [Hit(file.gist, file, excerpt(file.content, q).lines) for file in shown.rows]
    return ctx.render(
        "gists/search.html", 200, q=q, hits=hits, query=f"q={quote(q)}&", **shown._asdict()
    )
