"""What can go wrong, from the caller's point of view."""

from __future__ import annotations


class CableError(Exception):
    """Base of every error this package raises on purpose."""


class NotStarted(CableError):
    """The cable (or its broker) isn't running: call `await cable.start()` or use `async with`."""


class Unavailable(CableError):
    """The broker cannot be reached right now; trying again later may work."""


class Misconfigured(CableError):
    """The call itself is wrong (a URL, a topic pattern, an event handler): fix it, don't retry."""


class Refused(CableError):
    """A client's request is answered with an error; raise it in a handler to choose the code.

    `code` is a short stable word for programs, `error` a sentence for people. Codes of the cable
    itself: bad_frame, bad_payload, busy, failed, forbidden, not_joined, rate_limited, too_large,
    too_many_topics, unavailable, unknown_event, unknown_topic.
    """

    def __init__(self, code: str, error: str = "") -> None:
        super().__init__(code, error)
        self.code = code
        self.error: str = error or code

    def __str__(self) -> str:
        return f"{self.code}: {self.error}"
