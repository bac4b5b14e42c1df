"""Event handlers of the segmentation room: what the browser sends, checked, and handed to the work."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from app import direct, service
from app.annotate import exporters
from app.frame import Update, head_line
from app.guard.errors import BadInput
from app.guard.paths import download_name
from app.palette import rgb
from app.panels import robust_sam_direct as way
from app.panels import robust_sam_examples as examples
from app.panels import robust_sam_state as state
from app.panels.robust_sam_jobs import ask, described
from app.panels.robust_sam_session import Answer, Degradation, Photo, Session, Weights, edited
from app.panels.robust_sam_work import Room, guarded
from models import registry
from models.parts.degradations import KINDS, MAX_SEVERITY

REOPENERS: dict[str, Callable[[Room, Session, Mapping[str, Any]], Iterator[Update]]] = {}
"""For photos that a tool has put on the stage: what opens them again, by the key that marks their reference."""
NO_ROBUST = "This checkpoint has no RobustSAM part: only plain SAM is shown. Use an authors' RobustSAM file to compare."


def new_session(user: str) -> Session:
    """A session that stands where the example on the page stands, so that the first click goes on from it."""
    return Session(user).like(examples.first().session)


def _uploaded(reference: Mapping[str, str]) -> Photo:
    return examples.read_photo(service.uploaded(reference["upload"]), reference["name"], reference)


@guarded
def _act(room: Room, session: Session, sent: Mapping[str, Any]) -> Iterator[Update]:
    if session.photo is not None and sent.get("base") not in (None, session.photo.digest):
        # This session was dropped, or the server restarted: the page sends what it kept, then goes on.
        yield {room.stage: {"lost": True, "seq": int(sent.get("seq") or 0)}}
        return
    way.cancel_preview(session)
    way.carry_out(session, sent)
    photo = any(isinstance(a, Mapping) and a.get("photo") for a in sent.get("actions") or ())
    yield from room.settle(session, photo=photo, keys=way.asked_again(sent))


@guarded
def _open(room: Room, session: Session, sent: Mapping[str, Any]) -> Iterator[Update]:
    name = str(sent.get("name") or sent.get("example") or "photo")
    if sent.get("failed"):
        raise BadInput(name, f"could not be uploaded ({sent['failed']})", "Choose a file below 64 MB")
    if "example" in sent:
        photo = examples.photo(name)
    else:
        reference = {"upload": str(sent.get("upload")), "name": name}
        photo = _uploaded(reference)
    yield from room.answer(session, session.set_photo(photo), photo=True)


@guarded
def _restore(room: Room, session: Session, kept: Mapping[str, Any]) -> Iterator[Update]:
    reference = kept.get("photo") or {}
    for kind in REOPENERS.keys() & reference.keys():
        yield from REOPENERS[kind](room, session, reference)
        return
    name = str(reference.get("name") or reference.get("example") or "photo")
    try:
        photo = examples.photo(name) if "example" in reference else _uploaded(reference)
        document = state.from_dict(kept.get("document") or {}, photo.size)
    except (BadInput, state.BadPrompt, OSError, KeyError, TypeError, ValueError):
        yield room.frame.show("example", f"The work on {name} from your last visit is no longer on this machine.")
        return
    session.degradation = checked_degradation(**(kept.get("degradation") or {}))
    now = session.degradation
    yield dict(zip(room.controls, (now.kind, now.severity, now.seed), strict=True))
    yield from room.answer(session, session.set_photo(photo, document), photo=True)


@guarded
def _degrade(room: Room, session: Session, kind: str, severity: float, seed: float) -> Iterator[Update]:
    wanted = checked_degradation(kind, severity, seed)
    if wanted == session.degradation or (not wanted.active and not session.degradation.active):
        session.degradation = wanted
        yield {room.stage: gr.skip()}
        return
    with session.lock:
        session.degradation, session.seen = wanted, None
        revision = session.change()
    yield from room.answer(session, revision, photo=True)


def checked_degradation(kind: str | None = "", severity: float | None = 0.7, seed: float | None = 0) -> Degradation:
    if kind and kind not in KINDS:
        raise BadInput("The degradation", f"{kind!r} does not exist", f"Choose one of {', '.join(KINDS)}")
    if severity is None or not 0 <= severity <= MAX_SEVERITY:
        raise BadInput("The severity", f"{severity} is out of range", f"Choose a number from 0 to {MAX_SEVERITY}")
    return Degradation(kind or "", round(float(severity), 3), int(seed or 0))


@guarded
def _use_weights(room: Room, session: Session, name: str, path: str | None, given: str | None) -> Iterator[Update]:
    method = registry.get("robust_sam")
    checkpoint = method.checkpoint(name)
    weights, has_robust = Weights(checkpoint.name, None, checkpoint.name), True
    if checkpoint.source == "file":
        source = _chosen_file(path, given)
        yield room.frame.show("running", f"Checking {source.name}")
        safe, has_robust = _through_the_door(source)
        weights = Weights(checkpoint.name, str(safe), source.name)
    with session.lock:
        session.weights, session.has_robust, session.warmed = weights, has_robust, ""
        revision = session.change()
    yield {room.frame.head: head_line(method, checkpoint, "" if has_robust else NO_ROBUST)}
    yield from room.answer(session, revision)


def _chosen_file(path: str | None, given: str | None) -> Path:
    if given:
        return Path(given)
    if not path:
        raise BadInput("The weights", "are not chosen", "Give a path, or upload a .pth or .safetensors file")
    if not service.trusts_paths():
        raise BadInput("The path", "is not open to visitors of a shared server", "Upload the file")
    return Path(path).expanduser()


def _through_the_door(source: Path) -> tuple[Path, bool]:
    """(the checked file, whether it has a robust part); raises BadInput or WrongCheckpoint."""
    from app.guard.checkpoints import checkpoint_door
    from models.robust_sam import official

    safe = checkpoint_door(source)
    return safe, official.inspect(safe).robust


def full_answer(session: Session, thing: state.Outlined) -> Answer:
    """The object's masks at the photo's own size, with its painting; segments when it has prompts."""
    if session.photo is None:
        raise BadInput("The photo", "is missing", "Open one first")
    shape = (session.photo.image.shape[0], session.photo.image.shape[1])
    answer = ask(session, thing, size=shape) if thing.prompted else None
    if answer is not None and (thing.paint_prompt or not thing.edits):
        return answer
    return edited(answer, thing.edits, session.photo.size, shape, session.has_robust)


def _exported(session: Session, key: str, branch: str) -> tuple[str, bytes]:
    """(file name, bytes) of the visible objects' masks at the photo's own size."""
    chosen = [o for o in session.history.now.objects if o.drawn and not o.hidden]
    if session.photo is None or not chosen:
        raise BadInput("The export", "has no objects", "Click an object first, then download")
    objects: list[exporters.MaskObject] = []
    receipt: dict[str, Any] = {}
    for thing in chosen:
        answer = full_answer(session, thing)
        used = branch if branch in answer.branches else "sam"
        found = answer.branches[used]
        objects.append(exporters.MaskObject(thing.name, found.mask, rgb(thing.color), found.confidence))
        about = {"branch": used, "photo": session.photo.name, "degradation": described(session.degradation)}
        receipt = {**receipt, **answer.receipt, **about}
    form = exporters.FORMATS[key]
    picture = session.seen.image if session.seen is not None else session.photo.image
    return download_name(session.photo.name, form.suffix), form.export(objects, picture, receipt)


@guarded
def _download(room: Room, session: Session, key: str, branch: str) -> Iterator[Update]:
    yield {room.frame.file: None} | room.frame.show("running", "Computing masks at full size")
    name, data = _exported(session, key, branch)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        yield {room.frame.file: str(path)} | room.frame.show("done", f"{name} is ready")


class Bound:
    """Handlers bound to one room and its sessions, in the form gradio calls them."""

    def __init__(self, room: Room, sessions: service.Sessions[Session]) -> None:
        self.room, self.sessions = room, sessions
        direct.offer(room.frame.room, "act", lambda user, sent: way.act(sessions.of(user), sent))
        direct.offer(room.frame.room, "preview", lambda user, sent: way.preview(sessions.of(user), sent))

    def _session(self, request: gr.Request) -> Session:
        return self.sessions.of(service.user_of(request))

    def act(self, event: gr.EventData, request: gr.Request) -> Iterator[Update]:
        yield from _act(self.room, self._session(request), _payload(event))

    def photo(self, event: gr.EventData, request: gr.Request) -> Iterator[Update]:
        yield from _open(self.room, self._session(request), _payload(event))

    def restore(self, event: gr.EventData, request: gr.Request) -> Iterator[Update]:
        session = self._session(request)
        yield from _restore(self.room, session, _payload(event))

    def near(self, request: gr.Request) -> dict[str, Any]:
        session = self._session(request)
        self.room.warm(session)
        return way.key(session, self.room.frame.room)

    def degrade(self, kind: str, severity: float, seed: float, request: gr.Request) -> Iterator[Update]:
        yield from _degrade(self.room, self._session(request), kind, severity, seed)

    def use_weights(self, name: str, path: str, given: str | None, request: gr.Request) -> Iterator[Update]:
        yield from _use_weights(self.room, self._session(request), name, path, given)

    def cancel(self, request: gr.Request) -> Update:
        session = self._session(request)
        session.stop()
        stopped = self.room.frame.show("cancelled", "Stopped. Click to go on", keep_error=True)
        return stopped | self.room.draw(session, busy=False, keys=set())

    def download(self, key: str) -> Callable[..., Iterator[Update]]:
        """The handler of one download button: the file goes to the hidden component, which the browser then saves."""

        def handler(branch: str, request: gr.Request) -> Iterator[Update]:
            yield from _download(self.room, self._session(request), key, branch)

        return handler


def _payload(event: gr.EventData) -> Mapping[str, Any]:
    data = event._data
    return data if isinstance(data, Mapping) else json.loads(data or "{}")
