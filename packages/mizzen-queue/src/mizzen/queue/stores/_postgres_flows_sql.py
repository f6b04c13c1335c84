"""The tables and statements of workflows in PostgreSQL."""

from __future__ import annotations

from . import _postgres_schema as schema

# `outcome` says how the parent ended, `news` that nobody has seen to it, `broke` that it was this
# edge that cancelled the child. Every way to end a job is noted, in its own transaction; jobs
# outside of workflows pay for one comparison with NULL.
TABLES = """
CREATE TABLE mizzen_job_node (
    flow bigint NOT NULL,
    number integer NOT NULL,
    job bigint NOT NULL UNIQUE,
    PRIMARY KEY (flow, number)
);
CREATE TABLE mizzen_job_edge (
    child bigint NOT NULL,
    parent bigint NOT NULL,
    number integer NOT NULL,
    anyway boolean NOT NULL,
    outcome text,
    news boolean NOT NULL DEFAULT false,
    broke boolean NOT NULL DEFAULT false,
    PRIMARY KEY (child, number)
);
CREATE INDEX mizzen_job_edge_parent ON mizzen_job_edge (parent);
CREATE INDEX mizzen_job_edge_open ON mizzen_job_edge (child) WHERE outcome IS NULL;
CREATE INDEX mizzen_job_edge_news ON mizzen_job_edge (child) WHERE news;
CREATE FUNCTION mizzen_job_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE mizzen_job_edge SET outcome = NEW.status, news = true WHERE parent = NEW.id;
    IF FOUND THEN
        PERFORM pg_notify('mizzen_job', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER mizzen_job_ended AFTER INSERT ON mizzen_job_done
    FOR EACH ROW WHEN (NEW.meta LIKE '%"awaited"%') EXECUTE FUNCTION mizzen_job_ended();
"""

# What ends mean is worked out by one at a time. Each has committed before, so whoever comes last
# sees all that are news to a child. Those who are cancelled are news for their own children.
SETTLE_FUNCTION = """
CREATE OR REPLACE FUNCTION mizzen_job_settle(now float8) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    children bigint[];
    broken bigint[];
BEGIN
    PERFORM pg_advisory_xact_lock(120372471820151);
    LOOP
        WITH news AS (
            UPDATE mizzen_job_edge SET news = false WHERE news
            RETURNING child, parent, outcome, anyway
        )
        SELECT array_agg(DISTINCT child),
               array_agg(parent) FILTER (WHERE outcome <> 'done' AND NOT anyway)
        INTO children, broken FROM news;
        EXIT WHEN children IS NULL;
        IF broken IS NOT NULL THEN
            WITH reason AS (
                SELECT DISTINCT ON (child) child, parent, format(
                    'Cancelled: job %s (%s), which it waited for, is %s', parent,
                    coalesce((SELECT kind FROM mizzen_job_done WHERE id = parent), 'unknown'),
                    outcome) AS error
                FROM mizzen_job_edge
                WHERE child = ANY(children) AND parent = ANY(broken) AND outcome <> 'done'
                  AND NOT anyway
                ORDER BY child, parent
            ), gone AS (
                DELETE FROM mizzen_job USING reason
                WHERE mizzen_job.id = child AND state = 1 AND run_at IS NULL
                RETURNING mizzen_job.*, reason.parent AS breaker, reason.error AS reason
            ), broke AS (
                UPDATE mizzen_job_edge SET broke = true FROM gone
                WHERE mizzen_job_edge.child = gone.id AND mizzen_job_edge.parent = gone.breaker
            )
            INSERT INTO mizzen_job_done (id, status, queue, kind, priority, args, attempt,
                                         max_attempts, created_at, finished_at, error, unique_key,
                                         unique_until_start, limit_key, rate_key, fair_key,
                                         progress, meta)
            SELECT id, 'cancelled', queue, kind, priority, args, attempt, max_attempts, created_at,
                   now, reason, unique_key, unique_until_start, limit_key, rate_key, fair_key,
                   progress, meta
            FROM gone;
        END IF;
        UPDATE mizzen_job SET state = 0
        WHERE state = 1 AND run_at IS NULL AND id = ANY(children) AND NOT EXISTS (
            SELECT 1 FROM mizzen_job_edge WHERE child = mizzen_job.id AND outcome IS NULL);
        IF FOUND THEN
            PERFORM pg_notify('mizzen_job', '');
        END IF;
    END LOOP;
END $$
"""

SETTLE = "SELECT mizzen_job_settle(%s)"

NODES = """
INSERT INTO mizzen_job_node (flow, number, job)
SELECT (value ->> 0)::bigint, (value ->> 1)::int, (value ->> 2)::bigint
FROM json_array_elements({jobs}::json) AS given (value) RETURNING job
"""

# A link makes its child wait: scheduled, without a time.
EDGES = """
WITH put AS (
    INSERT INTO mizzen_job_edge (child, parent, number, anyway)
    SELECT (value ->> 0)::bigint, (value ->> 1)::bigint, (value ->> 2)::int, (value ->> 3) = '1'
    FROM json_array_elements({jobs}::json) AS given (value) RETURNING child
)
UPDATE mizzen_job SET state = 1, run_at = NULL
WHERE id IN (SELECT child FROM put) AND state = 0 RETURNING id
"""

HAS_NEWS = "SELECT EXISTS (SELECT 1 FROM mizzen_job_edge WHERE news)"

PARENTS = """
SELECT number, id, kind, status, result, error
FROM mizzen_job_edge JOIN mizzen_job_done ON id = parent WHERE child = %s ORDER BY number
"""

FLOW = """
SELECT node.number, id, kind, status, attempt, error, meta, edge.number FROM (
    SELECT number, job, id, kind, CASE state WHEN 0 THEN 'queued' WHEN 1 THEN 'scheduled'
           ELSE 'running' END AS status, attempt, error, meta
    FROM mizzen_job_node JOIN mizzen_job ON id = job WHERE flow = %(flow)s
    UNION ALL
    SELECT number, job, id, kind, status, attempt, error, meta
    FROM mizzen_job_node JOIN mizzen_job_done ON id = job WHERE flow = %(flow)s
) AS node LEFT JOIN mizzen_job_edge AS edge ON edge.child = node.job
ORDER BY node.number, edge.number
"""

REVIVE = f"{schema.REVIVE} RETURNING mizzen_job_done.id"

# A job that came back goes by the ends of its own parents, as it did at first.
WAIT_AGAIN = """
WITH mine AS (
    UPDATE mizzen_job_edge SET news = outcome IS NOT NULL, broke = false
    WHERE child = ANY(%s::bigint[]) RETURNING child
)
UPDATE mizzen_job SET state = 1, run_at = NULL
WHERE id IN (SELECT child FROM mine) AND state = 0
"""

REOPEN = """
UPDATE mizzen_job_edge SET outcome = NULL, news = false, broke = false
WHERE parent = ANY(%s::bigint[])
"""

# These jobs, those that the end of one of them cancelled, and so on.
CANCELLED_BY = """
WITH RECURSIVE back AS (
    SELECT unnest(%s::bigint[]) AS id
    UNION
    SELECT child FROM back JOIN mizzen_job_edge ON parent = back.id AND broke
)
SELECT id FROM back
"""
