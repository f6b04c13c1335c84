"""What is kept: gists, their files, who starred them, and which sources were taken in."""

from __future__ import annotations

import enum
import secrets

from mizzen.orm import Field, Model, Relationship, SearchIndex, Timestamps

# No vowels and no look-alikes: an id is readable, and never spells a word.
ALPHABET = "23456789bcdfghjkmnpqrstvwxz"


def new_id() -> str:
    """Return ten random characters: 47 bits, enough that an unlisted gist can't be guessed."""
    return "".join(secrets.choice(ALPHABET) for _ in range(10))


class Visibility(enum.StrEnum):
    """Who may see a gist: everyone, everyone who has its address, or its owner."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    PRIVATE = "private"


class Gist(Timestamps, Model):
    """Some files with a title, by somebody."""

    id: str = Field(default_factory=new_id, primary_key=True)
    title: str = Field(min_length=1, max_length=200)
    description: str = Field(default="", max_length=2_000)
    visibility: Visibility = Field(default=Visibility.PUBLIC, index=True)
    owner_id: str = Field(index=True)
    owner: str
    stars: int = Field(default=0, ge=0)
    forked_from: str | None = Field(default=None, foreign_key="gists.id", ondelete="SET NULL")
    source: str | None = Field(default=None, unique=True)

    # What a card shows, so that a list reads no file.
    preview: str = ""
    language: str = "Text only"
    file_count: int = 1
    line_count: int = 0

    files: list[File] = Relationship(back_populates="gist", cascade_delete=True)


class File(Model):
    """One named text of a gist, with its highlighted form."""

    id: int | None = Field(default=None, primary_key=True)
    gist_id: str = Field(foreign_key="gists.id", ondelete="CASCADE", index=True)
    position: int = 0
    name: str = Field(min_length=1, max_length=200)
    language: str = "Text only"
    content: str
    html: str

    gist: Gist = Relationship(back_populates="files")

    search = SearchIndex("name", "content")


class Star(Model):
    """Somebody likes a gist; at most once."""

    gist_id: str = Field(foreign_key="gists.id", ondelete="CASCADE", primary_key=True)
    user_id: str = Field(primary_key=True)


class Source(Model):
    """A file of the standard library that has a job to import it; written with the job, or not."""

    path: str = Field(primary_key=True)
