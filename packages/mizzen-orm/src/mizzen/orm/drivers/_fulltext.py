"""Search on MySQL and MariaDB: InnoDB FULLTEXT over a side table of prepared words.

InnoDB's own parser takes `create_task` for one word, leaves out words of one or two letters and
its list of English ones, and can't follow a phrase by a beginning. So triggers write each row's
words into a side table, every one behind "xx" (long enough, never a stop word), where FULLTEXT
finds them and LIKE tells the rest. Cascades fire no triggers here: a foreign key removes entries.

Limits of InnoDB: words that the running transaction wrote are found after its commit; accents and
case are the collation's (`utf8mb4_unicode_520_ci`); TRUNCATE of the table is refused, use DELETE;
with binary logs on, making triggers takes `log_bin_trust_function_creators` or more rights.
"""

# Names come from mapped columns and are quoted; values are never part of these statements.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Select, and_, column, literal, not_, or_, select, table
from sqlalchemy.dialects.mysql import match

from .._search.backend import SearchCheck
from .._search.shape import SearchShape
from ._fulltext_words import BEFORE, LONGEST, fold_function, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

    from .._search.query import SearchTerm

_MARK = "mizzen search "
_TEXT = "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci NOT NULL"


class FullText:
    """Builds FULLTEXT indexes and asks them."""

    # A trigger may not write to a table that the statement reads (error 1442).
    in_one_statement = False

    def create(self, shape: SearchShape) -> list[str]:
        """Return the statements that build the index, fill it, and keep it in step."""
        name, on, key = quoted(shape.name), quoted(shape.table), quoted(shape.key)
        mark = (_MARK + shape.renewed().to_json()).replace("\\", "\\\\").replace("'", "''")
        places = range(len(shape.fields))
        every = ", ".join(f"`field{place}`" for place in places)
        return [
            *self.drop(shape),
            fold_function(shape),
            # Selected, so that the key has its column's very type, as a foreign key must.
            f"CREATE TABLE {name} ENGINE = InnoDB COMMENT = '{mark}' "
            f"AS SELECT {key} AS `key` FROM {on} WHERE 1 = 0",
            f"ALTER TABLE {name} ADD PRIMARY KEY (`key`), ADD FOREIGN KEY (`key`) "
            f"REFERENCES {on} ({key}) ON DELETE CASCADE ON UPDATE CASCADE, "
            + ", ".join(f"ADD COLUMN `field{place}` {_TEXT}" for place in places),
            # InnoDB makes one FULLTEXT index at a time.
            f"CREATE FULLTEXT INDEX `every` ON {name} ({every})",
            *(
                f"CREATE FULLTEXT INDEX `only{place}` ON {name} (`field{place}`)"
                for place in places
                if len(shape.fields) > 1
            ),
            f"INSERT INTO {name} SELECT {key}, {_folded(shape)} FROM {on}",
            *_triggers(shape),
        ]

    def drop(self, shape: SearchShape) -> list[str]:
        """Return the statements that remove the index."""
        triggers = (f"{shape.name}_{event}" for event in ("insert", "delete", "update"))
        return [
            *(f"DROP TRIGGER IF EXISTS {quoted(trigger)}" for trigger in triggers),
            f"DROP TABLE IF EXISTS {quoted(shape.name)}",
            f"DROP FUNCTION IF EXISTS {quoted(shape.name + '_fold')}",
        ]

    def optimize(self, shape: SearchShape) -> list[str]:
        """Return the statement that writes the index anew."""
        return [f"OPTIMIZE TABLE {quoted(shape.name)}"]

    def present(self, connection: Connection) -> dict[str, SearchShape]:
        """Return the indexes in the database, by table."""
        comments = connection.exec_driver_sql(
            "SELECT table_comment FROM information_schema.tables "
            f"WHERE table_schema = DATABASE() AND LEFT(table_comment, {len(_MARK)}) = '{_MARK}'"
        )
        found: dict[str, SearchShape] = {}
        for (comment,) in comments:
            shape = SearchShape.from_json(str(comment).removeprefix(_MARK))
            found[shape.table] = shape
        return found

    def repair(self, connection: Connection, before: dict[str, SearchShape]) -> None:
        """Nothing to repair: MySQL's triggers and references stay with an altered table."""

    def check(self, connection: Connection, shape: SearchShape) -> SearchCheck:
        """Compare the side table with its table."""
        name, on, key = quoted(shape.name), quoted(shape.table), quoted(shape.key)
        both = f"{on} t LEFT JOIN {name} s ON s.`key` = t.{key}"
        differs = " OR ".join(
            f"BINARY s.`field{place}` <> BINARY {fold}"
            for place, fold in enumerate(_folds(shape, "t."))
        )
        counted = (
            f"SELECT count(*) FROM {both} WHERE s.`key` IS NULL",
            f"SELECT count(*) FROM {both} WHERE s.`key` IS NOT NULL AND ({differs})",
            f"SELECT count(*) FROM {name} s LEFT JOIN {on} t ON s.`key` = t.{key} "
            f"WHERE t.{key} IS NULL",
        )
        return SearchCheck(*(int(connection.exec_driver_sql(sql).scalar_one()) for sql in counted))

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
        statement = statement.join(index, index.c.key == key)
        for terms in clauses:
            statement = statement.where(_any_of(index, shape, terms))
        for term in excluded:
            statement = statement.where(not_(_holds(index, shape, term)))
        return statement, _rank(index, shape, [term for terms in clauses for term in terms])

    def found(
        self, key: Any, shape: SearchShape, terms: Sequence[SearchTerm]
    ) -> ColumnElement[bool]:
        """Return the condition that the row with *key* matches one of *terms*."""
        index = _table(shape)
        asked = _any_of(index, shape, terms)
        condition: ColumnElement[bool] = key.in_(select(index.c.key).where(asked))
        return condition

    def stems(
        self, connection: Connection, shape: SearchShape, words: Sequence[str]
    ) -> dict[str, str]:
        """Return nothing: words are kept as they are."""
        return {}


