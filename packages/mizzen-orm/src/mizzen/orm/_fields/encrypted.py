"""Encrypted fields: `ssn: Annotated[str, Encrypted()]`.

The database, its backups, its logs and who reads them see text that says nothing but its length.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json
from sqlalchemy import BindParameter, ClauseElement, String, Text, and_, event, or_, type_coerce
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql import operators
from sqlalchemy.types import TypeDecorator

from .._errors import ConfigurationError, Invalid, UnknownName, Unreadable
from . import sealing
from .annotations import bare, is_plain_json
from .keys import configured

if TYPE_CHECKING:
    from sqlalchemy import Column, Dialect
    from sqlalchemy.types import TypeEngine

# What MySQL can index in one column, and far more than an address or a number needs.
_INDEXED = 1024
_PLAIN = -1

_ALIKE = {operators.eq, operators.in_op, operators.is_not_distinct_from}
_UNLIKE = {operators.ne, operators.not_in_op, operators.is_distinct_from}


@dataclass(frozen=True)
class Encrypted:
    """Marks a field as encrypted: `ssn: Annotated[str, Encrypted()]`; see `encryption_keys`.

    Any type that a field can have; None stays NULL. The field is left out of reprs. It can't be
    ordered by or searched in; `deterministic=True` lets `where(email="x")` (and ne, in, unique)
    work, for which equal values are stored as equal text, and that much can be seen.
    `accept_plain=True` reads values from before the column was encrypted; `reencrypt` changes them.
    A stored value belongs to its table and column: when one is renamed, `place="users.ssn"` keeps
    the old name. Values can be moved unnoticed between rows of one column by who writes there.
    """

    deterministic: bool = False
    accept_plain: bool = False
    place: str | None = None


class _Comparator(TypeDecorator.Comparator[Any]):
    """Equality under any of the keys, and nothing else."""

    def operate(self, op: Any, *other: Any, **options: Any) -> Any:
        kind = cast("EncryptedText", self.expr.type)
        value = other[0] if other else None
        if op in (operators.is_, operators.is_not) or (value is None and op in (*_ALIKE, *_UNLIKE)):
            return super().operate(op, *other, **options)
        if not kind.deterministic or op not in (*_ALIKE, *_UNLIKE):
            raise refused(kind, _words(op))
        turns = kind.turns()
        bound = isinstance(value, BindParameter)
        if not bound and isinstance(value, ClauseElement | InstrumentedAttribute):
            raise refused(kind, "comparison with an expression")
        if bound:
            if len(turns) > 1:
                raise refused(kind, "comparison with a bound parameter while several keys count")
            return super().operate(op, value, **options)
        found = [_compared(self.expr, kind.at(turn), op, value) for turn in turns]
        if len(found) == 1:
            return found[0]
        return or_(*found) if op in _ALIKE else and_(*found)


class EncryptedText(TypeDecorator[Any]):
    """The column type of an encrypted field; it learns its place when its table is made."""

    impl = Text
    cache_ok = True
    comparator_factory = _Comparator  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __init__(
        self,
        annotation: Any = str,
        deterministic: bool = False,
        accept_plain: bool = False,
        place: str = "",
        turn: int = 0,
    ) -> None:
        super().__init__()
        self.annotation = annotation
        self.deterministic = deterministic
        self.accept_plain = accept_plain
        self.place = place
        self.turn = turn

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if self.deterministic and dialect.name in ("mysql", "mariadb"):
            from sqlalchemy.dialects.mysql import VARCHAR

            # Only a column of bounded length can be indexed there, and case must count.
            return VARCHAR(_INDEXED, charset="ascii", collation="ascii_bin")
        return super().load_dialect_impl(dialect)

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if self.turn == _PLAIN:
            return str(value)
        keys = configured()
        content = _packed(value, self.annotation, self.place)
        key_id = keys.ids[self.turn]
        return sealing.seal(content, keys, key_id, self._place(), same=self.deterministic)

    def process_literal_param(self, value: Any, dialect: Dialect) -> str:
        return f"'{self.process_bind_param(value, dialect)}'" if value is not None else "NULL"

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        if self.accept_plain and not sealing.is_sealed(value):
            return _adapted(value, self.annotation, self.place)
        return _unpacked(
            sealing.unseal(value, configured(), self._place()), self.annotation, self.place
        )

    @property
    def python_type(self) -> type[Any]:
        return str

    def turns(self) -> list[int]:
        """Return which keys a stored value may be under, the plain text as the last."""
        return [*range(len(configured())), *([_PLAIN] if self.accept_plain else [])]

    def at(self, turn: int) -> EncryptedText:
        """Return the type that encrypts with another key than the first."""
        if turn == self.turn:
            return self
        return EncryptedText(
            self.annotation, self.deterministic, self.accept_plain, self.place, turn
        )

    def _place(self) -> str:
        if not self.place:
            raise ConfigurationError("an encrypted column works as a field of a Model only.")
        return self.place


def encrypted_type(marker: Encrypted, annotation: Any) -> EncryptedText:
    """Return the column type that *marker* asks for."""
    place = "\0".join((marker.place or "").rsplit(".", 1))
    return EncryptedText(bare(annotation), marker.deterministic, marker.accept_plain, place)


def know_place(column: Column[Any]) -> None:
    """Tell the type its table and column as soon as the column has a table."""

    def learn(column: Any, table: Any) -> None:
        column.type.place = column.type.place or f"{table.name}\0{column.name}"

    event.listen(column, "after_parent_attach", learn)


def refused(kind: EncryptedText, what: str) -> UnknownName:
    """Return the error for a look-up that an encrypted column doesn't have."""
    place = kind.place.replace("\0", ".")
    allowed = (
        "it can be compared for equality only"
        if kind.deterministic
        else "only None can be looked for; declare Encrypted(deterministic=True) to look up "
        "exact values"
    )
    return UnknownName(f"{place} is encrypted, and has no {what}: {allowed}.", name=place)


