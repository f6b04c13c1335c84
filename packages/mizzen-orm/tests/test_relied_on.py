"""The names of SQLModel and SQLAlchemy that no documentation promises, and what we take them for.

When a release changes one, this file says so before a user does.
"""

from __future__ import annotations

import inspect
from typing import Any

from sqlalchemy import JSON, Integer, String, bindparam, column, select, table
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import InstanceState, collections
from sqlalchemy.util import LRUCache
from sqlmodel import Field, Relationship, SQLModel, _compat, main

from mizzen.orm import Model
from mizzen.orm.testing import scratch_models


def loose(value: object) -> Any:
    return value


def test_sqlmodel_still_skips_validation_for_tables_only() -> None:
    class Loose(SQLModel, table=True):  # what `Model` is there to mend
        id: int | None = Field(default=None, primary_key=True)
        age: int

    assert loose(Loose)(age="not a number").age == "not a number"
    loose(Loose).__sqlmodel_relationships__  # noqa: B018


def test_what_is_used_of_sqlmodel_is_there() -> None:
    assert _compat.finish_init.get() is True
    assert list(inspect.signature(_compat.init_pydantic_private_attrs).parameters) == ["new_object"]
    assert _compat.get_annotations({"__annotations__": {"a": int}}) == {"a": int}
    assert issubclass(main.SQLModelMetaclass, type(SQLModel.__mro__[1]))
    made = loose(Relationship(back_populates="x", cascade_delete=True, passive_deletes="all"))
    assert isinstance(made, main.RelationshipInfo)
    for name in ("link_model", "sa_relationship", "sa_relationship_args", "sa_relationship_kwargs"):
        assert hasattr(made, name), name
    assert loose(main)._get_sqlmodel_field_value(Field(index=True), "index") is True


def test_the_shape_cache_of_sqlalchemy_extracts_values() -> None:
    cache: LRUCache[Any, Any] = LRUCache(10)
    notes = table("notes", column("id", Integer), column("title", String))
    dialect = sqlite.dialect()
    seen: list[tuple[str, Any]] = []
    for title in ("a", "b"):
        statement = loose(select(notes).where(notes.c.title == title))
        made, extracted, collected, _ = statement._compile_w_cache(
            dialect, compiled_cache=cache, column_keys=[]
        )
        values = made.construct_params(
            extracted_parameters=extracted, escape_names=False, _collected_params=collected
        )
        seen.append((made.string, values))
    assert len(cache) == 1
    assert seen[0][0] == seen[1][0]
    assert [next(iter(values.values())) for _, values in seen] == ["a", "b"]


def test_a_list_is_expanded_after_compiling() -> None:
    asked = select(column("id", Integer)).where(
        column("id", Integer).in_(bindparam("ids", expanding=True))
    )
    made = loose(asked.compile(dialect=sqlite.dialect()))
    expanded = made._process_parameters_for_postcompile({"ids": [1, 2, 3]})
    assert expanded.statement.endswith("IN (?, ?, ?)")
    assert len(expanded.positiontup) == 3
    assert loose(made._bind_processors) == {}


def test_converters_can_be_asked_of_a_type() -> None:
    fitting = loose(JSON().dialect_impl(sqlite.dialect()))
    assert fitting.result_processor(sqlite.dialect(), None)('{"a": 1}') == {"a": 1}


def test_an_instance_state_can_be_made_later() -> None:
    with scratch_models():

        class Note(Model):
            title: str

        made = Note(title="a")
        state = loose(InstanceState)(made, loose(Note).__mapper__.class_manager)
        assert state.key is None
        assert state.dict is vars(made)


def test_a_list_can_be_instrumented_before_it_is_mapped() -> None:
    class Rows(list[Any]):
        pass

    assert loose(collections)._prepare_instrumentation(Rows) is Rows
    loose(Rows)._sa_adapter = "ours"  # is left alone from now on
    assert loose(collections)._prepare_instrumentation(Rows) is Rows
    assert loose(Rows)._sa_adapter == "ours"
    names = list(inspect.signature(collections.CollectionAdapter).parameters)
    assert names == ["attr", "owner_state", "data"]
