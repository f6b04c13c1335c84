"""What running jobs keep for their next run, in PostgreSQL; it goes when history drops the job."""

from __future__ import annotations

TABLE = """
CREATE TABLE IF NOT EXISTS mizzen_job_memo (
    job bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    memo text NOT NULL,
    PRIMARY KEY (job, name)
)
"""

READ = "SELECT name, memo FROM mizzen_job_memo WHERE job = %s"

# The row is locked, so that nobody takes the job away before this commits.
KEEP = """
INSERT INTO mizzen_job_memo (job, name, memo)
SELECT id, %(name)s::text, %(memo)s::text FROM mizzen_job
WHERE id = %(id)s AND token = %(token)s FOR UPDATE
ON CONFLICT (job, name) DO UPDATE SET memo = excluded.memo
"""

# Through the caller's own connection: see mizzen.queue.abc.Completing.
COMPLETE = (
    """
WITH given AS (
    SELECT (value ->> 0)::bigint AS id, (value ->> 1)::bigint AS token, value ->> 2 AS name,
           value ->> 3 AS memo
    FROM json_array_elements({jobs}::json) AS rows (value)
), held AS (
    UPDATE mizzen_job SET suspect = true, charged = 0 FROM given
    WHERE mizzen_job.id = given.id AND mizzen_job.token = given.token
    RETURNING mizzen_job.id, name, memo
)
INSERT INTO mizzen_job_memo (job, name, memo) SELECT id, name, memo FROM held
ON CONFLICT (job, name) DO UPDATE SET memo = excluded.memo RETURNING job
""",
)
