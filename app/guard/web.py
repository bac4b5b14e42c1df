"""The gate in front of gradio: requests this app never makes are refused before gradio sees them.

Gradio keeps files and private addresses safe by itself. What it leaves open for general apps is closed here: fetching
public URLs for anyone who asks, bodies without a limit, and routes of features that this app does not use.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NoReturn

from app.guard.errors import BadInput, readable_bytes
from app.guard.uploads import DEFAULT, UploadLimits

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

# Two letters at least: "C:/" is a drive, not a scheme.
_URL_AS_FILE = re.compile(r"/file[=/]+\s*[a-z][a-z0-9+.\-]+:", re.IGNORECASE)
# Proxying for other apps, code editing, reloading, state written to disk for each call, usage pages.
_UNUSED = re.compile(
    r"/(proxy=|vibe-|undo-vibe|dev/reload|deep_link|process_recording|monitoring|custom_component)", re.IGNORECASE
)


class TooLarge(Exception):
    """A body went past its limit while it was read."""


class Gate:
    """ASGI middleware; pass it to gradio as `launch(app_kwargs={"middleware": web.middleware()})`."""

    def __init__(self, app: App, limits: UploadLimits = DEFAULT) -> None:
        self.app, self.limits = app, limits

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answers 403 or 413 itself, hands everything else on with a counted body."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        path = scope["path"]
        if _URL_AS_FILE.search(path) or _UNUSED.search(path):
            return await _answer(send, 403, "Not available here.")
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return await self.app(scope, receive, send)
        limit = self.limits.max_upload_request if path.rstrip("/").endswith("/upload") else self.limits.max_message
        too_large = f"The request is too large. The limit is {readable_bytes(limit)}."
        if _announced(scope) > limit:
            return await _answer(send, 413, too_large)
        started = False
        left = limit

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, counted, noted)
        except TooLarge:
            if not started:
                await _answer(send, 413, too_large)
        return None


def middleware() -> list[Any]:
    """The gate in the form FastAPI takes as `middleware`."""
    from starlette.middleware import Middleware

    return [Middleware(Gate)]


def refuse_urls() -> None:
    """From now on gradio downloads nothing for a visitor: a URL in the place of a file is refused with a BadInput."""
    from gradio import processing_utils

    processing_utils.async_ssrf_protected_get = _refused
    processing_utils.async_ssrf_protected_download = _refused


async def _refused(*_: Any, **__: Any) -> NoReturn:
    raise BadInput("The address", "is not fetched by this server", "Download the file yourself and upload it")


def _announced(scope: MutableMapping[str, Any]) -> int:
    """The Content-Length, 0 when there is none or it is no number (the body is counted anyway)."""
    for key, value in scope["headers"]:
        if key == b"content-length":
            return int(value) if value.isdigit() and len(value) < 19 else 0
    return 0


async def _answer(send: Send, status: int, text: str) -> None:
    body = text.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
