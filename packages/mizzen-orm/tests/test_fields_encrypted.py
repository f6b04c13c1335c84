"""Encrypted fields: what the database sees, what is found, and what becomes of keys."""

from __future__ import annotations

import logging
import pickle
import traceback
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from mizzen.orm import ConfigurationError, Database, Field, Invalid, Model, NotUnique, UnknownName
from mizzen.orm._errors import Unreadable
from mizzen.orm._fields.encrypted import Encrypted
from mizzen.orm._fields.keys import Keys, encryption_keys
from mizzen.orm._fields.lookups import lookup_value, refuse_order
from mizzen.orm._fields.reencrypt import encrypted_fields, reencrypt
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

pytestmark = pytest.mark.extra("cryptography")

KEY, NEXT = Keys.generate(), Keys.generate()
SECRET = "078-05-1120"
MODELS = scratch_models()

with MODELS:

    class Patient(Model):
        name: str = ""
        ssn: Annotated[str, Encrypted()]
        email: Annotated[str | None, Encrypted(deterministic=True)] = Field(
            default=None, unique=True
        )
        note: Annotated[str, Encrypted()] | None = None

    class Sample(Model):
        raw: Annotated[bytes, Encrypted()] = b""
        count: Annotated[int, Encrypted(deterministic=True)] = 0
        meta: Annotated[dict[str, Any], Encrypted()] = Field(default_factory=dict)
        born: Annotated[date | None, Encrypted()] = None
        tags: Annotated[set[int], Encrypted()] = Field(default_factory=set)

    class Legacy(Model):
        phone: Annotated[str, Encrypted(deterministic=True, accept_plain=True)]


@pytest.fixture(autouse=True)
def keys() -> Generator[None]:
    encryption_keys(KEY)
    yield
    encryption_keys()


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


async def stored(db: Database, column: str, table: str = "patients") -> list[Any]:
    async with db.session() as session:
        found = await session.execute(text(f'SELECT "{column}" FROM "{table}" ORDER BY id'))
        return [row[0] for row in found]


async def overwrite(db: Database, value: str, column: str = "ssn") -> None:
    async with db.transaction() as session:
        await session.execute(text(f'UPDATE patients SET "{column}" = :v'), {"v": value})


async def test_the_database_holds_no_plain_value_and_reads_give_it(db: Database) -> None:
    patient = await Patient.create(ssn=SECRET, email="ann@example.org", note="größe ☃ 🦉")
    found = await Patient.get(patient.id)
    assert (found.ssn, found.email, found.note) == (SECRET, "ann@example.org", "größe ☃ 🦉")
    for column in ("ssn", "email", "note"):
        (held,) = await stored(db, column)
        assert held.startswith(("mz1.", "mz1d."))
        assert SECRET not in held
        assert "ann" not in held


async def test_none_is_null_and_the_empty_text_is_not(db: Database) -> None:
    await Patient.create(ssn="")
    assert await stored(db, "note") == [None]
    found = await Patient.where(note=None).one()
    assert (found.ssn, found.note) == ("", None)
    assert await Patient.where(note__isnull=False).count() == 0


async def test_equal_values_look_different_unless_deterministic(db: Database) -> None:
    for _ in range(2):
        await Patient.create(ssn=SECRET)
    first, second = await stored(db, "ssn")
    assert first != second


async def test_every_type_comes_back_as_it_was(db: Database) -> None:
    made = await Sample.create(
        raw=b"\x00\xff", count=2**70, meta={"a": [1, None, "ü"]}, born=date(2024, 2, 29), tags={3}
    )
    found = await Sample.get(made.id)
    assert (found.raw, found.count, found.meta) == (b"\x00\xff", 2**70, {"a": [1, None, "ü"]})
    assert (found.born, found.tags) == (date(2024, 2, 29), {3})
    assert await Sample.where(count=2**70).count() == 1


async def test_a_deterministic_field_is_looked_up_by_equality_and_unique(db: Database) -> None:
    await Patient.create(ssn="1", email="a@x.org")
    await Patient.create(ssn="2", email="b@x.org")
    assert (await Patient.where(email="a@x.org").one()).ssn == "1"
    assert (await Patient.where(email__ne="a@x.org").one()).ssn == "2"
    assert await Patient.where(email__in=["a@x.org", "b@x.org", "c"]).count() == 2
    assert await Patient.where(Patient.email == "b@x.org").count() == 1
    with pytest.raises(NotUnique):
        await Patient.create(ssn="3", email="a@x.org")


