"""What is in a database, changing it, and models made from it: `db.meta`."""
