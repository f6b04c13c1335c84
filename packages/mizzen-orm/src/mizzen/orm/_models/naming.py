"""Names: of tables from classes, and of constraints, so that migrations can find them again."""

from __future__ import annotations

import re

CONSTRAINTS = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def table_name(model: str) -> str:
    """Return the plural snake_case name: Gist → gists, GistFile → gist_files, Entry → entries."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", model).lower()
    if re.search(r"[^aeiou]y$", snake):
        return f"{snake[:-1]}ies"
    if re.search(r"(s|x|z|ch|sh)$", snake):
        return f"{snake}es"
    return f"{snake}s"
