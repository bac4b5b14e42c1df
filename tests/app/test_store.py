"""What a project's store keeps through crashes, full disks, other pages and other processes."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.annotate import store_files
from app.annotate.project import ImageEntry
from app.annotate.store import EVENTS, Change, Project, create
from app.annotate.store_events import Event, event_of, line_of, replayed
from app.annotate.store_files import NotSaved
from app.guard.errors import BadInput

VALUE = {"name": "Object 1", "label": "L1", "points": [[3.0, 4.0, 1]]}


def made(tmp_path: Path, name: str = "birds") -> Project:
    return create(tmp_path / "p", name)


def put(project: Project, image: str, key: str, value: Any = VALUE, page: str = "a") -> int:
    return project.record(image, [Change("object", key, value)], page=page)


def test_what_was_recorded_is_there_after_reopening(tmp_path: Path) -> None:
    project = made(tmp_path)
    put(project, "i", "x")
    project.record("i", [Change("status", "", "done"), Change("note", "", "two birds")], page="a")
    project.close()
    again = Project(tmp_path / "p")
    assert again.state("i").value("object", "x") == VALUE
    assert again.trail("i").status == "done"
    assert again.state("i").value("note") == "two birds"


def test_log_cut_at_any_byte_of_its_last_line_keeps_everything_before(tmp_path: Path) -> None:
    project = made(tmp_path)
    put(project, "i", "x")
    put(project, "i", "y")
    project.close()
    path = tmp_path / "p" / EVENTS
    whole = path.read_bytes()
    (tmp_path / "p" / "snapshot.json").unlink(missing_ok=True)
    second = whole.index(b"\n") + 1
    for cut in range(second, len(whole)):
        path.write_bytes(whole[:cut])
        torn = Project(tmp_path / "p")
        kept = torn.state("i").values("object")
        assert "x" in kept
        # The line that lacks nothing but its end is whole.
        assert ("y" in kept) == (cut == len(whole) - 1)
        put(torn, "i", "z")
        torn.flush()
        assert set(Project(tmp_path / "p").state("i").values("object")) == {*kept, "z"}
        assert all(event_of(line) for line in path.read_bytes().splitlines())


def test_damaged_line_in_the_middle_is_passed_over_and_counted(tmp_path: Path) -> None:
    project = made(tmp_path)
    put(project, "i", "x")
    put(project, "i", "y")
    project.flush()
    path = tmp_path / "p" / EVENTS
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + b"\0\0\0\n" + second)
    again = Project(tmp_path / "p")
    assert set(again.state("i").values("object")) == {"x", "y"}
    assert again.damaged == 1


def test_full_disk_is_told_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = made(tmp_path)
    put(project, "i", "x")
    project.flush()
    before = (tmp_path / "p" / EVENTS).read_bytes()
    write, left = os.write, [40]

    def full(descriptor: int, data: Any) -> int:
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = write(descriptor, bytes(data)[: left[0]])
        left[0] -= count
        return count

    monkeypatch.setattr(store_files.os, "write", full)
    put(project, "i", "y")
    with pytest.raises(NotSaved, match=r"disk is full.*Free some space"):
        project.flush()
    assert (tmp_path / "p" / EVENTS).read_bytes() == before
    assert project.saving.problem is not None
    assert project.saving.pending == 1
    assert set(project.state("i").values("object")) == {"x", "y"}
    monkeypatch.setattr(store_files.os, "write", write)
    put(project, "i", "z")
    project.flush()
    assert project.saving.problem is None
    assert set(Project(tmp_path / "p").state("i").values("object")) == {"x", "y", "z"}


def test_project_file_survives_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = made(tmp_path)
    project.update(lambda m: m.with_images((ImageEntry("1", "a.png", "images/a.png", "d", 1, 2, 3),)))

    def full(descriptor: int, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store_files.os, "write", full)
    with pytest.raises(NotSaved, match="disk is full"):
        project.update(lambda m: m.with_images(()))
    assert [entry.name for entry in Project(tmp_path / "p").images] == ["a.png"]
    assert [path.name for path in (tmp_path / "p").iterdir() if path.name.startswith(".")] == []


def test_two_pages_learn_of_each_other(tmp_path: Path) -> None:
    project = made(tmp_path)
    base = put(project, "i", "x", page="a")
    put(project, "i", "y", page="b")
    assert project.others("i", base, "a") == 1
    assert project.others("i", base, "b") == 0
    assert set(project.state("i").values("object")) == {"x", "y"}


def test_two_processes_keep_the_events_of_both(tmp_path: Path) -> None:
    one = made(tmp_path)
    two = Project(tmp_path / "p")
    base = put(one, "i", "x", page="a")
    put(two, "i", "y", page="b")
    two.flush()
    one.flush()
    two.refresh()
    for project in (one, two):
        assert set(project.state("i").values("object")) == {"x", "y"}
    assert one.others("i", base, "a") == 1


def _busy(folder: str, page: str) -> None:
    project = Project(Path(folder))
    for number in range(40):
        put(project, "i", f"{page}{number}", page=page)
        project.flush()


def test_processes_writing_at_once_tear_no_line(tmp_path: Path) -> None:
    made(tmp_path)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_busy, args=(str(tmp_path / "p"), page)) for page in "abc"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    again = Project(tmp_path / "p")
    assert len(again.state("i").values("object")) == 120
    assert again.damaged == 0


def test_change_is_written_without_being_asked(tmp_path: Path) -> None:
    project = made(tmp_path)
    put(project, "i", "x")
    until = time.monotonic() + 20
    while project.saving.pending and time.monotonic() < until:
        with project._wanted:
            project._wanted.wait(0.05)
    assert set(Project(tmp_path / "p").state("i").values("object")) == {"x"}


def test_labels_changed_in_two_processes_are_both_kept(tmp_path: Path) -> None:
    from dataclasses import replace

    one = made(tmp_path)
    two = Project(tmp_path / "p")
    one.update(lambda m: replace(m, labels=m.labels.added("cat")))
    two.update(lambda m: replace(m, labels=m.labels.added("dog")))
    one.refresh()
    assert [label.name for label in one.labels.present] == ["cat", "dog"]


def test_snapshot_that_does_not_fit_the_log_is_not_used(tmp_path: Path) -> None:
    project = made(tmp_path)
    put(project, "i", "x")
    project.close()
    assert (tmp_path / "p" / "snapshot.json").exists()
    log = tmp_path / "p" / EVENTS
    log.write_bytes(log.read_bytes().replace(b'"x"', b'"w"'))
    assert set(Project(tmp_path / "p").state("i").values("object")) == {"w"}
    (tmp_path / "p" / "snapshot.json").write_bytes(b'{"format":1,')
    assert set(Project(tmp_path / "p").state("i").values("object")) == {"w"}


def test_five_thousand_images_open_in_two_seconds(tmp_path: Path) -> None:
    project = made(tmp_path)
    images = tuple(ImageEntry(str(n), f"{n}.jpg", f"images/{n}.jpg", "d" * 32, 1, 640, 480) for n in range(5000))
    project.update(lambda m: m.with_images(images))
    drawing = VALUE | {"edits": [{"mode": 1, "radius": 5, "path": [1.5] * 60}]}
    for entry in images:
        project.record(entry.id, [Change("object", "x", drawing), Change("status", "", "done")], page="a")
    project.close()
    started = time.process_time()
    again = Project(tmp_path / "p")
    assert time.process_time() - started < 2
    assert again.trail("4999").status == "done"
    (tmp_path / "p" / "snapshot.json").unlink()
    started = time.process_time()
    assert Project(tmp_path / "p").trail("4999").objects == 1
    assert time.process_time() - started < 4


def test_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a project"):
        Project(tmp_path)
    (tmp_path / "project.json").write_text('{"format": 1, "images": 3}')
    with pytest.raises(BadInput, match="cannot be read"):
        Project(tmp_path)


events = st.lists(
    st.builds(
        Event,
        id=st.uuids().map(lambda u: u.hex[:16]),
        clock=st.integers(1, 6),
        at=st.just(1.0),
        page=st.sampled_from("ab"),
        author=st.just(""),
        image=st.just("i"),
        step=st.just("s"),
        kind=st.sampled_from(("object", "object", "status", "note")),
        key=st.sampled_from(("", "x", "y")),
        value=st.none() | st.integers(0, 9).map(lambda n: {"label": str(n)}),
    ),
    max_size=12,
    unique_by=lambda event: event.id,
)


@given(events, st.randoms(use_true_random=False))
def test_order_of_events_does_not_matter(found: list[Event], random: Any) -> None:
    mixed = list(found)
    random.shuffle(mixed)
    assert replayed(mixed).held == replayed(found).held


@given(events, events)
def test_merging_twice_changes_nothing(one: list[Event], two: list[Event]) -> None:
    assert replayed([*one, *two, *one]).held == replayed([*two, *one]).held


@given(events)
def test_line_of_an_event_reads_back(found: list[Event]) -> None:
    assert [event_of(line_of(event).rstrip(b"\n")) for event in found] == found
    for event in found[:1]:
        line = line_of(event).rstrip(b"\n")
        assert all(event_of(line[:cut]) is None for cut in range(len(line)))


actions = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(("x", "y", "z")), st.none() | st.integers(0, 99), st.booleans()),
    max_size=14,
)


@given(actions)
def test_replay_equals_the_state_in_memory_and_every_prefix_opens(
    tmp_path_factory: pytest.TempPathFactory, done: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    project = made(folder)
    expected: dict[str, Any] = {}
    for page, key, number, flush in done:
        value = None if number is None else {"label": str(number)}
        put(project, "i", key, value, page)
        expected = {k: v for k, v in (expected | {key: value}).items() if v is not None}
        assert project.state("i").values("object") == expected
        if flush:
            project.flush()
    project.close()
    assert Project(folder / "p").state("i").values("object") == expected
    log = folder / "p" / EVENTS
    lines = log.read_bytes().splitlines(keepends=True) if log.exists() else []
    for count in range(len(lines)):
        log.write_bytes(b"".join(lines[:count]))
        kept = Project(folder / "p").state("i")
        assert kept.held == replayed([json.loads(line) and event_of(line) for line in lines[:count]]).held
