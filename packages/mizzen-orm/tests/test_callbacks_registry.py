"""Which callbacks a model has, in which order, when they run, and what their errors do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mizzen.orm import Abort, ConfigurationError, Model
from mizzen.orm._models.callback_marks import (
    after_commit,
    after_create,
    after_rollback,
    after_save,
    before_create,
    before_save,
)
from mizzen.orm._models.callbacks import EVENTS, callbacks_of, carry_over, register
from mizzen.orm._models.commit_callbacks import CommitQueue
from mizzen.orm.testing import scratch_models

SAID: list[str] = []


@pytest.fixture(autouse=True)
def nothing_said() -> None:
    SAID.clear()


class Audited:
    """A plain mixin."""

    @before_save
    def note(self) -> None:
        SAID.append("mixin note")

    @after_save
    async def tell(self) -> None:
        await asyncio.sleep(0)
        SAID.append("mixin tell")


class Base(Audited):
    @before_save
    def first(self) -> None:
        SAID.append("first")


class Derived(Base):
    def note(self) -> None:
        SAID.append("derived note")

    @before_save
    @after_create
    def last(self) -> None:
        SAID.append("last")


async def run(event: str, instance: object, **options: Any) -> list[str]:
    SAID.clear()
    await callbacks_of(type(instance)).run(event, instance, **options)
    return list(SAID)


async def test_bases_come_first_and_an_override_takes_the_place() -> None:
    assert await run("before_save", Base()) == ["mixin note", "first"]
    assert await run("before_save", Derived()) == ["derived note", "first", "last"]
    assert await run("after_create", Derived()) == ["last"]
    assert await run("after_save", Derived()) == ["mixin tell"]


async def test_a_decorated_override_counts_with_its_own_events() -> None:
    class Other(Base):
        @after_create
        def first(self) -> None:
            SAID.append("other first")

    assert await run("before_save", Other()) == ["mixin note"]
    assert await run("after_create", Other()) == ["other first"]


async def test_none_takes_a_callback_out() -> None:
    class Silent(Base):
        first = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    assert await run("before_save", Silent()) == ["mixin note"]


def test_a_class_without_callbacks_is_cheap_to_ask() -> None:
    class Plain:
        pass

    found = callbacks_of(Plain)
    assert not found
    assert not found.has(*EVENTS)
    assert callbacks_of(Plain) is found
    assert repr(found) == "<callbacks: none>"


async def test_conditions_are_all_met_or_it_does_not_run() -> None:
    class Post:
        public = True

        @before_save(if_changed=["title", "body"])
        def slug(self) -> None:
            SAID.append("slug")

        @after_save(when=lambda post: bool(post.public))
        def publish(self) -> None:
            SAID.append("publish")

        @after_commit(on="create", if_changed="title")
        def mail(self) -> None:
            SAID.append("mail")

    post = Post()
    assert await run("before_save", post, changed={"body"}) == ["slug"]
    assert await run("before_save", post, changed={"stars"}) == []
    assert await run("after_save", post) == ["publish"]
    post.public = False
    assert await run("after_save", post) == []
    assert await run("after_commit", post, action="create", changed={"title"}) == ["mail"]
    assert await run("after_commit", post, action="update", changed={"title"}) == []
    assert await run("after_commit", post, action="create") == []


async def test_the_first_error_ends_it_and_abort_tells_where() -> None:
    class Strict:
        @before_create
        def refuse(self) -> None:
            raise Abort("not today")

        @before_create
        def later(self) -> None:
            SAID.append("later")

    with pytest.raises(Abort, match="not today") as caught:
        await run("before_create", Strict())
    assert (vars(caught.value), SAID) == ({"model": "Strict", "event": "before_create"}, [])


async def test_after_the_end_each_one_runs_and_errors_come_together() -> None:
    class Loud:
        @after_commit
        def one(self) -> None:
            raise KeyError("one")

        @after_commit
        async def two(self) -> None:
            SAID.append("two")
            raise ValueError("two")

    with pytest.raises(ExceptionGroup, match="2 after_commit callbacks failed") as caught:
        await run("after_commit", Loud())
    assert SAID == ["two"]
    assert [type(error) for error in caught.value.exceptions] == [KeyError, ValueError]


async def test_a_cancelled_callback_is_cancelled() -> None:
    class Slow:
        @after_commit
        async def wait(self) -> None:
            await asyncio.Event().wait()

        @after_commit
        def never(self) -> None:
            SAID.append("never")

    task = asyncio.create_task(callbacks_of(Slow).run("after_commit", Slow()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert SAID == []


async def test_functions_from_outside_follow_and_reach_heirs() -> None:
    class Parent:
        @before_save
        def own(self) -> None:
            SAID.append("own")

    class Child(Parent):
        pass

    assert await run("before_save", Child()) == ["own"]

    def heard(_instance: object) -> None:
        SAID.append("heard")

    register(Parent, "before_save", heard)
    register(Parent, "before_save", heard)
    assert await run("before_save", Child()) == ["own", "heard"]
    assert await run("before_save", Parent()) == ["own", "heard"]


async def test_a_cell_run_again_registers_once() -> None:
    class Target:
        pass

    for number in (1, 2):
        scope: dict[str, Any] = {"SAID": SAID, "__name__": "__main__"}
        cell = f"def tell(target): SAID.append('tell {number}')\nshort = lambda t: SAID.append('s')"
        exec(cell, scope)
        register(Target, "after_save", scope["tell"])
        register(Target, "after_save", scope["short"])
    assert await run("after_save", Target()) == ["tell 2", "s"]


async def test_functions_made_by_a_function_are_each_their_own() -> None:
    class Target:
        pass

    def make(name: str) -> Any:
        def say(_target: object) -> None:
            SAID.append(name)

        return say

    for name in ("a", "b"):
        register(Target, "after_save", make(name), on="update")
    assert await run("after_save", Target(), action="update") == ["a", "b"]
    assert await run("after_save", Target(), action="create") == []


async def test_a_model_defined_again_keeps_what_was_registered() -> None:
    def model() -> type:
        class Target:
            @after_save
            def own(self) -> None:
                SAID.append("own")

        return Target

    old, new = model(), model()
    register(old, "after_save", lambda _target: SAID.append("outside"))
    carry_over(old, new)
    assert await run("after_save", new()) == ["own", "outside"]


def test_what_is_no_event_action_field_or_function_is_refused() -> None:
    wrong: Any = 5
    with pytest.raises(ConfigurationError, match="'after_lunch' is no event"):
        register(Base, "after_lunch", print)
    with pytest.raises(ConfigurationError, match="takes a function"):
        register(Base, "after_save", wrong)
    with pytest.raises(ConfigurationError, match="on='lunch'"):
        after_commit(on="lunch")
    with pytest.raises(ConfigurationError, match="plain or async method"):
        before_save(wrong)
    with pytest.raises(ConfigurationError, match="plain or async method"):

        class Wrong:  # pyright: ignore[reportUnusedClass]
            @before_save
            @staticmethod
            def static() -> None: ...


async def test_methods_of_models_are_no_fields() -> None:
    with scratch_models():

        class Dated(Model, table=False):
            @before_save
            def date(self) -> None:
                SAID.append("date")

        class Letter(Dated):
            title: str

            @before_save(if_changed="title")
            async def sign(self) -> None:
                self.title += "!"

        assert set(Letter.model_fields) == {"id", "title"}
        letter = Letter(title="Hi")
        assert await run("before_save", letter, changed={"title"}) == ["date"]
        assert letter.title == "Hi!"

        class Wrong(Model):
            title: str

            @before_save(if_changed="tittle")
            def sign(self) -> None: ...

        with pytest.raises(ConfigurationError, match="if_changed='tittle', which is no field"):
            callbacks_of(Wrong)


async def test_a_model_is_listened_to_from_outside() -> None:
    with scratch_models():

        class Card(Model):
            title: str

        @Card.on("after_save", if_changed="title")
        def heard(card: Card) -> None:
            SAID.append(card.title)

        Card.on("after_save", heard, if_changed="title")
        assert await run("after_save", Card(title="a"), changed=["title"]) == ["a"]
        assert callable(heard)


class Quiet:
    pass


class Order:
    def __init__(self, name: str) -> None:
        self.name = name

    @after_commit
    def committed(self) -> None:
        SAID.append(f"committed {self.name}")

    @after_commit(on="create")
    def created(self) -> None:
        SAID.append(f"created {self.name}")

    @after_rollback
    def undone(self) -> None:
        SAID.append(f"undone {self.name}")


async def test_the_end_is_told_once_for_each_object() -> None:
    queue, order = CommitQueue(), Order("a")
    queue.add(order, "create", {"title"})
    queue.add(order, "update", {"body"})
    queue.add(Quiet(), "create")
    assert len(queue) == 2
    await queue.committed()
    assert SAID == ["committed a", "created a"]
    await queue.committed()
    assert len(SAID) == 2


async def test_a_rolled_back_savepoint_drops_its_own() -> None:
    queue, kept, dropped = CommitQueue(), Order("kept"), Order("dropped")
    queue.add(kept, "create")
    mark = queue.mark()
    queue.add(dropped, "create")
    queue.add(kept, "destroy")
    await queue.roll_back_to(mark)
    assert SAID == ["undone dropped", "undone kept"]
    SAID.clear()
    await queue.committed()
    assert SAID == ["committed kept", "created kept"]


async def test_a_rollback_is_told() -> None:
    queue = CommitQueue()
    queue.add(Order("a"), "update")
    await queue.rolled_back()
    assert SAID == ["undone a"]


async def test_one_objects_error_does_not_keep_others_from_hearing() -> None:
    class Failing(Order):
        @after_commit
        def fail(self) -> None:
            raise RuntimeError("mail server")

    queue = CommitQueue()
    queue.add(Failing("a"), "create")
    queue.add(Order("b"), "update")
    with pytest.raises(RuntimeError, match="mail server") as caught:
        await queue.committed()
    assert SAID == ["committed a", "created a", "committed b"]
    assert "the transaction itself has ended" in caught.value.__notes__[0]


async def test_a_callback_that_writes_again_does_not_hear_itself() -> None:
    queue = CommitQueue()

    class Echo(Order):
        @after_commit
        def again(self) -> None:
            queue.add(self, "update")

    queue.add(Echo("a"), "create")
    await queue.committed()
    assert SAID == ["committed a", "created a"]
    assert len(queue) == 1
