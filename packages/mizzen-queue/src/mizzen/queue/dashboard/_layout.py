"""What all pages share: the frame, buttons, times and badges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ._http import Response
from ._markup import Content, Markup, el

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._queue import Queue
    from ._http import Request

_PAGES = {"": "Overview", "jobs": "Jobs", "workers": "Workers", "schedules": "Schedules"}
_DID = {
    "retry": "Queued again",
    "cancel": "Cancelled; what runs is stopped in a moment",
    "again": "Enqueued once more: this is the new job",
    "delete": "Deleted",
    "pause": "Paused",
    "resume": "Resumed",
    "nothing": "Nothing was done: the job had moved on",
}


@dataclass
class Page:
    """The middle of a page; a *live* one is fetched again every two seconds."""

    title: str
    main: Markup
    live: bool = False


def page(q: Queue, request: Request, shown: Page) -> Response:
    """Return the whole page, or for the script that keeps it fresh, its middle only."""
    if request.headers.get("x-fragment"):
        return Response(shown.main, headers={"x-fragment": "1" if shown.live else "last"})
    names = [name for name in _PAGES if name != "schedules" or hasattr(q, "schedules")]
    here = request.path.strip("/").partition("/")[0]
    links = [
        el(
            "a",
            _PAGES[name],
            href=request.url(*([name] if name else [])),
            aria_current="page" if name == here else None,
        )
        for name in names
    ]
    did = request.query.get("did", "")
    count = request.query.get("n", "")
    note = _DID.get(did)
    if note and count.isascii() and count.isdigit():
        note = f"{note}: {int(count[:18]):,}"
    body = [
        el("header", el("strong", "mizzen-queue"), el("nav", *links), el("small", q.url)),
        el("p", note, class_="note", role="status") if note else None,
        el("main", shown.main, data_live=shown.live),
    ]
    return Response(_document(shown.title, body, request))


def refusal(status: int, message: str, headers: dict[str, str]) -> Response:
    """Return a page that says why there is none."""
    body = el("main", el("h1", status), el("p", message))
    return Response(_document(str(status), [body], None), status, headers=headers)


def _document(title: str, body: Sequence[Content], request: Request | None) -> str:
    assets: list[Content] = []
    if request is not None:
        assets = [
            el("link", rel="stylesheet", href=request.url("assets", "style.css")),
            el("script", src=request.url("assets", "live.js"), defer=True),
        ]
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"{title} · mizzen-queue"),
        *assets,
    )
    return f"<!doctype html>\n{el('html', head, el('body', *body), lang='en')}"


def button(
    request: Request,
    label: str,
    *path: object,
    ask: str | None = None,
    look: str | None = None,
    **fields: str | None,
) -> Markup:
    """Return a form of one button, that posts *fields* and the token."""
    hidden = [
        el("input", type="hidden", name=name, value=value)
        for name, value in {"token": request.token, **fields}.items()
        if value
    ]
    return el(
        "form",
        *hidden,
        el("button", label, class_=look),
        method="post",
        action=request.url(*path),
        data_ask=ask,
    )


def badge(status: str) -> Markup:
    """Return a status in its colour."""
    return el("span", status, class_=f"badge {status}")


def number(count: float) -> str:
    """Return `1,234`."""
    return f"{count:,.0f}"


def moment(at: float | None, now: float) -> Markup | None:
    """Return how long ago, or how soon, with the exact time to point at."""
    if not at:  # at once is 0
        return None
    exact = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    far = f"in {span(at - now)}" if at > now + 0.5 else f"{span(now - at)} ago"
    return el("time", far, title=exact, datetime=datetime.fromtimestamp(at, UTC).isoformat())


def span(seconds: float) -> str:
    """Return a length of time in its largest unit: `120 ms`, `5 min`, `3 d`."""
    if seconds < 0.0095:
        return f"{max(0.0, seconds * 1000):.2g} ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {name}"
    return f"{seconds:.0f} s"


def table(heads: list[str], rows: list[list[Content]], empty: str) -> Markup:
    """Return a table that scrolls by itself where it is too wide; numbers stand to the right."""
    if not rows:
        return el("p", empty, class_="empty")
    cells = [
        [el("td", cell, class_="n" if _is_number(cell) else None) for cell in row] for row in rows
    ]
    wide = [all(_is_number(row[place]) for row in rows) for place in range(len(heads))]
    head = [
        el("th", name, scope="col", class_="n" if right else None)
        for name, right in zip(heads, wide, strict=True)
    ]
    body = el("tbody", *(el("tr", *row) for row in cells))
    return el("div", el("table", el("thead", el("tr", *head)), body), class_="wide")


def _is_number(cell: Content) -> bool:
    text = str(cell)
    if isinstance(cell, Markup):
        text = text[text.find(">") + 1 : text.rfind("<")] if text.startswith("<a ") else "-"
    return text.replace(",", "").isdigit()


def facts(**known: Content) -> Markup:
    """Return names and values, without those that are None."""
    return el(
        "dl",
        *(
            el("div", el("dt", name.replace("_", " ")), el("dd", value))
            for name, value in known.items()
            if value is not None
        ),
    )
