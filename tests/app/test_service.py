"""Sessions, uploads and words: the small shared parts of the app."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import service, wording
from app.guard.errors import BadInput


def test_session_is_made_once_and_kept() -> None:
    sessions: service.Sessions[list[str]] = service.Sessions(lambda key: [key])
    assert sessions.of("a") is sessions.of("a")
    assert sessions.of("a") is not sessions.of("b")


def test_longest_unused_session_goes_first() -> None:
    sessions: service.Sessions[object] = service.Sessions(lambda key: object(), most=2)
    first, second = sessions.of("a"), sessions.of("b")
    sessions.of("a")
    sessions.of("c")
    assert sessions.of("a") is first
    assert sessions.of("b") is not second


def test_old_session_is_dropped() -> None:
    now = [0.0]
    sessions: service.Sessions[object] = service.Sessions(lambda key: object(), life_s=10, clock=lambda: now[0])
    first = sessions.of("a")
    now[0] = 11.0
    sessions.of("b")
    assert len(sessions) == 1
    assert sessions.of("a") is not first


def test_heavy_sessions_go_until_the_rest_fits_but_the_newest_stays() -> None:
    sessions: service.Sessions[str] = service.Sessions(lambda key: key, weigh=len, most_bytes=6)
    for key in ("aaa", "bb", "cccc"):
        sessions.of(key)
    assert len(sessions) == 2
    sessions.of("ddddddddd")
    assert len(sessions) == 1


def test_only_uploaded_files_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    inside = tmp_path / "uploads" / "ab" / "photo.png"
    inside.parent.mkdir(parents=True)
    inside.touch()
    assert service.uploaded(str(inside)) == inside.resolve()
    for other in ("/etc/passwd", str(tmp_path / "secret.png"), str(inside / ".." / ".." / ".." / "secret.png")):
        with pytest.raises(BadInput):
            service.uploaded(other)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.038, "38 ms"), (0.9999, "1.0 s"), (1.23, "1.2 s"), (12.4, "12 s"), (200, "3 min 20 s"), (None, "")],
)
def test_times_are_told_with_sensible_digits(seconds: float | None, text: str) -> None:
    assert wording.seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(812, "812 B"), (20_000, "20 kB"), (3_400_000, "3.4 MB"), (999_999_999, "1.0 GB")]
)
def test_bytes_are_told_with_sensible_digits(count: float, text: str) -> None:
    assert wording.bytes_text(count) == text