def _words(op: Any) -> str:
    if op in (operators.asc_op, operators.desc_op):
        return "order"
    return str(getattr(op, "__name__", op)).removesuffix("_op")


def _compared(expression: Any, kind: EncryptedText, op: Any, value: Any) -> Any:
    bound: Any
    if op in (operators.in_op, operators.not_in_op):
        bound = BindParameter(None, list(value), kind, unique=True, expanding=True)
    else:
        bound = BindParameter(None, value, kind, unique=True)
    # Compared as the text it is, so that this comparator is not asked again.
    return op(_as_text(expression), bound)


def _as_text(expression: Any) -> Any:
    return type_coerce(expression, String())


def _packed(value: Any, annotation: Any, place: str) -> bytes:
    try:
        if type(value) is str:
            return b"s" + value.encode()
        if type(value) is bytes:
            return b"b" + value
        if is_plain_json(annotation):
            return b"j" + to_json(value, inf_nan_mode="constants")
        return b"j" + TypeAdapter(annotation).dump_json(value)
    except ValueError:
        # `from None`: the cause would show the value.
        raise Invalid(f"{place}: the value can't be encrypted as it is.", errors=[]) from None


def _unpacked(content: bytes, annotation: Any, place: str) -> Any:
    kind, body = content[:1], content[1:]
    if kind == b"b":
        return body
    if kind == b"s":
        return _adapted(body.decode(), annotation, place)
    if is_plain_json(annotation):
        return json.loads(body)
    try:
        return TypeAdapter(annotation).validate_json(body)
    except ValidationError:
        raise _unfit(place) from None


def _adapted(value: str, annotation: Any, place: str) -> Any:
    if annotation is str:
        return value
    try:
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError:
        raise _unfit(place) from None


def _unfit(place: str) -> Unreadable:
    shown = place.replace("\0", ".")
    return Unreadable(f"a value in {shown} doesn't fit its field's type any more.", place=shown)
