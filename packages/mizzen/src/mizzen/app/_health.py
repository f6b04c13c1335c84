"""`/health` for people, `/health/live` and `/health/ready` for whoever restarts or routes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import anyio

from ._reply import may_see, reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._app import App
    from .abc import Component, Scope, Send

HEALTH_PATHS = frozenset({"/health", "/health/live", "/health/ready", "/health/detailed"})

# A component that needs longer to say how it is, is not well.
PATIENCE = 2.0


async def ask_all(components: dict[str, Component], *, running: bool) -> dict[str, object]:
    """Ask all components at once; `detail` holds "ok" or the complaint of each."""
    if not running:
        return {"ok": False, "detail": {"app": "not running; `await app.start()`"}}
    reports: dict[str, Mapping[str, object]] = {}

    async def ask(name: str, component: Component) -> None:
        with anyio.move_on_after(PATIENCE):
            try:
                reports[name] = await component.health()
            except Exception as error:  # it should never raise; the others' answers still count
                reports[name] = {"ok": False, "detail": f"{type(error).__name__}: {error}"}

    async with anyio.create_task_group() as tasks:
        for name, component in components.items():
            tasks.start_soon(ask, name, component)
    silent: Mapping[str, object] = {"ok": False, "detail": f"no answer within {PATIENCE:g} s"}
    answers = {name: reports.get(name, silent) for name in components}
    return {
        "ok": all(answer["ok"] for answer in answers.values()),
        "detail": {name: "ok" if a["ok"] else a["detail"] for name, a in answers.items()},
    }


async def answer_health(app: App, scope: Scope, send: Send) -> None:
    """Answer 200 or 503; only `/health/detailed`, behind the token, says what is wrong where."""
    path = scope["path"]
    if path == "/health/live":  # the process answers; asking its databases would restart it in vain
        return await reply(send, 200, "application/json", '{"ok": true}\n')
    if path == "/health/detailed" and not may_see(scope, app.settings.observe.token):
        return await reply(send, 401, "application/json", '{"error": "needs the token"}\n')
    report = await app.health()
    if path != "/health/detailed":
        report = {"ok": report["ok"]}
    status = 200 if report["ok"] else 503
    return await reply(send, status, "application/json", json.dumps(report) + "\n")
