"""What a worker and its child processes say to each other: one JSON object a line.

No `from __future__ import annotations` here: msgspec reads the types while the program runs.
"""

import msgspec
from msgspec import Struct

from ._address import Address
from ._records import Progress
from .abc import Claimed


class Run(Struct, tag=True):
    """To the child: run this job."""

    address: Address
    job: Claimed


class Stop(Struct, tag=True):
    """To the child: the job is to end; what it hasn't done in a moment, it won't do."""


class Ready(Struct, tag=True):
    """From the child: the function is imported, and starts."""


class Told(Struct, tag=True):
    """From the child: how far the job is."""

    progress: Progress


class Ended(Struct, tag=True):
    """From the child: the result as JSON, or the failure's text.

    *final* failures aren't worth another attempt; with *kept_nothing* the job is done, and only
    its result is lost.
    """

    result: str | None = None
    error: str | None = None
    final: bool = False
    kept_nothing: bool = False


Request = Run | Stop
Answer = Ready | Told | Ended

# Not strict, as SQLite's truth is an integer.
requests: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request, strict=False)
answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def line(message: Request | Answer) -> bytes:
    """The bytes of *message*."""
    return msgspec.json.encode(message) + b"\n"
