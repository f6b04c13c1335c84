"""Normalised fields: one form in every write, and in the values that are looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pytest

from mizzen.orm import Database, Field, Invalid, Model, Normalize
from mizzen.orm._fields.normalized import normalized
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MODELS = scratch_models()


def digits(value: str) -> str:
    found = "".join(character for character in value if character.isdigit())
    if not found:
        raise ValueError("has no digit")
    return found


with MODELS:

    class Contact(Model):
        email: Annotated[str, Normalize(str.strip, str.casefold)] = Field(min_length=3)
        phone: Annotated[str, Normalize(digits)] | None = None
        nick: Annotated[str | None, Normalize(str.strip)] = None


@pytest.fixture
async def db(anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database() as database:
            await database.create_all()
            yield database


async def test_new_objects_assignments_and_bulk_writes_are_normalised(db: Database) -> None:
    contact = Contact(email="  Ann@X.org ", phone="+49 (30) 1", nick=" a ")
    assert (contact.email, contact.phone, contact.nick) == ("ann@x.org", "49301", "a")
    contact.email = "BEA@x.org\n"
    assert contact.email == "bea@x.org"
    await contact.save()
    await Contact.insert_all([{"email": " Cleo@X.org"}])
    await Contact.where(email="cleo@x.org").update_all(nick="  c ")
    assert await Contact.order("id").pluck("email", "nick") == [
        ("bea@x.org", "a"),
        ("cleo@x.org", "c"),
    ]


async def test_look_ups_find_any_spelling(db: Database) -> None:
    await Contact.create(email="ann@x.org", phone="49301")
    assert await Contact.where(email=" ANN@X.org ").count() == 1
    assert await Contact.where(email__in=[" ANN@X.org ", "b"]).count() == 1
    assert await Contact.where(email__ne=" ANN@X.org ").count() == 0
    assert await Contact.where(phone="49-30-1").count() == 1
    assert (await Contact.find_by(email="Ann@x.ORG")) is not None


async def test_none_passes(db: Database) -> None:
    await Contact.create(email="ann@x.org", phone=None, nick=None)
    assert await Contact.where(phone=None, nick=None).count() == 1
    assert normalized(Contact, "phone", None) is None


async def test_parts_of_a_text_are_looked_for_as_given(db: Database) -> None:
    await Contact.create(email="ann@x.org", nick="a b")
    assert await Contact.where(nick__contains=" ").count() == 1
    assert await Contact.where(nick__contains="  ").count() == 0


def test_rules_see_the_normalised_value() -> None:
    with MODELS, pytest.raises(Invalid, match="email: String should have at least 3"):
        Contact(email="  a  ")


def test_a_function_that_refuses_is_the_fields_error() -> None:
    with MODELS:
        with pytest.raises(Invalid, match="phone: Value error, has no digit"):
            Contact(email="ann@x.org", phone="none")
        with pytest.raises(Invalid, match=r"Contact\.phone can't be looked up: has no digit"):
            Contact.where(phone="none")
        wrong: Any = 5
        with pytest.raises(Invalid, match=r"Contact\.email can't be looked up"):
            Contact.where(email=wrong)


def test_a_type_error_inside_a_function_is_no_fault_of_the_program() -> None:
    def broken(value: str) -> str:
        raise TypeError("not such a text")

    with scratch_models():

        class Note(Model):
            text: Annotated[str, Normalize(broken)]

        with pytest.raises(Invalid, match="text: Value error, not such a text"):
            Note(text="x")


def test_a_base_gives_its_normalised_fields_to_its_tables() -> None:
    with scratch_models():

        class HasEmail(Model, table=False):
            email: Annotated[str, Normalize(str.strip)]

        class Reader(HasEmail):
            pass

        assert Reader(email=" a ").email == "a"
        assert normalized(Reader, "email", " a ") == "a"


def test_its_repr_names_the_functions() -> None:
    assert repr(Normalize(str.strip, str.casefold)) == "Normalize(str.strip, str.casefold)"
