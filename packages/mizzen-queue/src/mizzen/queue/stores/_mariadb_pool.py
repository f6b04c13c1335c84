"""A few MariaDB connections, opened when needed; a broken one is dropped, not lent again."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import parse_qs, unquote, urlsplit

from .._errors import QueueError, StoreBusy, StoreError

try:
    import asyncmy
    from asyncmy.errors import MySQLError
except ImportError as exc:
    raise QueueError('MariaDB needs asyncmy: pip install "mizzen-queue[mysql]"') from exc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

T = TypeVar("T")

_SIZE = 4
_CONNECT_SECONDS = 5
_GOODBYE_SECONDS = 1
_OLDEST = (10, 6)  # SKIP LOCKED and JSON_TABLE
_TRIES = 6  # of a transaction that lost against another one
_DEADLOCK, _LOCK_WAIT, _TOO_BIG, _GONE = 1213, 1205, 1153, (2006, 2013)
# A long IN list stays one, and is looked up by key, instead of becoming a temporary table.
_SETTINGS = (
    "SET sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', "
    "tx_isolation = 'READ-COMMITTED', innodb_lock_wait_timeout = 5, "
    "in_predicate_conversion_threshold = 0"
)


class Connection:
    """Sends statements, several at once when separated by semicolons."""

    def __init__(self, driver: Any, packet: int) -> None:
        self._driver = driver
        self.packet = packet

    @property
    def is_usable(self) -> bool:
        """Whether its server is there still, as far as anybody has heard."""
        return bool(self._driver.connected) and not self._driver._stream_broken

    async def run(self, statements: str, values: Any = None) -> list[Any]:
        """For each statement its rows, or how many it changed when it gives none."""
        text = statements % _escaped(self._driver, values) if values is not None else statements
        command = text.encode("utf-8", "surrogateescape")
        if len(command) >= self.packet:
            raise StoreError(too_big(len(command), self.packet))
        cursor = self._driver.cursor()
        await cursor.execute(command)
        results = [await _result(cursor)]
        while await cursor.nextset():
            results.append(await _result(cursor))
        return results

    async def rows(self, statement: str, values: Any = None) -> list[Any]:
        """The rows of one statement."""
        return list((await self.run(statement, values))[0])

    async def end(self) -> None:
        """Say goodbye, so that the server notes no broken connection."""
        try:
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self._driver.ensure_closed()
        except TimeoutError:
            self.close()

    def close(self) -> None:
        """Close it at once; what it was in the middle of is rolled back."""
        self._driver.close()


class Connections:
    """Lends autocommit connections; maps the driver's errors on the way out."""

    def __init__(self, url: str) -> None:
        self._where = _parsed(url)
        self._free: list[Connection] = []
        self._places = asyncio.Semaphore(_SIZE)
        self._closed = False

    def open_again(self) -> None:
        """Lend from now on, also after `aclose`."""
        self._closed = False

    async def perform(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do *work*, which is one statement or one transaction; again when a deadlock undid it."""
        for number in range(_TRIES):
            try:
                return await self._once(work)
            except _Undone:
                if number + 1 == _TRIES:
                    raise
                await asyncio.sleep(random.random() * 0.005 * 2**number)  # noqa: S311
        raise AssertionError

    @contextlib.asynccontextmanager
    async def lend(self) -> AsyncGenerator[Connection]:
        """A connection for one statement, or one transaction."""
        async with self._places:
            with mapped():
                while self._free and not self._free[-1].is_usable:
                    self._free.pop().close()
                connection = self._free.pop() if self._free else await self._open()
                try:
                    yield connection
                except BaseException:
                    # Failed or cancelled in the middle: nobody knows what it would answer next.
                    connection.close()
                    raise
                if self._closed:
                    connection.close()
                else:
                    self._free.append(connection)

    async def aclose(self) -> None:
        """Close those that aren't lent, now; the others when they come back."""
        self._closed = True
        while self._free:
            await self._free.pop().end()

    async def _once(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        async with self.lend() as connection:
            return await work(connection)

    async def _open(self) -> Connection:
        driver: Any = await cast("Any", asyncmy).connect(  # its stubs leave types out
            **self._where,
            autocommit=True,
            charset="utf8mb4",
            connect_timeout=_CONNECT_SECONDS,
        )
        try:
            connection = Connection(driver, 1 << 20)
            query = "SELECT VERSION(), @@max_allowed_packet"
            ((version, connection.packet),) = await connection.rows(query)
            check_version(version)
            await connection.run(_SETTINGS)
        except BaseException:
            driver.close()
            raise
        return connection


class _Undone(StoreBusy):
    """The server rolled the transaction back, for another's sake."""


@contextlib.contextmanager
def mapped() -> Generator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except MySQLError as exc:
        number, text = _told(exc)
        if number == _DEADLOCK:
            raise _Undone(f"MariaDB: {text}; try again") from exc
        if number == _LOCK_WAIT:
            raise StoreBusy(f"MariaDB: {text}; try again") from exc
        if number == _TOO_BIG:
            raise StoreError(f"MariaDB: {text}; raise the server's max_allowed_packet") from exc
        if number in _GONE:
            raise StoreError(f"MariaDB: the connection was lost ({text})") from exc
        raise StoreError(f"MariaDB: {text}") from exc
    except (OSError, EOFError) as exc:
        raise StoreError(f"MariaDB: {exc or type(exc).__name__}") from exc


def too_big(size: int, packet: int) -> str:
    """Say why a statement isn't sent."""
    return (
        f"MariaDB: {size / 1e6:.1f} MB in one statement are more than the server takes; raise its "
        f"max_allowed_packet ({packet / 1e6:.1f} MB), or keep large data elsewhere"
    )


def _told(error: MySQLError) -> tuple[int, str]:
    number, *rest = error.args or (0,)
    return (number if isinstance(number, int) else 0), str(rest[0] if rest else error)


def _escaped(driver: Any, values: Any) -> Any:
    if hasattr(values, "items"):
        return {name: driver.literal(value) for name, value in values.items()}
    return tuple(driver.literal(value) for value in values)


async def _result(cursor: Any) -> Any:
    return cursor.rowcount if cursor.description is None else await cursor.fetchall()


def check_version(version: str) -> None:
    """Refuse a server that lacks what the statements need."""
    numbers = re.search(r"(\d+)\.(\d+)\.\d+-MariaDB", version)
    if numbers is None:
        raise QueueError(
            f"this server is MySQL {version}: jobs need MariaDB 10.6 or later, PostgreSQL or SQLite"
        )
    if (int(numbers[1]), int(numbers[2])) < _OLDEST:
        raise QueueError(f"MariaDB {version} is too old: jobs need 10.6 or later")


def _parsed(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    database = unquote(parts.path.strip("/"))
    try:
        port = parts.port or 3306
    except ValueError as exc:
        raise QueueError(f"a MariaDB URL's port must be a number: {exc}") from exc
    if not database:
        raise QueueError("a MariaDB URL names a database: mariadb://user:password@host/name")
    where: dict[str, Any] = {"host": parts.hostname or "localhost", "port": port}
    where |= {"user": unquote(parts.username or ""), "database": database}
    where["password"] = unquote(parts.password or "")
    for name, (value, *_) in parse_qs(parts.query).items():
        if name == "unix_socket":
            where["unix_socket"] = value
        elif name == "ssl":
            where["ssl"] = value.lower() in ("1", "true", "yes")
        else:
            raise QueueError(f"a MariaDB URL knows ?unix_socket= and ?ssl=true, not {name!r}")
    return where
