ALTER TABLE posts ADD COLUMN stars integer NOT NULL;
