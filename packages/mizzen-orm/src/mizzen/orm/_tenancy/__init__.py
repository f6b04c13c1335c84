"""Whose rows are meant: tenants by column, by schema, and PostgreSQL's row level security."""
