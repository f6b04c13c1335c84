"""OpenTelemetry: a client span for each statement, named as its conventions for databases say.

Conventions: https://opentelemetry.io/docs/specs/semconv/db/database-spans/ (stable).
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from .._errors import ConfigurationError
from . import sql_text

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer, TracerProvider

    from .._core import Core
    from .query_run import QueryRun
    from .watch import Observing

_SCHEMA = "https://opentelemetry.io/schemas/1.33.0"
_DEFAULT_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}


def trace_queries(db: Core, tracer_provider: TracerProvider | None = None) -> Observing:
    """Make an OpenTelemetry span of each statement, until `stop()` or a `with` ends.

    The statement is told without values. Without a provider the global one is used. Raises
    `ConfigurationError` when opentelemetry-api is not installed.
    """
    try:
        from opentelemetry import trace
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            'tracing needs OpenTelemetry: pip install "mizzen-orm[otel]"'
        ) from error
    tracer = trace.get_tracer("mizzen.orm", tracer_provider=tracer_provider, schema_url=_SCHEMA)
    return db.on_query(Spans(tracer, db))


class Spans:
    """Turns what was run into spans."""

    def __init__(self, tracer: Tracer, database: Core) -> None:
        self._tracer, self._database = tracer, database
        self._where: dict[str, str | int] | None = None

    def __call__(self, run: QueryRun) -> None:
        from opentelemetry.trace import SpanKind, StatusCode

        began = int(run.began * 1e9)
        span = self._tracer.start_span(
            _name(run),
            kind=SpanKind.CLIENT,
            attributes=self._attributes(run),
            start_time=began,
        )
        if run.error is not None:
            span.set_status(StatusCode.ERROR, str(run.error))
        span.end(began + int(run.seconds * 1e9))

    def _attributes(self, run: QueryRun) -> dict[str, str | int]:
        if self._where is None:
            self._where = _where(self._database)
        found: dict[str, str | int] = {
            **self._where,
            "db.operation.name": run.operation,
            "db.query.text": sql_text.without_values(run.sql),
            "db.query.summary": _name(run),
        }
        if run.table is not None:
            found["db.collection.name"] = run.table
        if run.times > 1:
            found["db.operation.batch.size"] = run.times
        if run.error is not None:
            cancelled = isinstance(run.error, asyncio.CancelledError)
            kind = type(run.error)
            found["error.type"] = "cancelled" if cancelled else f"mizzen.orm.{kind.__name__}"
        if run.source is not None:
            file, _, number = run.source.rpartition(":")
            found["code.file.path"], found["code.line.number"] = file, int(number)
        return found


def _name(run: QueryRun) -> str:
    return f"{run.operation} {run.table}" if run.table is not None else run.operation


def _where(database: Core) -> dict[str, str | int]:
    dialect: Any = database.engine.dialect
    kind = "mariadb" if getattr(dialect, "is_mariadb", False) else str(dialect.name)
    if kind == "sqlite":
        file = str(getattr(database.driver, "file", database.url))
        return {"db.system.name": kind, "db.namespace": os.path.basename(file)}
    url = urlsplit(database.url)
    found: dict[str, str | int] = {"db.system.name": kind, "db.namespace": unquote(url.path[1:])}
    if url.hostname:
        found["server.address"] = url.hostname
    if url.port is not None and url.port != _DEFAULT_PORTS.get(kind):
        found["server.port"] = url.port
    return found
