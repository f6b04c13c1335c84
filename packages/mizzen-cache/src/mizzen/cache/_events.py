"""What happens in a cache, for whoever wants to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, get_args

EventName = Literal["hit", "miss", "load", "store", "invalidate", "corrupt", "error", "recover"]
_NAMES: Final = frozenset(get_args(EventName))


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `key` and `tier` are empty where they do not apply."""

    name: str
    key: str = ""
    tier: str = ""
    detail: str = ""


Listener = Callable[[Event], object]


class Events:
    """Listeners by event name; a listener that raises is counted and otherwise ignored."""

    def __init__(self) -> None:
        self._listeners: dict[str, tuple[Listener, ...]] = {}
        self.failures = 0
        self.listening = False

    def on(self, name: EventName, listener: Listener) -> Callable[[], None]:
        """Call *listener* with each such event, at once and in the loop; return what removes it."""
        if name not in _NAMES:
            raise ValueError(f"there is no event {name!r}; there are {', '.join(sorted(_NAMES))}")
        self._listeners[name] = (*self._listeners.get(name, ()), listener)
        self.listening = True

        def remove() -> None:
            left = tuple(kept for kept in self._listeners.get(name, ()) if kept is not listener)
            self._listeners[name] = left
            self.listening = any(self._listeners.values())

        return remove

    def tell(self, name: EventName, key: str = "", tier: str = "", detail: str = "") -> None:
        """Tell those who listen."""
        listeners = self._listeners.get(name)
        if not listeners:
            return
        event = Event(name, key, tier, detail)
        for listener in listeners:
            try:
                listener(event)
            except Exception:
                self.failures += 1
