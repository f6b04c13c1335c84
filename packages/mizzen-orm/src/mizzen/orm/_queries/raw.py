"""SQL of one's own, with bound values; and what the database plans to do with a query."""

from __future__ import annotations

import re
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import select, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.base import Executable

from .._connections import sessions
from .._display import html_table
from .._errors import UnknownName
from .chain import Chain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import TextClause

    from .._models.model import Model

M = TypeVar("M", bound="Model")

_LITERAL = re.compile(r"'(?:[^']|'')*'")
_BRACES = re.compile(r"\{[A-Za-z_]\w*\}")


class Plan(str):
    """A database's plan, as its text."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return html_table("Plan", {str(n): line for n, line in enumerate(self.splitlines(), 1)})


class Raw(Chain[M]):
    """SQL of one's own, and plans."""

    async def raw(self, sql: str, **values: Any) -> list[M]:
        """Return the objects that *sql* finds: `"SELECT * FROM notes WHERE stars > :n", n=3`.

        It selects every column of the model. Conditions of the query are not added.
        """
        asked = select(self._model).from_statement(bound(sql, values))
        async with sessions.reader(self._db()) as session:
            return list((await session.scalars(asked)).all())

    async def explain(self, *, analyze: bool = False) -> Plan:
        """Return the database's plan for the rows; with `analyze` the query is run, and timed."""
        async with sessions.reader(self._db()) as session:
            found = await session.execute(_Explain(self._statement(), analyze=analyze))
            lines = [str(row[-1]) for row in found]
            if analyze and self._db().engine.dialect.name == "sqlite":  # which measures nothing
                started = perf_counter()
                rows = len((await session.execute(self._rows())).all())
                lines.append(f"{rows} rows in {(perf_counter() - started) * 1000:.3f} ms")
            return Plan("\n".join(lines))


def bound(sql: str, values: Mapping[str, Any]) -> TextClause:
    """Return *sql* with its values; raises `UnknownName` when they and its `:names` differ."""
    if not isinstance(cast("object", sql), str):
        raise UnknownName(f"SQL is given as a text with :names for its values, not {sql!r}.")
    braces = _BRACES.search(_LITERAL.sub("''", sql))
    if braces is not None:
        raise UnknownName(f"the SQL has {braces[0]}: write :name, and give name=value.")
    clause = text(sql)
    wanted = set(clause.compile().params)
    for name in wanted ^ set(values):
        said = "has no value" if name in wanted else "is not in the SQL"
        raise UnknownName(f":{name} {said}: give a value for each :name, and for no other.")
    return clause.bindparams(**values)


class _Explain(Executable, ClauseElement):
    inherit_cache = False

    def __init__(self, statement: Any, *, analyze: bool) -> None:
        self.statement, self.analyze = statement, analyze


@compiles(_Explain)
def _explain(element: _Explain, compiler: Any, **options: Any) -> str:
    words = "EXPLAIN ANALYZE" if element.analyze else "EXPLAIN"
    return _explained(words, element, compiler, options)


@compiles(_Explain, "mysql")
@compiles(_Explain, "mariadb")
def _explain_as_text(element: _Explain, compiler: Any, **options: Any) -> str:
    if compiler.dialect.is_mariadb:
        words = f"{'ANALYZE' if element.analyze else 'EXPLAIN'} FORMAT=JSON"
    else:
        words = f"EXPLAIN {'ANALYZE' if element.analyze else 'FORMAT=TREE'}"
    return _explained(words, element, compiler, options)


@compiles(_Explain, "sqlite")
def _explain_query_plan(element: _Explain, compiler: Any, **options: Any) -> str:
    return _explained("EXPLAIN QUERY PLAN", element, compiler, options)


def _explained(words: str, element: _Explain, compiler: Any, options: dict[str, Any]) -> str:
    sql = f"{words} {compiler.process(element.statement, **options)}"
    compiler._result_columns = []  # a plan's columns are not the statement's, nor of their types
    return sql
