"""SQL in `op.execute`, taken apart so far that the same rules see it as `op.…`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from alembic.operations import MigrateOperation, ops
from sqlalchemy import Column, text
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import NullType, UserDefinedType

from ..constraint_operations import ValidateConstraint
from ..enum_operations import ChangeEnum
from ..recorder import Recorded
from ..rename_operations import RenameColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\$\$.*?\$\$|[\w.]+|[^\s\w]",
    re.DOTALL,
)
_ROWS = {"UPDATE", "DELETE", "INSERT", "REPLACE", "MERGE", "COPY", "WITH"}
_SCHEMA = {"ALTER", "CREATE", "DROP", "TRUNCATE", "REINDEX", "CLUSTER", "VACUUM", "RENAME"}


class RawStatement(MigrateOperation):
    """One SQL statement; `understood` when operations say what it does."""

    def __init__(self, text: str, tokens: list[str]) -> None:
        self.text, self.tokens = " ".join(text.split()), tokens
        self.words = [token.upper() for token in tokens]
        self.understood = False

    @property
    def changes_rows(self) -> bool:
        """Whether it is about rows."""
        return self.words[:1] != [] and self.words[0] in _ROWS

    @property
    def changes_schema(self) -> bool:
        """Whether it is about tables."""
        return self.words[:1] != [] and self.words[0] in _SCHEMA

    @property
    def table(self) -> str:
        """The table of an ALTER TABLE."""
        skipped = {"ALTER", "TABLE", "ONLY", "IF", "EXISTS"}
        return plain(next((name for name in self.tokens if name.upper() not in skipped), ""))

    def has(self, *words: str) -> bool:
        """Return whether these words stand in it, one after the other."""
        size = len(words)
        places = range(len(self.words) - size + 1)
        return any(tuple(self.words[place : place + size]) == words for place in places)


class _Written(UserDefinedType[Any]):
    """A type as SQL spells it."""

    cache_ok = True

    def __init__(self, spelled: str) -> None:
        self.spelled = spelled

    def get_col_spec(self, **_options: Any) -> str:
        return self.spelled


def taken_apart(recorded: Recorded) -> list[Recorded]:
    """Return a recorded `op.execute` as its statements, and what they do; others as they are."""
    operation = recorded.operation
    if not isinstance(operation, ops.ExecuteSQLOp):
        return [recorded]
    sql = operation.sqltext
    if isinstance(sql, UpdateBase):
        kind = type(sql).__name__.upper()
        return [Recorded(RawStatement(str(sql), [kind]), recorded.line, recorded.batch)]
    found: list[Recorded] = []
    for statement in _split(str(sql)):
        try:
            done = list(_operations(statement.tokens, statement.words))
        except IndexError:
            done = []  # it ends too early: the database will say so
        statement.understood = bool(done)
        found += [Recorded(each, recorded.line) for each in (statement, *done)]
    return found


def plain(name: str) -> str:
    """Return a name without its quotes and its schema."""
    if name[:1] in {'"', "`"}:
        return name[1:-1].replace(name[0] * 2, name[0])
    return name.rpartition(".")[2]


def _split(sql: str) -> Iterator[RawStatement]:
    tokens: list[str] = []
    for piece in [*_TOKEN.findall(sql), ";"]:
        if piece.startswith(("--", "/*")):
            continue
        if piece != ";":
            tokens.append(piece)
        elif tokens:
            yield RawStatement(" ".join(tokens), tokens)
            tokens = []


def _operations(tokens: list[str], words: list[str]) -> Iterator[MigrateOperation]:
    rest = [token for token, word in zip(tokens, words, strict=True) if word not in _NOISE]
    upper = [token.upper() for token in rest]
    concurrent: dict[str, Any] = (
        {"postgresql_concurrently": True} if "CONCURRENTLY" in words else {}
    )
    if upper[:2] == ["CREATE", "INDEX"] or upper[:3] == ["CREATE", "UNIQUE", "INDEX"]:
        place = upper.index("INDEX") + 1
        if "ON" in upper[place:]:
            name = plain(rest[place]) if upper[place] != "ON" else None
            table = plain(rest[upper.index("ON", place) + 1])
            yield ops.CreateIndexOp(name, table, [], unique="UNIQUE" in upper, **concurrent)
    elif upper[:2] == ["DROP", "INDEX"] and len(rest) > 2:
        yield ops.DropIndexOp(plain(rest[2]), **concurrent)
    elif upper[:2] == ["DROP", "TABLE"] and len(rest) > 2:
        yield ops.DropTableOp(plain(rest[2]))
    elif upper[:2] == ["ALTER", "TYPE"] and upper[3:5] == ["ADD", "VALUE"] and len(rest) > 5:
        yield ChangeEnum(plain(rest[2]), [], [rest[5].strip("'")], [], {})
    elif upper[:2] == ["ALTER", "TABLE"] and len(rest) > 3:
        for part in _parts(rest[3:]):
            yield from _altered(plain(rest[2]), part, [token.upper() for token in part])


_NOISE = {"CONCURRENTLY", "IF", "EXISTS", "ONLY"}


def _parts(tokens: list[str]) -> Iterator[list[str]]:
    depth, part = 0, list[str]()
    for piece in tokens:
        depth += (piece == "(") - (piece == ")")
        if piece == "," and depth == 0:
            yield part
            part = []
        else:
            part.append(piece)
    yield part


def _altered(table: str, part: list[str], upper: list[str]) -> Iterator[MigrateOperation]:
    names = [token for token, word in zip(part, upper, strict=True) if word != "COLUMN"]
    words = [word for word in upper if word != "COLUMN"]
    if words[:2] == ["RENAME", "TO"]:
        yield ops.RenameTableOp(table, plain(names[2]))
    elif words[:1] == ["RENAME"] and words[2:3] == ["TO"]:
        yield RenameColumn(table, plain(names[1]), plain(names[3]))
    elif words[:2] == ["VALIDATE", "CONSTRAINT"]:
        yield ValidateConstraint(plain(names[2]), table)
    elif words[:2] == ["ADD", "CONSTRAINT"] or (words[:1] == ["ADD"] and words[1] in _KINDS):
        yield from _constraint(table, names, words)
    elif words[:1] == ["ADD"] and len(names) > 2 and words[1] not in {"INDEX", "KEY"}:
        yield ops.AddColumnOp(table, _column(names, words))
    elif words[:1] == ["DROP"] and words[1:2] not in (["CONSTRAINT"], ["INDEX"], ["FOREIGN"]):
        yield ops.DropColumnOp(table, plain(names[1]))
    elif words[:1] in (["ALTER"], ["MODIFY"]) and len(names) > 2:
        name = plain(names[1])
        if words[2:5] == ["SET", "NOT", "NULL"]:
            yield ops.AlterColumnOp(table, name, modify_nullable=False)
        elif "TYPE" in words[2:5] or words[0] == "MODIFY":
            yield ops.AlterColumnOp(table, name, modify_type=_Written(" ".join(names[2:])))
        else:
            yield ops.AlterColumnOp(table, name)


_KINDS = {"FOREIGN", "CHECK", "UNIQUE", "PRIMARY"}


def _constraint(table: str, names: list[str], words: list[str]) -> Iterator[MigrateOperation]:
    name = plain(names[2]) if words[1] == "CONSTRAINT" else ""
    options: dict[str, Any] = (
        {"postgresql_not_valid": True} if words[-2:] == ["NOT", "VALID"] else {}
    )
    if "FOREIGN" in words and "REFERENCES" in words:
        target = plain(names[words.index("REFERENCES") + 1])
        yield ops.CreateForeignKeyOp(name, table, target, [], [], **options)
    elif "CHECK" in words:
        inside = names[words.index("CHECK") + 1 :]
        condition = " ".join(inside[: len(inside) - 2 * bool(options)])
        yield ops.CreateCheckConstraintOp(name, table, text(condition), **options)
    elif "INDEX" in words:
        yield ValidateConstraint(name, table)  # … USING INDEX: nothing is built
    elif "UNIQUE" in words:
        yield ops.CreateUniqueConstraintOp(name, table, [])
    elif "PRIMARY" in words:
        yield ops.CreatePrimaryKeyOp(name, table, [])


def _column(names: list[str], words: list[str]) -> Column[Any]:
    default = None
    if "DEFAULT" in words:
        after = names[words.index("DEFAULT") + 1 :]
        default = text("".join(after[:3]) if after[1:2] == ["("] else after[0])
    spelled = words[2] if len(words) > 2 else ""
    kind: Any = _Written(spelled) if spelled else NullType()
    return Column(
        plain(names[1]),
        kind,
        primary_key="PRIMARY" in words,
        nullable=not ("NOT" in words and "NULL" in words),
        autoincrement="SERIAL" in spelled or "AUTO_INCREMENT" in words,
        server_default=default,
    )
