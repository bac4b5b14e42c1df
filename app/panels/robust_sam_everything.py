"""The "Everything" tab: all objects of the photo at once, for one model or both, as a coloured map with a table."""

from __future__ import annotations

import json
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from app import theme
from app.frame import SAVE_FILES, Update, receipt_line, state_line
from app.guard.errors import BadInput
from app.guard.paths import download_name
from app.panels import robust_sam_everything_run as running
from app.panels import robust_sam_everything_view as view
from app.panels.robust_sam_everything_run import CHOICES, Outcome, Rates
from app.panels.robust_sam_session import Session
from app.panels.robust_sam_sweep_run import Bar
from app.panels.robust_sam_tools import Tools
from app.room import LIVE
from app.wording import seconds_text
from models.robust_sam.everything_config import LEAST_POINTS, MOST_LAYERS, MOST_POINTS, EverythingConfig, helps

DEFAULT = EverythingConfig()
TITLE = "Segment everything"
FIRST = "Finds all objects of the photo above from a grid of points; nothing has been run yet"
EMPTY = (
    "Every object of the photo gets a colour here. Point at one for its number, area and scores; click it to add it "
    "to the objects above, where you can correct, name and export it."
)
FILES = {"csv": "CSV", "coco": "COCO JSON", "png": "Label map PNG"}


def build(tools: Tools) -> None:
    """Draw the tool inside the current tab and connect it."""
    EverythingTool(tools)


