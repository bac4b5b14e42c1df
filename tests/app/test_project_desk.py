"""A page at work in a project: what is saved of its objects, undo after reopening, two pages, labels, time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from app.annotate.labels import labels_from
from app.annotate.project_folders import Shelf
from app.annotate.project_images import add_images, in_files
from app.annotate.store import Project
from app.annotate.store_events import Change
from app.guard.errors import BadInput
from app.panels import robust_sam_state as state
from app.panels.robust_sam_project_desk import IDLE_S, Desk
from app.panels.robust_sam_session import Session

POINT = {"do": "point", "x": 5, "y": 5, "label": 1}


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path / "projects")
    yield made
    made.close()


def picture(folder: Path, name: str, size: tuple[int, int] = (60, 40)) -> tuple[Path, str]:
    path = folder / name
    Image.fromarray(np.full((size[1], size[0], 3), len(name) * 9 % 255, np.uint8)).save(path)
    return path, name


def project(shelf: Shelf, folder: Path, images: int = 2) -> Project:
    made = shelf.make("Birds", labels=labels_from(["bird", "nest"]))
    add_images(made, in_files([picture(folder, "a" * (n + 1) + ".png") for n in range(images)]))
    return made


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def at_work(shelf: Shelf, made: Project, image: int = 0, clock: Clock | None = None) -> tuple[Desk, Session]:
    desk, session = Desk(shelf, clock=clock or Clock()), Session("me")
    desk.open(shelf.id_of(made.folder))
    desk.show(made.images[image].id, session)
    return desk, session


def seq(session: Session) -> int:
    return session.seq + 1


def do(session: Session, *actions: dict[str, Any]) -> None:
    session.act(actions, seq(session))


def test_objects_come_back_as_they_were(shelf: Shelf, tmp_path: Path) -> None:
    made = project(shelf, tmp_path)
    _, session = at_work(shelf, made)
    do(session, POINT, {"do": "box", "x0": 1, "y0": 2, "x1": 30, "y1": 20})
    do(session, {"do": "label", "id": 1, "label": "bird", "color": "#e69f00"})
    do(session, {"do": "stroke", "mode": 1, "radius": 3, "path": [1, 1, 9, 9]})
    do(session, {"do": "new"}, {"do": "point", "x": 9, "y": 9, "label": 1}, {"do": "rename", "id": 2, "name": "Second"})
    before = session.history.now.objects
    shelf.close()
    _, again = at_work(shelf, Project(made.folder))
    assert again.history.now.objects == before


def test_empty_objects_are_not_saved(shelf: Shelf, tmp_path: Path) -> None:
    made = project(shelf, tmp_path)
    _, session = at_work(shelf, made)
    do(session, {"do": "new"}, {"do": "new"})
    assert made.trail(made.images[0].id).status == "todo"
    do(session, POINT)
    assert made.trail(made.images[0].id).objects == 1
    assert made.trail(made.images[0].id).status == "work"


def test_undo_goes_back_through_the_work_of_an_earlier_visit(shelf: Shelf, tmp_path: Path) -> None:
    made = project(shelf, tmp_path)
    desk, session = at_work(shelf, made)
    for x in (5, 6, 7):
        do(session, {**POINT, "x": x})
    do(session, {"do": "undo"})
    desk.show(made.images[1].id, session)
    desk.show(made.images[0].id, session)
    assert [p.x for p in session.history.now.current.points] == [5, 6]
    do(session, {"do": "redo"})
    assert [p.x for p in session.history.now.current.points] == [5, 6, 7]
    do(session, {"do": "undo"}, {"do": "undo"}, {"do": "undo"})
    assert not session.history.now.current.drawn
    assert made.trail(made.images[0].id).objects == 0


def test_two_pages_keep_both_objects_and_are_told(shelf: Shelf, tmp_path: Path) -> None:
    made = project(shelf, tmp_path)
    (one, mine), (two, theirs) = at_work(shelf, made), at_work(shelf, made)
    do(mine, POINT)
    do(theirs, {**POINT, "x": 20})
    assert made.trail(made.images[0].id).objects == 2
    assert one.others() == 1
    assert two.others() == 1
    one.reload()
    assert one.others() == 0
    assert {o.points[0].x for o in mine.history.now.objects} == {5, 20}


def test_keeping_mine_leaves_what_is_on_the_stage(shelf: Shelf, tmp_path: Path) -> None:
    made = project(shelf, tmp_path)
    (_, mine), (two, theirs) = at_work(shelf, made), at_work(shelf, made)
    do(mine, POINT)
    do(theirs, {**POINT, "x": 20})
    two.keep_mine()
    kept = made.state(made.images[0].id).values("object").values()
    assert [value["points"][0][0] for value in kept] == [20]
    assert two.others() == 0
    # The other page's event is still in the log.
    assert any(e.value and e.value["points"][0][0] == 5 for e in made.events(made.images[0].id) if e.kind == "object")


def test_same_object_changed_in_two_pages_ends_as_the_later_change(shelf: Shelf, tmp_path: Path) -> None:
    made = project(shelf, tmp_path)
    _, first = at_work(shelf, made)
    do(first, POINT)
    (_, mine), (_, theirs) = at_work(shelf, made), at_work(shelf, made)
    do(mine, {"do": "rename", "id": 1, "name": "Mine"})
    do(theirs, {"do": "rename", "id": 1, "name": "Theirs"})
    values = made.state(made.images[0].id).values("object")
    assert [value["name"] for value in values.values()] == ["Theirs"]


def test_renaming_a_label_keeps_annotations_and_undo_does_not_bring_the_old_name_back(
    shelf: Shelf, tmp_path: Path
) -> None:
    made = project(shelf, tmp_path)
    desk, session = at_work(shelf, made)
    do(session, POINT)
    do(session, {"do": "label", "id": 1, "label": "bird"})
    do(session, {**POINT, "x": 9})
    bird = made.labels.named("bird")
    assert bird is not None
    desk.relabel(lambda labels: labels.changed(bird.id, name="wren"))
    assert session.history.now.current.label == "wren"
    do(session, {"do": "undo"})
    assert session.history.now.current.label == "wren"
    (value,) = made.state(made.images[0].id).values("object").values()
    assert value["label"] == bird.id
    # A page that still shows the old name means the same label.
    do(session, {"do": "label", "id": 1, "label": "bird"})
    assert [label.name for label in made.labels.present] == ["wren", "nest"]


def test_deleted_label_can_come_back_with_its_objects(shelf: Shelf, tmp_path: Path) -> None:
    made = project(shelf, tmp_path)
    desk, session = at_work(shelf, made)
    do(session, POINT)
    do(session, {"do": "label", "id": 1, "label": "bird"})
    bird = made.labels.named("bird")
    assert bird is not None
    desk.relabel(lambda labels: labels.deleted(bird.id))
    assert session.history.now.current.label == ""
    do(session, {**POINT, "x": 7})
    desk.relabel(lambda labels: labels.added("bird"))
    desk.show(made.images[1].id, session)
    desk.show(made.images[0].id, session)
    assert session.history.now.current.label == "bird"


def test_label_typed_on_the_stage_joins_the_project(shelf: Shelf, tmp_path: Path) -> None:
    made = project(shelf, tmp_path)
    _, session = at_work(shelf, made)
    do(session, POINT, {"do": "label", "id": 1, "label": "egg"})
    assert [label.name for label in made.labels.present] == ["bird", "nest", "egg"]


def test_another_photo_on_the_stage_is_not_saved_into_the_project(shelf: Shelf, tmp_path: Path) -> None:
    from app.panels.robust_sam_examples import read_photo

    made = project(shelf, tmp_path)
    desk, session = at_work(shelf, made)
    session.set_photo(read_photo(*picture(tmp_path, "other.png"), {"upload": "x", "name": "other.png"}))
    do(session, POINT)
    assert desk.image is None
    assert made.trail(made.images[0].id).objects == 0


def test_image_that_is_gone_keeps_its_labels_and_says_so(shelf: Shelf, tmp_path: Path) -> None:
    made = project(shelf, tmp_path)
    desk, session = at_work(shelf, made)
    do(session, POINT)
    made.file(made.images[0]).unlink()
    do(session, {**POINT, "x": 8})
    desk.show(made.images[1].id, session)
    with pytest.raises(BadInput, match=r"not there any more.*labels are kept"):
        desk.show(made.images[0].id, session)
    assert desk.missing == {made.images[0].id}
    assert desk.image is not None
    assert desk.image.id == made.images[1].id
    (value,) = made.state(made.images[0].id).values("object").values()
    assert len(value["points"]) == 2


def test_pauses_count_little_as_time_on_an_image(shelf: Shelf, tmp_path: Path) -> None:
    made, clock = project(shelf, tmp_path), Clock()
    desk, session = at_work(shelf, made, clock=clock)
    clock.now += 10
    do(session, POINT)
    clock.now += 3600
    desk.show(made.images[1].id, session)
    assert made.trail(made.images[0].id).seconds == 10 + IDLE_S


def test_more_objects_than_the_stage_holds_are_kept(shelf: Shelf, tmp_path: Path) -> None:
    made = project(shelf, tmp_path)
    desk, session = at_work(shelf, made)
    do(session, POINT)
    (value,) = made.state(made.images[0].id).values("object").values()
    more = [Change("object", f"extra{n}", {**value, "place": 10 + n}) for n in range(state.MOST_OBJECTS + 4)]
    made.record(made.images[0].id, more, page="import")
    desk.show(made.images[1].id, session)
    desk.show(made.images[0].id, session)
    assert desk.left_out == 5
    do(session, {"do": "delete", "id": session.history.now.active})
    assert made.trail(made.images[0].id).objects == state.MOST_OBJECTS + 4


steps = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 59), st.integers(0, 39), st.sampled_from((0, 1))).map(
            lambda v: {"do": "point", "x": v[0], "y": v[1], "label": v[2]}
        ),
        st.sampled_from(("undo", "redo", "new", "clear")).map(lambda verb: {"do": verb}),
    ),
    max_size=12,
)


@settings(max_examples=40)
@given(steps)
def test_whatever_is_done_reopens_with_the_same_drawn_objects(
    tmp_path_factory: pytest.TempPathFactory, done: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("desk")
    shelf = Shelf(folder / "projects")
    made = project(shelf, folder, images=1)
    _, session = at_work(shelf, made)
    for action in done:
        do(session, action)
    drawn = [(o.name, o.points, o.box) for o in session.history.now.objects if o.drawn]
    shelf.close()
    _, again = at_work(shelf, Project(made.folder))
    assert [(o.name, o.points, o.box) for o in again.history.now.objects if o.drawn] == drawn
