"""Full-text search in every file that the visitor may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from mizzen.web import HTML, Context

from .highlighting import excerpt
from .models import File, Gist
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
    number, q = max(1, page), q.strip()[:200]
    query = File.matching(q).join(Gist).where(listed_for(ctx.user))
    total = await query.count() if q else 0
    files = await query.include("gist").limit(PER_PAGE).offset((number - 1) * PER_PAGE) if q else []
    hits = [Hit(file.gist, file, excerpt(file.content, q).lines) for file in files]
    return ctx.render(
        "gists/search.html", q=q, hits=hits, total=total, number=number,
        pages=max(1, -(-total // PER_PAGE)), query=f"q={quote(q)}&",
    )  # fmt: skip
