"""`db.sync`: the same database for code that can't await."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.orm import ConfigurationError, Database, Field, Model, NotFound, NotStarted, NotUnique
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from mizzen.orm._sync.facade import Sync

MODELS = scratch_models()

with MODELS:

    class Sailor(Model):
        name: str = Field(unique=True)
        age: int = 0

        @classmethod
        def adults(cls) -> Any:
            return cls.where(age__gte=18)

        async def older(self, years: int) -> int:
            await self.update(age=self.age + years)
            return self.age

        @property
        async def twin(self) -> Sailor | None:
            return await Sailor.find_by(name=self.name)


@pytest.fixture
def s() -> Generator[Sync]:
    with MODELS, Database().sync as sync:
        sync.create_all()
        yield sync


def test_models_queries_and_objects_are_used_without_await(s: Sync) -> None:
    ann = s(Sailor).create(name="ann", age=40)
    assert ann.id == 1
    assert s(ann).update(name="anna").name == "anna"
    assert [each.name for each in s(Sailor).insert_all([{"name": "bob"}, {"name": "eve"}])] == [
        "bob",
        "eve",
    ]
    assert s(Sailor).where(name="bob").all() == [s(Sailor).get(2)]
    assert s(Sailor).order("-id").limit(1).pluck("name") == ["eve"]
    assert s(Sailor).count() == len(s(Sailor).all()) == 3
    assert s(Sailor).where(Sailor.age > 90).first() is None
    assert s(Sailor).where(name="eve").update_all(age=3) == 1
    assert s(Sailor).find_by(name="eve") == s(Sailor).find(3)
    assert s(s(Sailor).get(3)).reload().age == 3
    s(ann).destroy()
    with pytest.raises(NotFound):
        s(Sailor).get(1)
    assert s(Sailor).delete_all() == 2
    assert not s(Sailor).exists()


def test_scopes_own_methods_and_awaitable_properties_are_there_too(s: Sync) -> None:
    ann = s(Sailor).create(name="ann", age=17)
    assert s(Sailor).adults().all() == []
    assert s(ann).older(3) == 20
    assert s(ann).name == "ann"
    assert s(ann).twin == ann
    assert s(Sailor).adults().count() == 1
    assert s(Sailor).order("name").distinct().all() == [ann]


def test_anything_awaitable_runs(s: Sync) -> None:
    assert s(Sailor.create(name="ann")).name == "ann"
    assert s.run(Sailor.where(name="ann")) == s(Sailor.where(name="ann")).all()
    assert s.run(Sailor.count()) == 1
    assert s.health() == {"ok": True, "detail": {"database": "ok"}}
    assert s.stats()["transactions_total"] >= 1
    assert s.url == "memory:"
    with pytest.raises(ConfigurationError, match="takes a model, an object"):
        s(3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


def test_a_query_is_iterated_in_parts_while_its_rows_change(s: Sync) -> None:
    s(Sailor).insert_all({"name": f"n{number}"} for number in range(250))
    seen = 0
    for sailor in s(Sailor).order("id"):
        s(sailor).update(age=1)
        seen += 1
    assert seen == s(Sailor).where(age=1).count() == 250
    for _sailor in s(Sailor).all():
        break
    for _sailor in s(Sailor):
        break


def test_a_transaction_takes_all_calls_of_its_thread(s: Sync) -> None:
    with s.transaction() as session:
        ann = s(Sailor).create(name="ann")
        assert s(Sailor).count() == 1
        assert session.in_transaction()
        with pytest.raises(NotUnique), s.transaction():
            s(Sailor).create(name="bob")
            s(Sailor).create(name="ann")
        s(ann).update(age=5)
    assert s(Sailor).pluck("name", "age") == [("ann", 5)]
    with pytest.raises(ZeroDivisionError), s.transaction():
        s(Sailor).delete_all()
        _ = 1 // 0
    assert s(Sailor).count() == 1
    with s.session():
        assert s(Sailor).count() == 1


def test_each_thread_has_its_own_transactions(s: Sync) -> None:
    begun, looked = threading.Event(), threading.Event()

    def look() -> list[str]:
        begun.wait(20)
        seen = s(Sailor).pluck("name")
        looked.set()
        return seen

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(look)
        with s.transaction():
            s(Sailor).create(name="ann")
            begun.set()
            assert looked.wait(20)
            assert s(Sailor).pluck("name") == ["ann"]
        assert other.result() == []


def test_concurrent_increments_from_threads_are_all_kept(s: Sync) -> None:
    s(Sailor).create(name="ann")

    def add(_number: int) -> None:
        with s.transaction():
            sailor = s(Sailor).get(1)
            s(sailor).update(age=sailor.age + 1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(40)))
    assert s(Sailor).get(1).age == 40


def test_two_open_databases_are_told_apart(s: Sync) -> None:
    with Database().sync as other:
        other.create_all()
        other(Sailor).create(name="there")
        here = s.run(Sailor.create(name="here"))
        with s.transaction(), other.transaction():
            s(here).update(age=1)
            other.run(Sailor.create(name="also there"))
        assert s(Sailor).pluck("name", "age") == [("here", 1)]
        assert other(Sailor).order("id").pluck("name") == ["there", "also there"]
        assert [each.name for each in other(Sailor.where()).order("id")] == ["there", "also there"]


def test_context_variables_of_the_caller_hold_in_the_call(s: Sync) -> None:
    tenant: ContextVar[str] = ContextVar("tenant")

    async def seen() -> str:
        return tenant.get()

    tenant.set("acme")
    assert s.run(seen()) == "acme"
    with s.transaction():
        assert s.run(seen()) == "acme"


def test_errors_come_back_even_those_that_would_end_a_loop(s: Sync) -> None:
    async def leave() -> None:
        raise SystemExit(3)

    async def cancel() -> None:
        raise asyncio.CancelledError

    with pytest.raises(SystemExit):
        s.run(leave())
    with pytest.raises(NotStarted, match="cancelled"):
        s.run(cancel())
    assert s(Sailor).count() == 0
    for error in (KeyboardInterrupt, SystemExit, GeneratorExit):
        with pytest.raises(error), s.transaction():
            s(Sailor).create(name="ann")
            raise error
        assert s(Sailor).count() == 0


@pytest.fixture
def interruptible() -> Generator[None]:
    """Let SIGINT raise, also where a shell had it ignored for what runs in its background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_cancels_the_call_and_leaves_no_transaction(s: Sync) -> None:
    ended, main = threading.Event(), threading.main_thread()

    async def slow() -> None:
        try:
            signal.pthread_kill(main.ident or 0, signal.SIGINT)  # Ctrl-C
            await asyncio.sleep(60)
        finally:
            ended.set()

    with pytest.raises(KeyboardInterrupt), s.transaction():
        s(Sailor).create(name="ann")
        s.run(slow())
    assert ended.is_set()
    assert s(Sailor).count() == 0
    with s.transaction():
        s(Sailor).create(name="bob")
    assert s(Sailor).count() == 1


