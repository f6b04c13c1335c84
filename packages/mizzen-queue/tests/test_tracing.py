from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from mizzen.queue import JobFailed, Queue, QueueError, Retry, trace_jobs

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

pytestmark = pytest.mark.extra("opentelemetry.sdk")


@pytest.fixture
def spans() -> InMemorySpanExporter:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    return InMemorySpanExporter()


@pytest.fixture
def provider(spans: InMemorySpanExporter) -> TracerProvider:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return provider


async def test_an_attempt_is_a_span_linked_to_who_enqueued_it(
    q: Queue, spans: InMemorySpanExporter, provider: TracerProvider
) -> None:
    from opentelemetry.trace import SpanKind

    tracer = provider.get_tracer("app")

    @q.job(queue="mail", unique="{to}")
    async def send(to: str) -> None:
        with tracer.start_as_current_span("inside"):
            pass

    @q.job
    def plain() -> None:
        with tracer.start_as_current_span("in a thread"):
            pass

    trace_jobs(q, provider)
    with tracer.start_as_current_span("request") as request:
        handle = await send("ann").enqueue()
        also = await plain().enqueue()
    async with q.worker():
        await handle.result(timeout=5)
        await also.result(timeout=5)
    named = {span.name: span for span in spans.get_finished_spans()}
    for run, inner in (("run send", "inside"), ("run plain", "in a thread")):
        span = named[run]
        assert span.kind is SpanKind.CONSUMER
        assert span.parent is None
        assert [link.context.span_id for link in span.links] == [request.get_span_context().span_id]
        outer = named[inner].parent
        assert outer is not None
        assert span.context is not None
        assert outer.span_id == span.context.span_id
    told = named["run send"].attributes or {}
    assert told["messaging.destination.name"] == "mail"
    assert told["messaging.message.id"] == str(handle.id)
    assert told["mizzen.queue.outcome"] == "done"


async def test_each_failed_attempt_says_so(
    q: Queue, spans: InMemorySpanExporter, provider: TracerProvider
) -> None:
    @q.job(retry=Retry(max=2, base="1ms"))
    async def fail() -> None:
        raise ValueError("no")

    trace_jobs(q, provider)
    handle = await fail().enqueue()  # outside of any span
    async with q.worker():
        with pytest.raises(JobFailed):
            await handle.result(timeout=5)
    first, second = spans.get_finished_spans()
    for number, outcome, span in ((1, "retry", first), (2, "dead", second)):
        told = span.attributes or {}
        assert (told["mizzen.queue.attempt"], told["mizzen.queue.outcome"]) == (number, outcome)
        assert told["error.type"] == "ValueError"
        assert span.status.description == "ValueError: no"
        assert not span.links


async def test_without_tracing_nothing_is_carried_along(
    q: Queue, spans: InMemorySpanExporter, provider: TracerProvider
) -> None:
    @q.job
    async def work() -> None: ...

    stop = trace_jobs(q, provider)
    with provider.get_tracer("app").start_as_current_span("request"):
        marked = await work().enqueue()
        stop()
        bare = await work().enqueue()
    meta = (await marked.record()).meta
    assert meta is not None
    assert json.loads(meta)["traceparent"].startswith("00-")
    assert (await bare.record()).meta is None
    async with q.worker():
        await bare.result(timeout=5)
        await marked.result(timeout=5)
    assert [span.name for span in spans.get_finished_spans()] == ["request"]


async def test_without_the_library_the_extra_is_named(
    q: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(QueueError, match=r"mizzen-queue\[otel\]"):
        trace_jobs(q)
