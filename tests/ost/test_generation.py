"""Generated descriptors: the bank, the rule, pasted answers and a service that is up, down or odd."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ost import descriptor_bank, generation
from models.ost.lint import lint
from models.parts.clip_tokens import clip_tokeniser
from models.parts.problems import BadInput


def test_the_bank_has_forty_actions_without_a_remark() -> None:
    bank = descriptor_bank.bank().checked()
    assert len(bank) >= 40
    assert bank.count == 4
    assert not lint(bank, clip_tokeniser())


@pytest.mark.parametrize("name", ["riding a bike", "ride_bike", "Riding bikes", "RIDE BIKE"])
def test_spellings_of_one_action_find_it(name: str) -> None:
    found = descriptor_bank.generate(name)
    assert (found.origin, found.item.name) == ("bank", name)
    assert "handlebars" in found.item.spatial


def test_rendered_actions_have_their_own_words() -> None:
    names = descriptor_bank.rendered_names()
    assert len(names) == 24
    assert {descriptor_bank.generate(name).origin for name in names} == {"rendered"}
    descriptor_bank.class_list(names).checked()


@given(st.text(min_size=1, max_size=30).filter(str.strip), st.integers(1, 32))
def test_any_name_gets_the_asked_number_of_different_texts(name: str, count: int) -> None:
    item = descriptor_bank.generate(name, count).item
    assert len(set(item.spatial)) == len(set(item.temporal)) == count
    assert descriptor_bank.generate(name, count).item == item


@pytest.mark.parametrize(("name", "count"), [(" ", 4), ("run", 0), ("run", 33)])
def test_nothing_is_generated_for_no_name_or_an_absurd_number(name: str, count: int) -> None:
    with pytest.raises(BadInput):
        descriptor_bank.generate(name, count)


@pytest.mark.parametrize(
    "answer",
    [
        '["red ball", "wide field"]',
        'Sure, here it is:\n```json\n["red ball", "wide field"]\n```',
        'Here: ["red ball", "wide field"] - enjoy',
        "1. Red ball\n2) wide field.",
        "- red ball\n* **wide field**",
        "Step 1: red ball\nStep 2: wide field",
        "Descriptors:\nred ball\nwide field\nred ball",
        "a) red ball\nb) wide field",
        '• "red ball",\n• "wide field"',
    ],
)
def test_pasted_lists_are_read_in_every_usual_form(answer: str) -> None:
    assert [text.lower() for text in generation.parsed_list(answer)] == ["red ball", "wide field"]


def test_a_pasted_table_is_read_and_its_texts_are_cleaned() -> None:
    table = {"run": {"spatial": ["1. track"], "temporal": ["Step 1: start", "stop."]}}
    (found,) = generation.parsed_table(f"```json\n{json.dumps(table)}\n```")
    assert (found.name, found.spatial, found.temporal) == ("run", ("track",), ("start", "stop"))


@pytest.mark.parametrize("answer", ["", "   ", "\n\n", "Here you are:"])
def test_an_answer_without_a_list_is_refused(answer: str) -> None:
    with pytest.raises(BadInput, match="no list"):
        generation.parsed_list(answer)


@pytest.mark.parametrize("answer", ["[]", "{}", "none", '{"run": 3}', '{"run": {"spatial": ["a"]}}'])
def test_an_answer_without_a_table_is_refused(answer: str) -> None:
    with pytest.raises(BadInput):
        generation.parsed_table(answer)


@given(st.text(max_size=200))
def test_no_answer_breaks_the_reader(answer: str) -> None:
    for read in (generation.parsed_list, generation.parsed_table):
        with contextlib.suppress(BadInput):
            read(answer)


def test_the_questions_name_the_actions_and_the_number() -> None:
    for question in (generation.spatial_question("run", 6), generation.temporal_question("run", 6)):
        assert '"run"' in question
        assert "6" in question
    assert '"run", "sit"' in generation.table_question(["run", "sit"])


class Service(HTTPServer):
    """Answers every question with ``status`` and ``body``; keeps what was asked."""

    status, body = 200, b"{}"
    asked: list[tuple[dict[str, object], str | None]]


class Answer(BaseHTTPRequestHandler):
    """One request."""

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Service)
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append((content, self.headers.get("Authorization")))
        self.send_response(server.status)
        self.end_headers()
        self.wfile.write(server.body)

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    server = Service(("127.0.0.1", 0), Answer)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv(generation.URL_VARIABLE, f"http://127.0.0.1:{server.server_port}/v1/")
    monkeypatch.setenv(generation.KEY_VARIABLE, "secret")
    yield server
    server.shutdown()
    server.server_close()


def replying(text: object) -> bytes:
    return json.dumps({"choices": [{"message": {"content": text}}]}).encode()


def test_a_service_is_asked_for_both_kinds(service: Service) -> None:
    service.body = replying('["one", "two", "three"]')
    found = generation.ask_service("run", 2)
    assert (found.spatial, found.temporal) == (("one", "two"), ("one", "two"))
    assert [key for _, key in service.asked] == ["Bearer secret"] * 2


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (500, b"", "error 500"),
        (200, b"not json", "another form"),
        (200, b"[]", "another form"),
        (200, replying(None), "without a text"),
        (200, replying('["one"]'), "gave 1 spatial"),
        (200, b"x" * 1_000_001, "megabyte"),
    ],
)
def test_an_odd_service_is_said(service: Service, status: int, body: bytes, message: str) -> None:
    service.status, service.body = status, body
    with pytest.raises(BadInput, match=message):
        generation.ask_service("run", 2)


def test_a_service_that_is_down_or_not_set_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(generation.URL_VARIABLE, "http://127.0.0.1:9/v1")
    with pytest.raises(BadInput, match="does not answer"):
        generation.ask_service("run", seconds=2)
    for address in ("", "file:///etc/passwd"):
        monkeypatch.setenv(generation.URL_VARIABLE, address)
        with pytest.raises(BadInput, match="no address"):
            generation.ask_service("run")
