"""Durable background jobs in the database you already have."""

from ._completion import Completion
from ._compose import batch, chain, chord, group
from ._context import current_job
from ._drain import Ran
from ._errors import (
    BadArguments,
    BadJob,
    BadResult,
    BadSchedule,
    ClaimLost,
    GiveUp,
    JobCancelled,
    JobFailed,
    NotStarted,
    QueueError,
    ResultTimeout,
    StoreBusy,
    StoreError,
    UnknownJob,
)
from ._handle import Handle
from ._iterate import Iteration
from ._job import Call, JobFunction
from ._limits import Limit, Rate, Unique
from ._monitored import Minute, Tally, WorkerRecord
from ._placeholders import OUTCOMES, RESULT, RESULTS, Outcome
from ._queue import Queue
from ._records import CurrentJob, Event, Job, Progress
from ._rehearsal import Rehearsal
from ._retry import Retry
from ._schedule import Schedule
from ._scheduled import ScheduleInfo
from ._tracing import trace_jobs
from ._worker import Worker
from ._workflow import Node, Workflow
from ._workflow_run import WorkflowRun
from ._workflow_status import WorkflowNode, WorkflowStatus

__all__ = [
    "OUTCOMES",
    "RESULT",
    "RESULTS",
    "BadArguments",
    "BadJob",
    "BadResult",
    "BadSchedule",
    "Call",
    "ClaimLost",
    "Completion",
    "CurrentJob",
    "Event",
    "GiveUp",
    "Handle",
    "Iteration",
    "Job",
    "JobCancelled",
    "JobFailed",
    "JobFunction",
    "Limit",
    "Minute",
    "Node",
    "NotStarted",
    "Outcome",
    "Progress",
    "Queue",
    "QueueError",
    "Ran",
    "Rate",
    "Rehearsal",
    "ResultTimeout",
    "Retry",
    "Schedule",
    "ScheduleInfo",
    "StoreBusy",
    "StoreError",
    "Tally",
    "Unique",
    "UnknownJob",
    "Worker",
    "WorkerRecord",
    "Workflow",
    "WorkflowNode",
    "WorkflowRun",
    "WorkflowStatus",
    "batch",
    "chain",
    "chord",
    "current_job",
    "group",
    "trace_jobs",
]

# Reprs, pickles and messages show the public path.
for _name in __all__:
    if not _name.isupper():  # the placeholders' type does
        globals()[_name].__module__ = __name__
