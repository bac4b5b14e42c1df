"""The "Batch" tab: many photos, the masks in one zip."""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import utils as gradio_utils

from app import service
from app.annotate.exporters.datasets import DATASET_FORMATS
from app.frame import Phase, Problem, Update, error_box, problem_of, state_line
from app.guard.errors import BadInput
from app.markup import markup
from app.panels import robust_sam_batch_view as view
from app.panels.robust_sam_batch_run import Report, run, settings_of
from app.panels.robust_sam_batch_sources import Photos
from app.panels.robust_sam_tools import Tools
from models.robust_sam.batch import Stop
from models.robust_sam.batch_prompts import PromptTable, read_prompts
from models.robust_sam.everything_config import LEAST_POINTS, MOST_POINTS
from models.runtime import RuntimeProblem

log = logging.getLogger("vitrine.robust_sam")
RESULTS_LIVE_S = 24 * 3600.0
MODES = [("Boxes or points from a file", "prompts"), ("Everything in each photo", "everything")]
BRANCHES = [("RobustSAM", "robust"), ("SAM", "sam")]


@dataclass
class Page:
    """What an open page's batch needs beyond its handlers: its stop, and the folder of its last result."""

    user: str
    stop: Stop | None = None
    folder: Path | None = None
    sheet: bytes = field(default=b"", repr=False)


def build(tools: Tools) -> None:
    """Draw the tool inside the current tab and connect it."""
    BatchTool(tools)