class EverythingTool:
    """Its components and event handlers."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.rates = Rates()
        self._outcomes: weakref.WeakKeyDictionary[Session, Outcome] = weakref.WeakKeyDictionary()
        self.branch, self.fields = _controls()
        with gr.Row(elem_classes="ev-go"):
            self.start = gr.Button(
                self._button("robust", DEFAULT, "nano", True), variant="primary", size="sm", scale=0, min_width=230
            )
        self.bar = Bar(FIRST)
        self.shown = gr.HTML(
            value={"empty": EMPTY},
            html_template='<div class="ev"></div>',
            js_on_load=theme.script("everything.js"),
            apply_default_css=False,
            padding=False,
            elem_id="robust_sam-everything",
            elem_classes="ev-shown",
        )
        with gr.Row(elem_classes="ev-files"):
            self.downloads = {
                key: gr.Button(title, size="sm", scale=0, min_width=80, interactive=False)
                for key, title in FILES.items()
            }
        self.file = gr.File(visible="hidden", elem_id="robust_sam-everything-file", interactive=False)
        self._connect()

    def _connect(self) -> None:
        inputs = [self.branch, *self.fields.values()]
        receipt = self.tools.room.frame.receipt
        outputs = [*self.bar.outputs, self.start, self.shown, *self.downloads.values(), receipt]
        self.start.click(self.run, inputs, outputs, **LIVE)
        self.bar.cancel.click(self.cancel, None, None, **LIVE, queue=False)
        for control in inputs:
            control.change(self.forecast, inputs, [self.start, self.bar.state], **LIVE, trigger_mode="always_last")
        room = self.tools.room
        self.shown.act(self.pick, None, [*room.frame.outputs, room.stage, *self.bar.outputs], **LIVE)
        for key, button in self.downloads.items():
            saved = button.click(self.download(key), None, [self.file, *self.bar.outputs], **LIVE)
            saved.then(None, [self.file], None, js=SAVE_FILES, api_visibility="private")

    def run(self, branch: str, request: gr.Request, *values: Any) -> Iterator[Update]:
        """Search the picture the page sees with one model or both."""
        yield from self.bar.guarded(self._run(branch, values, self.tools.session(request)))

    def _run(self, choice: str, values: tuple[Any, ...], session: Session) -> Iterator[Update]:
        yield self.bar.show("running", "Starting")
        config = config_of(dict(zip(self.fields, values, strict=True)))
        branches = running.branches_of(choice, session.has_robust)
        if running.needs_degrading(session):
            yield self.bar.show("running", "Degrading the photo")
            running.degraded(session)
        part, of_what = session.photo_part(), session.photo_id()
        photo = {"photo": part, "photo_id": of_what}
        views: list[dict[str, Any]] = []
        results, receipts = [], []
        for branch in branches:
            doing = f"{view.TITLES[branch]}: asking points"
            for event, ticket in self.bar.follow(session, running.request(session, branch, config)):
                if event.kind == "partial":
                    shown = {self.shown: photo | {"views": [*views, view.partly(event.value, branch)]}}
                    yield self.bar.told(event, ticket, doing) | shown
                elif not event.state.terminal:
                    yield self.bar.told(event, ticket, doing)
            found = ticket.result()
            self.rates.learn(session.weights.label, found)
            results.append(found)
            receipts.append(ticket.receipt.as_dict() if ticket.receipt is not None else {})
            views.append(view.whole(found))
        outcome = Outcome(of_what, str(part.get("alt", "")), tuple(results), running.about(session, receipts))
        self._outcomes[session] = outcome
        yield self.bar.show("done", _done(results, config)) | {
            self.shown: photo | {"views": views},
            self.start: self._text(session, choice, config),
            self.tools.room.frame.receipt: receipt_line(receipts[-1], self.tools.room.frame.room),
            **{button: gr.Button(interactive=True) for button in self.downloads.values()},
        }

    def cancel(self, request: gr.Request) -> None:
        """Stop the page's search at its next tick."""
        self.bar.stop(self.tools.session(request))

    def forecast(self, branch: str, request: gr.Request, *values: Any) -> Update:
        """The button says how long it takes with the settings of now; a shown result is marked as older."""
        session = self.tools.session(request)
        config = config_of(dict(zip(self.fields, values, strict=True)))
        told: Update = {self.start: self._text(session, branch, config)}
        outcome = self._outcomes.get(session)
        if outcome is not None:
            same = all(r.config == config for r in outcome.results) and outcome.photo_id == session.photo_id()
            said = "The result below is of these settings" if same else "Settings changed since the result below"
            told[self.bar.state] = state_line("done" if same else "ready", said)
        return told

    def pick(self, event: gr.EventData, request: gr.Request) -> Iterator[Update]:
        """Put a clicked segment on the stage as a new object."""
        session = self.tools.session(request)
        data = event._data
        asked: Mapping[str, Any] = data if isinstance(data, Mapping) else json.loads(data or "{}")
        yield from self.bar.guarded(self._pick(session, asked))

    def _pick(self, session: Session, asked: Mapping[str, Any]) -> Iterator[Update]:
        number = asked.get("number")
        outcome = self._outcomes.get(session, Outcome())
        revision, name = running.add_object(
            session, outcome, str(asked.get("branch")), number if isinstance(number, int) else 0
        )
        yield self.bar.show("done", f"{name} is now an object of the photo above; undo takes it back")
        yield from self.tools.room.answer(session, revision)

    def download(self, key: str) -> Callable[..., Iterator[Update]]:
        """The handler of one download button."""

        def handler(request: gr.Request) -> Iterator[Update]:
            yield from self.bar.guarded(self._download(key, self.tools.session(request)))

        return handler

    def _download(self, key: str, session: Session) -> Iterator[Update]:
        outcome = self._outcomes.get(session)
        if outcome is None:
            raise BadInput("The download", "has no result yet", f'Press "{TITLE}" first')
        yield {self.file: None} | self.bar.show("running", "Writing the file")
        name, data = written(outcome, key)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(data)
            yield {self.file: str(path)} | self.bar.show("done", f"{name} is ready")

    def _text(self, session: Session, branch: str, config: EverythingConfig) -> Any:
        weights = session.weights
        return gr.Button(self._button(branch, config, weights.label, weights.path is None, session.has_robust))

    def _button(
        self, branch: str, config: EverythingConfig, weights: str, embedded: bool, has_robust: bool = True
    ) -> str:
        branches = running.branches_of(branch, has_robust)
        seconds = self.rates.seconds(weights, embedded, branches, config.prompts)
        if seconds is None:
            return f"{TITLE} - time not known yet"
        return f"{TITLE} - about {seconds_text(seconds)}"


