"""The queue's tables in MariaDB, and how jobs are inserted into them.

Each waiting job stands in a *line*: a digit, its kind and its queue, and a hash of its keys if it
has any. So one index finds the first jobs of each line, and the lines themselves.
"""

# ruff: noqa: S608  (what the statements are put together from stands in this file)

from __future__ import annotations

# The first character of a line: in the order in which a claim goes through them.
OPEN, FAIR, LIMITED = "1", "2", "3"

_TABLE = "ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
_TEXT = "LONGTEXT CHARACTER SET utf8mb4"
_SEPARATOR = "CHAR(31 USING utf8mb4)"

LINE = f"""
CONCAT(CASE WHEN COALESCE(limit_key, rate_key) IS NOT NULL THEN '{LIMITED}'
            WHEN fair_key IS NOT NULL THEN '{FAIR}' ELSE '{OPEN}' END,
       kind, {_SEPARATOR}, queue,
       CASE WHEN COALESCE(limit_key, rate_key, fair_key) IS NULL THEN '' ELSE
            CONCAT({_SEPARATOR}, MD5(CONCAT(COALESCE(limit_key, ''), {_SEPARATOR},
                   COALESCE(rate_key, ''), {_SEPARATOR}, COALESCE(fair_key, '')))) END)
"""

# run_at is kept for as long as a job is scheduled only, so that its least value is the next one.
TABLES = {
    "mizzen_job": f"""
CREATE TABLE IF NOT EXISTS mizzen_job (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    state TINYINT NOT NULL,
    queue VARCHAR(255) NOT NULL,
    kind VARCHAR(255) NOT NULL,
    priority INT NOT NULL,
    args LONGTEXT NOT NULL,
    attempt INT NOT NULL DEFAULT 0,
    max_attempts INT NOT NULL,
    created_at DOUBLE NOT NULL,
    run_at DOUBLE,
    worker BIGINT,
    token BIGINT,
    suspect BOOLEAN NOT NULL DEFAULT false,
    charged TINYINT NOT NULL DEFAULT 0,
    error LONGTEXT,
    unique_key LONGTEXT,
    unique_until DOUBLE,
    unique_until_start BOOLEAN NOT NULL DEFAULT false,
    repeats INT NOT NULL DEFAULT 0,
    limit_key LONGTEXT,
    rate_key LONGTEXT,
    fair_key LONGTEXT,
    progress LONGTEXT,
    meta LONGTEXT,
    line VARCHAR(560) AS ({LINE}) PERSISTENT,
    turn BIGINT AS (-priority) PERSISTENT,
    unique_hash BINARY(20) AS (UNHEX(SHA1(unique_key))) PERSISTENT,
    KEY ready (state, line, turn, id),
    KEY due (run_at),
    UNIQUE KEY one (unique_hash)
) {_TABLE}
""",
    "mizzen_job_done": f"""
CREATE TABLE IF NOT EXISTS mizzen_job_done (
    id BIGINT PRIMARY KEY,
    status VARCHAR(10) NOT NULL,
    queue VARCHAR(255) NOT NULL,
    kind VARCHAR(255) NOT NULL,
    priority INT NOT NULL,
    args LONGTEXT NOT NULL,
    attempt INT NOT NULL,
    max_attempts INT NOT NULL,
    created_at DOUBLE NOT NULL,
    started_at DOUBLE,
    finished_at DOUBLE NOT NULL,
    result LONGTEXT,
    error LONGTEXT,
    unique_key LONGTEXT,
    unique_until DOUBLE,
    unique_until_start BOOLEAN NOT NULL DEFAULT false,
    limit_key LONGTEXT,
    rate_key LONGTEXT,
    fair_key LONGTEXT,
    progress LONGTEXT,
    meta LONGTEXT,
    unique_hash BINARY(20)
        AS (IF(unique_until IS NULL, NULL, UNHEX(SHA1(unique_key)))) PERSISTENT,
    KEY counts (status, kind, queue, finished_at),
    KEY within (unique_hash)
) {_TABLE}
""",
    "mizzen_job_worker": f"""
CREATE TABLE IF NOT EXISTS mizzen_job_worker (
    id BIGINT PRIMARY KEY,
    host LONGTEXT NOT NULL,
    pid INT NOT NULL,
    born LONGTEXT NOT NULL,
    beat_at DOUBLE NOT NULL
) {_TABLE}
""",
    "mizzen_job_start": f"""
CREATE TABLE IF NOT EXISTS mizzen_job_start (
    number BIGINT AUTO_INCREMENT PRIMARY KEY,
    rate CHAR(40) NOT NULL,
    at DOUBLE NOT NULL,
    KEY rate (rate, at)
) {_TABLE}
""",
    "mizzen_job_paused": f"""
CREATE TABLE IF NOT EXISTS mizzen_job_paused (queue VARCHAR(255) PRIMARY KEY) {_TABLE}
""",
    # Jobs that somebody wants ended while they run.
    "mizzen_job_cancel": f"""
CREATE TABLE IF NOT EXISTS mizzen_job_cancel (id BIGINT PRIMARY KEY) {_TABLE}
""",
    # Its first row is locked by the claim that minds gates, as what keys have used up is counted by
    # one; its second by whoever works out what ends mean for those who wait.
    "mizzen_job_gate": f"""
CREATE TABLE IF NOT EXISTS mizzen_job_gate (id TINYINT PRIMARY KEY) {_TABLE}
""",
}

