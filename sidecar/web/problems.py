"""Errors as application/problem+json (RFC 9457): a status and one sentence."""

import http
from typing import Any

import msgspec
from aiohttp import web


def problem(status: int, detail: str, *, pointer: str | None = None, **more: Any) -> web.Response:
    """`{"type", "title", "status", "detail"}`, and what else there is to say; with a JSON pointer into the request's
    body also `errors`, as in the RFC. The type is that of problems whose status says it all.
    """
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **more,
    }
    if pointer is not None:
        body["errors"] = [{"detail": detail, "pointer": f"#{pointer}"}]
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/problem+json")


def sentence(error: BaseException) -> str:
    """What an error of ours says, as a sentence."""
    text = str(error)
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
