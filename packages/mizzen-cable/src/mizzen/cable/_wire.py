"""Frames as they travel: one JSON encoding per message, whatever the number of receivers."""

from __future__ import annotations

import msgspec

from ._errors import Misconfigured

OPEN, CLOSE, PING, PONG, MESSAGE = "0", "1", "2", "3", "4"

# Websocket close codes, RFC 6455 section 7.4.1 and its registry.
NORMAL, POLICY, TOO_BIG, INTERNAL, RESTART, TRY_LATER = 1000, 1008, 1009, 1011, 1012, 1013

EVENT = "42"
ACK = "43"

_json = msgspec.json.Encoder()


def event_frame(event: str, payload: object, topic: str | None) -> bytes:
    """Return the Engine.IO text frame of `event(payload, topic)`."""
    try:
        return EVENT.encode() + _json.encode((event, payload, topic))
    except (TypeError, ValueError, RecursionError, OverflowError) as exc:
        raise Misconfigured(f"the payload of {event!r} is not JSON: {exc}") from exc


def ack_frame(number: int, answer: object) -> str:
    """Return the frame that answers the client's message *number*."""
    return f"{ACK}{number}[{_json.encode(answer).decode()}]"


def message(frame: bytes, skip: str = "") -> bytes:
    """Return what nodes send one another: a frame for everyone but the connection *skip*."""
    return b"M" + skip.encode() + b"\n" + frame


def parse_message(data: bytes) -> tuple[str, str]:
    """Return (skip, frame) of what `message` made."""
    skip, _, frame = data[1:].partition(b"\n")
    return skip.decode(), frame.decode()


GOODBYE = b"X"
"""Sent to a user's subject: close all their connections."""
