"""What running jobs keep for their next run, in SQLite; it goes when history drops the job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

TABLE = """
CREATE TABLE IF NOT EXISTS mizzen_job_memo (
    job INTEGER NOT NULL,
    name TEXT NOT NULL,
    memo TEXT NOT NULL,
    PRIMARY KEY (job, name)
)
"""

_KEEP = """
INSERT INTO mizzen_job_memo (job, name, memo)
SELECT id, :name, :memo FROM mizzen_job WHERE id = :id AND token = :token
ON CONFLICT (job, name) DO UPDATE SET memo = excluded.memo
"""

# Through the caller's own connection: see mizzen.queue.abc.Completing.
COMPLETE = (
    """
UPDATE mizzen_job SET suspect = 1, charged = 0
FROM (SELECT value ->> 0 AS id, value ->> 1 AS token FROM json_each({jobs})) AS given
WHERE mizzen_job.id = given.id AND mizzen_job.token = given.token RETURNING mizzen_job.id
""",
    """
INSERT INTO mizzen_job_memo (job, name, memo)
SELECT value ->> 0, value ->> 2, value ->> 3 FROM json_each({jobs}) WHERE true
ON CONFLICT (job, name) DO UPDATE SET memo = excluded.memo RETURNING job
""",
)


def read(connection: sqlite3.Connection, id: int) -> dict[str, str]:
    """All memos of a job."""
    return dict(connection.execute("SELECT name, memo FROM mizzen_job_memo WHERE job = ?", (id,)))


def keep(connection: sqlite3.Connection, id: int, token: int, name: str, memo: str) -> bool:
    """Keep one, if the job is held under *token*."""
    values = {"id": id, "token": token, "name": name, "memo": memo}
    return connection.execute(_KEEP, values).rowcount > 0


def forget(connection: sqlite3.Connection, jobs: Collection[int]) -> None:
    """Drop the memos of these jobs."""
    connection.execute(
        "DELETE FROM mizzen_job_memo WHERE job IN (SELECT value FROM json_each(?))",
        (json.dumps(list(jobs)),),
    )
