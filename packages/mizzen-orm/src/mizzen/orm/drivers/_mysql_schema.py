"""Columns on MariaDB and MySQL that keep what other databases keep.

Left to themselves these servers cut times to seconds and numbers to 24 bits, hold 64 KB in a text,
and take "ann", "ANN" and "ann " for the same value of a unique column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import PrimaryKeyConstraint
from sqlalchemy.dialects.mysql.base import MySQLDDLCompiler, MySQLTypeCompiler

from ._numbers import DIGITS, PLACES, exact_numbers
from ._times import exact_times

if TYPE_CHECKING:
    from sqlalchemy import Constraint, Engine, Table

# A row holds 65,535 bytes, four for each character.
_LONGEST_VARCHAR = 16_000


def exact_columns(engine: Engine) -> None:
    """Let the tables that *engine* creates keep microseconds, doubles, long and exact texts."""
    dialect: Any = engine.dialect
    dialect.ddl_compiler = _Tables
    dialect.type_compiler_instance = dialect.type_compiler = _Types(dialect)
    exact_numbers(dialect)
    exact_times(dialect)


class _Types(MySQLTypeCompiler):
    # SQLAlchemy calls these for its general types only: a model's own mysql.DATETIME stays.
    def visit_datetime(self, type_: Any, **kw: Any) -> str:
        return "DATETIME(6)"

    def visit_time(self, type_: Any, **kw: Any) -> str:
        return "TIME(6)"

    def visit_float(self, type_: Any, **kw: Any) -> str:
        return "DOUBLE" if type_.precision is None else super().visit_float(type_, **kw)

    def visit_numeric(self, type_: Any, **kw: Any) -> str:
        unsaid = type_.precision is None  # left alone it would keep whole numbers only
        return f"NUMERIC({DIGITS}, {PLACES})" if unsaid else super().visit_numeric(type_, **kw)

    def visit_text(self, type_: Any, **kw: Any) -> str:
        return "LONGTEXT" if type_.length is None else super().visit_text(type_, **kw)

    def visit_string(self, type_: Any, **kw: Any) -> str:
        long = type_.length is not None and type_.length > _LONGEST_VARCHAR
        return "LONGTEXT" if long else super().visit_string(type_, **kw)

    def visit_large_binary(self, type_: Any, **kw: Any) -> str:
        return "LONGBLOB" if type_.length is None else super().visit_large_binary(type_, **kw)


class _Tables(MySQLDDLCompiler):
    def define_constraint_preamble(self, constraint: Constraint, **kw: Any) -> str:
        # Every primary key is called PRIMARY here: another name is a warning in the log.
        unnamed = isinstance(constraint, PrimaryKeyConstraint)
        return "" if unnamed else super().define_constraint_preamble(constraint, **kw)

    def post_create_table(self, table: Table) -> str:
        options = super().post_create_table(table)
        given = {str(name).upper() for name in cast("dict[str, Any]", table.kwargs)}
        if any(name.endswith(("COLLATE", "CHARSET", "CHARACTER_SET")) for name in given):
            return options
        mariadb = cast("Any", self.dialect).is_mariadb
        collation = "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin"
        return f"DEFAULT CHARSET=utf8mb4 COLLATE {collation} {options}".rstrip()
