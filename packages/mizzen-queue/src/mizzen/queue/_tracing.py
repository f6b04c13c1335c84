"""OpenTelemetry: a span for each attempt, linked to the trace in which its job was enqueued.

Conventions: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec.structs import asdict, replace

from ._errors import QueueError
from .abc import KeyedJob

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.trace import Link, Tracer, TracerProvider

    from ._queue import Queue
    from .abc import Ack, Claimed, NewJob

__all__ = ["trace_jobs"]


def trace_jobs(q: Queue, tracer_provider: TracerProvider | None = None) -> Callable[[], None]:
    """Make an OpenTelemetry span of each attempt of this process, until what is returned is called.

    Jobs that are enqueued within a span carry its context along, and the spans of their attempts
    link to it. Without a provider the global one is used. Raises QueueError when opentelemetry-api
    is not installed.
    """
    try:
        from opentelemetry import trace
    except ModuleNotFoundError as exc:
        raise QueueError('tracing needs OpenTelemetry: pip install "mizzen-queue[otel]"') from exc
    q.tracing = mine = Tracing(trace.get_tracer("mizzen.queue", tracer_provider=tracer_provider))

    def stop() -> None:
        if q.tracing is mine:
            q.tracing = None

    return stop


class Tracing:
    """Marks jobs with the trace they come from, and makes spans of their attempts."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def mark(self, jobs: Sequence[NewJob]) -> Sequence[NewJob]:
        """Return *jobs* with the current trace context in their meta, if there is one."""
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier)
        return [_with_meta(job, carrier) for job in jobs] if carrier else jobs

    def begin(self, job: Claimed) -> Callable[[Ack], None]:
        """Open a span around what this task does, until the ack of the attempt is handed in."""
        from opentelemetry import context, trace
        from opentelemetry.trace import SpanKind, StatusCode

        # A trace of its own: the worker's has nothing to do with it, and the enqueuer's ended.
        span = self._tracer.start_span(
            f"run {job.kind}",
            context=context.Context(),
            kind=SpanKind.CONSUMER,
            links=_links(job.meta),
            attributes={
                "messaging.system": "mizzen_queue",
                "messaging.operation.type": "process",
                "messaging.operation.name": "run",
                "messaging.destination.name": job.queue,
                "messaging.message.id": str(job.id),
                "mizzen.queue.kind": job.kind,
                "mizzen.queue.attempt": job.attempt + 1,
            },
        )
        outer = context.attach(trace.set_span_in_context(span))

        def end(ack: Ack) -> None:
            context.detach(outer)
            span.set_attribute("mizzen.queue.outcome", ack.outcome)
            if ack.outcome in ("retry", "dead"):
                line = (ack.error or "").partition("\n")[0]
                span.set_attribute("error.type", line.partition(":")[0])
                span.set_status(StatusCode.ERROR, line)
            span.end()

        return end


def _with_meta(job: NewJob, carrier: dict[str, str]) -> KeyedJob:
    keyed = job if isinstance(job, KeyedJob) else KeyedJob(**asdict(job))
    known: dict[str, object] = json.loads(keyed.meta) if keyed.meta else {}
    return replace(keyed, meta=json.dumps(known | carrier))


def _links(meta: str | None) -> list[Link]:
    from opentelemetry import context, trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    known: dict[str, str] = json.loads(meta) if meta else {}
    told = {name: known[name] for name in ("traceparent", "tracestate") if name in known}
    found = TraceContextTextMapPropagator().extract(told, context.Context())
    enqueuer = trace.get_current_span(found).get_span_context()
    return [trace.Link(enqueuer)] if enqueuer.is_valid else []
