-- a new table has no readers
CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_views ON posts (views);
