"""python-socketio as the protocol engine, behind a server class of our own.

The handshake, sessions, namespaces and packets are theirs. Ours are the links (`_link`), the index
of who is in which topic (`_node`), the order of handlers (`_connection`) and every outgoing frame
(`_wire`), so that the hot paths can be replaced without touching the protocol. This is the only
module that meets the untyped libraries; `tests/test_engine_internals.py` pins what it relies on.
"""

# mypy: disable-error-code="import-untyped,misc,no-untyped-call,no-untyped-def"
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false
# pyright: reportMissingParameterType=false, reportUntypedBaseClass=false
# pyright: reportPrivateUsage=false, reportIncompatibleMethodOverride=false

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import engineio
import socketio
from engineio import packet as eio_packet
from socketio import packet as sio_packet
from socketio.exceptions import ConnectionRefusedError as Rejected

from ._errors import Refused
from ._link import Link
from ._wire import POLICY

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from ._limits import Limits
    from .abc import Receive, Scope, Send

logger = logging.getLogger("mizzen.cable.protocol")
logger.setLevel(logging.ERROR)


class Peer(Protocol):
    """What the engine hands a client's events to."""

    def take(self, number: int | None, arguments: list[Any]) -> None:
        """Take an event, with the number to acknowledge it by; must not block."""
        ...


P = TypeVar("P", bound=Peer)


class Gate(Protocol[P]):
    """What decides who becomes a peer; the cable's node."""

    async def admit(self, link: Link, auth: object) -> P:
        """Return the peer behind this link, or raise `Refused`."""
        ...

    def depart(self, peer: P, reason: str) -> None:
        """Forget a peer whose link ended."""
        ...


class Engine(engineio.AsyncServer):
    """Engine.IO sessions that live in our links instead of python-engineio's sockets."""

    limits: Limits

    async def _handle_connect(self, environ: Any, transport: str, jsonp_index: Any = None) -> str:
        link = Link(self.generate_id(), environ["asgi.scope"], self.limits)
        self.sockets[link.sid] = link
        try:
            welcome = {
                "sid": link.sid,
                "upgrades": [],
                "pingInterval": int(self.ping_interval * 1000),
                "pingTimeout": int(self.ping_timeout * 1000),
                "maxPayload": self.max_http_buffer_size,
            }
            await link.send(eio_packet.Packet(eio_packet.OPEN, welcome))
            await self.handlers["connect"](link.sid, environ)

            async def inbound(text: str) -> None:
                await self.handlers["message"](link.sid, text)

            await link.run(environ["asgi.receive"], environ["asgi.send"], inbound)
        finally:
            # Nothing below waits for anything, so a cancelled task gets through it, too.
            await self.handlers["disconnect"](link.sid, link.reason)
            self.sockets.pop(link.sid, None)
        return ""


def is_event(content: Any) -> TypeIs[list[Any]]:
    """Return whether this is an event's name and arguments."""
    return isinstance(content, list) and bool(content) and isinstance(content[0], str)


class Clients(socketio.AsyncManager):
    """python-socketio's table of clients, without its search through every room at a disconnect."""

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        self.basic_leave_room(sid, namespace, sid)
        self.basic_leave_room(sid, namespace, None)
        for waiting in (self.pending_connect, self.pending_disconnect):
            if sid in waiting.get(namespace, ()):
                waiting[namespace].remove(sid)
                if not waiting[namespace]:
                    del waiting[namespace]


class Server(socketio.AsyncServer, Generic[P]):
    """A Socket.IO server that passes events on, in order, and acknowledges nothing by itself."""

    def __init__(
        self, gate: Gate[P], limits: Limits, ping_interval: float, ping_timeout: float
    ) -> None:
        super().__init__(
            client_manager=Clients(),
            async_mode="asgi",
            async_handlers=False,
            transports=["websocket"],
            monitor_clients=False,  # links watch themselves; see `beat`
            cors_allowed_origins=[],  # the origin is checked before a request gets here
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            max_http_buffer_size=limits.payload_bytes,
            logger=logger,  # pyright: ignore[reportArgumentType]  (a bool or a logger)
            engineio_logger=logger,
        )
        self.eio.limits = limits
        self._gate = gate
        self._peers: dict[str, P] = {}
        self.on("connect", self._greet)

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    @property
    def links(self) -> dict[str, Link]:
        """Return the open links by Engine.IO session id."""
        sockets: dict[str, Link] = self.eio.sockets
        return sockets

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one websocket from handshake to end."""
        await self.eio.handle_request(scope, receive, send)

    def beat(self, now: float) -> None:
        """Let every link ping its client when it is time."""
        for link in list(self.links.values()):
            link.beat(now, self.eio.ping_interval, self.eio.ping_timeout)

    async def _greet(self, sid: str, environ: Any, auth: object) -> None:
        link = self.links[str(self.manager.eio_sid_from_sid(sid, "/"))]
        try:
            self._peers[link.sid] = await self._gate.admit(link, auth)
        except Refused as refused:
            answer = {"code": refused.code}
            raise Rejected(refused.error, answer) from refused
        link.greeted = True

    async def _handle_eio_message(self, eio_sid: str, data: str) -> None:
        try:
            packet = sio_packet.Packet(encoded_packet=data)
            kind, number, content = packet.packet_type, packet.id, packet.data
        except Exception as exc:  # their decoder raises whatever its parts do
            raise Refused("bad_frame", "not a Socket.IO packet") from exc
        if kind == sio_packet.EVENT:
            peer = self._peers.get(eio_sid)
            plain = packet.namespace in (None, "/") and not packet.attachment_count
            if peer is None or not plain or not is_event(content):
                raise Refused("bad_frame", "not an event of a connected client")
            peer.take(number, content)
        elif kind == sio_packet.CONNECT:
            await self._handle_connect(eio_sid, packet.namespace, content)
        elif kind == sio_packet.DISCONNECT:
            await self.links[eio_sid].close(reason="client disconnect")
        elif kind != sio_packet.ACK:
            # Attachments would have to be buffered before anyone is asked; not offered yet.
            raise Refused("bad_frame", "binary packets are not supported")

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        await super()._handle_connect(eio_sid, namespace, data)
        link = self.links[eio_sid]
        if not link.greeted and namespace in (None, "/"):
            link.finish(POLICY, "refused")

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        await super()._handle_eio_disconnect(eio_sid, reason)
        if sid := self.manager.sid_from_eio_sid(eio_sid, "/"):
            self.manager.basic_disconnect(sid, "/")  # it ended before it was let in
        if (peer := self._peers.pop(eio_sid, None)) is not None:
            self._gate.depart(peer, reason)
