"""The tables and statements of workflows in MariaDB."""

from __future__ import annotations

_TABLE = "ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"

# `outcome` says how the parent ended, `news` that nobody has seen to it, `broke` that it was this
# edge that cancelled the child.
TABLES = {
    "mizzen_job_node": f"""
CREATE TABLE IF NOT EXISTS mizzen_job_node (
    flow BIGINT NOT NULL,
    number INT NOT NULL,
    job BIGINT NOT NULL,
    PRIMARY KEY (flow, number),
    UNIQUE KEY job (job)
) {_TABLE}
""",
    "mizzen_job_edge": f"""
CREATE TABLE IF NOT EXISTS mizzen_job_edge (
    child BIGINT NOT NULL,
    parent BIGINT NOT NULL,
    number INT NOT NULL,
    anyway BOOLEAN NOT NULL,
    outcome VARCHAR(10),
    news BOOLEAN,
    broke BOOLEAN NOT NULL DEFAULT false,
    PRIMARY KEY (child, number),
    KEY parent (parent),
    KEY news (news)
) {_TABLE}
""",
}

NODES = """
INSERT INTO mizzen_job_node (flow, number, job)
SELECT given.flow, given.number, given.job FROM JSON_TABLE({jobs}, '$[*]' COLUMNS (
    flow BIGINT PATH '$[0]', number INT PATH '$[1]', job BIGINT PATH '$[2]')) AS given
RETURNING job
"""

# A link makes its child wait: scheduled, without a time. One statement, for a caller's session.
EDGES = """
BEGIN NOT ATOMIC
    DECLARE links LONGTEXT CHARACTER SET utf8mb4 DEFAULT {jobs};
    INSERT INTO mizzen_job_edge (child, parent, number, anyway)
    SELECT given.child, given.parent, given.number, given.anyway
    FROM JSON_TABLE(links, '$[*]' COLUMNS (child BIGINT PATH '$[0]', parent BIGINT PATH '$[1]',
        number INT PATH '$[2]', anyway INT PATH '$[3]')) AS given;
    UPDATE JSON_TABLE(links, '$[*]' COLUMNS (child BIGINT PATH '$[0]')) AS given
    STRAIGHT_JOIN mizzen_job AS job ON job.id = given.child
    SET job.state = 1, job.run_at = NULL WHERE job.state = 0;
    SELECT child FROM JSON_TABLE(links, '$[*]' COLUMNS (child BIGINT PATH '$[0]')) AS given;
END
"""

LOCK = "START TRANSACTION; SELECT id FROM mizzen_job_gate WHERE id = 2 FOR UPDATE"

# What has not committed yet is left to those who commit it: they settle afterwards.
NEWS = """
SELECT child, number, parent, outcome, anyway FROM mizzen_job_edge WHERE news = true
FOR UPDATE SKIP LOCKED
"""

SEEN = """
UPDATE JSON_TABLE(%s, '$[*]' COLUMNS (child BIGINT PATH '$[0]', number INT PATH '$[1]')) AS seen
STRAIGHT_JOIN mizzen_job_edge AS edge ON edge.child = seen.child AND edge.number = seen.number
SET edge.news = NULL;
SELECT id, kind FROM mizzen_job_done WHERE id IN ({parents});
SELECT id FROM mizzen_job WHERE id IN ({broken}) AND state = 1 AND run_at IS NULL FOR UPDATE
"""

BROKE = "UPDATE mizzen_job_edge SET broke = true WHERE child IN ({ids}) AND parent = %s"

FREE = """
SELECT id FROM mizzen_job WHERE id IN ({ids}) AND state = 1 AND run_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM mizzen_job_edge WHERE child = mizzen_job.id AND outcome IS NULL)
"""

PROMOTE = "UPDATE mizzen_job SET state = 0 WHERE id IN ({ids}) AND state = 1 AND run_at IS NULL"

HAS_NEWS = "SELECT EXISTS (SELECT 1 FROM mizzen_job_edge WHERE news = true)"

# Every way to end a job is noted, in its own transaction.
ENDED = """
UPDATE mizzen_job_done AS ended STRAIGHT_JOIN mizzen_job_edge AS edge ON edge.parent = ended.id
SET edge.outcome = ended.status, edge.news = true WHERE ended.id IN ({ids})
"""

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

# A job that came back goes by the ends of its own parents, as it did at first; those whom it
# cancelled wait for it again.
CAME_BACK = """
UPDATE mizzen_job_edge SET news = IF(outcome IS NULL, NULL, true), broke = false
WHERE child IN ({ids});
UPDATE mizzen_job SET state = 1, run_at = NULL
WHERE id IN ({ids}) AND state = 0 AND id IN (SELECT child FROM mizzen_job_edge);
SELECT child FROM mizzen_job_edge WHERE parent IN ({ids}) AND broke = true;
UPDATE mizzen_job_edge SET outcome = NULL, news = NULL, broke = false WHERE parent IN ({ids})
"""

# What history must not drop, as a waiting job needs it.
NEEDED = """
EXISTS (SELECT 1 FROM mizzen_job_edge JOIN mizzen_job ON mizzen_job.id = child
        WHERE parent = mizzen_job_done.id)
"""
