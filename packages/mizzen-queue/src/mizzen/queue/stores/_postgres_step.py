"""The hot statement in PostgreSQL: acks and the next claim in one round trip and one commit."""

from __future__ import annotations

# Acks of the last batch and the claim of the next in one statement, and so in one round trip and
# one commit. `pair` hops along the ready index from one (queue, kind) to the next, so that jobs
# which this worker doesn't want cost one hop per kind, however many they are.
STEP = """
WITH RECURSIVE ack AS MATERIALIZED (
    SELECT * FROM unnest(
        %(ids)s::bigint[], %(tokens)s::bigint[], %(outcomes)s::text[], %(attempts)s::int[],
        %(results)s::text[], %(errors)s::text[], %(run_ats)s::float8[], %(started)s::float8[],
        %(finished)s::float8[]
    ) AS given (id, token, outcome, attempt, result, error, run_at, started_at, finished_at)
), gone AS (
    DELETE FROM mizzen_job USING ack
    WHERE ack.outcome IN ('done', 'dead', 'cancelled') AND mizzen_job.id = ack.id
      AND mizzen_job.token = ack.token
    RETURNING mizzen_job.id, outcome, queue, kind, priority, args, ack.attempt, max_attempts,
              created_at, ack.started_at, ack.finished_at, ack.result,
              coalesce(ack.error, mizzen_job.error), unique_key,
              CASE outcome WHEN 'cancelled' THEN NULL ELSE unique_until END, unique_until_start,
              limit_key, rate_key, fair_key, progress, meta
), kept AS (
    INSERT INTO mizzen_job_done (id, status, queue, kind, priority, args, attempt, max_attempts,
                                 created_at, started_at, finished_at, result, error, unique_key,
                                 unique_until, unique_until_start, limit_key, rate_key, fair_key,
                                 progress, meta)
    SELECT * FROM gone
), again AS (
    UPDATE mizzen_job
    SET state = CASE outcome WHEN 'retry' THEN 1 ELSE 0 END,
        attempt = CASE outcome WHEN 'retry' THEN ack.attempt
                  ELSE mizzen_job.attempt - mizzen_job.charged END,
        run_at = CASE outcome WHEN 'retry' THEN ack.run_at END,
        error = coalesce(ack.error, mizzen_job.error),
        suspect = mizzen_job.suspect AND outcome <> 'retry',
        worker = NULL, token = NULL, charged = 0
    FROM ack
    WHERE ack.outcome IN ('retry', 'release') AND mizzen_job.id = ack.id
      AND mizzen_job.token = ack.token
    RETURNING mizzen_job.id
), pair AS (
    (SELECT * FROM (
        SELECT queue, kind FROM mizzen_job
        WHERE state = 0 AND gate IS NULL AND %(want)s > 0 AND %(floor)s = 0
        ORDER BY queue, kind LIMIT 1
     ) AS first
     UNION ALL
     SELECT queue COLLATE "C", kind COLLATE "C"
     FROM unnest(%(near_queues)s::text[], %(near_kinds)s::text[]) AS near (queue, kind))
    UNION ALL
    SELECT following.queue, following.kind FROM pair CROSS JOIN LATERAL (
        SELECT queue, kind FROM mizzen_job
        WHERE state = 0 AND gate IS NULL AND (queue, kind) > (pair.queue, pair.kind)
          AND %(floor)s = 0
        ORDER BY queue, kind LIMIT 1
    ) AS following
), picked AS MATERIALIZED (
    SELECT ready.id FROM pair CROSS JOIN LATERAL (
        SELECT id, priority FROM mizzen_job
        WHERE state = 0 AND gate IS NULL AND queue = pair.queue AND kind = pair.kind
          AND id > %(floor)s
        ORDER BY priority DESC, id LIMIT %(want)s FOR UPDATE SKIP LOCKED
    ) AS ready
    WHERE pair.kind = ANY(%(kinds)s::text[])
      AND (%(queues)s::text[] IS NULL OR pair.queue = ANY(%(queues)s::text[]))
      AND NOT EXISTS (SELECT 1 FROM mizzen_job_paused WHERE mizzen_job_paused.queue = pair.queue)
      AND EXISTS (SELECT 1 FROM mizzen_job_worker WHERE id = %(worker)s)
    ORDER BY ready.priority DESC, ready.id LIMIT %(want)s
), claimed AS (
    UPDATE mizzen_job
    SET state = 2, worker = %(worker)s, token = %(token)s,
        unique_key = CASE WHEN unique_until_start THEN NULL ELSE unique_key END
    FROM picked WHERE mizzen_job.id = picked.id
    RETURNING mizzen_job.*
)
SELECT id, token, kind, queue, priority, args, attempt, max_attempts, created_at, suspect, meta
FROM claimed
UNION ALL SELECT id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                 meta LIKE '%%"awaited"%%', NULL FROM gone
UNION ALL SELECT id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM again
UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                 (SELECT count(*) FROM (SELECT 1 FROM mizzen_job
                  WHERE state = 0 AND gate IS NOT NULL LIMIT 1) AS gated),
                 (SELECT min(run_at) FROM mizzen_job WHERE state = 1),
                 EXISTS (SELECT 1 FROM mizzen_job_edge WHERE news), NULL
"""
