"""The synchronous face of a database."""
