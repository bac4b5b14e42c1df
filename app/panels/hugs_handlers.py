"""What the buttons, sliders and clicks of the HuGS room do: generators of updates, while the work runs in jobs."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import service
from app.frame import Update
from app.guard.errors import BadInput
from app.guard.paths import download_name
from app.panels.hugs_given import checked, chosen_sources, config_of, corrected, segmenter_of
from app.panels.hugs_session import STEPS, TOOLS, Session
from app.panels.hugs_work import Room
from app.room import guarded, receipt_of
from app.wording import count_text, seconds_text

if TYPE_CHECKING:
    from models.runtime import Ticket

CHANGED = "The masks were changed since this comparison."


class Handlers:
    """Bodies of the room's events; each takes the page's session first.

    Those that need torch give their first sign before they import it.
    """

    def __init__(self, room: Room) -> None:
        self.room = room

    @guarded
    def open_step(self, session: Session, step: str) -> Iterator[Update]:
        """Show a step."""
        session.step = checked(step, STEPS, "The step")
        yield self.room.draw(session)

    @guarded
    def act(self, session: Session, data: Any) -> Iterator[Update]:
        """What was done on the stage: a click, another frame, another tool, undo."""
        asked: Mapping[str, Any] = data if isinstance(data, Mapping) else json.loads(data or "{}")
        done = asked.get("do")
        if done == "go":
            yield from self._frame(session, session.work.names.index(session.frame) + int(asked.get("by", 0)))
        elif done == "frame":
            yield from self._frame(session, int(asked.get("frame", 0)))
        elif done == "step":
            session.step = checked(str(asked.get("step")), STEPS, "The step")
            yield self.room.draw(session)
        elif done == "tool":
            yield from self._tool(session, str(asked.get("tool")))
        elif done in ("undo", "redo"):
            yield from self._undo(session, redo=done == "redo")
        elif done == "click":
            yield from self._click(session, asked)
        else:
            raise BadInput("The action", f"{done!r} does not exist", "Reload the page")

    def _frame(self, session: Session, index: int) -> Iterator[Update]:
        names = session.work.names
        session.frame = names[index % len(names)]
        session.asked = None
        yield self.room.draw(session)

    def _tool(self, session: Session, tool: str) -> Iterator[Update]:
        session.tool = checked(tool, TOOLS, "The tool")
        yield self.room.draw(session)

    @guarded
    def tool(self, session: Session, tool: str) -> Iterator[Update]:
        """Choose what a click does."""
        yield from self._tool(session, tool)

    @guarded
    def undo(self, session: Session) -> Iterator[Update]:
        """Take the last correction back."""
        yield from self._undo(session, redo=False)

    @guarded
    def redo(self, session: Session) -> Iterator[Update]:
        """Do it again."""
        yield from self._undo(session, redo=True)

    def _undo(self, session: Session, *, redo: bool) -> Iterator[Update]:
        if session.back(redo=redo):
            yield self._masks_changed(session, "Redone" if redo else "Undone")
        else:
            yield self.room.frame.show("done", f"Nothing to {'redo' if redo else 'undo'}")

    def _click(self, session: Session, asked: Mapping[str, Any]) -> Iterator[Update]:
        x, y = int(asked.get("x", -1)), int(asked.get("y", -1))
        work, name = session.work, session.frame
        cues = work.cues(name)
        if not (0 <= x < cues.size[1] and 0 <= y < cues.size[0]):
            raise BadInput("The click", "is outside the photo", "Click on it")
        session.asked = (x, y)
        if session.tool == "why":
            reason = work.why(name, x, y)
            yield self.room.draw(session) | self.room.frame.show("done", reason.sentence.rstrip("."))
            return
        segment = int(cues.segments[y, x])
        static = {"moves": False, "static": True, "auto": None}[session.tool]
        session.correct(corrected(work.forced, name, segment, static))
        said = {None: "decided by the vote again", True: "set to static", False: "set to moving"}[static]
        yield self._masks_changed(session, f"Segment {segment} {said}")

    def _masks_changed(self, session: Session, said: str, ticket: Ticket | None = None) -> Update:
        if session.compared is not None:
            session.changed = CHANGED
        return self._opened(session) | self.room.done(session, said, ticket)

    @guarded
    def own_masks(self, session: Session, given: Sequence[str] | None, path: str, kind: str) -> Iterator[Update]:
        """Masks made elsewhere stand for the fused ones."""
        yield self.room.frame.show("running", "Reading masks")
        from models.hugs.pipeline_files import own_masks_job

        if not given and not path.strip():
            raise BadInput("The masks", "are not chosen", "Upload PNG files named after the photos, or a zip of them")
        sources, _ = chosen_sources(given, path)
        ticket = yield from self.room.follow(
            session, own_masks_job(session.user, session.work, sources, kind), "Reading masks"
        )
        found = ticket.result()
        session.take_own({**session.work.own, **found})
        yield self._masks_changed(session, f"{len(found)} of {len(session.work.names)} maps are yours now; z undoes it")

    @guarded
    def fused_masks(self, session: Session) -> Iterator[Update]:
        """The fused maps again, for all photos."""
        if not session.work.own:
            raise BadInput("No photo", "has a mask of your own", "Upload some first")
        session.take_own({})
        yield self._masks_changed(session, "All maps are the fused ones again")

    @guarded
    def propagate(self, session: Session, reach: float) -> Iterator[Update]:
        """Carry the shown frame's corrections to its neighbours, up to ``reach`` frames away."""
        from models.hugs.propagate import spread

        now, count = spread(session.work, session.frame, int(reach))
        if not session.work.forced.get(session.frame):
            raise BadInput("This photo", "has no correction", "Choose Moves or Static and click a segment first")
        session.correct(now)
        yield self._masks_changed(session, f"Corrections carried to {count} segments of neighbouring photos")

    @guarded
    def knob(self, session: Session, *values: Any) -> Iterator[Update]:
        """Fuse the shown frame again with the knobs of now."""
        start = time.perf_counter()
        session.work.fusion = config_of(values)
        drawn = self.room.draw(session)
        took = seconds_text(time.perf_counter() - start)
        if session.compared is not None:
            session.changed = CHANGED
        masked = session.work.fused(session.frame).masked
        yield drawn | self.room.frame.show("done", f"{session.frame}: {100 * masked:.1f} % masked, fused in {took}")

    @guarded
    def settle(self, session: Session) -> Iterator[Update]:
        """All frames with the knobs of now."""
        yield self.room.settle(session)

    @guarded
    def example(self, session: Session) -> Iterator[Update]:
        """Back to the shipped capture."""
        session.open_sample()
        yield self._opened(session) | self.room.frame.show("example", "The shipped capture with its stages")

    @guarded
    def load(self, session: Session, given: Sequence[str] | None, path: str, frames: float) -> Iterator[Update]:
        """A capture from uploads or a path of this machine."""
        yield self.room.frame.show("running", "Reading the capture")
        from models.hugs.loading import LoadConfig
        from models.hugs.pipeline_files import load_job

        sources, name = chosen_sources(given, path)
        job = load_job(session.user, sources, name, LoadConfig(max_frames=max(3, int(frames))))
        ticket = yield from self.room.follow(session, job, "Reading the capture")
        loaded = ticket.result()
        session.take(loaded.work)
        session.losses, session.looks, session.watched = list(loaded.losses), dict(loaded.looks), loaded.watched
        capture = loaded.work.capture
        ready = "cameras known" if capture.posed else "next: find structure"
        done = self.room.done(session, f"{len(capture.views)} photos, {ready}", ticket)
        yield self._opened(session) | done

    def _opened(self, session: Session) -> Update:
        return self.room.draw(session) | self.room.settle(session)

    @guarded
    def structure(self, session: Session, keep: bool, with_masks: bool) -> Iterator[Update]:
        """Structure from motion."""
        yield self.room.frame.show("running", "Starting")
        from models.hugs import pipeline

        config = pipeline.SfmConfig(known_poses=None if keep else False)
        job = pipeline.sfm_job(session.user, session.work, config, 0, with_masks)
        ticket = yield from self.room.follow(session, job, "Structure from motion")
        found = ticket.result()
        text = f"{found.registered} of {found.photos} photos placed, {count_text(found.points)} points"
        yield self._masks_changed(session, text, ticket)

    @guarded
    def residual(self, session: Session, steps: float, side: float, seed: float) -> Iterator[Update]:
        """Train the radiance field and render every photo."""
        yield self.room.frame.show("running", "Starting")
        from models.hugs import pipeline
        from models.hugs.field_config import FieldConfig

        config = FieldConfig(iterations=int(steps), side=int(side))
        session.enough.clear()
        job = pipeline.residual_job(session.user, session.work, config, int(seed), session.frame, session.enough)
        session.losses, session.looks, session.watched = [], {}, ""
        ticket = yield from self.room.follow(
            session, job, "Training the field", lambda told: self._looked(session, told)
        )
        found = ticket.result()
        text = f"{found.steps} steps, {found.rendered} photos rendered"
        yield self._masks_changed(session, text, ticket)

    def _looked(self, session: Session, told: Any) -> Update:
        import numpy as np

        session.losses.append((told.step, told.loss))
        if told.picture is None:
            return {}
        session.watched = told.name
        session.looks[told.step] = np.asarray(np.clip(np.rint(told.picture * 255), 0, 255), np.uint8)
        if told.name == session.frame:
            session.work.take_render(told.name, session.looks[told.step])
        return self.room.draw(session)

    def stop_early(self, session: Session) -> None:
        """End the training now and use the field as it is."""
        session.enough.set()

    @guarded
    def segments(
        self, session: Session, which: str, prompt: bool, split: bool, given: str | None, path: str
    ) -> Iterator[Update]:
        """Find segments in every photo."""
        yield self.room.frame.show("running", "Starting")
        from models.hugs import pipeline
        from models.hugs.proposals import ProposalConfig

        segmenter = segmenter_of(which, given, path)
        config = ProposalConfig(prompt_features=prompt, split_rest=split)
        job = pipeline.segments_job(session.user, session.work, segmenter, config)
        ticket = yield from self.room.follow(
            session,
            job,
            "Looking for segments",
            lambda name: self.room.draw(session) if name == session.frame else {},
        )
        found = ticket.result()
        text = f"{sum(found.counts.values())} segments in {found.frames} photos by {found.name}"
        yield self._masks_changed(session, text, ticket)

    @guarded
    def export(self, session: Session, formats: Sequence[str], full_size: bool) -> Iterator[Update]:
        """A zip of the chosen formats, left at ``session.exported`` for the download."""
        yield self.room.frame.show("running", "Writing")
        from models.hugs.pipeline_files import export_job

        if not formats:
            raise BadInput("The export", "has no format chosen", "Choose at least one")
        target = Path(tempfile.mkdtemp(prefix="vitrine-")) / download_name(session.work.capture.name, "_masks.zip")
        job = export_job(session.user, session.work, target, tuple(formats), full_size, session.said)
        ticket = yield from self.room.follow(session, job, "Writing")
        session.exported = str(ticket.result())
        size = Path(session.exported).stat().st_size
        yield self.room.frame.show("done", f"{target.name}, {size / 1e6:.1f} MB", receipt=ticket.receipt)

    @guarded
    def nerfacto(self, session: Session, steps: float) -> Iterator[Update]:
        """Train nerfacto on the export with an installed nerfstudio."""
        yield self.room.frame.show("running", "Starting")
        from models.hugs.pipeline_nerfstudio import nerfacto_job

        folder = Path(tempfile.mkdtemp(prefix="vitrine-nerfstudio-"))
        job = nerfacto_job(session.user, session.work, folder, int(steps))
        ticket = yield from self.room.follow(session, job, "Training nerfacto")
        session.nerfacto = ticket.result()
        where = f"; its files are in {folder}" if service.trusts_paths() else ""
        text = f"nerfacto {session.nerfacto.trained.psnr:.2f} dB{where}"
        yield self.room.draw(session) | self.room.frame.show("done", text, receipt=receipt_of(ticket))

    @guarded
    def keep(self, session: Session) -> Iterator[Update]:
        """The capture with all its stages as one file, to go on later."""
        from models.hugs import sample
        from models.hugs.pipeline_files import WORK_ENDING

        target = Path(tempfile.mkdtemp(prefix="vitrine-")) / download_name(session.work.capture.name, WORK_ENDING)
        kept = sample.Sample(session.work, tuple(session.losses), session.watched, dict(session.looks))
        sample.save(kept, target)
        session.exported = str(target)
        yield self.room.frame.show("done", f"{target.name}: open it under Load to go on")

    @guarded
    def compare(
        self, session: Session, which: Sequence[str], steps: float, side: float, seed: float
    ) -> Iterator[Update]:
        """Train one field for each set of masks."""
        yield self.room.frame.show("running", "Starting")
        from models.hugs.field_config import FieldConfig
        from models.hugs.pipeline_compare import compare_job

        if not which:
            raise BadInput("The comparison", "has no masks chosen", "Choose at least one set")
        ordered = [name for name in ("none", "hugs", "true") if name in which]
        job = compare_job(
            session.user, session.work, FieldConfig(iterations=int(steps), side=int(side)), int(seed), ordered
        )
        ticket = yield from self.room.follow(session, job, "Comparing", lambda told: self._compared(session, told))
        session.compared, session.changed, session.example = ticket.result(), "", False
        scored = [f"{one.masks} {one.psnr:.2f} dB" for one in session.compared.trained if one.psnr is not None]
        yield self.room.draw(session) | self.room.done(session, ", ".join(scored) or "Compared", ticket)

    def _compared(self, session: Session, told: Any) -> Update:
        if session.step != "compare":
            return {}
        from app.panels import hugs_view as view
        from app.panels.hugs_compare_view import trained_html

        side = trained_html(session, told.trained, f"{len(told.trained)} of {told.total}")
        return {self.room.stage: view.message(session) | {"panes": [], "side": side}}
