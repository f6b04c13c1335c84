"""Active-record models, queries and migrations on SQLModel and SQLAlchemy."""

__all__: list[str] = []
