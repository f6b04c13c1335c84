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
