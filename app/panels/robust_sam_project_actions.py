"""What the buttons and keys of the project tool do: generators of updates, one for each verb."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from app import service
from app.annotate.store_files import NotSaved
from app.frame import Update, problem_of
from app.guard.errors import BadInput
from app.panels import robust_sam_project_files as files
from app.panels import robust_sam_project_view as view
from app.panels.robust_sam_project_desk import Desk
from app.panels.robust_sam_project_masks import Maker, Order, copy_of, due
from app.panels.robust_sam_project_view import plain
from app.panels.robust_sam_session import Degradation, Session
from app.panels.robust_sam_work import Room, guarded
from models.runtime import RuntimeProblem

log = logging.getLogger("vitrine.robust_sam")
MASKS = Maker()
Sent = Mapping[str, Any]


@dataclass(frozen=True)
class Tool:
    """The tool's components and the room it belongs to."""

    room: Room
    panel: gr.HTML
    file: gr.File

    def draw(self, desk: Desk, **options: Any) -> Update:
        """The whole tool; options of ``robust_sam_project_view.message``."""
        return {self.panel: view.message(desk, **options)}


Action = Callable[[Tool, Desk, Session, Sent], Iterator[Update]]


def carry_out(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    """Do what the page asks for; what goes wrong is shown in the tool and changes nothing that was made."""
    action = ACTIONS.get(plain(sent, "do"))
    try:
        if action is None:
            raise BadInput("The action", "does not exist", "Reload the page if it is older than the app")
        told = False
        for update in action(tool, desk, session, sent):
            told = told or tool.room.stage in update
            yield update
        if sent.get("leaves") and not told:
            # The stage was told that its photo changes; it goes on with the one it has.
            yield tool.room.draw(session, busy=False, keys=set())
        return
    except (BadInput, RuntimeProblem, OSError) as problem:
        shown = problem_of(problem)
    except Exception as fault:
        log.exception("an action of the project tool failed")
        shown = problem_of(fault)
    # The stage waits for a photo that does not come; it goes on with the one it has.
    yield tool.draw(desk, problem=shown) | tool.room.draw(session, busy=False, keys=set())


def reopened(room: Room, desk: Desk, session: Session, project: str, image: str) -> Iterator[Update]:
    """After a reload or a restart: the same image of the same project, as it was saved."""
    try:
        desk.open(project)
        controls = _clean(room, desk, session)
        revision, _ = desk.show(image, session)
        if controls:
            yield controls
    except BadInput as problem:
        yield room.frame.fail(problem) | room.draw(session, busy=False, keys=set())
        return
    yield from _answers(room, session, revision)


def _clean(room: Room, desk: Desk, session: Session) -> Update:
    """A page that comes to a project starts on the photos as they are; what it chooses later stays."""
    if desk.session is session:
        return {}
    session.degradation = Degradation()
    now = session.degradation
    return dict(zip(room.controls, (now.kind, now.severity, now.seed), strict=True))


@guarded
def _answers(room: Room, session: Session, revision: int) -> Iterator[Update]:
    yield from room.answer(session, revision, photo=True)


# ---- projects


def _check(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    """How things are: after a pause, when the page is looked at again."""
    if desk.project is not None:
        try:
            desk.project.refresh()
        except NotSaved:
            # A full disk is shown by the line about saving, not as a failure of this look.
            pass
        except BadInput as problem:
            yield tool.draw(desk, problem=problem_of(problem))
            return
    yield tool.draw(desk)


def _back(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    """The page was reloaded: the project it had, and its image unless the stage has it already."""
    try:
        desk.open(plain(sent, "project"))
    except BadInput:
        yield tool.draw(desk)
        return
    image = plain(sent, "image")
    if image and desk.image is None:
        yield from _show(tool, desk, session, image)
        return
    yield tool.draw(desk)


def _open(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    path = plain(sent, "path")
    if path:
        project = files.project_at(desk, _trusted(path))
    else:
        project = desk.open(plain(sent, "project"))
    entry = view.neighbour(desk, project, 1, status="work") or view.neighbour(desk, project, 1, status="todo")
    if entry is None or entry.id in desk.missing:
        entry = next((one for one in project.images if one.id not in desk.missing), None)
    if entry is None:
        yield tool.draw(desk, told="This project has no images yet: add some." if not project.images else "")
        return
    yield from _show(tool, desk, session, entry.id)


def _close(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    _order_masks(desk, session)
    desk.leave()
    unsaved = desk.flush()
    if unsaved is not None:
        raise unsaved
    desk.close()
    yield tool.draw(desk)


def _delete(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    identity = plain(sent, "project")
    if identity == desk.project_id:
        desk.close()
    desk.shelf.delete(identity)
    yield tool.draw(desk, told="The project is deleted.")


def _create(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    path = plain(sent, "path")
    folder = _trusted(path) if path else None
    _order_masks(desk, session)
    if folder is not None and files.is_project(folder):
        yield from _open(tool, desk, session, sent)
        return
    yield from files.create(tool, desk, sent, folder)
    if desk.project is not None and desk.project.images:
        told = desk.told
        yield from _show(tool, desk, session, desk.project.images[0].id, told=told)


def _add(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    path = plain(sent, "path")
    yield from files.add(tool, desk, sent, _trusted(path) if path else None)
    project = desk.needed()
    if desk.image is None and project.images:
        yield from _show(tool, desk, session, project.images[0].id, told=desk.told)


def _trusted(path: str) -> Path:
    if not service.trusts_paths():
        raise BadInput("The path", "is not open to visitors of a shared server", "Upload the images or a zip")
    return Path(path).expanduser()


# ---- images


def _order_masks(desk: Desk, session: Session) -> None:
    """Have the masks of the image on the stage made while the annotator goes on."""
    if desk.image is not None and desk.project is not None and desk.session is session:
        entry, project = desk.image, desk.project
        wanted = due(project.state(entry.id), desk.things())
        values = project.state(entry.id).values("object")
        MASKS.ask(Order(project, entry.id, copy_of(session), wanted, values, desk.page))


def _show(tool: Tool, desk: Desk, session: Session, image: str, *, told: str = "") -> Iterator[Update]:
    """Leave the image on the stage for another one."""
    project = desk.needed()
    _order_masks(desk, session)
    desk.flush()
    controls = _clean(tool.room, desk, session)
    revision, notes = desk.show(image, session)
    number = next((n for n, entry in enumerate(view.chosen(desk, project)) if entry.id == image), None)
    desk.offset = desk.offset if number is None else number
    yield controls | tool.draw(desk, told=" ".join(part for part in (told, *notes) if part))
    yield from _answers(tool.room, session, revision)
    yield tool.draw(desk, told=" ".join(part for part in (told, *notes) if part))


def _go(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    yield from _show(tool, desk, session, plain(sent, "image"))


def _step(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    """The next (by 1) or the one before (by -1); images whose files are gone are passed over and named."""
    project, by = desk.needed(), -1 if sent.get("by") == -1 else 1
    entry = view.neighbour(desk, project, by)
    if entry is None:
        raise BadInput("The list", "ends here", "Choose another filter to see the other images")
    yield from _show(tool, desk, session, entry.id)


def _todo(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    project = desk.needed()
    entry = view.neighbour(desk, project, 1, status="todo")
    if entry is None:
        _order_masks(desk, session)
        desk.flush()
        yield tool.draw(desk, told="No image is left to do.") | tool.room.draw(session, busy=False, keys=set())
        return
    yield from _show(tool, desk, session, entry.id)


def _mark(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    """Set the status; with "next" go on to the next image to do."""
    desk.mark(plain(sent, "status"))
    if sent.get("next"):
        yield from _todo(tool, desk, session, sent)
        return
    _order_masks(desk, session)
    desk.flush()
    yield tool.draw(desk)


def _note(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    desk.note(plain(sent, "text"))
    yield tool.draw(desk)


def _list(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    """Another filter or another page of the list."""
    if plain(sent, "filter") in view.FILTERS:
        desk.filter = plain(sent, "filter")
    offset = sent.get("offset")
    desk.offset = offset if isinstance(offset, int) else 0
    desk.look()
    yield tool.draw(desk)


def _reload(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    revision = desk.reload()
    yield tool.draw(desk, told="Shown as saved, with what was done in the other tab.")
    yield from _answers(tool.room, session, revision)


def _keep(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    desk.keep_mine()
    desk.flush()
    yield tool.draw(desk, told="Your version holds; the other one stays in the project's history.")


def _branch(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    desk.branch = "sam" if plain(sent, "branch") == "sam" else "robust"
    yield tool.draw(desk)


# ---- labels


def _label(tool: Tool, desk: Desk, session: Session, sent: Sent) -> Iterator[Update]:
    """Add a label, or change, key or delete the one named by "id"."""
    identity, change = plain(sent, "id"), plain(sent, "change")
    if change == "add":
        desk.relabel(lambda labels: labels.added(plain(sent, "name"), plain(sent, "color")))
    elif change == "delete":
        desk.relabel(lambda labels: labels.deleted(identity))
    else:
        wanted = {key: sent[key] for key in ("name", "color", "key") if isinstance(sent.get(key), str)}
        desk.relabel(lambda labels: labels.changed(identity, **wanted))
    yield tool.draw(desk) | (tool.room.draw(session, busy=False, keys=set()) if desk.image is not None else {})


ACTIONS: dict[str, Action] = {
    "check": _check,
    "back": _back,
    "open": _open,
    "close": _close,
    "delete": _delete,
    "create": _create,
    "add": _add,
    "go": _go,
    "step": _step,
    "todo": _todo,
    "mark": _mark,
    "note": _note,
    "list": _list,
    "reload": _reload,
    "keep": _keep,
    "branch": _branch,
    "label": _label,
    "export": files.export,
    "import": files.bring_in,
}
