"""How attempts ended, written to MariaDB many at a time."""

# ruff: noqa: S608  (the statements are put together from numbers, and from what stands here)

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ._mariadb_flows_sql import ENDED
from ._mariadb_pool import too_big
from ._mariadb_portions import portions
from ._mariadb_schema import HISTORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..abc import Ack
    from ._mariadb_pool import Connection

_TEXT = "LONGTEXT CHARACTER SET utf8mb4"
_GIVEN = f"""
JSON_TABLE(%s, '$[*]' COLUMNS (
    id BIGINT PATH '$[0]', token BIGINT PATH '$[1]', outcome VARCHAR(10) PATH '$[2]',
    attempt INT PATH '$[3]', started_at DOUBLE PATH '$[4]', finished_at DOUBLE PATH '$[5]',
    run_at DOUBLE PATH '$[6]', result {_TEXT} PATH '$[7]', error {_TEXT} PATH '$[8]'
)) AS ack
STRAIGHT_JOIN mizzen_job AS job ON job.id = ack.id AND job.token = ack.token
"""

_KEEP = f"""
{HISTORY}
SELECT job.id, ack.outcome, job.queue, job.kind, job.priority, job.args, ack.attempt,
       job.max_attempts, job.created_at, ack.started_at, ack.finished_at, ack.result,
       COALESCE(ack.error, job.error), job.unique_key,
       IF(ack.outcome = 'cancelled', NULL, job.unique_until), job.unique_until_start,
       job.limit_key, job.rate_key, job.fair_key, job.progress, job.meta
FROM {_GIVEN} FOR UPDATE
RETURNING id, COALESCE(LOCATE('"flow"', meta), 0);
DELETE FROM mizzen_job WHERE {{held}};
"""

_AGAIN = f"""
SELECT id, 0 FROM mizzen_job WHERE {{held}} FOR UPDATE;
UPDATE {_GIVEN}
SET job.state = ack.outcome = 'retry',
    job.attempt = IF(ack.outcome = 'retry', ack.attempt, job.attempt - job.charged),
    job.run_at = IF(ack.outcome = 'retry', ack.run_at, NULL),
    job.error = COALESCE(ack.error, job.error),
    job.suspect = job.suspect AND ack.outcome <> 'retry',
    job.worker = NULL, job.token = NULL, job.charged = 0;
"""

_REST = 10_000  # bytes of a statement beside results and errors


async def apply(connection: Connection, acks: Sequence[Ack], begin: str) -> set[int]:
    """Move ended jobs to history, queue the others again; the ids that were held no more.

    *begin* is sent before the first of them.
    """
    refused = {ack.id for ack in acks}
    awaited: list[int] = []  # by others
    for some in portions([_fitting(ack, connection.packet) for ack in acks], _size):
        ended = [ack for ack in some if ack.outcome not in ("retry", "release")]
        again = [ack for ack in some if ack.outcome in ("retry", "release")]
        statements, values = begin, list[str]()
        if ended:
            statements += _KEEP.replace("{held}", _held(ended))
            values.append(_rows(ended))
        if again:
            statements += _AGAIN.replace("{held}", _held(again))
            values.append(_rows(again))
        for result in await connection.run(statements, values):
            if not isinstance(result, int):
                refused.difference_update(row[0] for row in result)
                awaited += [row[0] for row in result if row[1]]
        begin = ""
    if awaited:
        await connection.run(ENDED.replace("{ids}", ",".join(map(str, awaited))))
    return refused


def _fitting(ack: Ack, packet: int) -> Ack:
    # The work is done, and doing it again would double it: only the result is lost.
    if _size(ack) * 4 < packet:
        return ack
    text = _rows([ack])
    size = len(text.encode()) + sum(text.count(character) for character in "'\"\\") + _REST
    if size < packet:
        return ack
    told = f"the result is too large: {too_big(size, packet)}"
    return msgspec.structs.replace(ack, result=None, error=told)


def _held(acks: Iterable[Ack]) -> str:
    by_token: dict[int, list[str]] = {}
    for ack in acks:
        by_token.setdefault(ack.token, []).append(str(ack.id))
    return " OR ".join(
        f"(token = {token} AND id IN ({','.join(ids)}))" for token, ids in by_token.items()
    )


def _rows(acks: Iterable[Ack]) -> str:
    return msgspec.json.encode(
        [
            (
                ack.id,
                ack.token,
                ack.outcome,
                ack.attempt,
                ack.started_at,
                ack.finished_at,
                ack.run_at,
                ack.result,
                ack.error,
            )
            for ack in acks
        ]
    ).decode()


def _size(ack: Ack) -> int:
    return len(ack.result or "") + len(ack.error or "")
