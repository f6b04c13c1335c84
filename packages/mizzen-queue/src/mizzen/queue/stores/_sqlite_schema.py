"""The queue's tables in SQLite, and the statements whose indexes they rely on."""

from __future__ import annotations

# Claims move a row between partial indexes instead of scanning: state 0 is ready, 1 waits for
# its time, 2 is held by a worker. AUTOINCREMENT, because ids must not come back after a delete.
SCHEMA = """
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
    error TEXT
);
CREATE INDEX IF NOT EXISTS mizzen_job_ready
    ON mizzen_job (queue, kind, priority DESC, id) WHERE state = 0;
CREATE INDEX IF NOT EXISTS mizzen_job_due ON mizzen_job (run_at) WHERE state = 1;
CREATE INDEX IF NOT EXISTS mizzen_job_held ON mizzen_job (worker) WHERE state = 2;
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
    error TEXT
);
CREATE INDEX IF NOT EXISTS mizzen_job_done_status
    ON mizzen_job_done (status, kind, queue, finished_at);
CREATE TABLE IF NOT EXISTS mizzen_job_worker (
    id INTEGER PRIMARY KEY,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    born TEXT NOT NULL,
    beat_at REAL NOT NULL
);
"""

# The fields of NewJob, in its order. One JSON parameter, so that one statement inserts one job
# or a thousand through any driver.
INSERT = """
INSERT INTO mizzen_job (state, kind, queue, priority, args, max_attempts, run_at, created_at)
SELECT (value ->> 5) > (value ->> 6), value ->> 0, value ->> 1, value ->> 2, value ->> 3,
       value ->> 4, value ->> 5, value ->> 6
FROM json_each({jobs}) ORDER BY key RETURNING id
"""

NEXT_PAIR = """
SELECT queue, kind FROM mizzen_job WHERE state = 0 AND (queue, kind) > (?, ?)
ORDER BY queue, kind LIMIT 1
"""

READY = """
SELECT priority, id FROM mizzen_job WHERE state = 0 AND queue = ? AND kind = ?
ORDER BY priority DESC, id LIMIT ?
"""

CLAIM = """
UPDATE mizzen_job SET state = 2, worker = ?, token = ?
WHERE id IN (SELECT value FROM json_each(?))
RETURNING id, token, kind, queue, priority, args, attempt, max_attempts, created_at, suspect
"""

PROMOTE = "UPDATE mizzen_job SET state = 0, run_at = NULL WHERE state = 1 AND run_at <= ?"

KEEP = """
INSERT INTO mizzen_job_done (id, status, queue, kind, priority, args, attempt, max_attempts,
                             created_at, started_at, finished_at, result, error)
SELECT id, ?, queue, kind, priority, args, ?, max_attempts, created_at, ?, ?, ?, ?
FROM mizzen_job WHERE id = ? AND token = ?
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

FIND = """
SELECT id, CASE state WHEN 0 THEN 'queued' WHEN 1 THEN 'scheduled' ELSE 'running' END, kind, queue,
       priority, args, attempt, max_attempts, created_at, run_at, NULL, NULL, NULL, error
FROM mizzen_job WHERE id = :id
UNION ALL
SELECT id, status, kind, queue, priority, args, attempt, max_attempts, created_at, NULL,
       started_at, finished_at, result, error
FROM mizzen_job_done WHERE id = :id
"""
