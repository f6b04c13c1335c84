ALTER TABLE posts MODIFY COLUMN views bigint;
