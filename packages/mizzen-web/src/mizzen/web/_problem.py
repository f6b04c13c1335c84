"""Errors as the client can read them: RFC 9457 problem+json, or a page for a browser.

What went wrong inside is shown only in debug mode; else a 500 says nothing but that.
"""

from __future__ import annotations

import html
import traceback
from typing import TYPE_CHECKING, Any

import msgspec

from ._responses import Response

if TYPE_CHECKING:
    from ._context import Context
    from ._errors import HTTPError

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{status} {title}</title>
<style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }}
body {{ max-width: 44rem; margin: 12vh auto; padding: 0 1.25rem }}
h1 {{ font-size: 1.5rem }}
pre {{ overflow: auto; padding: 1rem; border: 1px solid; font-size: .8125rem }}
</style>
<h1>{status} {title}</h1>
{detail}
</html>
"""


def error_response(ctx: Context, error: HTTPError, cause: BaseException | None = None) -> Response:
    """Return the answer for an error; `cause` is the exception behind a 500."""
    shown = cause if ctx.web.debug else None
    response = _page(error, shown) if ctx.wants_html else _problem(error, shown)
    response.add_header("vary", "accept")
    for name, value in error.headers.items():
        response.add_header(name, value)
    return response


def _problem(error: HTTPError, cause: BaseException | None) -> Response:
    body: dict[str, Any] = {"type": "about:blank", "title": error.title, "status": error.status}
    if error.detail:
        body["detail"] = error.detail
    if error.errors:
        body["errors"] = [
            {("in" if key == "where" else key): value for key, value in item.items()}
            for item in error.errors
        ]
    if cause is not None:
        body["debug"] = traceback.format_exception(cause)
    encoded = msgspec.json.encode(body)
    return Response(encoded, error.status, media_type="application/problem+json")


def _page(error: HTTPError, cause: BaseException | None) -> Response:
    detail = f"<p>{html.escape(error.detail)}</p>\n" if error.detail else ""
    if len(error.errors) > 1:
        items = (f"{e.get('field', '')}: {e.get('detail', '')}" for e in error.errors)
        listed = "".join(f"<li>{html.escape(item)}</li>" for item in items)
        detail = f"<ul>{listed}</ul>\n"
    if cause is not None:
        detail += f"<pre>{html.escape(''.join(traceback.format_exception(cause)))}</pre>\n"
    page = _PAGE.format(status=error.status, title=html.escape(error.title), detail=detail)
    return Response(page, error.status, media_type="text/html; charset=utf-8")
