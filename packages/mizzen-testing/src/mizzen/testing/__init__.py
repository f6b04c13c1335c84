"""Real PostgreSQL, Valkey, NATS and MariaDB servers for tests, and fault tools."""

__all__: list[str] = []
