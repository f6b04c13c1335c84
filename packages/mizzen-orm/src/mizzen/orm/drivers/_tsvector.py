"""Search on PostgreSQL: a side table of tsvectors under a GIN index, kept in step by a trigger.

The text is cut into runs of letters and digits first, because PostgreSQL's own parser keeps
`os.path` as the name of a host and `a/b` as a path, which no search for `path` would find.
"""

# Names come from mapped columns and are quoted; values are never part of these statements.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, column, false, func, literal_column, table

from .._search import SearchShape

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from .._terms import Term

_MARK = "mizzen search "
# A tsvector holds at most 1 MB; this many characters can't exceed it.
_MOST_CHARACTERS = 250_000


class TSVector:
    """Builds tsvector indexes and asks them."""

    def create(self, shape: SearchShape) -> list[str]:
        """Return the statements that build the index, fill it, and keep it in step."""
        name, on, key = _quoted(shape.name), _quoted(shape.table), _quoted(shape.key)
        sync = _quoted(shape.name + "_sync")
        changed = " OR ".join(
            f"NEW.{_quoted(field)} IS DISTINCT FROM OLD.{_quoted(field)}" for field in shape.fields
        )
        mark = (_MARK + shape.to_json()).replace("'", "''")
        return [
            *self.drop(shape),
            f"CREATE TABLE {name} AS SELECT {key} AS key, {_document(shape)} AS document FROM {on}",
            f"ALTER TABLE {name} ADD PRIMARY KEY (key), ADD FOREIGN KEY (key) "
            f"REFERENCES {on} ({key}) ON DELETE CASCADE ON UPDATE CASCADE",
            f"CREATE INDEX {_quoted('ix_' + shape.name)} ON {name} USING gin (document)",
            # The columns are named in the function only: a trigger that names them in its
            # definition would forbid migrations to change their types.
            f"CREATE FUNCTION {sync}() RETURNS trigger LANGUAGE plpgsql AS $sync$ BEGIN "
            f"IF TG_OP = 'UPDATE' THEN IF NOT ({changed}) THEN RETURN NULL; END IF; END IF; "
            f"INSERT INTO {name} (key, document) VALUES (NEW.{key}, {_document(shape, 'NEW.')}) "
            "ON CONFLICT (key) DO UPDATE SET document = EXCLUDED.document; RETURN NULL; "
            "END $sync$",
            f"CREATE TRIGGER {sync} AFTER INSERT OR UPDATE ON {on} "
            f"FOR EACH ROW EXECUTE FUNCTION {sync}()",
            f"COMMENT ON TABLE {name} IS '{mark}'",
        ]

    def drop(self, shape: SearchShape) -> list[str]:
        """Return the statements that remove the index."""
        sync = _quoted(shape.name + "_sync")
        return [
            f"DROP FUNCTION IF EXISTS {sync}() CASCADE",
            f"DROP TABLE IF EXISTS {_quoted(shape.name)}",
        ]

    def present(self, connection: Connection) -> dict[str, SearchShape]:
        """Return the indexes in the database, by table."""
        comments = connection.exec_driver_sql(
            "SELECT obj_description(c.oid, 'pg_class') FROM pg_class c "
            "WHERE c.relkind = 'r' AND pg_table_is_visible(c.oid)"
        )
        found: dict[str, SearchShape] = {}
        for (comment,) in comments:
            if comment and str(comment).startswith(_MARK):
                shape = SearchShape.from_json(str(comment).removeprefix(_MARK))
                found[shape.table] = shape
        return found

    def repair(self, connection: Connection, before: dict[str, SearchShape]) -> None:
        """Nothing to repair: PostgreSQL alters tables in place."""

    def narrow(
        self, statement: Select[Any], key: Any, shape: SearchShape, terms: list[Term]
    ) -> tuple[Select[Any], list[Any]]:
        """Return *statement* with only matching rows, and the order of their rank."""
        if not terms:
            return statement.where(false()), []
        index: Any = table(shape.name, column("key"), column("document"))
        asked = func.to_tsquery(literal_column("'simple'"), _expression(terms))
        statement = statement.join(index, index.c.key == key)
        statement = statement.where(index.c.document.op("@@", is_comparison=True)(asked))
        return statement, [func.ts_rank(index.c.document, asked).desc()]


def _document(shape: SearchShape, row: str = "") -> str:
    text = " || ' ' || ".join(
        f"left(coalesce({row}{_quoted(field)}, ''), {_MOST_CHARACTERS // len(shape.fields)})"
        for field in shape.fields
    )
    return f"to_tsvector('simple', regexp_replace({text}, '[^[:alnum:]]+', ' ', 'g'))"


def _expression(terms: list[Term]) -> str:
    return " & ".join(_phrase(term) for term in terms)


def _phrase(term: Term) -> str:
    # Tokens are letters and digits only, so none of them is an operator or ends the quotes.
    tokens = [f"'{token}'" for token in term.tokens]
    tokens[-1] += ":*" if term.prefix else ""
    phrase = f"({' <-> '.join(tokens)})"
    return f"!{phrase}" if term.excluded else phrase


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
