"""The journal: what survives a killed process, what the next start says, what is learned and kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from models.runtime import Runtime, RuntimeConfig, State
from models.runtime.journal import INTERRUPTED, Journal
from models.runtime.locks import FileLock
from tests.runtime.fakes import FakeClock, ManualBackend, job, spec

ROOT = Path(__file__).resolve().parents[2]


def test_killed_process_loses_no_finished_job_and_the_next_start_marks_the_others(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    victim = subprocess.Popen([sys.executable, "-m", "tests.runtime.journal_victim", str(path)], cwd=ROOT,
                              stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    lines = [victim.stdout.readline().split() for _ in range(4)]
    victim.kill()
    victim.wait()
    victim.stdout.close()
    done = [line[1] for line in lines[:3]]
    running, queued = lines[3][1:]
    journal = Journal(path, 0.0)
    assert [receipt["ticket"] for receipt in journal.finished()] == done
    assert set(journal.interrupted) == {running, queued}
    assert journal.history(running)[-1][0] == INTERRUPTED
    assert [state for state, _ in journal.history(queued)] == ["queued", INTERRUPTED]
    journal.close(0.0)
    again = Journal(path, 0.0)
    assert again.interrupted == [], "marked once only"
    again.close(0.0)
    assert list(tmp_path.glob("*.lock")) == []


def test_finished_job_is_on_disk_before_its_ticket_says_done(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with Runtime(RuntimeConfig(journal=path)) as runtime:
        ticket = runtime.submit(job())
        for event in ticket.events():
            if event.state is State.DONE:
                reader = Journal(path, 0.0)
                assert [receipt["ticket"] for receipt in reader.finished()] == [ticket.id]
                reader.close(0.0)


def test_second_process_on_the_same_file_leaves_living_sessions_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    first = Journal(path, 0.0)
    first.record(0.0, "t1", State.QUEUED, {})
    first.flush()
    second = Journal(path, 0.0)
    assert second.interrupted == []
    first.close(0.0)
    second.close(0.0)


def test_every_state_change_is_recorded_in_order() -> None:
    backend = ManualBackend()
    with Runtime(RuntimeConfig(device_budget=10**9, host_budget=10**9), FakeClock(), backend) as runtime:
        ticket = runtime.submit(job(model=spec("sam")))
        backend.run_next()
        other = runtime.submit(job())
        other.cancel()
        backend.run_next()
        states = [state for state, _ in runtime.journal.history(ticket.id)]
        assert states == ["queued", "admitted", "loading", "running", "done"]
        assert runtime.journal.history(other.id)[-1][0] == "cancelled"


def test_damaged_file_is_set_aside_and_work_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"this is no database" * 1000)
    with Runtime(RuntimeConfig(journal=path)) as runtime:
        assert runtime.submit(job()).result(20.0) == "value"
    assert "no usable journal" in caplog.text
    assert len(list(tmp_path.glob("*.damaged"))) == 1


def test_costs_learned_are_known_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    clock = FakeClock()
    work = job(call=lambda context, model: clock.advance(7.0), model=spec("sam"), shape_bucket="512")
    for _ in range(2):
        backend = ManualBackend()
        with Runtime(RuntimeConfig(journal=path), clock, backend) as runtime:
            runtime.submit(work)
            backend.run_next()
    with Runtime(RuntimeConfig(journal=path), clock, ManualBackend()) as runtime:
        predicted = runtime.predict(work)
        assert predicted.cause.startswith("cold: 0.0 s load + ")
        assert predicted.low_s <= 7.0 <= predicted.high_s
        assert runtime.status().calibration_count == 2


def test_record_after_closing_is_ignored() -> None:
    journal = Journal(None, 0.0)
    journal.close(0.0)
    journal.close(0.0)
    journal.record(0.0, "late", State.CANCELLED, {})


def test_lock_is_exclusive_until_released(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "l"), FileLock(tmp_path / "l")
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()
