"""Typed event handlers: the payload is checked against the handler's annotations before it runs."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec

from ._errors import Misconfigured, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MISSING = object()


class Binding:
    """Turns the payload of one event into the arguments of its handler.

    With one parameter the payload is the argument; an object with exactly the parameters' names
    binds by name; without parameters there must be no payload.
    """

    def __init__(self, function: Callable[..., Any], namespace: Mapping[str, Any]) -> None:
        self._where = function.__qualname__
        parameters = list(inspect.signature(function).parameters.values())[1:]
        hints = self._resolve(function, namespace)
        allowed = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        if any(parameter.kind not in allowed for parameter in parameters):
            raise Misconfigured(f"{self._where}: an event handler takes plain parameters only")
        self._only = hints.get(parameters[0].name, Any) if len(parameters) == 1 else MISSING
        self._names = [parameter.name for parameter in parameters]
        self._optional = all(parameter.default is not parameter.empty for parameter in parameters)
        self._struct = self._compile(parameters, hints)

    def arguments(self, payload: object) -> dict[str, Any]:
        """Return the handler's arguments, or raise `Refused("bad_payload")` that says why."""
        if payload is MISSING and self._optional:
            return {}
        if not self._names:
            if payload is None or payload == {}:
                return {}
            raise Refused("bad_payload", "this event takes no payload")
        if payload is MISSING:
            raise Refused("bad_payload", "this event needs a payload")
        try:
            return self._convert(payload)
        except (msgspec.ValidationError, RecursionError, OverflowError) as exc:
            raise Refused("bad_payload", str(exc)) from exc

    def _convert(self, payload: object) -> dict[str, Any]:
        if self._only is not MISSING:
            try:
                return {self._names[0]: msgspec.convert(payload, self._only)}
            except msgspec.ValidationError:
                if not (isinstance(payload, dict) and payload.keys() == set(self._names)):  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
                    raise
        arguments = msgspec.convert(payload, self._struct)
        return {name: getattr(arguments, name) for name in self._names}

    def _compile(
        self, parameters: list[inspect.Parameter], hints: dict[str, Any]
    ) -> type[msgspec.Struct]:
        fields: list[Any] = []
        for parameter in parameters:
            hint = hints.get(parameter.name, Any)
            plain = parameter.default is parameter.empty
            fields.append(
                (parameter.name, hint) if plain else (parameter.name, hint, parameter.default)
            )
        try:
            struct = msgspec.defstruct("Payload", fields, forbid_unknown_fields=True, kw_only=True)
            msgspec.json.Decoder(struct)
        except (TypeError, ValueError) as exc:
            raise Misconfigured(f"{self._where}: {exc}") from exc
        return struct

    def _resolve(
        self, function: Callable[..., Any], namespace: Mapping[str, Any]
    ) -> dict[str, Any]:
        try:
            return get_type_hints(function, localns=dict(namespace), include_extras=True)
        except NameError as exc:
            raise Misconfigured(
                f"{self._where}: its annotations are read at run time, and {exc}; "
                "import the name outside `if TYPE_CHECKING`"
            ) from exc
