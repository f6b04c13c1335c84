"""Statements as OpenTelemetry spans, by the stable conventions for databases."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mizzen.orm import ConfigurationError, Database, Field, Model, NotUnique, trace_queries
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from opentelemetry.sdk.trace import ReadableSpan

pytestmark = pytest.mark.extra("opentelemetry.sdk")

with scratch_models() as MODELS:

    class Parcel(Model):
        label: str = Field(unique=True)


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


class Spans:
    """A provider that keeps its spans."""

    def __init__(self) -> None:
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def finished(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()


@pytest.fixture
def spans() -> Spans:
    return Spans()


async def test_a_read_is_a_client_span_inside_the_callers(db: Database, spans: Spans) -> None:
    from opentelemetry.trace import SpanKind

    tracer = spans.provider.get_tracer("a program")
    with trace_queries(db, spans.provider), tracer.start_as_current_span("request") as outer:
        await Parcel.where(label="a secret label").count()
        async with db.transaction():
            await Parcel.create(label="another")
    *inner, request = spans.finished()
    assert request.name == "request"
    assert all(span.parent == outer.get_span_context() for span in inner)
    count = inner[0]
    given = dict(count.attributes or {})
    assert count.name == "SELECT parcels"
    assert count.kind is SpanKind.CLIENT
    assert count.status.is_ok or count.status.is_unset
    assert given["db.operation.name"] == "SELECT"
    assert given["db.collection.name"] == "parcels"
    assert given["db.query.summary"] == "SELECT parcels"
    assert str(given["code.file.path"]).endswith("test_watching_tracing.py")
    assert count.start_time is not None
    assert count.end_time is not None
    assert count.end_time > count.start_time
    assert "INSERT parcels" in {span.name for span in inner}
    assert "label" not in repr(list(given.values())).replace("parcels.label", "").replace(
        "label_1", ""
    )


async def test_the_server_is_named_without_its_password(db: Database, spans: Spans) -> None:
    with trace_queries(db, spans.provider):
        await db.sql("SELECT 'a text', 42, id FROM parcels WHERE label = 'x' AND id = :id", id=7)
    (span,) = spans.finished()
    given = dict(span.attributes or {})
    text = str(given["db.query.text"])
    assert "a text" not in text
    assert "42" not in text
    assert text.startswith("SELECT ?, ?, id FROM parcels")
    if db.url == "memory:":
        assert given["db.system.name"] == "sqlite"
        assert "server.address" not in given
        return
    assert given["db.system.name"] == "postgresql"
    assert given["server.address"] == "127.0.0.1"
    assert isinstance(given["server.port"], int)
    assert str(given["db.namespace"]) in db.url
    assert "***" not in repr(given)


async def test_an_error_is_a_status(db: Database, spans: Spans) -> None:
    from opentelemetry.trace import StatusCode

    await Parcel.create(label="x")
    with trace_queries(db, spans.provider), pytest.raises(NotUnique):
        await Parcel.create(label="x")
    (span,) = [span for span in spans.finished() if span.name.startswith("INSERT")]
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "mizzen.orm.NotUnique"


async def test_tracing_ends(db: Database, spans: Spans) -> None:
    tracing = trace_queries(db, spans.provider)
    await Parcel.all()
    tracing.stop()
    await Parcel.all()
    assert len(spans.finished()) == 1


def test_opentelemetry_is_imported_when_it_is_asked_for() -> None:
    code = "import sys, mizzen.orm; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False"


async def test_a_missing_library_is_named(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigurationError, match=r"mizzen-orm\[otel\]"):
        trace_queries(db)
