"""Builds the page from the registry and serves it. Imports no torch: models load when a job needs them."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Our scheduler decides what runs, not gradio's queue. Said here and not by queue(), which would build the server twice.
os.environ.setdefault("GRADIO_DEFAULT_CONCURRENCY_LIMIT", "none")

import gradio as gr

from app import service, shell, theme
from app.guard import uploads, web
from models import registry

HANDLER_THREADS = 200
"""Handlers wait in threads while their job is queued; waiting costs no processor time."""
FILES_LIVE_S = 24 * 3600
LOCAL = ("127.0.0.1", "localhost", "::1")

Auth = Callable[[str, str], bool] | tuple[str, str] | list[tuple[str, str]] | None
CHOOSE_ROOM = "() => new URLSearchParams(location.search).get('room') || ''"


def build(rooms: Sequence[str] = ()) -> gr.Blocks:
    """The page: a header, one tab for each working method, a footer. ``?room=<slug>`` opens a tab.

    ``rooms``: slugs of the tabs wanted, all when empty. Raises UnknownMethod.
    """
    methods = tuple(registry.get(slug) for slug in dict.fromkeys(rooms)) or registry.methods()
    panels = {method.slug: import_module(method.panel) for method in methods}
    with gr.Blocks(
        title=shell.TITLE, fill_width=True, analytics_enabled=False, delete_cache=(3600, FILES_LIVE_S)
    ) as page:
        shell.header({m.title: getattr(panels[m.slug], "SHORTCUTS", ()) for m in methods})
        with gr.Tabs(elem_id="v-rooms", selected=methods[0].slug if methods else None) as tabs:
            for method in methods:
                with gr.Tab(method.title, id=method.slug, elem_id=f"tab-{method.slug}"):
                    panels[method.slug].build(method)
        shell.footer()
        if len(methods) > 1:
            wanted = gr.Textbox(visible=False)

            def chosen(slug: str) -> gr.Tabs:
                return gr.Tabs(selected=slug) if slug in [method.slug for method in methods] else gr.Tabs()

            page.load(None, None, wanted, js=CHOOSE_ROOM, api_visibility="private").then(
                chosen, wanted, tabs, queue=False, api_visibility="private"
            )
    return page


def start(
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    auth: Auth = None,
    device: str | None = None,
    rooms: Sequence[str] = (),
) -> tuple[gr.Blocks, str]:
    """Serve without blocking; returns the page and its address. ``port`` 0 takes a free one, ``rooms`` as in build."""
    service.choose_device(device)
    service.trust_paths(host in LOCAL)
    web.refuse_urls()
    with _nothing_collected():
        return _launched(build(rooms), host, port, auth)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """No search for garbage inside; what was made by then is never searched again.

    What the start imports and builds stays for good, and looking through it again and again takes a tenth of the start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _launched(page: gr.Blocks, host: str, port: int, auth: Auth) -> tuple[gr.Blocks, str]:
    app, address, _ = page.launch(
        server_name=host,
        server_port=port or None,
        auth=auth,
        theme=theme.theme(),
        css=theme.css(),
        js=theme.script("shell.js"),
        max_file_size=uploads.DEFAULT.max_file,
        app_kwargs={"middleware": web.middleware()},
        max_threads=HANDLER_THREADS,
        allowed_paths=[],
        footer_links=[],
        show_error=False,
        quiet=True,
        run_history=False,
        share=False,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        prevent_thread_lock=True,
    )
    shell.add_routes(app)
    return page, address


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    auth: Auth = None,
    device: str | None = None,
    rooms: Sequence[str] = (),
) -> None:
    """Serve until interrupted; prints the address once the page answers."""
    page, address = start(host=host, port=port, auth=auth, device=device, rooms=rooms)
    print(f"Vitrine is at {address}", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print("stopping", flush=True)
    finally:
        page.close(verbose=False)
        service.stop()


if __name__ == "__main__":
    serve()
