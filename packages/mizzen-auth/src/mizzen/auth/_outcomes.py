"""What a login can lead to besides a `Session`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reason = Literal["wrong", "disabled", "too-many-attempts"]

IN_WORDS: dict[Reason, str] = {
    "wrong": "The name or the password is wrong.",
    "disabled": "This account is disabled.",
    "too-many-attempts": "Too many failed attempts. Try again later.",
}


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody was logged in. False as a condition, so that a careless `if` keeps people out.

    `wrong` doesn't say whether the user exists; `disabled` is only told to who knows the password.
    `retry_after` is in seconds and set when the reason is `too-many-attempts`.
    """

    reason: Reason
    retry_after: float | None = None

    @property
    def message(self) -> str:
        """The reason in words that can be shown."""
        return IN_WORDS[self.reason]

    def __bool__(self) -> bool:
        return False