def written(outcome: Outcome, key: str) -> tuple[str, bytes]:
    """(file name, bytes) of a result as csv, coco or png; of two models the PNG is that of the last."""
    photo = str(outcome.about.get("photo") or "photo")
    if key == "csv":
        return download_name(photo, "_everything.csv"), view.as_csv(outcome.results)
    if key == "coco":
        return download_name(photo, "_everything.json"), view.as_coco(outcome.results, photo, outcome.about)
    found = outcome.results[-1]
    return download_name(photo, f"_everything_{found.branch}.png"), view.as_png(found, outcome.about)


def config_of(values: Mapping[str, Any]) -> EverythingConfig:
    """The settings of the page's controls, checked. Raises BadPrompt."""
    whole = ("points_per_side", "min_area", "crop_layers")
    read: dict[str, Any] = {}
    for name, value in values.items():
        if name == "max_percent":
            read["max_share"] = float(value) / 100 if value is not None else None
        elif name in whole and isinstance(value, float) and value == int(value):
            read[name] = int(value)
        else:
            read[name] = value
    return EverythingConfig(**read).checked()


def _done(results: list[Any], config: EverythingConfig) -> str:
    spent = sum(found.milliseconds for found in results) / 1000
    counts = ", ".join(f"{view.TITLES[found.branch]} {view.counted(len(found.segments))}" for found in results)
    return f"{counts} from {config.prompts} points in {seconds_text(spent)}"


def _controls() -> tuple[gr.Radio, dict[str, Any]]:
    """The model choice and one component a setting, by the setting's name."""
    help_of = helps()

    def share(name: str, label: str, most: float = 1.0, step: float = 0.01) -> gr.Slider:
        value = getattr(DEFAULT, name)
        return gr.Slider(0, most, value=value, step=step, label=label, info=help_of[name], min_width=190)

    fields: dict[str, Any] = {}
    with gr.Row(elem_classes="ev-controls"):
        branch = gr.Radio(CHOICES, value="robust", label="Model", info="Who segments the photo above.", min_width=230)
        fields["points_per_side"] = gr.Slider(
            LEAST_POINTS,
            MOST_POINTS,
            value=DEFAULT.points_per_side,
            step=1,
            label="Points a side",
            info=help_of["points_per_side"],
            min_width=190,
        )
        fields["iou_threshold"] = share("iou_threshold", "Predicted IoU, at least")
        fields["stability_threshold"] = share("stability_threshold", "Stability, at least")
        fields["min_area"] = gr.Number(
            DEFAULT.min_area,
            label="Smallest area (px)",
            info=help_of["min_area"],
            precision=0,
            minimum=0,
            min_width=170,
        )
    more = gr.Accordion("More settings: masks a point, overlap, crops", open=False, elem_classes="v-more")
    with more, gr.Row(elem_classes="ev-controls"):
        fields["candidates"] = gr.Radio(
            [("One", "single"), ("Three", "multi")],
            value=DEFAULT.candidates,
            label="Masks a point",
            info=help_of["candidates"],
            min_width=190,
        )
        fields["stability_offset"] = share("stability_offset", "Stability offset (logits)", 3.0, 0.1)
        fields["nms_threshold"] = share("nms_threshold", "Repetition: overlap IoU above")
        fields["suppression"] = gr.Radio(
            [("Masks", "mask"), ("Boxes", "box")],
            value=DEFAULT.suppression,
            label="Overlap of",
            info=help_of["suppression"],
            min_width=190,
        )
        fields["max_percent"] = gr.Slider(
            0,
            100,
            value=100 * DEFAULT.max_share,
            step=1,
            label="Largest area (% of the photo)",
            info="Masks that cover more of the photo are dropped.",
            min_width=190,
        )
        fields["overlap"] = gr.Radio(
            [("Keep nested", "nested"), ("One a pixel", "flat")],
            value=DEFAULT.overlap,
            label="Overlapping masks",
            info=help_of["overlap"],
            min_width=190,
        )
        fields["crop_layers"] = gr.Slider(
            0,
            MOST_LAYERS,
            value=DEFAULT.crop_layers,
            step=1,
            label="Crop layers",
            info=help_of["crop_layers"],
            min_width=190,
        )
        fields["crop_overlap"] = share("crop_overlap", "Overlap of crops (share)", 0.8)
    return branch, fields
