"""The gate by itself: what it answers and what it lets through."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.guard.uploads import UploadLimits
from app.guard.web import Gate

LIMITS = UploadLimits(max_file=50, max_upload_request=100, max_message=20)


def ask(
    method: str, path: str, chunks: list[bytes] | None = None, length: int | bytes | None = None
) -> tuple[int, int]:
    """(status, bytes the app behind the gate read)."""
    read = 0
    sent: list[dict[str, Any]] = []
    parts: Iterator[bytes] = iter(chunks or [b""])
    left = len(chunks or [b""])

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        nonlocal read
        while True:
            message = await receive()
            read += len(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": next(parts), "more_body": left > 0}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    value = length if isinstance(length, bytes) else str(length).encode()
    headers = [] if length is None else [(b"content-length", value)]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    # In a thread of its own: playwright keeps an event loop running in the tests' thread.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, Gate(behind, LIMITS)(scope, receive, send)).result()
    return sent[0]["status"], read


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://127.0.0.1:80/x",
        "/gradio_api/file=HTTPS://example.com/",
        "/gradio_api/file/http://example.com",
        "/gradio_api/file= ftp://x",
        "/gradio_api/file=file:///etc/passwd",
        "/gradio_api/proxy=https://example.com/",
        "/gradio_api/vibe-edit/",
        "/gradio_api/deep_link",
        "/monitoring/summary",
        "/gradio_api/dev/reload",
    ],
)
def test_paths_this_app_never_asks_for_are_refused(path: str) -> None:
    assert ask("GET", path)[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/gradio_api/file=/tmp/gradio/abc/photo.png",
        "/gradio_api/file=C:/Temp/a.png",
        "/assets/index.js",
        "/config",
    ],
)
def test_ordinary_paths_pass(path: str) -> None:
    assert ask("GET", path) == (200, 0)


def test_body_within_the_limit_passes_whole() -> None:
    assert ask("POST", "/gradio_api/queue/join", [b"x" * 10, b"y" * 10], 20) == (200, 20)
    assert ask("POST", "/gradio_api/upload", [b"x" * 100], 100) == (200, 100)


def test_announced_size_above_the_limit_is_refused_unread() -> None:
    assert ask("POST", "/gradio_api/queue/join", [b"x"], 21) == (413, 0)
    assert ask("POST", "/gradio_api/upload", [b"x"], 101) == (413, 0)


@pytest.mark.parametrize("length", [None, 5, b"-1", b"9" * 40, b"abc"])
def test_body_that_grows_past_the_limit_is_refused_whatever_was_announced(length: int | bytes | None) -> None:
    status, read = ask("POST", "/gradio_api/queue/join", [b"x" * 8] * 1000, length)
    assert status == 413
    assert read <= 20
