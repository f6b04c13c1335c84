"""Migrations, with Alembic inside."""