async def test_update_all_and_insert_all_encrypt(db: Database) -> None:
    await Patient.insert_all([{"ssn": "1", "email": "a"}, {"ssn": "2", "email": "b"}])
    await Patient.where(email="a").update_all(ssn="9")
    assert await Patient.order("id").pluck("ssn") == ["9", "2"]
    assert all(held.startswith("mz1.") for held in await stored(db, "ssn"))


def test_other_look_ups_are_refused() -> None:
    patient: Any = Patient
    refused: list[Callable[[], object]] = [
        lambda: patient.ssn == "x",
        lambda: patient.ssn.in_(["x"]),
        lambda: patient.email > "x",
        lambda: patient.email.like("x%"),
        lambda: patient.email.desc(),
        lambda: patient.email == patient.name,
        lambda: lookup_value(Patient, "email", "contains", "x"),
        lambda: lookup_value(Patient, "ssn", "gt", "x"),
        lambda: refuse_order(Patient, "email"),
        lambda: Patient.order("email"),
        lambda: Patient.order("-email"),
        lambda: Patient.order(patient.email),
        lambda: Patient.order("name").order("note"),
        lambda: Patient.select("name").order("email"),
        lambda: Patient.select("name").order("-email"),
        lambda: Patient.select(mail=Patient.email).order("mail"),
        lambda: Patient.select("name").order(Patient.email),
        lambda: Patient.group("name").order("note"),
    ]
    for attempt in refused:
        with pytest.raises(UnknownName, match="is encrypted"):
            attempt()
    with pytest.raises(UnknownName, match="is encrypted, and has no order"):
        patient.email.desc()
    assert lookup_value(Patient, "email", "eq", "x") == "x"


@pytest.mark.parametrize("number", ["min", "max", "sum", "avg"])
async def test_encrypted_text_is_not_counted_with(db: Database, number: str) -> None:
    with pytest.raises(UnknownName, match="is encrypted"):
        await getattr(Patient.all(), number)("email")


async def test_after_rotation_every_key_reads_and_finds(db: Database) -> None:
    await Patient.create(ssn="1", email="old@x.org")
    encryption_keys(NEXT, KEY)
    await Patient.create(ssn="2", email="new@x.org")
    assert await Patient.order("id").pluck("ssn") == ["1", "2"]
    assert (await Patient.where(email="old@x.org").one()).ssn == "1"
    assert (await Patient.where(email__ne="old@x.org").one()).ssn == "2"
    assert await Patient.where(email__in=["old@x.org", "new@x.org"]).count() == 2
    assert await reencrypt(Patient) == 1
    assert await reencrypt(Patient) == 0
    encryption_keys(NEXT)
    assert await Patient.order("id").pluck("email") == ["old@x.org", "new@x.org"]
    assert await Patient.where(email="old@x.org").count() == 1


async def test_reencrypt_goes_through_many_rows_and_leaves_none(db: Database) -> None:
    await Patient.insert_all({"ssn": str(n)} for n in range(1203))
    encryption_keys(NEXT, KEY)
    assert await reencrypt(Patient) == 1203
    encryption_keys(NEXT)
    assert sorted(map(int, await Patient.all().pluck("ssn"))) == list(range(1203))


async def test_rows_from_before_encryption_are_read_found_and_taken_over(db: Database) -> None:
    async with db.transaction() as session:
        await session.execute(text("INSERT INTO legacies (id, phone) VALUES (1, '555')"))
    await Legacy.create(id=2, phone="556")
    assert await Legacy.order("id").pluck("phone") == ["555", "556"]
    assert await Legacy.where(phone="555").count() == 1
    assert await reencrypt(Legacy) == 1
    assert all(held.startswith("mz1d.") for held in await stored(db, "phone", "legacies"))
    assert await Legacy.where(phone="555").count() == 1


async def test_an_altered_value_is_said_to_be(db: Database) -> None:
    patient = await Patient.create(ssn=SECRET, note="x")
    (held,) = await stored(db, "ssn")
    other = "B" if held[-10] == "A" else "A"
    for bad in (held[:-10] + other + held[-9:], held[:-12], held.rsplit(".", 1)[0] + ".", "mz1.a"):
        await overwrite(db, bad)
        with pytest.raises(Unreadable, match=r"patients\.ssn"):
            await Patient.get(patient.id)


