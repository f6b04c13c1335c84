"""The statements of a claim in PostgreSQL that minds gates."""

from __future__ import annotations

# The candidates for a claim that minds gates: the open ones, locked, and the first of each line.
OPEN_JOBS = """
WITH RECURSIVE pair AS (
    (SELECT queue, kind FROM mizzen_job WHERE state = 0 AND gate IS NULL
     ORDER BY queue, kind LIMIT 1)
    UNION ALL
    SELECT following.queue, following.kind FROM pair CROSS JOIN LATERAL (
        SELECT queue, kind FROM mizzen_job
        WHERE state = 0 AND gate IS NULL AND (queue, kind) > (pair.queue, pair.kind)
        ORDER BY queue, kind LIMIT 1
    ) AS following
)
SELECT ready.priority, ready.id FROM pair CROSS JOIN LATERAL (
    SELECT id, priority FROM mizzen_job
    WHERE state = 0 AND gate IS NULL AND queue = pair.queue AND kind = pair.kind
    ORDER BY priority DESC, id LIMIT %(want)s FOR UPDATE SKIP LOCKED
) AS ready
WHERE pair.kind = ANY(%(kinds)s::text[])
  AND (%(queues)s::text[] IS NULL OR pair.queue = ANY(%(queues)s::text[]))
  AND NOT EXISTS (SELECT 1 FROM mizzen_job_paused WHERE mizzen_job_paused.queue = pair.queue)
ORDER BY ready.priority DESC, ready.id LIMIT %(want)s
"""

# Hops from line to line, as far as *lines* of them, beginning after the place where the last
# claim ended.
LINES = """
WITH RECURSIVE line AS (
    (SELECT queue, kind, gate, 1 AS number FROM mizzen_job
     WHERE state = 0 AND gate IS NOT NULL
       AND (queue, kind, gate) > (%(queue)s, %(kind)s, %(gate)s)
     ORDER BY queue, kind, gate LIMIT 1)
    UNION ALL
    SELECT following.*, line.number + 1 FROM line CROSS JOIN LATERAL (
        SELECT queue, kind, gate FROM mizzen_job
        WHERE state = 0 AND gate IS NOT NULL
          AND (queue, kind, gate) > (line.queue, line.kind, line.gate)
        ORDER BY queue, kind, gate LIMIT 1
    ) AS following
    WHERE line.number < %(lines)s
)
SELECT line.queue, line.kind, line.gate, waiting.*
FROM line LEFT JOIN LATERAL (
    SELECT priority, id, limit_key, rate_key, fair_key FROM mizzen_job
    WHERE state = 0 AND gate IS NOT NULL AND queue = line.queue AND kind = line.kind
      AND gate = line.gate
      AND line.kind = ANY(%(kinds)s::text[])
      AND (%(queues)s::text[] IS NULL OR line.queue = ANY(%(queues)s::text[]))
      AND NOT EXISTS (SELECT 1 FROM mizzen_job_paused WHERE mizzen_job_paused.queue = line.queue)
    ORDER BY priority DESC, id
    LIMIT CASE WHEN starts_with(line.gate, chr(31) || chr(31)) THEN %(ahead)s
          ELSE greatest(1, %(room)s) END
) AS waiting ON true
ORDER BY line.number, waiting.priority DESC, waiting.id
"""

USAGE = """
SELECT limit_key, fair_key, NULL, count(*) FROM mizzen_job
WHERE state = 2 AND gate IS NOT NULL GROUP BY limit_key, fair_key
UNION ALL
SELECT NULL, NULL, rate_key, count(*) FROM mizzen_job_start
JOIN unnest(%(rates)s::text[], %(sinces)s::float8[]) AS wanted (key, since)
  ON rate_key = key AND at > since GROUP BY rate_key
"""

HOLD = """
UPDATE mizzen_job
SET state = 2, worker = %(worker)s, token = %(token)s,
    unique_key = CASE WHEN unique_until_start THEN NULL ELSE unique_key END
WHERE state = 0 AND id = ANY(%(ids)s::bigint[])
RETURNING id, token, kind, queue, priority, args, attempt, max_attempts, created_at, suspect, meta
"""

NOTE_STARTS = """
WITH old AS (
    DELETE FROM mizzen_job_start USING unnest(%(rates)s::text[], %(sinces)s::float8[])
      AS wanted (key, since)
    WHERE rate_key = key AND at <= since
)
INSERT INTO mizzen_job_start (rate_key, at) SELECT unnest(%(started)s::text[]), %(now)s::float8
"""

NEXT_START = "SELECT rate_key, min(at) FROM mizzen_job_start WHERE rate_key = ANY(%s) GROUP BY 1"