GATE = "INSERT INTO mizzen_job_gate (id) VALUES (1), (2) ON DUPLICATE KEY UPDATE id = VALUES(id)"

# Creating tables ends a transaction, so that the turn is a lock of the connection.
LOCK_SCHEMA = "SELECT GET_LOCK(CONCAT('mizzen_job ', MD5(DATABASE())), 30)"
UNLOCK_SCHEMA = "SELECT RELEASE_LOCK(CONCAT('mizzen_job ', MD5(DATABASE())))"
THERE = """
SELECT COUNT(*) FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name IN %s
"""

# The fields of NewJob, in its order.
_GIVEN = f"""
JSON_TABLE({{jobs}}, '$[*]' COLUMNS (
    place FOR ORDINALITY,
    kind {_TEXT} PATH '$[0]' ERROR ON ERROR,
    queue {_TEXT} PATH '$[1]' ERROR ON ERROR,
    priority INT PATH '$[2]' ERROR ON ERROR,
    args {_TEXT} PATH '$[3]' ERROR ON ERROR,
    max_attempts INT PATH '$[4]' ERROR ON ERROR,
    run_at DOUBLE PATH '$[5]' ERROR ON ERROR,
    created_at DOUBLE PATH '$[6]' ERROR ON ERROR{{more}}
)) AS given
"""
_KEYS = f""",
    unique_key {_TEXT} PATH '$[7]',
    unique_for DOUBLE PATH '$[8]',
    unique_until_start BOOLEAN PATH '$[9]',
    limit_key {_TEXT} PATH '$[10]',
    rate_key {_TEXT} PATH '$[11]',
    fair_key {_TEXT} PATH '$[12]',
    meta {_TEXT} PATH '$[13]'"""
_FIELDS = "state, kind, queue, priority, args, max_attempts, run_at, created_at"
_VALUES = """given.run_at > given.created_at, given.kind, given.queue, given.priority, given.args,
       given.max_attempts, IF(given.run_at > given.created_at, given.run_at, NULL),
       given.created_at"""

INSERT = f"""
INSERT INTO mizzen_job ({_FIELDS})
SELECT {_VALUES}
FROM {_GIVEN.replace("{more}", "")} ORDER BY place RETURNING id
"""

# The fields of KeyedJob; those of a NewJob among them are NULL here. A unique job that is there
# already is found instead, unless it stands in history: see WITHIN.
INSERT_KEYED = f"""
INSERT INTO mizzen_job ({_FIELDS}, unique_key, unique_until, unique_until_start, limit_key,
                        rate_key, fair_key, meta)
SELECT {_VALUES}, given.unique_key, given.created_at + given.unique_for,
       COALESCE(given.unique_until_start, false), given.limit_key, given.rate_key, given.fair_key,
       given.meta
FROM {_GIVEN.replace("{more}", _KEYS)}
WHERE given.unique_for IS NULL OR NOT EXISTS (
    SELECT 1 FROM mizzen_job_done AS ended
    WHERE ended.unique_hash = UNHEX(SHA1(given.unique_key))
      AND ended.unique_until > given.created_at)
ORDER BY place
ON DUPLICATE KEY UPDATE repeats = mizzen_job.repeats + 1
RETURNING id, unique_key, repeats
"""

WITHIN = f"""
SELECT MAX(ended.id), ended.unique_key
FROM {_GIVEN.replace("{more}", _KEYS)}
JOIN mizzen_job_done AS ended ON ended.unique_hash = UNHEX(SHA1(given.unique_key))
 AND ended.unique_until > given.created_at
GROUP BY ended.unique_key
"""

HISTORY = """
INSERT INTO mizzen_job_done (id, status, queue, kind, priority, args, attempt, max_attempts,
                             created_at, started_at, finished_at, result, error, unique_key,
                             unique_until, unique_until_start, limit_key, rate_key, fair_key,
                             progress, meta)
"""

REVIVE = """
INSERT INTO mizzen_job (id, state, queue, kind, priority, args, max_attempts, created_at,
                        unique_key, unique_until, unique_until_start, limit_key, rate_key,
                        fair_key, meta)
SELECT id, 0, queue, kind, priority, args, max_attempts, created_at, unique_key, unique_until,
       unique_until_start, limit_key, rate_key, fair_key, meta
FROM mizzen_job_done WHERE id IN ({ids}) AND status IN ('dead', 'cancelled') ORDER BY id FOR UPDATE
ON DUPLICATE KEY UPDATE repeats = mizzen_job.repeats
RETURNING id
"""

FIND = """
SELECT id, CASE state WHEN 0 THEN 'queued' WHEN 1 THEN 'scheduled' ELSE 'running' END, kind, queue,
       priority, args, attempt, max_attempts, created_at, run_at, NULL, NULL, NULL, error,
       progress, meta
FROM mizzen_job WHERE id = %(id)s
UNION ALL
SELECT id, status, kind, queue, priority, args, attempt, max_attempts, created_at, NULL,
       started_at, finished_at, result, error, progress, meta
FROM mizzen_job_done WHERE id = %(id)s
"""

# What differs when there may be new work, a job to cancel or a queue that goes on.
PULSE = """
SELECT (SELECT MAX(id) FROM mizzen_job),
       (SELECT COUNT(*) FROM (SELECT 1 FROM mizzen_job WHERE state = 0 LIMIT 1000) AS ready),
       (SELECT COUNT(*) FROM mizzen_job_cancel), (SELECT COUNT(*) FROM mizzen_job_paused)
"""
