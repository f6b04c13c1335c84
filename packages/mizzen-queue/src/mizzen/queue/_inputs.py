"""The results that a job of a workflow runs with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ._errors import BadArguments, StoreError
from ._flows import Flows
from ._placeholders import ENDINGS, Outcome, has_placeholders, replaced

if TYPE_CHECKING:
    from ._flows import Parent
    from .abc import Claimed, Store


class NoAnswer(Exception):
    """The store didn't say what the job is to run with: it is given back, uncharged."""


class FlowMeta(msgspec.Struct):
    """What a job's `meta` says of its workflow."""

    name: str
    mark: str


class Meta(msgspec.Struct):
    """The part of `meta` that is read here."""

    flow: FlowMeta | None = None


def flow_of(meta: str | None) -> FlowMeta | None:
    """What *meta* says of the job's workflow, if it is in one."""
    return None if meta is None else msgspec.json.decode(meta, type=Meta).flow


async def with_results(store: Store, claimed: Claimed) -> Claimed:
    """*claimed* with the results of the jobs that it came after in its arguments."""
    flow = flow_of(claimed.meta)
    if flow is None or not has_placeholders(claimed.args, flow.mark):
        return claimed
    if not isinstance(store, Flows):
        raise BadArguments(f"{claimed.kind}: this store keeps no workflows")
    try:
        parents = await store.parents(claimed.id)
    except StoreError as exc:
        raise NoAnswer from exc
    by_number = {parent.number: parent for parent in parents}

    def value(key: int) -> str:
        if key == ENDINGS:
            return f"[{','.join(map(_outcome, parents))}]"
        return _result(claimed, by_number.get(key))

    args = replaced(claimed.args, value, flow.mark)
    return msgspec.structs.replace(claimed, args=args)


def _result(claimed: Claimed, parent: Parent | None) -> str:
    if parent is None:
        raise BadArguments(f"{claimed.kind}: history has dropped a result that it needs")
    if parent.status == "done" and parent.result is None:
        raise BadArguments(f"{claimed.kind}: job {parent.id} left no result: {parent.error}")
    return parent.result or "null"


def _outcome(parent: Parent) -> str:
    result = msgspec.Raw((parent.result or "null").encode())
    line = None if parent.error is None else parent.error.partition("\n")[0]
    outcome = Outcome(parent.id, parent.kind, parent.status, result, line)
    return msgspec.json.encode(outcome).decode()
