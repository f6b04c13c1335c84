"""Durable background jobs in the database you already have."""

__all__: list[str] = []
