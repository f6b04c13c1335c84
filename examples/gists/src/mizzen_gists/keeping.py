"""Writing gists: highlight first, off the loop; then one short transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio.to_thread

from mizzen.orm import NotFound

from .highlighting import highlight
from .models import File, Gist, Star, Visibility

if TYPE_CHECKING:
    from mizzen.auth import User
    from mizzen.orm import Database

PREVIEW_LINES = 7
PREVIEW_WIDTH = 160


@dataclass(frozen=True)
class Draft:
    """A gist as somebody wrote it: `files` are (name, content) pairs."""

    title: str
    files: list[tuple[str, str]]
    description: str = ""
    visibility: Visibility = Visibility.PUBLIC
    forked_from: str | None = None
    source: str | None = None
    rows: list[dict[str, object]] = field(default_factory=list[dict[str, object]], init=False)

    async def highlighted(self) -> Draft:
        """Render the files in a thread, as the loop has others to serve; return the draft."""
        for position, (name, content) in enumerate(self.files):
            shown = await anyio.to_thread.run_sync(highlight, name, content)
            self.rows.append(
                {
                    "position": position,
                    "name": name,
                    "content": content,
                    "language": shown.language,
                    "html": shown.html,
                }
            )
        return self

    def card(self) -> dict[str, object]:
        """Return what a list shows of the files."""
        first = [line for line in self.files[0][1].splitlines() if line.strip()][:PREVIEW_LINES]
        return {
            "preview": "\n".join(line[:PREVIEW_WIDTH] for line in first),
            "language": self.rows[0]["language"],
            "file_count": len(self.files),
            "line_count": sum(len(content.splitlines()) for _, content in self.files),
        }


async def create(db: Database, owner: User, draft: Draft) -> Gist:
    """Keep a new gist."""
    await draft.highlighted()
    async with db.transaction():
        gist = await Gist.create(
            title=draft.title,
            description=draft.description,
            visibility=draft.visibility,
            forked_from=draft.forked_from,
            source=draft.source,
            owner_id=owner.id,
            owner=owner.username,
            **draft.card(),
        )
        await File.insert_all([{"gist_id": gist.id, **row} for row in draft.rows])
    return gist


async def rewrite(db: Database, gist: Gist, draft: Draft) -> Gist:
    """Replace title, description, visibility and all files of a gist."""
    await draft.highlighted()
    async with db.transaction():
        await gist.update(
            title=draft.title,
            description=draft.description,
            visibility=draft.visibility,
            **draft.card(),
        )
        await File.where(gist_id=gist.id).delete_all()
        await File.insert_all([{"gist_id": gist.id, **row} for row in draft.rows])
    return gist


async def fork(db: Database, owner: User, gist: Gist) -> Gist:
    """Copy a gist to *owner*."""
    files = await files_of(gist)
    draft = Draft(
        title=gist.title,
        description=gist.description,
        visibility=gist.visibility,
        files=[(file.name, file.content) for file in files],
        forked_from=gist.id,
    )
    return await create(db, owner, draft)


async def toggle_star(db: Database, user: User, gist: Gist) -> int:
    """Star a gist, or take the star back; return how many it has now."""
    async with db.transaction():
        given = await Star.find_by(gist_id=gist.id, user_id=user.id)
        if given:
            await given.destroy()
        else:
            await Star.create(gist_id=gist.id, user_id=user.id)
        stars = await Star.where(gist_id=gist.id).count()
        await Gist.where(id=gist.id).update_all(stars=stars)
    return stars


async def files_of(gist: Gist) -> list[File]:
    """Return the files in their order; a gist without any was deleted a moment ago: `NotFound`."""
    files = await File.where(gist_id=gist.id).order("position").all()
    if not files:
        raise NotFound(f"the gist {gist.id} was deleted while it was read")
    return files
