"""What running jobs keep for their next run, in MariaDB; it goes when history drops the job."""

from __future__ import annotations

TABLE = """
CREATE TABLE IF NOT EXISTS mizzen_job_memo (
    number BIGINT AUTO_INCREMENT PRIMARY KEY,
    job BIGINT NOT NULL,
    name LONGTEXT NOT NULL,
    memo LONGTEXT NOT NULL,
    name_hash BINARY(20) AS (UNHEX(SHA1(name))) PERSISTENT,
    UNIQUE KEY one (job, name_hash)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin
"""

READ = "SELECT name, memo FROM mizzen_job_memo WHERE job = %s"

# The row is locked, so that nobody takes the job away before this commits.
KEEP = """
INSERT INTO mizzen_job_memo (job, name, memo)
SELECT id, %(name)s, %(memo)s FROM mizzen_job WHERE id = %(id)s AND token = %(token)s FOR UPDATE
ON DUPLICATE KEY UPDATE memo = VALUES(memo) RETURNING job
"""

# Through the caller's own session: see mizzen.queue.abc.Completing.
_GIVEN = """
JSON_TABLE(given, '$[*]' COLUMNS (
    id BIGINT PATH '$[0]', token BIGINT PATH '$[1]',
    name LONGTEXT CHARACTER SET utf8mb4 PATH '$[2]',
    memo LONGTEXT CHARACTER SET utf8mb4 PATH '$[3]')) AS told
STRAIGHT_JOIN mizzen_job AS job ON job.id = told.id AND job.token = told.token
"""
COMPLETE = (
    f"""
BEGIN NOT ATOMIC
    DECLARE given LONGTEXT CHARACTER SET utf8mb4 DEFAULT {{jobs}};
    UPDATE {_GIVEN} SET job.suspect = true, job.charged = 0;
    INSERT INTO mizzen_job_memo (job, name, memo)
    SELECT job.id, told.name, told.memo FROM {_GIVEN} FOR UPDATE
    ON DUPLICATE KEY UPDATE memo = VALUES(memo);
    SELECT job.id FROM {_GIVEN} FOR UPDATE;
END
""",  # noqa: S608  (what the statement is put together from stands above)
)
