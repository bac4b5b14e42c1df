"""Files into a project and out of it: images, annotations, exports. Generators of updates that can be stopped."""

from __future__ import annotations

import tempfile
import threading
import zipfile
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from app import service
from app.annotate import project_export as exports
from app.annotate.labels import labels_from
from app.annotate.project import MANIFEST
from app.annotate.project_images import IMAGES_ASIDE, Added, Found, add_images, in_files, in_folder
from app.annotate.store import Project
from app.frame import Update
from app.guard.errors import BadInput
from app.guard.paths import download_name
from app.panels import robust_sam_project_view as view
from app.panels.robust_sam_project_desk import Desk
from app.panels.robust_sam_project_export import Masks, imported
from app.panels.robust_sam_project_view import plain
from app.panels.robust_sam_session import Session

if TYPE_CHECKING:
    from app.panels.robust_sam_project_actions import Tool

T = TypeVar("T")
Tell = Callable[[int, str], None]
TICK_S = 0.3


def is_project(folder: Path) -> bool:
    """True for a folder that holds a project, in itself or beside its images."""
    return (folder / MANIFEST).exists() or (folder / IMAGES_ASIDE / MANIFEST).exists()


def project_at(desk: Desk, folder: Path) -> Project:
    """Open the project in any folder of this machine; raises BadInput."""
    aside = folder / IMAGES_ASIDE
    project = desk.shelf.open_folder(aside if (aside / MANIFEST).exists() else folder)
    return desk.open(desk.shelf.id_of(project.folder))


def create(tool: Tool, desk: Desk, sent: Mapping[str, Any], folder: Path | None) -> Iterator[Update]:
    """A new project from uploads, or from a folder, whose images stay where they are.

    With "beside" the project lies in that folder too. A source without any image makes none.
    """
    found = _found(sent, folder)
    name = plain(sent, "name") or (folder.name if folder is not None else _first_name(sent))
    labels = labels_from(plain(sent, "labels").replace("\n", ",").split(","))
    at = folder / IMAGES_ASIDE if folder is not None and sent.get("beside") else None
    project = desk.shelf.make(name, labels=labels, at=at)
    identity = desk.shelf.id_of(project.folder)
    kept = False
    try:
        added = yield from _while(tool, desk, "Adding images", lambda tell: add_images(project, found, tell=tell))
        if not added.images and (folder is not None or _uploads(sent)):
            told = view.left_out_text(added.skipped)
            raise BadInput("The source", f"holds no image. {told}", "Choose PNG, JPEG, WebP or TIFF files")
        kept = True
    finally:
        if not kept and not project.images:
            desk.shelf.delete(identity)
    desk.open(identity)
    desk.told = _added_text(added)
    yield tool.draw(desk, told=desk.told)


def add(tool: Tool, desk: Desk, sent: Mapping[str, Any], folder: Path | None) -> Iterator[Update]:
    """More images for the open project."""
    project, found = desk.needed(), _found(sent, folder)
    added = yield from _while(tool, desk, "Adding images", lambda tell: add_images(project, found, tell=tell))
    desk.look()
    desk.told = _added_text(added)
    yield tool.draw(desk, told=desk.told)


def export(tool: Tool, desk: Desk, session: Session, sent: Mapping[str, Any]) -> Iterator[Update]:
    """The project as a file in one of the formats; masks that are not made yet are made first."""
    key, project = plain(sent, "form"), desk.needed()
    yield {tool.file: None}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / download_name(project.manifest.name, exports.suffix_of(key), "project")
        written = yield from _while(
            tool, desk, "Exporting", lambda tell: exported(project, session, key, plain(sent, "scope"), path, tell)
        )
        sums = f"{view.counted(written.images, 'image')}, {view.counted(written.objects, 'object')}"
        told = f"{path.name}: {sums}. {view.left_out_text(written.notes, what='to know')}"
        yield {tool.file: str(path)} | tool.draw(desk, told=told.strip())


