"""The import of the standard library: one durable job per file, and its progress, live.

A source and its job are written in one transaction, and a gist carries its source under a unique
key: killed at any moment and started again, the import loses no file and doubles none. What failed,
on a full disk for instance, is tried again at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections import deque
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Self

import anyio.to_thread

from mizzen.auth import AlreadyRegistered
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
TRY_AGAIN = 1.0

log = logging.getLogger("mizzen_gists")


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
        self._trouble = ""
        self._samples: deque[tuple[float, int]] = deque()
        self._imported = 0
        self.import_source = queue.job(queue="import", retry=Retry(max=3))(self._import_source)

    async def start(self) -> Self:
        """Enqueue the files that have no gist and no job, and begin to tell how far it is."""
        if self._publishing is None:
            await self._find_owner()
            await self._enqueue_missing()
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
        """Tell whether progress is being published, or why not."""
        state = self._trouble or "ok" if self._publishing else "not started"
        return {"ok": state == "ok", "detail": {"publishing": state}}

    def stats(self) -> dict[str, float]:
        """Return how many files this process imported."""
        return {"imported_total": self._imported}

    async def progress(self) -> Progress:
        """Count what is done; true also after a restart, as it asks the database."""
        waiting = await self._waiting()  # first: what ends meanwhile is counted as done
        done = await Gist.where(source__isnull=False).count()
        total = await Source.where().count()
        return Progress(
            running=waiting > 0,
            done=done,
            total=total,
            failed=max(0, total - done - waiting),
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
        self._latest = await keeping.create(self._db, await self._find_owner(), draft)
        self._imported += 1
        self._moved.set()

    async def _find_owner(self) -> User:
        """Return the user that owns the sources, made when first needed; nobody logs in as it."""
        while self._owner is None:
            self._owner = await self._auth.find(OWNER)
            if self._owner is None:
                with contextlib.suppress(AlreadyRegistered):  # by another process, just now
                    self._owner = await self._auth.register(
                        email="python@gists.example",
                        username=OWNER,
                        name="Python",
                        password=secrets.token_hex(24),
                    )
        return self._owner

    async def _enqueue_missing(self) -> None:
        """Write each new source and its job together, so that neither exists without the other.

        With fewer jobs than sources to come, some jobs have died: every such source gets another,
        as a job whose gist is there does nothing.
        """
        paths = await anyio.to_thread.run_sync(self._paths)
        async with self._db.transaction() as session:
            known = set(await Source.where().pluck("path"))
            fresh = [path for path in paths if path not in known]
            missing = known - set(await Gist.where(source__isnull=False).pluck("source"))
            again = sorted(missing) if len(missing) > await self._waiting() else []
            await Source.insert_all([{"path": path} for path in fresh])
            jobs = [self.import_source(path) for path in [*again, *fresh]]
            await self._queue.enqueue_many(jobs, tx=session)

    async def _waiting(self) -> int:
        """Return how many files have a job that has not ended."""
        counts = await self._queue.counts(queue="import")
        return counts["queued"] + counts["scheduled"] + counts["running"]

    def _paths(self) -> list[str]:
        return stdlib_sources.source_paths(everything=self._everything)

    async def _publish(self) -> None:
        """Tell the browsers, as long as something moves; whatever fails is tried again."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            try:
                running = await self._publish_once()
                self._trouble, pause = "", PUBLISH_EVERY
            except Exception as error:
                if str(error) != self._trouble:
                    log.warning("the import's progress can't be published: %s", error)
                self._trouble, pause, running = str(error) or repr(error), TRY_AGAIN, True
            # A job wakes us before it has ended; look again in a while.
            if running:
                self._moved.set()
                await asyncio.sleep(pause)

    async def _publish_once(self) -> bool:
        """Tell the browsers how far the import is; return whether it goes on."""
        progress = await self.progress()
        if self._latest:
            progress = replace(progress, html=self._announcer.card(self._latest))
        await self._cable.publish("import", "progress", asdict(progress))
        return progress.running

    def _rate(self, done: int) -> float:
        """Return files per second over the last seconds."""
        now = time.monotonic()
        self._samples.append((now, done))
        while now - self._samples[0][0] > RATE_OVER:
            self._samples.popleft()
        begun, before = self._samples[0]
        return round((done - before) / (now - begun), 1) if now > begun else 0.0
