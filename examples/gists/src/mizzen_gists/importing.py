"""The import of the standard library: one durable job per file, and its progress, live.

A source and its job are written in one transaction, and a gist carries its source under a unique
key: killed at any moment and started again, the import loses no file and doubles none.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

import anyio.to_thread

from mizzen.queue import Retry

from . import keeping, stdlib_sources
from .keeping import Draft
from .models import Gist, Source

if TYPE_CHECKING:
    from mizzen.auth import Auth, User
    from mizzen.cable import Cable
    from mizzen.orm import Database
    from mizzen.queue import Queue

    from .live import Announcer

OWNER = "python"

# A browser redraws a few times a second; a hundred jobs a second must not become as many messages.
PUBLISH_EVERY = 0.25
RATE_OVER = 3.0


@dataclass(frozen=True)
class Progress:
    """How far the import is; `html` is the newest gist's card."""

    running: bool
    done: int
    total: int
    failed: int
    per_second: float
    latest: str
    html: str | None = None


class Importer:
    """A component like those of mizzen: the app starts it, closes it, and asks how it is."""

    def __init__(
        self,
        *,
        db: Database,
        queue: Queue,
        auth: Auth,
        cable: Cable,
        announcer: Announcer,
        everything: bool = False,
    ) -> None:
        self._db, self._queue, self._auth, self._cable = db, queue, auth, cable
        self._announcer, self._everything = announcer, everything
        self._owner: User | None = None
        self._latest: Gist | None = None
        self._moved = asyncio.Event()
        self._publishing: asyncio.Task[None] | None = None
        self._samples: deque[tuple[float, int]] = deque()
        self._imported = 0
        self.import_source = queue.job(queue="import", retry=Retry(max=3))(self._import_source)

    async def start(self) -> Self:
        """Enqueue the files that have no job yet, and begin to tell how far it is."""
        if self._publishing is None:
            await self._find_owner()
            await self._enqueue_new()
            self._moved.set()
            self._publishing = asyncio.create_task(self._publish())
        return self

    async def aclose(self) -> None:
        """Stop telling; the jobs are the queue's, and go on when the app runs again."""
        task, self._publishing = self._publishing, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def health(self) -> dict[str, object]:
        """Tell whether progress is being published."""
        task = self._publishing
        ok = task is not None and not task.done()
        return {"ok": ok, "detail": {"publishing": "ok" if ok else "stopped"}}

    def stats(self) -> dict[str, float]:
        """Return how many files this process imported."""
        return {"imported_total": self._imported}

    async def progress(self) -> Progress:
        """Count what is done; true also after a restart, as it asks the database."""
        total = await Source.where().count()
        done = await Gist.where(source__isnull=False).count()
        failed = (await self._queue.counts(queue="import"))["dead"]
        return Progress(
            running=done + failed < total,
            done=done,
            total=total,
            failed=failed,
            per_second=self._rate(done),
            latest=self._latest.title if self._latest else "",
        )

    async def _import_source(self, path: str) -> None:
        """Read, highlight, store and index one file."""
        if await Gist.where(source=path).exists():
            return  # stored by an attempt that was killed before it could say so
        text = await anyio.to_thread.run_sync(stdlib_sources.read_source, path)
        draft = Draft(
            title=path,
            description=await anyio.to_thread.run_sync(stdlib_sources.summary, text),
            files=[(path.rpartition("/")[2], text)],
            source=path,
        )
        owner = self._owner or await self._find_owner()
        self._latest = await keeping.create(self._db, owner, draft)
        self._imported += 1
        self._moved.set()

    async def _find_owner(self) -> User:
        """Return the user that owns the sources, made when first needed; nobody logs in as it."""
        self._owner = await self._auth.find(OWNER) or await self._auth.register(
            email="python@gists.example",
            username=OWNER,
            name="Python",
            password=secrets.token_hex(24),
        )
        return self._owner

    async def _enqueue_new(self) -> None:
        """Write each new source and its job together, so that neither exists without the other."""
        paths = await anyio.to_thread.run_sync(self._paths)
        async with self._db.transaction() as session:
            known = set(await Source.where().pluck("path"))
            fresh = [path for path in paths if path not in known]
            if fresh:
                await Source.insert_all([{"path": path} for path in fresh])
                jobs = [self.import_source(path) for path in fresh]
                await self._queue.enqueue_many(jobs, tx=session)

    def _paths(self) -> list[str]:
        return stdlib_sources.source_paths(everything=self._everything)

    async def _publish(self) -> None:
        """Tell the browsers, as long as something moves."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            progress = asdict(await self.progress())
            progress["html"] = self._announcer.card(self._latest) if self._latest else None
            await self._cable.publish("import", "progress", progress)
            if not progress["running"]:
                continue
            # The last job wakes us too early to see it counted as failed; look again in a while.
            with contextlib.suppress(TimeoutError):
                await asyncio.sleep(PUBLISH_EVERY)

    def _rate(self, done: int) -> float:
        """Return files per second over the last seconds."""
        now = time.monotonic()
        self._samples.append((now, done))
        while now - self._samples[0][0] > RATE_OVER:
            self._samples.popleft()
        begun, before = self._samples[0]
        return round((done - before) / (now - begun), 1) if now > begun else 0.0
