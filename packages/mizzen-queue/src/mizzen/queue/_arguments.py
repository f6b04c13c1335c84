"""A job's arguments: bound like a call, carried as JSON, checked by the annotations both ways."""

from __future__ import annotations

import inspect
import typing
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ._errors import BadArguments, BadJob, BadResult
from ._placeholders import has_placeholders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_STARRED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Arguments:
    """The codec of one function's parameters, built on first use.

    A default stays with the function: an argument that wasn't given isn't stored, so the code
    that runs the job decides, also after a deployment.
    """

    def __init__(self, name: str, fn: Callable[..., object]) -> None:
        self._name, self._fn = name, fn
        self._parameters = list(inspect.signature(fn).parameters.values())
        for parameter in self._parameters:
            if parameter.kind in _STARRED:
                raise BadJob(
                    f"job {name!r} takes {parameter}: its arguments are stored by name, "
                    "so list each of them (or take one list or dict)"
                )
        self._has_defaults = any(p.default is not p.empty for p in self._parameters)
        self._by_position = [
            p.name for p in self._parameters if p.kind is inspect.Parameter.POSITIONAL_ONLY
        ]

    def encode(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> str:
        """Bind and serialize; BadArguments says what doesn't fit."""
        try:
            bound = self._shape(*args, **kwargs)
            text = msgspec.json.encode(bound)
            # Reading it back is 0.3 µs, and shows at the call what would fail in the worker:
            # a wrong type, or a value such as NaN that JSON can't carry.
            self._check(text)
        except (TypeError, ValueError, msgspec.MsgspecError, OverflowError) as exc:
            raise BadArguments(f"{self._name}: {exc}") from exc
        return text.decode()

    def _check(self, text: bytes) -> None:
        try:
            self._decoder.decode(text)
        except msgspec.ValidationError:
            if not has_placeholders(text.decode()):
                raise
            # The results of other jobs are checked when they are there; now, only the others.
            for name, value in msgspec.json.decode(text).items():
                given = msgspec.json.encode(value)
                if not has_placeholders(given.decode()):
                    msgspec.json.decode(given, type=self._hints.get(name, Any))

    def decode(self, text: str) -> tuple[list[object], dict[str, object]]:
        """Positional and keyword arguments to call the function with."""
        try:
            bound = self._decoder.decode(text)
        except (ValueError, msgspec.MsgspecError) as exc:
            raise BadArguments(
                f"{self._name}: the stored arguments don't fit the function any more: {exc}"
            ) from exc
        given = msgspec.structs.asdict(bound)
        if self._has_defaults:
            given = {name: value for name, value in given.items() if value is not UNSET}
        if not self._by_position:
            return [], given
        return [given.pop(name) for name in self._by_position if name in given], given

    def by_name(self, text: str) -> dict[str, object]:
        """All arguments, with the defaults of those that weren't given: what keys are made of."""
        defaults = {p.name: p.default for p in self._parameters if p.default is not p.empty}
        if has_placeholders(text):
            return {**defaults, **msgspec.json.decode(text)}
        positional, named = self.decode(text)
        return {**defaults, **dict(zip(self._by_position, positional, strict=False)), **named}

    @cached_property
    def _hints(self) -> dict[str, Any]:
        try:
            return typing.get_type_hints(self._fn, include_extras=True)
        except NameError as exc:
            raise BadJob(
                f"job {self._name!r}: {exc}; its annotations are needed while the program runs, "
                "so import or define that name at module level"
            ) from exc

    @cached_property
    def _shape(self) -> type[Struct]:
        # Two structs, because msgspec makes either all fields keyword-only, or none.
        first = [self._field(p) for p in self._parameters if p.kind in _POSITIONAL]
        named = [self._field(p) for p in self._parameters if p.kind not in _POSITIONAL]
        base = msgspec.defstruct(self._name, first, forbid_unknown_fields=True)
        if not named:
            return base
        return msgspec.defstruct(
            self._name, named, bases=(base,), kw_only=True, forbid_unknown_fields=True
        )

    def _field(self, parameter: inspect.Parameter) -> tuple[str, Any] | tuple[str, Any, Any]:
        kind = self._hints.get(parameter.name, Any)
        if parameter.default is parameter.empty:
            return (parameter.name, kind)
        return (parameter.name, kind if kind is Any else kind | UnsetType, UNSET)

    @cached_property
    def _decoder(self) -> msgspec.json.Decoder[Any]:
        try:
            return msgspec.json.Decoder(self._shape)
        except TypeError as exc:
            raise BadJob(f"job {self._name!r}: {exc}") from exc

    @cached_property
    def _returns(self) -> msgspec.json.Decoder[Any]:
        try:
            return msgspec.json.Decoder(self._hints.get("return", Any))
        except (TypeError, BadJob):
            return msgspec.json.Decoder()

    def encode_result(self, result: object) -> str:
        """The result as JSON; BadResult when it can't be."""
        try:
            return msgspec.json.encode(result).decode()
        except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as exc:
            raise BadResult(
                f"{self._name} finished, but its result can't be kept: {exc}; "
                "return something that JSON can carry"
            ) from exc

    def decode_result(self, text: str) -> Any:
        """The result in the annotated type, or as plain JSON when it doesn't fit."""
        try:
            return self._returns.decode(text)
        except msgspec.MsgspecError:
            return msgspec.json.decode(text)
