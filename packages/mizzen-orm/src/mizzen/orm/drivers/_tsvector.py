"""Search on PostgreSQL: a side table of tsvectors under a GIN index, kept in step by triggers.

The text is cut into words first, by a function of our own: PostgreSQL's parser keeps `os.path` as
the name of a host and `a/b` as a path, which no search for `path` would find, and what it takes
for a letter depends on the locale. Triggers run once for each statement, so that a bulk load is
one INSERT more, keys may be swapped, and TRUNCATE empties the index.
"""

# Names come from mapped columns and are quoted; values are never part of these statements.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import REAL, Select, cast, column, func, literal_column, select, table, text
from sqlalchemy.dialects.postgresql import ARRAY

from .._search.backend import SearchCheck
from .._search.shape import SearchShape
from ._tsvector_words import as_indexed, fold_function, language_of, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

    from .._search.query import SearchTerm

_MARK = "mizzen search "
# A tsvector holds at most 1 MB; this many characters can't exceed it.
_MOST_CHARACTERS = 250_000
_LABELS = "ABCD"
# ts_rank_cd divides by the logarithm of a text's length.
_BY_LENGTH = 1


class TSVector:
    """Builds tsvector indexes and asks them."""

    in_one_statement = True

    def create(self, shape: SearchShape) -> list[str]:
        """Return the statements that build the index, fill it, and keep it in step."""
        name, on, key = quoted(shape.name), quoted(shape.table), quoted(shape.key)
        mark = (_MARK + shape.renewed().to_json()).replace("'", "''")
        return [
            *self.drop(shape),
            fold_function(shape),
            *language_of(shape),
            f"CREATE TABLE {name} AS SELECT {key} AS key, {_document(shape)} AS document FROM {on}",
            f"ALTER TABLE {name} ADD PRIMARY KEY (key)",
            f"CREATE INDEX {quoted('ix_' + shape.name)} ON {name} USING gin (document)",
            _sync_function(shape),
            *_triggers(shape),
            f"COMMENT ON TABLE {name} IS '{mark}'",
        ]

    def drop(self, shape: SearchShape) -> list[str]:
        """Return the statements that remove the index."""
        return [
            f"DROP FUNCTION IF EXISTS {quoted(shape.name + '_sync')}() CASCADE",
            f"DROP TABLE IF EXISTS {quoted(shape.name)}",
            f"DROP FUNCTION IF EXISTS {quoted(shape.name + '_fold')}(text)",
            f"DROP TEXT SEARCH CONFIGURATION IF EXISTS {quoted(shape.name + '_words')}",
            f"DROP TEXT SEARCH DICTIONARY IF EXISTS {quoted(shape.name + '_stem')}",
        ]

    def optimize(self, shape: SearchShape) -> list[str]:
        """Return the statements that move waiting entries into the index, and count anew."""
        index = quoted("ix_" + shape.name).replace("'", "''")
        return [
            f"SELECT gin_clean_pending_list('{index}'::regclass)",
            f"ANALYZE {quoted(shape.name)}",
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

    def check(self, connection: Connection, shape: SearchShape) -> SearchCheck:
        """Compare the index with its table."""
        name, on = quoted(shape.name), quoted(shape.table)
        compared = connection.exec_driver_sql(
            "SELECT count(*) FILTER (WHERE held.key IS NULL), "
            "count(*) FILTER (WHERE held.key = wanted.key "
            "AND held.document IS DISTINCT FROM wanted.document), "
            "count(*) FILTER (WHERE wanted.key IS NULL) "
            f"FROM {name} held FULL JOIN (SELECT {quoted(shape.key)} AS key, "
            f"{_document(shape)} AS document FROM {on}) wanted ON held.key = wanted.key"
        )
        return SearchCheck(*map(int, compared.one()))

    def narrow(
        self,
        statement: Select[Any],
        key: Any,
        shape: SearchShape,
        clauses: Sequence[Sequence[SearchTerm]],
        excluded: Sequence[SearchTerm],
    ) -> tuple[Select[Any], ColumnElement[float]]:
        """Return *statement* with only matching rows, and their rank."""
        index = _table(shape)
        wanted = " & ".join(f"({_any_of(shape, terms)})" for terms in clauses)
        asked = f"{wanted} & !({_any_of(shape, excluded)})" if excluded else wanted
        statement = statement.join(index, index.c.key == key)
        statement = statement.where(_match(index, shape, asked))
        rank: Any = func.ts_rank_cd(
            _rank_weights(shape), index.c.document, _question(shape, wanted), _BY_LENGTH
        )
        return statement, rank

    def found(
        self, key: Any, shape: SearchShape, terms: Sequence[SearchTerm]
    ) -> ColumnElement[bool]:
        """Return the condition that the row with *key* matches one of *terms*."""
        index = _table(shape)
        asked = _match(index, shape, _any_of(shape, terms))
        condition: ColumnElement[bool] = key.in_(select(index.c.key).where(asked))
        return condition

    def stems(
        self, connection: Connection, shape: SearchShape, words: Sequence[str]
    ) -> dict[str, str]:
        """Return the stems of words."""
        if shape.language == "simple":
            return {}
        stem = text(
            "SELECT word, (ts_lexize(CAST(:stem AS regdictionary), word))[1] "
            "FROM unnest(CAST(:words AS text[])) AS given(word)"
        )
        rows = connection.execute(
            stem, {"stem": quoted(shape.name + "_stem"), "words": list(words)}
        )
        return {word: found for word, found in rows if found}


def _document(shape: SearchShape, row: str = "") -> str:
    """Return the tsvector of a row: weighty fields first, each with its label.

    The sign between two fields keeps a phrase from reaching over; no query can name it.
    """
    most = _MOST_CHARACTERS // len(shape.fields)
    fold = quoted(shape.name + "_fold")
    order = sorted(range(len(shape.fields)), key=lambda place: -shape.each_weight[place])
    parts = [
        f"setweight(to_tsvector({_configuration(shape)}, {fold}(left("
        f"coalesce({row}{quoted(shape.fields[place])}, ''), {most}))), '{_label(place)}')"
        for place in order
    ]
    return " || '''|'':1'::tsvector || ".join(parts)


def _sync_function(shape: SearchShape) -> str:
    name, key = quoted(shape.name), quoted(shape.key)
    same = " AND ".join(
        f"b.{field} IS NOT DISTINCT FROM a.{field}"
        for field in map(quoted, (shape.key, *shape.fields))
    )
    remove = f"DELETE FROM {name} s USING gone b WHERE s.key = b.{key}"
    add = f"INSERT INTO {name} (key, document) SELECT a.{key}, {_document(shape, 'a.')} FROM come a"
    replace = "ON CONFLICT (key) DO UPDATE SET document = EXCLUDED.document"
    # The columns are named in the function only: a trigger that names them in its definition
    # would forbid migrations to change their types. The path is that of now, so that a statement
    # from another schema finds the same index.
    return (
        f"CREATE FUNCTION {quoted(shape.name + '_sync')}() RETURNS trigger "
        "LANGUAGE plpgsql SET search_path FROM CURRENT AS $sync$ BEGIN "
        f"IF TG_OP = 'TRUNCATE' THEN DELETE FROM {name}; "
        f"ELSIF TG_OP = 'DELETE' THEN {remove}; "
        f"ELSIF TG_OP = 'INSERT' THEN {add} {replace}; "
        f"ELSE {remove} AND NOT EXISTS (SELECT FROM come a WHERE {same}); "
        f"{add} WHERE NOT EXISTS (SELECT FROM gone b WHERE {same}) {replace}; END IF; "
        "RETURN NULL; END $sync$"
    )


def _triggers(shape: SearchShape) -> list[str]:
    on, sync = quoted(shape.table), quoted(shape.name + "_sync")
    events = {
        "INSERT": "REFERENCING NEW TABLE AS come ",
        "UPDATE": "REFERENCING OLD TABLE AS gone NEW TABLE AS come ",
        "DELETE": "REFERENCING OLD TABLE AS gone ",
        "TRUNCATE": "",
    }
    return [
        f"CREATE TRIGGER {quoted(f'{shape.name}_{event.lower()}')} AFTER {event} ON {on} {tables}"
        f"FOR EACH STATEMENT EXECUTE FUNCTION {sync}()"
        for event, tables in events.items()
    ]


def _configuration(shape: SearchShape) -> str:
    if shape.language == "simple":
        return "'simple'"
    return "'" + quoted(shape.name + "_words").replace("'", "''") + "'"


def _label(place: int) -> str:
    return _LABELS[min(place, len(_LABELS) - 1)]


def _rank_weights(shape: SearchShape) -> Any:
    weights = dict.fromkeys(_LABELS, 0.0)
    for place, weight in enumerate(shape.each_weight):
        weights[_label(place)] = weight / max(shape.each_weight)
    return cast([weights[label] for label in reversed(_LABELS)], ARRAY(REAL))


def _table(shape: SearchShape) -> Any:
    return table(shape.name, column("key"), column("document"))


def _question(shape: SearchShape, asked: str) -> Any:
    return func.to_tsquery(literal_column(_configuration(shape) + "::regconfig"), asked)


def _match(index: Any, shape: SearchShape, asked: str) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = index.c.document.op("@@", is_comparison=True)(
        _question(shape, asked)
    )
    return condition


def _any_of(shape: SearchShape, terms: Sequence[SearchTerm]) -> str:
    return " | ".join(_phrase(shape, term) for term in terms)


def _phrase(shape: SearchShape, term: SearchTerm) -> str:
    # Words are letters and digits only, so none of them is an operator or ends the quotes.
    label = "" if term.field is None else _label(shape.fields.index(term.field))
    asked = [known for word in term.words for known in as_indexed(word)]
    words = [f"'{word}':{label}" if label else f"'{word}'" for word in asked]
    if term.prefix:
        words[-1] = f"'{asked[-1]}':*{label}"
    return f"({' <-> '.join(words)})"
