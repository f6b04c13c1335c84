"""What can go wrong, split by what the caller can do about it."""

from __future__ import annotations


class TestingError(Exception):
    """The base of every error that mizzen-testing raises."""

    __test__ = False  # pytest would collect a class of this name


class ServerUnavailable(TestingError):
    """No such server can be had here; the message names what to install or to set."""


class ServerFailed(TestingError):
    """A server was found and did not come up, or refused what it was told."""


class ProcessEnded(TestingError):
    """A process ended before it printed what was waited for."""


class WaitTimeout(TestingError, TimeoutError):
    """Something waited for did not happen in time."""
