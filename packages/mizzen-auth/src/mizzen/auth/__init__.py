"""Users, sessions and signed tokens that are hard to misuse."""

from ._auth import Auth
from ._errors import (
    AlreadyRegistered,
    AuthError,
    ConfigurationError,
    ExpiredToken,
    InvalidEmail,
    InvalidInput,
    InvalidName,
    InvalidToken,
    InvalidUsername,
    MissingLibrary,
    NotStarted,
    StoreBusy,
    StoreError,
    TooLate,
    TooManyAttempts,
    UnknownUser,
    WeakPassword,
    WrongPassword,
)
from ._hashing import Argon2
from ._layer import Layer
from ._outcomes import Refused
from ._sessions import Session, StoredSession
from ._tokens import Tokens
from ._users import StoredUser, User
from ._visit import Visit

__all__ = [
    "AlreadyRegistered",
    "Argon2",
    "Auth",
    "AuthError",
    "ConfigurationError",
    "ExpiredToken",
    "InvalidEmail",
    "InvalidInput",
    "InvalidName",
    "InvalidToken",
    "InvalidUsername",
    "Layer",
    "MissingLibrary",
    "NotStarted",
    "Refused",
    "Session",
    "StoreBusy",
    "StoreError",
    "StoredSession",
    "StoredUser",
    "Tokens",
    "TooLate",
    "TooManyAttempts",
    "UnknownUser",
    "User",
    "Visit",
    "WeakPassword",
    "WrongPassword",
]

for _name in __all__:
    globals()[_name].__module__ = __name__