async def test_a_value_moved_to_another_column_does_not_open(db: Database) -> None:
    patient = await Patient.create(ssn=SECRET, note="x")
    (note,) = await stored(db, "note")
    await overwrite(db, note)
    with pytest.raises(Unreadable, match="moved from another column"):
        await Patient.get(patient.id)


async def test_a_value_under_an_unknown_key_names_the_key(db: Database) -> None:
    patient = await Patient.create(ssn=SECRET)
    old = Keys([KEY]).ids[0]
    encryption_keys(NEXT)
    with pytest.raises(Unreadable, match=f"key {old}, which is not configured"):
        await Patient.get(patient.id)


async def test_no_error_shows_a_value(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await Patient.create(ssn=SECRET, email="a@x.org")
    shown: list[str] = []
    for attempt in (
        {"ssn": SECRET, "email": "a@x.org"},  # not unique: the statement itself fails
        {"ssn": SECRET, "name": "a\0b"},  # PostgreSQL takes no NUL in a text
    ):
        try:
            await Patient.create(**attempt)
        except Exception as error:
            shown += traceback.format_exception(error)
    encryption_keys(NEXT)
    try:
        await Patient.where(ssn__isnull=False)
    except Unreadable as error:
        shown += traceback.format_exception(error)
    for secret in (SECRET, KEY, NEXT):
        assert secret not in "".join(shown)
        assert secret not in caplog.text


async def test_reprs_leave_the_field_out(db: Database) -> None:
    patient = await Patient.create(ssn=SECRET, name="ann")
    html = str(patient._repr_html_())  # pyright: ignore[reportPrivateUsage]
    assert SECRET not in repr(patient) + html + repr(Patient.where(ssn=None))
    assert "ann" in repr(patient)


async def test_without_a_key_nothing_is_written(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIZZEN_ORM_KEYS", raising=False)
    encryption_keys()
    with pytest.raises(ConfigurationError, match="no key is configured") as caught:
        await Patient.create(ssn=SECRET)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert not isinstance(caught.value.__cause__, SQLAlchemyError)
    assert await Patient.all().count() == 0


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from mizzen.orm._fields.keys import configured

    monkeypatch.setenv("MIZZEN_ORM_KEYS", f"{NEXT}, {KEY}")
    encryption_keys()
    assert configured().ids == Keys([NEXT, KEY]).ids


def test_keys_show_their_ids_only_and_are_not_pickled() -> None:
    keys = encryption_keys(KEY)
    assert repr(keys) == f"<mizzen.orm.Keys {keys.ids[0]}>"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(keys)
    for bad in ("short", KEY[:-8], "ä" * 44, KEY + "=%"):
        with pytest.raises(ConfigurationError, match="encryption key 1 is not") as caught:
            encryption_keys(bad)
        assert bad not in "".join(traceback.format_exception(caught.value))


def test_a_url_safe_key_is_the_same_key() -> None:
    safe = KEY.replace("+", "-").replace("/", "_").rstrip("=")
    assert Keys([safe]).ids == Keys([KEY]).ids


def test_an_encrypted_field_has_no_other_column_type() -> None:
    from sqlalchemy import Text

    with scratch_models(), pytest.raises(ConfigurationError, match=r"Wrong\.ssn: an encrypted"):

        class Wrong(Model):  # pyright: ignore[reportUnusedClass]
            ssn: Annotated[str, Encrypted()] = Field(sa_type=Text)


def test_a_refused_value_is_not_shown() -> None:
    with MODELS, pytest.raises(Invalid) as caught:
        Patient(ssn=[SECRET])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert SECRET not in str(caught.value)


def test_encrypted_fields_are_known() -> None:
    assert encrypted_fields(Patient) == ("ssn", "email", "note")


def test_a_renamed_table_keeps_its_values_with_the_old_place() -> None:
    with scratch_models():

        class Person(Model):
            ssn: Annotated[str, Encrypted(place="patients.ssn")]

        person: Any = Person
        sealed = person.ssn.type.process_bind_param(SECRET, None)
    patient: Any = Patient
    assert patient.ssn.type.process_result_value(sealed, None) == SECRET