class BatchTool:
    """Its components and event handlers."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.pages: service.Sessions[Page] = service.Sessions(Page)
        with gr.Row(elem_classes="bt-inputs"):
            with gr.Column(min_width=260):
                self.files = gr.File(
                    label="Photos, or a zip of photos", file_count="multiple", height=150, elem_classes="bt-files"
                )
                self.folder = gr.Textbox(
                    label="or a folder of this machine",
                    placeholder="/path/to/photos",
                    max_lines=1,
                    visible=service.trusts_paths(),
                )
            with gr.Column(min_width=260):
                self.mode = gr.Radio(MODES, value="prompts", label="What to segment")
                self.prompts = gr.File(
                    label="Boxes or points (CSV), or COCO JSON", height=150, elem_classes="bt-prompts"
                )
                self.templates = markup(view.templates())
                self.points = gr.Slider(
                    LEAST_POINTS,
                    MOST_POINTS,
                    value=16,
                    step=1,
                    label="Points per side",
                    info="More find smaller objects.",
                    visible=False,
                )
            with gr.Column(min_width=220):
                self.form = gr.Dropdown(
                    [(form.title, key) for key, form in DATASET_FORMATS.items()],
                    value="coco",
                    label="Masks as",
                    info="All of them can be read back without loss.",
                    filterable=False,
                )
                self.branch = gr.Radio(BRANCHES, value="robust", label="Masks of")
        with gr.Row(elem_classes="v-bar bt-bar"):
            self.go = gr.Button("Run batch", variant="primary", size="sm", scale=0, min_width=120)
            self.state = markup(
                state_line("ready", "Give photos, and say what to segment in them"), elem_classes="v-state-box"
            )
            self.cancel = gr.Button(
                "Cancel", size="sm", interactive=False, scale=0, min_width=90, elem_classes="v-cancel"
            )
        self.error = markup("", elem_classes="v-error-box")
        self.shown = markup(view.first(), elem_id="robust_sam-batch")
        self._connect()

    def _connect(self) -> None:
        live: dict[str, Any] = {
            "concurrency_limit": None,
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        inputs = [self.files, self.folder, self.mode, self.prompts, self.points, self.form, self.branch]
        outputs = [self.go, self.state, self.cancel, self.error, self.shown]
        self.go.click(self.run, inputs, outputs, **live)
        self.cancel.click(self.stop, None, None, **live, queue=False)
        self.mode.change(self.choose, [self.mode], [self.prompts, self.templates, self.points], **live)

    def choose(self, mode: str) -> Update:
        """Only what the mode uses is shown."""
        by_file = mode == "prompts"
        return {
            self.prompts: gr.File(visible=by_file),
            self.templates: gr.HTML(visible=by_file),
            self.points: gr.Slider(visible=not by_file),
        }

    def stop(self, request: gr.Request) -> None:
        """End the page's batch; what is done is packed."""
        page = self.pages.of(service.user_of(request))
        if page.stop is not None:
            page.stop.now()

    def run(
        self,
        files: list[str] | None,
        folder: str,
        mode: str,
        prompts: str | None,
        points: float,
        form: str,
        branch: str,
        request: gr.Request,
    ) -> Iterator[Update]:
        """The whole batch; an error before it begins leaves the last result on screen."""
        page, weights = self.pages.of(service.user_of(request)), self.tools.session(request).weights
        if page.stop is not None:
            yield self._show("running", "A batch of this page is running already", busy=True)
            return
        page.stop, page.sheet = Stop(), b""
        try:
            values = {"branch": branch, "mode": mode, "points_per_side": points}
            values |= {"checkpoint": weights.name, "path": weights.path}
            yield self._show("running", "Looking through the photos", busy=True)
            table = _table(mode, prompts)
            with Photos() as photos:
                gather(photos, files, folder)
                target = fresh_folder(page)
                for report in run(photos, table, settings_of(values, page.user), form, target, page.stop):
                    yield self._told(page, report)
        except (ValueError, OSError, RuntimeProblem) as problem:
            yield self._failed(problem)
        except Exception as fault:
            log.exception("the batch tool failed")
            yield self._failed(fault)
        finally:
            page.stop = None

    def _show(self, phase: Phase, text: str, *, busy: bool, share: float | None = None) -> Update:
        return {
            self.state: state_line(phase, text, share),
            self.cancel: gr.Button(interactive=busy),
            self.go: gr.Button(interactive=not busy),
            self.error: "",
        }

    def _told(self, page: Page, report: Report) -> Update:
        page.sheet = report.sheet or page.sheet
        ended = report.archive is not None
        share = (report.done + report.failed) / max(1, report.total)
        phase: Phase = "running"
        if ended:
            phase = "failed" if report.problem else "cancelled" if report.stopped else "done"
        update = self._show(phase, view.line(report), busy=not ended, share=share)
        update[self.shown] = view.shown(report, page.sheet)
        if report.problem:
            remedy = "Free some space, download what is done, and run the rest again"
            update[self.error] = error_box(Problem(report.problem, remedy=remedy))
        return update

    def _failed(self, error: Exception) -> Update:
        refused = isinstance(error, BadInput)
        text = "Nothing was changed" if refused else "Your inputs are kept"
        update = self._show("refused" if refused else "failed", text, busy=False)
        update[self.error] = error_box(problem_of(error))
        return update


def _table(mode: str, prompts: str | None) -> PromptTable:
    if mode != "prompts":
        return PromptTable()
    if not prompts:
        raise BadInput("The prompts file", "is missing", "Upload boxes or points, or choose everything mode")
    path = service.uploaded(prompts)
    return read_prompts(path.read_bytes(), path.name)


def gather(photos: Photos, files: list[str] | None, folder: str) -> None:
    """The photos of the upload, else those of the folder."""
    if files:
        photos.add_files([(path, path.name) for path in map(service.uploaded, files)])
    elif folder and folder.strip():
        if not service.trusts_paths():
            raise BadInput("The folder", "is not open to visitors of a shared server", "Upload the photos, or a zip")
        photos.add_folder(Path(folder.strip()).expanduser())


def fresh_folder(page: Page) -> Path:
    """A new folder where gradio may serve files from; the page's former result and those of yesterday go."""
    home = Path(gradio_utils.get_upload_folder()) / "batch"
    page.folder, old = home / secrets.token_hex(16), page.folder
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)
    page.folder.mkdir(parents=True)
    for other in home.iterdir():
        # Another page may be clearing up as well.
        with contextlib.suppress(OSError):
            if time.time() - other.stat().st_mtime > RESULTS_LIVE_S:
                shutil.rmtree(other, ignore_errors=True)
    return page.folder
