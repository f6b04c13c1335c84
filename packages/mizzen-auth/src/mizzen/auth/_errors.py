"""What can go wrong, sorted by what the caller can do about it. No message holds a secret."""

from __future__ import annotations


class AuthError(Exception):
    """The base of every error that mizzen.auth raises on purpose."""


class NotStarted(AuthError):
    """The component was used before `start()` or after `aclose()`."""


class ConfigurationError(AuthError):
    """A URL, a secret or an option that can't work: fix the call."""


class MissingLibrary(ConfigurationError):
    """A store needs a library that is not installed; the message names the extra."""


class StoreError(AuthError):
    """The user store did not answer as it should: look at the cause, then try again."""


class StoreBusy(StoreError):
    """Another writer held the database for too long: try again."""


class InvalidInput(AuthError):
    """What a person typed can't be accepted; the message can be shown to them.

    `field` names the input: `email`, `username`, `name` or `password`.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class InvalidEmail(InvalidInput):
    """The text is not an email address that mail can be sent to."""


class InvalidUsername(InvalidInput):
    """The username is too short, too long, or made of letters that could deceive."""


class InvalidName(InvalidInput):
    """The display name is too long or holds characters that don't print."""


class WeakPassword(InvalidInput):
    """The password can't be used; `reason` is `short`, `long`, `common` or `unreadable`."""

    def __init__(self, message: str, *, reason: str = "", field: str = "password") -> None:
        super().__init__(message, field=field)
        self.reason = reason


class AlreadyRegistered(InvalidInput):
    """Somebody has this email or username, or one that looks the same; see `field`."""


class UnknownUser(AuthError):
    """No user has this id."""


class WrongPassword(AuthError):
    """The current password does not match, so nothing was changed."""


class TooManyAttempts(AuthError):
    """Too many failures; `retry_after` says in how many seconds the next one is considered."""

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class InvalidToken(AuthError):
    """The token was not signed here, not for this purpose, or it was altered."""


class ExpiredToken(InvalidToken):
    """The token was good once; its time is over: issue a new one."""


class TooLate(AuthError):
    """The response has begun, so its cookie can't be changed any more."""
