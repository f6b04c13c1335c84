"""What can go wrong in composing an application, from the caller's point of view."""

from __future__ import annotations


class AppError(Exception):
    """Base of every error that `mizzen.app` raises on purpose."""


class ConfigError(AppError):
    """The configuration can't be used as it is; the message names the file, the key and the fix."""


class NotStarted(AppError):
    """The application has to be running for this; `await app.start()` or `async with app`."""


class StartFailed(AppError):
    """A component did not start; those before it were closed again. The cause says why."""


class StopFailed(AppError):
    """The application stopped, but a component failed or was abandoned while closing."""