def test_a_call_from_inside_the_loop_is_refused_not_a_deadlock(s: Sync) -> None:
    async def inside() -> None:
        with pytest.raises(ConfigurationError, match="`await` the call"):
            s(Sailor).count()
        with pytest.raises(ConfigurationError, match="`await` the call"):
            s.run(Sailor.count())
        with pytest.raises(ConfigurationError, match="`await` the call"):
            s.close()
        with pytest.raises(ConfigurationError, match="`await` the call"), s.transaction():
            pass
        assert await asyncio.to_thread(s(Sailor).count) == 0

    s.run(inside())


def test_closing_rolls_back_what_is_open_and_a_closed_one_opens_again(tmp_path: Path) -> None:
    with MODELS:
        sync = Database(f"sqlite:///{tmp_path}/app.db").sync
        sync.start()
        assert sync.start() is sync
        sync.create_all()
        block = sync.transaction()
        block.__enter__()
        sync(Sailor).create(name="ann")
        sync.close()
        sync.close()
        with pytest.raises(NotStarted, match=r"db.sync.start\(\)"):
            sync(Sailor).count()
        with pytest.raises(NotStarted):
            block.__exit__(None, None, None)
        with sync:
            assert sync(Sailor).count() == 0
        assert threading.active_count() == 1 or "mizzen-orm" not in str(threading.enumerate())


