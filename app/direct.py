"""The short way from the canvas to a room: one POST, one JSON answer, beside gradio's queue and not through it.

A room offers a function for a verb; its page gets a key through a gradio event and sends it with each call. The key is
bound to the page's session, so another site, or another visitor, cannot act in its name. Gradio's events stay: they
carry everything that may follow a moment later, and all of it when this way is closed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

log = logging.getLogger("vitrine.direct")

Call = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""(the page's session, what it sent) -> what it gets; runs in a thread."""

THREADS = 64
HEADER = "x-vitrine-key"
_secret = secrets.token_bytes(32)
_offers: dict[tuple[str, str], Call] = {}
_limits: list[anyio.CapacityLimiter] = []


def offer(room: str, verb: str, call: Call) -> None:
    """Answer POST vitrine/direct/<room>/<verb> with ``call``; a later offer of the same name replaces it."""
    _offers[room, verb] = call


def key_of(room: str, user: str) -> str:
    """The key of session ``user`` in ``room``, valid while this process lives."""
    mark = hmac.new(_secret, f"{room}\0{user}".encode(), hashlib.sha256).hexdigest()
    return f"{user}.{mark}"


def user_of(room: str, key: str) -> str | None:
    """The session that ``key`` belongs to, None for a key that was not made here."""
    user = key.rpartition(".")[0]
    return user if user and hmac.compare_digest(key_of(room, user).encode(), key.encode()) else None


def routes(signed_in: Callable[[Request], None]) -> list[Route]:
    """The route for gradio's app; ``signed_in`` raises for a visitor who has not logged in where that is asked for."""

    async def answer(request: Request) -> Response:
        begun = time.perf_counter()
        signed_in(request)
        room, verb = request.path_params["room"], request.path_params["verb"]
        call = _offers.get((room, verb))
        if call is None:
            raise HTTPException(404, f"{room} has no {verb!r}")
        _same_site(request)
        user = user_of(room, request.headers.get(HEADER, ""))
        if user is None:
            raise HTTPException(403, "the key is not of this server; reload the page")
        sent = _parsed(await request.body())
        told = await anyio.to_thread.run_sync(call, user, sent, limiter=_limiter())
        timing = f"{told.get('timing', '')}, all;dur={1000 * (time.perf_counter() - begun):.1f}".lstrip(", ")
        body = json.dumps(
            {name: value for name, value in told.items() if name != "timing"}, separators=(",", ":")
        ).encode()
        headers = {"Cache-Control": "no-store", "Server-Timing": timing}
        return Response(body, media_type="application/json", headers=headers)

    return [Route("/vitrine/direct/{room}/{verb}", answer, methods=["POST"])]


def _same_site(request: Request) -> None:
    """Only our own page: JSON, which no plain form of another site can send, and no foreign origin."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise HTTPException(415, "send JSON")
    origin = request.headers.get("origin")
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise HTTPException(403, "other sites may not call this")
    asked = (request.headers.get("x-forwarded-host") or request.headers.get("host", "")).split(",")[0].strip()
    if origin and urlsplit(origin).netloc != asked:
        raise HTTPException(403, "other sites may not call this")


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        sent = json.loads(body or b"{}")
    except ValueError as problem:
        raise HTTPException(400, "this is not JSON") from problem
    if not isinstance(sent, dict):
        raise HTTPException(400, "send a JSON object")
    return sent


def _limiter() -> anyio.CapacityLimiter:
    # Made on first use: it belongs to the server's event loop. Waiting for a model costs a thread, not the processor.
    if not _limits:
        _limits.append(anyio.CapacityLimiter(THREADS))
    return _limits[0]
