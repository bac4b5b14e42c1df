"""The running app: files of the machine, addresses of the network, oversized and hostile uploads stay outside."""

from __future__ import annotations

import http.client
import io
import json
import os
import pickle
import struct
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psutil
import pytest
from PIL import Image

from app.guard.uploads import DEFAULT
from app.record.served import Served, served
from bench.guard import bomb
from models.parts.degradations import KINDS

ROOT = Path(__file__).parents[2]
SERVE = "import sys; from app.main import serve; serve(port=int(sys.argv[1]))"
FILE_DATA = {"_type": "gradio.FileData"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("home")
    folders = {"GRADIO_TEMP_DIR": str(home / "uploads"), "VITRINE_CACHE": str(home / "cache")}
    with served([sys.executable, "-c", SERVE], folder=ROOT, extra=folders) as running:
        running.wait()
        yield running


@pytest.fixture(scope="module")
def web(server: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def listener() -> Iterator[tuple[int, list[str]]]:
    """A local server that notes each request; /redirect leads to /secret."""
    hits: list[str] = []

    class Noted(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.path)
            self.send_response(302 if self.path == "/redirect" else 200)
            if self.path == "/redirect":
                self.send_header("Location", "/secret")
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"secret")

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Noted) as local:
        thread = threading.Thread(target=local.serve_forever, daemon=True)
        thread.start()
        yield local.server_address[1], hits
        local.shutdown()
        thread.join()


def raw(server: Served, target: str, method: str = "GET") -> tuple[int, bytes]:
    """One request with `target` as it is, not tidied by a client."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.putrequest(method, target, skip_host=False)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def upload(web: httpx.Client, name: str, data: bytes) -> str:
    answer = web.post("/gradio_api/upload", files={"files": (name, data)})
    assert answer.status_code == 200
    return str(answer.json()[0])


def call(web: httpx.Client, api_name: str, data: list[Any]) -> str:
    """What a public endpoint answers, as the text of its event stream."""
    event = web.post(f"/gradio_api/call/{api_name}", json={"data": data})
    if event.status_code != 200:
        return f"event: error\n{event.text}"
    return web.get(f"/gradio_api/call/{api_name}/{event.json()['event_id']}").text


def run_private(web: httpx.Client, api_name: str, data: list[Any]) -> str:
    """What a handler of the page answers, asked as the page asks."""
    config = web.get("/config").json()
    index = next(entry["id"] for entry in config["dependencies"] if entry["api_name"] == api_name)
    joined = web.post("/gradio_api/queue/join", json={"data": data, "fn_index": index, "session_hash": "abcdefgh"})
    assert joined.status_code == 200
    text = ""
    with web.stream("GET", "/gradio_api/queue/data", params={"session_hash": "abcdefgh"}) as stream:
        for line in stream.iter_lines():
            text += line + "\n"
            if '"close_stream"' in line:
                break
    return text


def degrade(web: httpx.Client, image: Any) -> str:
    return call(web, "robust_sam_degrade", [image, KINDS[0], 1.0, 0])


def photo() -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (64, 48), "olive").save(target, "PNG")
    return target.getvalue()


def test_uploaded_photo_is_accepted_and_its_result_can_be_fetched(web: httpx.Client) -> None:
    answer = degrade(web, {"path": upload(web, "photo.png", photo()), "meta": FILE_DATA})
    assert "event: complete" in answer
    path = json.loads(answer.split("data: ", 1)[1])[0]["path"]
    fetched = web.get(f"/gradio_api/file={path}")
    assert fetched.status_code == 200
    assert Image.open(io.BytesIO(fetched.content)).size == (64, 48)


SECRETS = (b"root:", b"import ", b"Apache License", b"PATH=", b"SQLite format")


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "//etc/passwd",
        "///etc///passwd",
        "/etc/./passwd",
        "../../../../../../../../etc/passwd",
        "..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "..%252f..%252fetc%252fpasswd",
        "..\\..\\etc\\passwd",
        "/proc/self/environ",
        "/proc/self/cwd/launch.py",
        "{root}/launch.py",
        "{root}/app/main.py",
        "{root}/.git/config",
        "{root}/LICENSE",
        "launch.py",
        "app/main.py",
        "./LICENSE",
        "{home}/uploads/../uploads/../../../../../../../../etc/passwd",
        "{home}/journal.sqlite",
        "{home}",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "\\etc\\passwd",
        "/etc/passwd%00.png",
        "/etc/passwd\x00.png",
    ],
)
@pytest.mark.parametrize(
    "door", ["/gradio_api/file=", "/gradio_api/file/", "/file=", "/static/", "/assets/", "/svelte/"]
)
def test_no_file_of_the_machine_is_served(server: Served, door: str, path: str) -> None:
    target = path.format(root=ROOT, home=server.output.parent)
    status, body = raw(server, door + quote(target, safe="/%\\=:."))
    assert status in (400, 403, 404, 422)
    assert not any(secret in body for secret in SECRETS)


@pytest.mark.parametrize(
    "door",
    [
        "/gradio_api/custom_component/38/client/component/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/gradio_api/stream/x/y/1/playlist-file",
        "/gradio_api/proxy=http://127.0.0.1/",
        "/gradio_api/vibe-code/",
        "/gradio_api/deep_link?session_hash=abc",
        "/monitoring",
        "/gradio_api/dev/reload",
        "/?deep_link=..%2f..%2f..%2fetc",
    ],
)
def test_side_doors_give_no_file(server: Served, door: str) -> None:
    status, body = raw(server, door)
    assert status < 500
    assert b"root:" not in body
    if not door.startswith("/?"):
        assert status in (400, 403, 404, 422)


@pytest.mark.parametrize("meta", [FILE_DATA, None])
@pytest.mark.parametrize(
    "path", ["/etc/passwd", "{root}/LICENSE", "LICENSE", "{example}", "../../../etc/passwd", "{other}"]
)
def test_file_that_was_not_uploaded_is_no_input(
    web: httpx.Client, tmp_path: Path, path: str, meta: dict[str, str] | None
) -> None:
    example = next((ROOT / "assets" / "examples" / "robust_sam").rglob("*.jpg"), ROOT / "LICENSE")
    other = tmp_path / "private.png"
    other.write_bytes(photo())
    value: dict[str, Any] = {"path": path.format(root=ROOT, example=example, other=other)}
    answer = degrade(web, value if meta is None else value | {"meta": meta})
    assert "event: error" in answer
    assert "event: complete" not in answer
    assert not any(secret.decode() in answer for secret in SECRETS)
    assert str(ROOT) not in answer
    assert str(tmp_path) not in answer


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0.0.0.0", "[::ffff:127.0.0.1]"])
def test_no_spelling_of_a_local_address_is_fetched(
    web: httpx.Client, server: Served, listener: tuple[int, list[str]], host: str
) -> None:
    port, hits = listener
    url = f"http://{host}:{port}/secret"
    assert "event: error" in degrade(web, {"path": url, "meta": FILE_DATA})
    assert raw(server, "/gradio_api/file=" + url)[0] == 403
    assert hits == []


@pytest.mark.parametrize("page", ["secret", "redirect"])
def test_address_given_as_a_file_is_never_fetched(
    web: httpx.Client, server: Served, listener: tuple[int, list[str]], page: str
) -> None:
    port, hits = listener
    url = f"http://127.0.0.1:{port}/{page}"
    own = upload(web, "photo.png", photo())
    for value in (
        {"path": url, "meta": FILE_DATA},
        {"path": url},
        {"path": own, "url": url, "meta": FILE_DATA},
        {"url": url, "meta": FILE_DATA},
        {"path": own, "url": url, "is_stream": True, "meta": FILE_DATA},
        url,
    ):
        answer = degrade(web, value)
        assert "secret" not in answer.replace(url, "")
    for door in ("/gradio_api/file=", "/gradio_api/file/", "/gradio_api/proxy=", "/proxy="):
        assert raw(server, door + url)[0] in (403, 404)
    assert hits == []


def test_public_address_is_refused_too_and_at_once(web: httpx.Client) -> None:
    answer = degrade(web, {"path": "https://example.com/photo.png", "meta": FILE_DATA})
    assert "event: error" in answer
    assert web.get("/gradio_api/file=https://example.com/photo.png").status_code == 403


def test_the_listener_of_these_tests_does_note_a_visit(listener: tuple[int, list[str]]) -> None:
    port, hits = listener
    assert httpx.get(f"http://127.0.0.1:{port}/redirect", follow_redirects=True, trust_env=False).text == "secret"
    assert hits == ["/redirect", "/secret"]


def announce(server: Served, path: str, length: int) -> int:
    """Status for a body that is announced but not sent."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.putrequest("POST", path)
        connection.putheader("Content-Type", "multipart/form-data; boundary=x")
        connection.putheader("Content-Length", str(length))
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def test_upload_above_the_cap_is_refused_before_it_is_sent(server: Served, web: httpx.Client) -> None:
    assert announce(server, "/gradio_api/upload", DEFAULT.max_upload_request + 1) == 413
    assert announce(server, "/gradio_api/queue/join", DEFAULT.max_message + 1) == 413
    assert web.get("/config").json()["max_file_size"] == DEFAULT.max_file