def test_a_database_that_cannot_be_opened_leaves_no_thread(tmp_path: Path) -> None:
    from mizzen.orm import Unavailable

    sync = Database(f"sqlite:///{tmp_path}/none/app.db").sync
    with pytest.raises(Unavailable):
        sync.start()
    assert "mizzen-orm sqlite" not in str(threading.enumerate())
    assert repr(sync) == f"<mizzen.orm.Sync sqlite:///{tmp_path}/none/app.db: closed>"


async def test_a_database_of_this_loop_serves_other_threads_only() -> None:
    with MODELS:
        async with Database() as database:
            await database.create_all()
            s = database.sync
            with pytest.raises(ConfigurationError, match="`await` the call"):
                s(Sailor).count()
            with pytest.raises(ConfigurationError, match="`await` the call"):
                s.start()

            def work() -> list[str]:
                with s as same, same.transaction():
                    same(Sailor).create(name="ann")
                    return same(Sailor).pluck("name")

            assert await asyncio.to_thread(work) == ["ann"]
            assert database.started
            async with database.transaction():
                await Sailor.create(name="bob")
                # A thread that is sent from a transaction works in it, as a task would.
                assert await asyncio.to_thread(s(Sailor).count) == 2
            assert "open in its starter's event loop" in repr(s)


def test_a_database_whose_loop_has_ended_says_so() -> None:
    database = Database()
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(database.start())
        with pytest.raises(NotStarted, match="does not run now"):
            database.sync.run(Sailor.count())
        with pytest.raises(NotStarted, match="does not run now"):
            database.sync.start()
    finally:
        loop.run_until_complete(database.aclose())
        loop.close()


async def test_in_a_thread_with_a_running_loop_the_database_has_a_loop_of_its_own() -> None:
    with MODELS, Database().sync as s:  # as a notebook's kernel, or any coroutine, would
        s.create_all()
        with s.transaction():
            s(Sailor).create(name="ann")
        assert [each.name for each in s(Sailor)] == ["ann"]


def test_migrations_are_applied(s: Sync, tmp_path: Path) -> None:
    with Database(f"sqlite:///{tmp_path}/app.db").sync as fresh:
        migrations = fresh.migrations(tmp_path / "migrations")
        migrations.make("first")
        migrations.up()
        fresh(Sailor).create(name="ann")
        assert fresh(Sailor).count() == 1


EXITS = {
    "without close": "",
    "in a transaction": "s.transaction().__enter__(); s(Item).create(name='lost')",
    "by an error": "s.transaction().__enter__(); raise SystemExit(7)",
    "with a call at work": (
        "import threading, asyncio\n"
        "def wait():\n"
        "    try: s.run(asyncio.sleep(60))\n"
        "    except Exception: pass\n"
        "threading.Thread(target=wait, daemon=True).start()"
    ),
    "in a forked child": (
        "import os\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try: s(Item).count()\n"
        "    except Exception as error: assert 'forked' in str(error)\n"
        "    raise SystemExit(7)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("ending", EXITS.values(), ids=EXITS.keys())
def test_a_program_that_never_closes_ends_by_itself(ending: str, tmp_path: Path) -> None:
    program = textwrap.dedent(
        f"""
        from mizzen.orm import Database, Model

        class Item(Model):
            name: str

        s = Database("sqlite:///{tmp_path}/app.db").sync.start()
        s.create_all()
        s(Item).create(name="kept")
        """
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program + ending],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.stderr == ""
    assert run.returncode == (7 if ending == EXITS["by an error"] else 0)
    with scratch_models(), Database(f"sqlite:///{tmp_path}/app.db").sync as s:

        class Item(Model):
            name: str

        assert s(Item).pluck("name") == ["kept"]
