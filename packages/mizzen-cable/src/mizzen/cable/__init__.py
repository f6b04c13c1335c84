"""Realtime channels and presence for stock Socket.IO clients."""

from __future__ import annotations

from ._cable import Cable
from ._channel import Channel, event
from ._client import client_path
from ._connection import Connection
from ._errors import CableError, Misconfigured, NotStarted, Refused, Unavailable
from ._limits import Limits
from .abc import Broker, Identity, Member

__all__ = [
    "Broker",
    "Cable",
    "CableError",
    "Channel",
    "Connection",
    "Identity",
    "Limits",
    "Member",
    "Misconfigured",
    "NotStarted",
    "Refused",
    "Unavailable",
    "client_path",
    "event",
]

for _public in map(globals().__getitem__, __all__):
    _public.__module__ = __name__  # reprs and pickles show the public path
