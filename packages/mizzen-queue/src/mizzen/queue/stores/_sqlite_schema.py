"""The queue's tables in SQLite, and the statements whose indexes they rely on."""

# ruff: noqa: S608  (what the statements are put together from stands in this file)

from __future__ import annotations

# Claims move a row between partial indexes instead of scanning: state 0 is ready, 1 waits for
# its time, 2 is held by a worker. AUTOINCREMENT, because ids must not come back after a delete.
# A gate is the keys of a job in one text; gated jobs stand outside the ready index, in lines.
TABLES = """
CREATE TABLE IF NOT EXISTS mizzen_job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state INTEGER NOT NULL,
    queue TEXT NOT NULL,
    kind TEXT NOT NULL,
    priority INTEGER NOT NULL,
    args TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL,
    created_at REAL NOT NULL,
    run_at REAL,
    worker INTEGER,
    token INTEGER,
    suspect INTEGER NOT NULL DEFAULT 0,
    charged INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    unique_key TEXT,
    unique_until REAL,
    unique_until_start INTEGER NOT NULL DEFAULT 0,
    repeats INTEGER NOT NULL DEFAULT 0,
    limit_key TEXT,
    rate_key TEXT,
    fair_key TEXT,
    gate TEXT,
    cancelling INTEGER NOT NULL DEFAULT 0,
    progress TEXT,
    meta TEXT
);
CREATE TABLE IF NOT EXISTS mizzen_job_done (
    id INTEGER PRIMARY KEY,
    status TEXT NOT NULL,
    queue TEXT NOT NULL,
    kind TEXT NOT NULL,
    priority INTEGER NOT NULL,
    args TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    created_at REAL NOT NULL,
    started_at REAL,
    finished_at REAL NOT NULL,
    result TEXT,
    error TEXT,
    unique_key TEXT,
    unique_until REAL,
    unique_until_start INTEGER NOT NULL DEFAULT 0,
    limit_key TEXT,
    rate_key TEXT,
    fair_key TEXT,
    progress TEXT,
    meta TEXT
);
CREATE TABLE IF NOT EXISTS mizzen_job_start (rate_key TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS mizzen_job_paused (queue TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS mizzen_job_worker (
    id INTEGER PRIMARY KEY,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    born TEXT NOT NULL,
    beat_at REAL NOT NULL
);
"""

INDEXES = """
DROP INDEX IF EXISTS mizzen_job_ready;
CREATE UNIQUE INDEX IF NOT EXISTS mizzen_job_unique
    ON mizzen_job (unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS mizzen_job_open
    ON mizzen_job (queue, kind, priority DESC, id) WHERE state = 0 AND gate IS NULL;
CREATE INDEX IF NOT EXISTS mizzen_job_gated
    ON mizzen_job (queue, kind, gate, priority DESC, id) WHERE state = 0 AND gate IS NOT NULL;
CREATE INDEX IF NOT EXISTS mizzen_job_at_work
    ON mizzen_job (gate) WHERE state = 2 AND gate IS NOT NULL;
CREATE INDEX IF NOT EXISTS mizzen_job_cancelling ON mizzen_job (cancelling) WHERE cancelling = 1;
CREATE INDEX IF NOT EXISTS mizzen_job_due ON mizzen_job (run_at) WHERE state = 1;
CREATE INDEX IF NOT EXISTS mizzen_job_held ON mizzen_job (worker) WHERE state = 2;
CREATE INDEX IF NOT EXISTS mizzen_job_done_status
    ON mizzen_job_done (status, kind, queue, finished_at);
CREATE INDEX IF NOT EXISTS mizzen_job_done_unique
    ON mizzen_job_done (unique_key) WHERE unique_until IS NOT NULL;
CREATE INDEX IF NOT EXISTS mizzen_job_start_at ON mizzen_job_start (rate_key, at);
"""

GATE = """
CASE WHEN coalesce(limit_key, rate_key, fair_key) IS NOT NULL THEN
    coalesce(limit_key, '') || char(31) || coalesce(rate_key, '') || char(31)
    || coalesce(fair_key, '') END
"""

# The fields of NewJob, in its order. One JSON parameter, so that one statement inserts one job
# or a thousand through any driver.
INSERT = """
INSERT INTO mizzen_job (state, kind, queue, priority, args, max_attempts, run_at, created_at)
SELECT (value ->> 5) > (value ->> 6), value ->> 0, value ->> 1, value ->> 2, value ->> 3,
       value ->> 4, value ->> 5, value ->> 6
FROM json_each({jobs}) ORDER BY key RETURNING id
"""

