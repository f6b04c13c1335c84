"""Headers, query and form fields: read-only mappings that also know repeated names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import parse_qsl

from ._errors import BadRequest


class Values(Mapping[str, str]):
    """Text by name. `[name]` gives the last value, `all(name)` every one."""

    __slots__ = ("_lists",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        lists: dict[str, list[str]] = {}
        for name, value in pairs:
            lists.setdefault(name, []).append(value)
        self._lists = lists

    def __getitem__(self, name: str) -> str:
        return self._lists[name][-1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lists)

    def __len__(self) -> int:
        return len(self._lists)

    def all(self, name: str) -> list[str]:
        """Return every value of a name in order; none gives an empty list."""
        return list(self._lists.get(name, ()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self._lists) or 'empty'}>"


class Headers(Values):
    """Request or response headers; names in any case."""

    __slots__ = ()

    def __init__(self, raw: Iterable[tuple[bytes, bytes]] = ()) -> None:
        super().__init__((k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in raw)

    def __getitem__(self, name: str) -> str:
        return self._lists[name.lower()][-1]

    def all(self, name: str) -> list[str]:
        """Return every value of a header in order."""
        return super().all(name.lower())


def read_urlencoded(raw: bytes, max_fields: int) -> list[tuple[str, str]]:
    """Return the pairs of a query or a form body; bad UTF-8 or too many fields is a 400."""
    try:
        return parse_qsl(
            raw.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=max_fields
        )
    except UnicodeDecodeError as exc:
        raise BadRequest("The fields are not valid UTF-8.") from exc
    except ValueError as exc:
        raise BadRequest(f"There are more than {max_fields} fields.") from exc
