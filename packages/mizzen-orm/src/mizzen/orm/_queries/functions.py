"""What databases say in different words: where a text occurs, in lower case, one of very many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Boolean, Integer, String

from .._connections.letters import LOWER

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy.sql.compiler import SQLCompiler


class Position(FunctionElement[int]):
    """Where a text occurs, from 1; 0 when it doesn't. Exact case on every database, unlike LIKE."""

    type = Integer()
    name = "position"
    inherit_cache = True


@compiles(Position)
def _strpos(element: Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


@compiles(Position, "sqlite")
def _instr(element: Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(Position, "mysql", "mariadb")
def _bytes(element: Position, compiler: SQLCompiler, **options: Any) -> str:
    # These servers compare by the columns' collation, which may not tell "A" from "a".
    parts = (compiler.process(part, **options) for part in element.clauses)
    return f"instr({', '.join(f'CAST(CONVERT({part} USING utf8mb4) AS BINARY)' for part in parts)})"


class OneOfMany(FunctionElement[bool]):
    """Whether a value is one of more than PostgreSQL takes as parameters: it gets an array."""

    type = Boolean()
    name = "one_of_many"
    inherit_cache = True


@compiles(OneOfMany)
def _in_list(element: OneOfMany, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(next(iter(element.clauses)), **options)})"


@compiles(OneOfMany, "postgresql")
def _in_array(element: OneOfMany, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(list(element.clauses)[1], **options)})"


class Lower(FunctionElement[str]):
    """A text in lower case, whatever its letters; SQLite's own function knows those of ASCII."""

    type = String()
    name = "lower"
    inherit_cache = True


@compiles(Lower)
def _lower(element: Lower, compiler: SQLCompiler, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


@compiles(Lower, "sqlite")
def _lower_of_ours(element: Lower, compiler: SQLCompiler, **options: Any) -> str:
    return f"{LOWER}({compiler.process(element.clauses, **options)})"