def test_message_that_grows_past_the_cap_is_refused(web: httpx.Client) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"data": ["'
        for _ in range(DEFAULT.max_message // 1_000_000 + 1):
            yield b"x" * 1_000_000
        yield b'"]}'

    answer = web.post(
        "/gradio_api/call/robust_sam_degrade", content=body(), headers={"content-type": "application/json"}
    )
    assert answer.status_code in (400, 413)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("bomb.png", bomb(), "164.0 megapixels"),
        ("diary.png", b"Dear diary", "is not an image"),
        ("cut.png", photo()[:100], "breaks off"),
        ("tiny.png", b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR" + struct.pack(">II", 1, 1), "1 x 1 pixels"),
        ("empty.png", b"", "is empty"),
    ],
    ids=["bomb", "text", "cut", "tiny", "empty"],
)
def test_bad_image_is_answered_with_a_sentence_and_costs_nothing(
    server: Served, web: httpx.Client, name: str, data: bytes, words: str
) -> None:
    before = psutil.Process(server.process.pid).memory_info().rss
    answer = degrade(web, {"path": upload(web, name, data), "orig_name": name, "meta": FILE_DATA})
    assert "event: error" in answer
    assert f"{name} " in answer
    assert words in answer
    assert psutil.Process(server.process.pid).memory_info().rss - before < 50_000_000


class Evil:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


def test_checkpoint_that_runs_code_is_refused_by_the_page_and_did_not_run(web: httpx.Client, tmp_path: Path) -> None:
    fired = tmp_path / "fired"
    path = upload(web, "weights.pth", pickle.dumps(Evil(f"touch {fired}"), 2))
    given = {"path": path, "orig_name": "weights.pth", "meta": FILE_DATA}
    answer = run_private(web, "use_weights", ["file", "", given])
    assert "asks for posix.system" in answer
    assert not fired.exists()


def test_server_still_answers_after_all_this(server: Served) -> None:
    assert server.get()[0] == 200
    assert server.process.poll() is None