def exported(
    project: Project, session: Session, key: str, scope: str, path: Path, tell: Tell = lambda count, name: None
) -> exports.Written:
    """Write a project to ``path``; ``session`` says who asks and which weights make missing masks."""
    chosen = exports.worth_exporting(project, scope)
    if not chosen:
        raise BadInput("The export", "has no objects", "Annotate an image first, or mark one as done")
    masks = Masks(project, f"{session.user} export", session.weights)
    notes: list[tuple[str, str]] = []

    def objects(entry: Any, noted: list[tuple[str, str]]) -> Any:
        tell(chosen.index(entry), entry.name)
        return masks.of(entry, noted)

    pictures = masks.picture if key == "rgba" else lambda entry: None
    images = exports.annotated(project, chosen, objects, pictures, notes)
    return exports.write_project(project, key, path, images, notes)


def bring_in(tool: Tool, desk: Desk, session: Session, sent: Mapping[str, Any]) -> Iterator[Update]:
    """Annotations from a file in any of the formats, for images that the project has; they join what is there."""
    project = desk.needed()
    files = _uploads(sent)
    if not files:
        raise BadInput("The annotations", "are missing", "Choose a file")
    path, name = files[0]
    told = yield from _while(
        tool, desk, "Importing", lambda tell: take_annotations(project, path, name, desk.page, tell)
    )
    if desk.image is not None:
        revision = desk.reload()
        yield from tool.room.answer(session, revision, photo=True)
    yield tool.draw(desk, told=told)


def take_annotations(project: Project, path: Path, name: str, page: str, tell: Tell = lambda count, name: None) -> str:
    """Import a file of annotations; returns what came of it. Raises BadInput, NotSaved."""
    dataset, images, objects = exports.read_dataset(path, name), 0, 0
    notes: list[tuple[str, str]] = []
    labels = exports.label_ids(project, (item.label or item.name for image in dataset.images for item in image.objects))
    for count, match in enumerate(exports.matched(project, dataset, notes)):
        tell(count, match.entry.name)
        held = project.state(match.entry.id).values("object").values()
        place = max((float(value.get("place", 0)) for value in held), default=0.0)
        for item in match.objects:
            place += 1
            label = labels.get(item.label or item.name, "")
            project.record(match.entry.id, imported(item, label, place), page=f"{page} import")
            objects += 1
        images += 1
    project.flush()
    sums = f"{view.counted(objects, 'object')} on {view.counted(images, 'image')}"
    return f"{sums} imported. {view.left_out_text(notes)}".strip()


def _found(sent: Mapping[str, Any], folder: Path | None) -> Iterator[Found]:
    return in_folder(folder) if folder is not None else in_files(_uploads(sent))


def _uploads(sent: Mapping[str, Any]) -> list[tuple[Path, str]]:
    """Files that the page uploaded; raises BadInput for any other path."""
    listed = sent.get("uploads")
    files = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    return [(service.uploaded(plain(one, "upload")), plain(one, "name") or "file") for one in files]


def _first_name(sent: Mapping[str, Any]) -> str:
    files = _uploads(sent)
    return Path(files[0][1]).stem if len(files) == 1 else "Project"


def _added_text(added: Added) -> str:
    return f"{view.counted(len(added.images), 'image')} added. {view.left_out_text(added.skipped)}".strip()


class _Stopped(Exception):
    """The person pressed Stop."""


def _while(tool: Tool, desk: Desk, doing: str, work: Callable[[Tell], T]) -> Generator[Update, None, T]:
    """Run ``work`` in a thread and show how far it is; its error is raised here, as is that it was stopped."""
    desk.stop.clear()
    news, done = [doing], threading.Event()
    result: list[T] = []
    failed: list[Exception] = []

    def tell(count: int, name: str) -> None:
        if desk.stop.is_set():
            raise _Stopped
        news[0] = f"{doing}: {count + 1}, {name}"

    def run() -> None:
        try:
            result.append(work(tell))
        except Exception as error:
            failed.append(error)
        finally:
            done.set()

    threading.Thread(target=run, name="vitrine-project", daemon=True).start()
    shown = ""
    while not done.wait(TICK_S):
        if news[0] != shown:
            shown = news[0]
            yield {tool.panel: {"busy": shown}}
    if failed:
        if isinstance(failed[0], _Stopped):
            raise BadInput(doing, "was stopped", "What was done so far is kept") from failed[0]
        if isinstance(failed[0], zipfile.BadZipFile):
            raise BadInput("The archive", "is damaged", "Pack it again") from failed[0]
        raise failed[0]
    return result[0]
