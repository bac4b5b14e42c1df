"""The "Inside" tab: what the parts of RobustSAM do to the picture on the stage."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.frame import Update
from app.guard.errors import BadInput
from app.guard.paths import download_name
from app.markup import markup
from app.panels import robust_sam_inside_view as page
from app.panels.robust_sam_inside_charts import Colors, sheet
from app.panels.robust_sam_jobs import described
from app.panels.robust_sam_session import Session
from app.panels.robust_sam_sweep import about_of
from app.panels.robust_sam_sweep_run import Bar, asked_prompts
from app.panels.robust_sam_tools import Tools
from app.room import LIVE
from app.wording import seconds_text
from models.parts.degradations import BENDING, degraded_copy
from models.robust_sam import inside_export
from models.robust_sam.inside_types import InsideView

if TYPE_CHECKING:
    from models.runtime import Job

PHOTO_SIDE = 320
FIRST = "Shows what happens inside for the object and picture on the stage; about 0.2 s"


def build(tools: Tools) -> None:
    """Draw the tool inside the current tab and connect it."""
    InsideTool(tools)


class InsideTool:
    """Its components and event handlers."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        with gr.Row(elem_classes="sw-go"):
            go = gr.Button("Look inside", variant="primary", size="sm", scale=0, min_width=150)
            self.png = gr.DownloadButton("PNG sheet", size="sm", interactive=False, scale=0, min_width=110)
            self.npz = gr.DownloadButton("NumPy npz", size="sm", interactive=False, scale=0, min_width=110)
        self.bar = Bar(FIRST)
        self.shown = markup(page.first(), elem_id="robust_sam-inside")
        go.click(self.look, None, [*self.bar.outputs, self.shown, self.png, self.npz], **LIVE)
        self.bar.cancel.click(self.cancel, None, None, **LIVE, queue=False)

    def look(self, request: gr.Request) -> Iterator[Update]:
        """The inside view of the active object."""
        yield from self.bar.guarded(self._look(self.tools.session(request)))

    def _look(self, session: Session) -> Iterator[Update]:
        yield self.bar.show("running", "Starting")
        job, photo = inside_request(session)
        about = about_of(session) | {"degradation": described(session.degradation)}
        for event, ticket in self.bar.follow(session, job):
            if event.kind == "partial":
                shown = page.drawn(None, event.value.cleaners, photo, about, busy=True)
                yield self.bar.told(event, ticket, "Looking inside") | {self.shown: shown}
            elif not event.state.terminal:
                yield self.bar.told(event, ticket, "Looking inside")
        view: InsideView = ticket.result()
        receipt = ticket.receipt.as_dict() if ticket.receipt is not None else {}
        told = self.bar.show("done", f"Looked inside in {seconds_text(view.milliseconds / 1000)}")
        yield told | {self.shown: page.drawn(view, view.cleaners, photo, about, busy=False)}
        with tempfile.TemporaryDirectory() as folder:
            # gradio copies the files into its own cache while the update is on its way.
            png, npz = files(view, photo, about | {"receipt": receipt}, Path(folder))
            yield {
                self.png: gr.DownloadButton(value=str(png), interactive=True),
                self.npz: gr.DownloadButton(value=str(npz), interactive=True),
            }

    def cancel(self, request: gr.Request) -> None:
        """Stop the page's job at its next tick."""
        self.bar.stop(self.tools.session(request))


def inside_request(session: Session) -> tuple[Job, Colors]:
    """The job for the active object on the picture the stage shows, and that picture small.

    Raises BadInput when there is no photo or no prompt.
    """
    prompts = asked_prompts(session)
    photo, now, weights = session.photo, session.degradation, session.weights
    if photo is None:
        raise BadInput("The photo", "is missing", "Open one first")
    from models.robust_sam import inside, sweep_pictures

    image, clean, digest = photo.image, None, photo.digest
    if now.active:
        image, _ = degraded_copy(photo.image, now.kind, now.severity, now.seed)
        clean = photo.image if now.kind not in BENDING else None
        digest = f"{photo.digest} {now.kind} {now.severity:g} {now.seed}"
    job = inside.inside_job(session.user, image, digest, prompts, clean, weights.name, weights.path)
    return job, sweep_pictures.thumbnail(image, PHOTO_SIDE)


def files(view: InsideView, photo: Colors, about: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    """Write the PNG sheet and the npz into ``folder``; returns their paths."""
    title = f"{about['object']} in {about['photo']}, {about['degradation'] or 'clean'}, {about['weights']} weights"
    png = folder / download_name(str(about["photo"]), "_inside.png")
    npz = folder / download_name(str(about["photo"]), "_inside.npz")
    sheet(view, photo, title).save(png)
    npz.write_bytes(inside_export.as_npz(view, about))
    return png, npz
