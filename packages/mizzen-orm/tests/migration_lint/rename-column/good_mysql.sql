INSERT INTO tags (name) VALUES ('ALTER TABLE posts RENAME COLUMN title TO headline;');
