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