# The fields of KeyedJob; those of a NewJob among them are NULL here. A unique job that is there
# already is found instead, unless it stands in history: see WITHIN. It begins with INSERT, as
# the sqlite3 module opens a transaction for no other word.
INSERT_KEYED = f"""
INSERT INTO mizzen_job (state, kind, queue, priority, args, max_attempts, run_at, created_at,
                        unique_key, unique_until, unique_until_start, limit_key, rate_key,
                        fair_key, gate, meta)
SELECT run_at > created_at, kind, queue, priority, args, max_attempts, run_at, created_at,
       unique_key, created_at + unique_for, coalesce(unique_until_start, 0), limit_key, rate_key,
       fair_key, {GATE}, meta
FROM (
    SELECT key, value ->> 0 AS kind, value ->> 1 AS queue, value ->> 2 AS priority,
           value ->> 3 AS args, value ->> 4 AS max_attempts, value ->> 5 AS run_at,
           value ->> 6 AS created_at, value ->> 7 AS unique_key, value ->> 8 AS unique_for,
           value ->> 9 AS unique_until_start, value ->> 10 AS limit_key, value ->> 11 AS rate_key,
           value ->> 12 AS fair_key, value ->> 13 AS meta
    FROM json_each({{jobs}})
) AS given
WHERE unique_for IS NULL OR NOT EXISTS (
    SELECT 1 FROM mizzen_job_done AS ended
    WHERE ended.unique_key = given.unique_key AND ended.unique_until > given.created_at)
ORDER BY key
ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO UPDATE SET repeats = repeats + 1
RETURNING id, unique_key, repeats
"""

WITHIN = """
SELECT max(ended.id), ended.unique_key FROM json_each({jobs})
JOIN mizzen_job_done AS ended
  ON ended.unique_key = value ->> 7 AND ended.unique_until > (value ->> 6)
GROUP BY ended.unique_key
"""

NEXT_PAIR = """
SELECT queue, kind FROM mizzen_job WHERE state = 0 AND gate IS NULL AND (queue, kind) > (?, ?)
ORDER BY queue, kind LIMIT 1
"""

# One row for all: each row hands the GIL to the event loop's thread, and has to get it back.
READY = """
SELECT json_group_array(priority), json_group_array(id) FROM (
    SELECT priority, id FROM mizzen_job
    WHERE state = 0 AND gate IS NULL AND queue = ? AND kind = ? ORDER BY priority DESC, id LIMIT ?)
"""

NEXT_LINE = """
SELECT queue, kind, gate FROM mizzen_job
WHERE state = 0 AND gate IS NOT NULL AND (queue, kind, gate) > (?, ?, ?)
ORDER BY queue, kind, gate LIMIT 1
"""

IN_LINE = """
SELECT priority, id, limit_key, rate_key, fair_key FROM mizzen_job
WHERE state = 0 AND gate IS NOT NULL AND queue = ? AND kind = ? AND gate = ?
ORDER BY priority DESC, id LIMIT ?
"""

CLAIM = """
UPDATE mizzen_job SET state = 2, worker = ?, token = ?
WHERE id IN (SELECT value FROM json_each(?))
RETURNING id, token, kind, queue, priority, args, attempt, max_attempts, created_at, suspect, meta,
          unique_until_start
"""

# Not in the claim itself: an index on what is set there would be looked after for every job.
FORGET_UNIQUE = (
    "UPDATE mizzen_job SET unique_key = NULL WHERE id IN (SELECT value FROM json_each(?))"
)

AT_WORK = """
SELECT limit_key, fair_key, count(*) FROM mizzen_job WHERE state = 2 AND gate IS NOT NULL
GROUP BY limit_key, fair_key
"""

PROMOTE = "UPDATE mizzen_job SET state = 0, run_at = NULL WHERE state = 1 AND run_at <= ?"

HISTORY = (
    "id, status, queue, kind, priority, args, attempt, max_attempts, created_at, started_at, "
    "finished_at, result, error, unique_key, unique_until, unique_until_start, limit_key, "
    "rate_key, fair_key, progress, meta"
)

# A cancelled job stands in nobody's way.
KEEP = f"""
INSERT INTO mizzen_job_done ({HISTORY})
SELECT id, :status, queue, kind, priority, args, coalesce(:attempt, attempt), max_attempts,
       created_at, :started_at, :finished_at, :result, coalesce(:error, error), unique_key,
       CASE :status WHEN 'cancelled' THEN NULL ELSE unique_until END, unique_until_start,
       limit_key, rate_key, fair_key, progress, meta
FROM mizzen_job WHERE {{condition}}
"""

AGAIN = """
UPDATE mizzen_job SET state = 1, attempt = ?, run_at = ?, error = ?, worker = NULL, token = NULL,
                      charged = 0, suspect = 0
WHERE id = ? AND token = ?
"""

RELEASE = """
UPDATE mizzen_job SET state = 0, attempt = attempt - charged, charged = 0, worker = NULL,
                      token = NULL
WHERE state = 2 AND id = ? AND token = ?
"""

REVIVE = f"""
INSERT INTO mizzen_job (id, state, queue, kind, priority, args, max_attempts, created_at,
                        unique_key, unique_until, unique_until_start, limit_key, rate_key,
                        fair_key, gate, meta)
SELECT id, 0, queue, kind, priority, args, max_attempts, created_at,
       unique_key, unique_until, unique_until_start, limit_key, rate_key,
       fair_key, {GATE}, meta
FROM mizzen_job_done WHERE id = ? AND status IN ('dead', 'cancelled')
ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING
"""

FIND = """
SELECT id, CASE state WHEN 0 THEN 'queued' WHEN 1 THEN 'scheduled' ELSE 'running' END, kind, queue,
       priority, args, attempt, max_attempts, created_at, run_at, NULL, NULL, NULL, error,
       progress, meta
FROM mizzen_job WHERE id = :id
UNION ALL
SELECT id, status, kind, queue, priority, args, attempt, max_attempts, created_at, NULL,
       started_at, finished_at, result, error, progress, meta
FROM mizzen_job_done WHERE id = :id
"""
