"""Opening a psycopg connection so that a cancellation leaves no half-open one.

psycopg keeps a connection that is being opened in the frames of `connect`, and the traceback of the
cancellation keeps those, for as long as anybody holds the error. Meanwhile the server waits for
the password, for a minute, and so does every DROP DATABASE on it: a backend in that state takes no
part in the barrier that a drop waits for.
"""

from __future__ import annotations

import traceback
from typing import Any

import psycopg


async def connected(*args: Any, **options: Any) -> psycopg.AsyncConnection[tuple[Any, ...]]:
    """Return a new connection; takes what `psycopg.AsyncConnection.connect` does."""
    try:
        return await psycopg.AsyncConnection.connect(*args, **options)
    except BaseException as error:
        # Emptied frames hold nothing, so that libpq closes the socket now.
        traceback.clear_frames(error.__traceback__)
        raise
