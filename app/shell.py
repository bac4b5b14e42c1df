"""What surrounds the rooms: header, status strip, footer, help, and the two small routes of our own."""

from __future__ import annotations

import asyncio
import contextlib
import html
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from app import direct, service
from app.markup import markup
from app.wording import bytes_text, interval_text
from models import registry

if TYPE_CHECKING:
    from models.runtime import Status

TITLE = "Vitrine"
KEEP_ALIVE_S = 25.0
"""A comment line is sent this often on an open status stream, so that proxies keep it and a closed page is noticed."""

SHORTCUTS = (
    ("Tab", "reach the next control"),
    ("?", "this list"),
)
"""Keys that work everywhere; a panel lists its own under the same name."""


def header(shortcuts: Mapping[str, Sequence[tuple[str, str]]]) -> None:
    """Name of the house, what it is, theme switch and help. ``shortcuts``: room title -> its (keys, what they do)."""
    rows = _rows(SHORTCUTS)
    for title, keys in shortcuts.items():
        rows += f'<tr><th colspan="2" scope="colgroup">{html.escape(title)}</th></tr>{_rows(keys)}'
    markup(
        f"""<header class="v-top"><h1>{TITLE}</h1><p>CVPR 2024 methods that answer at once</p>
        <div class="v-status" id="v-status" role="status" aria-label="Machine"><span class="v-dim">idle</span></div>
        <nav><button type="button" data-shell="theme" aria-label="Switch between light and dark">Dark</button>
        <button type="button" data-shell="help" aria-label="Keyboard shortcuts" aria-keyshortcuts="?">?</button></nav>
        </header>
        <dialog id="v-help" aria-labelledby="v-help-title"><h3 id="v-help-title">Keyboard and mouse</h3>
        <table>{rows}</table><form method="dialog"><button>Close</button></form></dialog>""",
        elem_classes="v-top-box",
    )


def _rows(keys: Sequence[tuple[str, str]]) -> str:
    return "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in keys)


def footer() -> None:
    """One quiet line."""
    markup(
        '<footer class="v-bottom">Runs on this machine: photos stay here. Apache-2.0. '
        'Every action is also a function for scripts: <a href="?view=api">API</a>.</footer>',
        elem_classes="v-bottom-box",
    )


def status() -> dict[str, Any]:
    """What the strip shows, as plain values; does not start the runtime."""
    if not service.started():
        return {"device": "", "memory": "", "residents": [], "text": "idle, no model loaded"}
    now = service.runtime().status()
    shown = [{"label": r.label, "bytes": bytes_text(r.bytes), "leased": r.leased} for r in now.residents]
    return {
        "device": now.device,
        "memory": f"{bytes_text(now.memory_free)} of {bytes_text(now.memory_budget)} free",
        "residents": shown,
        "text": _busy_text(now),
    }


def _busy_text(now: Status) -> str:
    if not now.running and not now.queued:
        return "idle"
    waiting = f", {now.queued} waiting" if now.queued else ""
    return f"{len(now.running)} running{waiting}, next in {interval_text(now.predicted.low_s, now.predicted.high_s)}"


def add_routes(app: Any) -> None:
    """Add /vitrine/status (event stream) and /vitrine/card/<slug> to gradio's app; both ask for its login, if any."""

    def signed_in(request: Request) -> None:
        token = request.cookies.get(f"access-token-{app.cookie_id}") or request.cookies.get(
            f"access-token-unsecure-{app.cookie_id}"
        )
        if app.auth is not None and app.tokens.get(token) is None:
            raise HTTPException(401, "not signed in")

    async def status_stream(request: Request) -> StreamingResponse:
        signed_in(request)
        fresh = {"Cache-Control": "no-store"}
        return StreamingResponse(_changes(request), media_type="text/event-stream", headers=fresh)

    async def card(request: Request) -> PlainTextResponse:
        signed_in(request)
        slug = request.path_params["slug"]
        try:
            return PlainTextResponse(registry.get(slug).card.read_text(encoding="utf-8"))
        except (registry.UnknownMethod, FileNotFoundError) as error:
            raise HTTPException(404, f"no report card for {slug!r}") from error

    # Before gradio's own routes, one of which takes every path.
    app.router.routes[:0] = [
        *direct.routes(signed_in),
        Route("/vitrine/status", status_stream),
        Route("/vitrine/card/{slug}", card),
    ]


async def _changes(request: Request) -> AsyncIterator[str]:
    """One event per change of the runtime; nothing is computed while nothing changes."""
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()
    changed.set()
    unsubscribe = service.on_change(lambda: loop.call_soon_threadsafe(changed.set))
    try:
        while not await request.is_disconnected():
            try:
                await asyncio.wait_for(changed.wait(), KEEP_ALIVE_S)
            except TimeoutError:
                yield ": still here\n\n"
                continue
            changed.clear()
            yield f"data: {json.dumps(status())}\n\n"
            # Progress ticks come in bursts; the strip needs a few per second at most.
            await asyncio.sleep(0.2)
    finally:
        with contextlib.suppress(ValueError):
            unsubscribe()