def _triggers(shape: SearchShape) -> list[str]:
    name, on, key = quoted(shape.name), quoted(shape.table), quoted(shape.key)
    same = " AND ".join(f"NEW.{field} <=> OLD.{field}" for field in map(quoted, shape.fields))
    # `<=>` follows the column's collation, which may take another case or accent for the same,
    # as the side table does.
    write = f"REPLACE INTO {name} SELECT NEW.{key}, {_folded(shape, 'NEW.')}"
    return [
        f"CREATE TRIGGER {quoted(shape.name + '_insert')} AFTER INSERT ON {on} "
        f"FOR EACH ROW {write}",
        f"CREATE TRIGGER {quoted(shape.name + '_update')} AFTER UPDATE ON {on} "
        f"FOR EACH ROW BEGIN IF NOT ({same}) THEN {write}; END IF; END",
        # The reference does this as well, unless the session has turned references off.
        f"CREATE TRIGGER {quoted(shape.name + '_delete')} AFTER DELETE ON {on} "
        f"FOR EACH ROW DELETE FROM {name} WHERE `key` = OLD.{key}",
    ]


def _folds(shape: SearchShape, row: str = "") -> list[str]:
    fold = quoted(shape.name + "_fold")
    return [f"{fold}({row}{quoted(field)})" for field in shape.fields]


def _folded(shape: SearchShape, row: str = "") -> str:
    return ", ".join(_folds(shape, row))


def _table(shape: SearchShape) -> Any:
    fields: list[Any] = [column(f"field{place}") for place in range(len(shape.fields))]
    return table(shape.name, column("key"), *fields)


def _columns(index: Any, shape: SearchShape, field: str | None = None) -> list[Any]:
    if field is not None:
        return [index.c[f"field{shape.fields.index(field)}"]]
    return [index.c[f"field{place}"] for place in range(len(shape.fields))]


def _needs_like(term: SearchTerm) -> bool:
    return (term.prefix and len(term.words) > 1) or any(len(w) > LONGEST for w in term.words)


def _any_of(index: Any, shape: SearchShape, terms: Sequence[SearchTerm]) -> ColumnElement[bool]:
    """Return the condition that one of *terms* is met, each asked by itself.

    InnoDB answers what is put together wrongly (MariaDB 10.11: `+(a) +(b)` and `"b" a*` find
    nothing, `+"a b" -c*` excludes nothing); only bare words go into one question.
    """
    bare = [term for term in terms if _is_bare(term)]
    ways = [_holds(index, shape, term) for term in terms if len(bare) < 2 or term not in bare]
    if len(bare) > 1:
        ways.append(_match(_columns(index, shape), " ".join(map(_asked, bare))))
    return or_(*ways)


def _is_bare(term: SearchTerm) -> bool:
    plain = term.field is None and not term.prefix and len(term.words) == 1
    return plain and not _needs_like(term)


def _holds(index: Any, shape: SearchShape, term: SearchTerm) -> ColumnElement[bool]:
    columns = _columns(index, shape, term.field)
    if not _needs_like(term):
        return _match(columns, _asked(term))
    # Words are letters and digits, so no sign in the pattern means anything else.
    phrase = " ".join(BEFORE + word for word in term.words)
    pattern = f"% {phrase}%" if term.prefix else f"% {phrase} %"
    likely = " ".join(f"+{BEFORE}{word}" for word in term.words[:-1] if len(word) <= LONGEST)
    follows = or_(*(field.like(literal(pattern)) for field in columns))
    return and_(_match(columns, likely), follows) if likely else follows


def _asked(term: SearchTerm) -> str:
    phrase = " ".join(BEFORE + word for word in term.words)
    if term.prefix:
        return f"{phrase}*"
    return f'"{phrase}"' if len(term.words) > 1 else phrase


def _match(columns: list[Any], asked: str) -> ColumnElement[bool]:
    return cast("ColumnElement[bool]", match(*columns, against=asked).in_boolean_mode())


def _rank(index: Any, shape: SearchShape, terms: Sequence[SearchTerm]) -> ColumnElement[float]:
    starts = {f"{BEFORE}{term.words[-1]}*" for term in terms if term.prefix}
    whole = {BEFORE + word for term in terms for word in term.words}
    parts = [
        literal(weight) * match(field, against=asked).in_boolean_mode()
        for field, weight in zip(_columns(index, shape), shape.each_weight, strict=True)
        for asked in (" ".join(sorted(whole)), *sorted(starts))
    ]
    rank: Any = parts[0]
    for part in parts[1:]:
        rank = rank + part
    return cast("ColumnElement[float]", rank)
