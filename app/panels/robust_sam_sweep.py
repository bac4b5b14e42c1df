"""The "Severity" tab: how far both models follow one object while the photo gets worse."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import gradio as gr

from app import theme
from app.frame import Update
from app.guard.errors import BadInput
from app.guard.paths import download_name
from app.panels import robust_sam_sweep_plot as plot
from app.panels import robust_sam_sweep_truth as truths
from app.panels.robust_sam_handlers import Bound, checked_degradation
from app.panels.robust_sam_session import Session
from app.panels.robust_sam_sweep_run import Bar, asked_prompts
from app.panels.robust_sam_tools import Tools
from app.room import LIVE
from app.wording import seconds_text
from models.parts.degradations import KINDS, MAX_SEVERITY, TITLES
from models.robust_sam import sweep_export
from models.robust_sam.sweep_types import BRANCH_TITLES, SEVERITIES, Branch, Partial, Point, Reference, SweepResult

if TYPE_CHECKING:
    from models.robust_sam.sweep import Truth
    from models.runtime import Job

Mode = Literal["severity", "radar"]
MOST_SEEDS = 5
FIRST = f"A sweep takes {len(SEVERITIES)} pictures, all kinds take {len(KINDS)}: about 0.1 s each"
AUTOMATIC, OWN, FILE = "auto", "own", "file"
CHOICES = [
    ("Best known mask", AUTOMATIC),
    ("Own clean-photo masks", OWN),
    ("My mask file", FILE),
]


def build(tools: Tools) -> None:
    """Draw the tool inside the current tab and connect it."""
    SweepTool(tools)


class SweepTool:
    """Its components and event handlers."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self._room = Bound(tools.room, tools.sessions)
        with gr.Row(elem_classes="sw-controls"):
            self.kind = gr.Dropdown(
                [(TITLES[kind], kind) for kind in KINDS],
                value="fog",
                label="Degradation",
                info="Grows along the curve.",
                filterable=False,
                min_width=150,
            )
            self.severity = gr.Slider(
                0.05,
                MAX_SEVERITY,
                value=1.0,
                step=0.05,
                label="Severity",
                info="For all kinds at once.",
                min_width=190,
            )
            self.seeds = gr.Slider(
                1, MOST_SEEDS, value=1, step=1, label="Seeds", info="Several: mean, range.", min_width=160
            )
            self.reference = gr.Dropdown(
                CHOICES, value=AUTOMATIC, label="Reference", info="What the masks are compared with.", min_width=210
            )
        self.file = gr.File(
            label="True mask, white on black, of the photo's size", visible=False, file_types=["image"], height=110
        )
        with gr.Row(elem_classes="sw-go"):
            sweep = gr.Button("Sweep severity", variant="primary", size="sm", scale=0, min_width=150)
            every = gr.Button(f"Compare all {len(KINDS)} kinds", size="sm", scale=0, min_width=180)
        self.bar = Bar(FIRST)
        self.shown = gr.HTML(
            first(),
            js_on_load=theme.script("sweep.js"),
            apply_default_css=False,
            padding=False,
            elem_id="robust_sam-sweep",
            elem_classes="sw-shown",
        )
        self._connect(sweep, every)

    def _connect(self, sweep: gr.Button, every: gr.Button) -> None:
        inputs = [self.kind, self.severity, self.seeds, self.reference, self.file]
        outputs = [*self.bar.outputs, self.shown, self.reference]
        sweep.click(self.sweep, inputs, outputs, **LIVE)
        every.click(self.radar, inputs, outputs, **LIVE)
        self.bar.cancel.click(self.cancel, None, None, **LIVE, queue=False)
        self.reference.focus(self.choices, [self.reference], [self.reference], **LIVE)
        self.reference.change(self.wants_file, [self.reference], [self.file], **LIVE)
        room = self.tools.room
        self.shown.act(self.open, None, [*room.frame.outputs, room.stage, *room.controls], **LIVE)

    def sweep(
        self, kind: str, severity: float, seeds: float, reference: str, file: str | None, request: gr.Request
    ) -> Iterator[Update]:
        """The severity sweep of one kind."""
        yield from self.bar.guarded(self._run("severity", kind, severity, seeds, reference, file, request))

    def radar(
        self, kind: str, severity: float, seeds: float, reference: str, file: str | None, request: gr.Request
    ) -> Iterator[Update]:
        """All kinds at one severity."""
        yield from self.bar.guarded(self._run("radar", kind, severity, seeds, reference, file, request))

    def _run(
        self,
        mode: Mode,
        kind: str,
        severity: float,
        seeds: float,
        reference: str,
        file: str | None,
        request: gr.Request,
    ) -> Iterator[Update]:
        session = self.tools.session(request)
        yield self.bar.show("running", "Starting")
        job = sweep_request(session, mode, kind, severity, int(seeds), reference, file)
        about = about_of(session)
        severity = round(float(severity), 3)
        for event, ticket in self.bar.follow(session, job):
            if event.kind == "partial":
                yield self.bar.told(event, ticket, "Measuring") | {
                    self.shown: partly(event.value, mode, severity, about)
                }
            elif not event.state.terminal:
                yield self.bar.told(event, ticket, "Measuring")
        result: SweepResult = ticket.result()
        receipt = ticket.receipt.as_dict() if ticket.receipt is not None else {}
        done = f"{len(result.points) * len(result.seeds)} pictures in {seconds_text(result.milliseconds / 1000)}"
        yield self.bar.show("done", done) | {
            self.shown: whole(result, severity, about | {"receipt": receipt}),
            self.reference: gr.Dropdown(choices=self._choices(session), value=reference),
        }

    def cancel(self, request: gr.Request) -> None:
        """Stop the page's sweep at its next tick."""
        self.bar.stop(self.tools.session(request))

    def choices(self, chosen: str, request: gr.Request) -> Any:
        """The references that exist for the photo of now."""
        found = self._choices(self.tools.session(request))
        known = {value for _, value in found}
        return gr.Dropdown(choices=found, value=chosen if chosen in known else AUTOMATIC)

    def _choices(self, session: Session) -> list[tuple[str, str]]:
        if session.photo is None:
            return CHOICES
        known = truths.known(session.photo)
        return [
            *CHOICES,
            *((f"{i + 1}. {truth.title}", f"{session.photo.digest} {i}") for i, truth in enumerate(known)),
        ]

    def wants_file(self, chosen: str) -> Any:
        """The place for a mask file is there when one is wanted."""
        return gr.File(visible=chosen == FILE)

    def open(self, event: gr.EventData, request: gr.Request) -> Iterator[Update]:
        """Set the room's controls to a clicked picture and show it on the stage."""
        data = event._data
        asked: Mapping[str, Any] = data if isinstance(data, Mapping) else json.loads(data or "{}")
        wanted = checked_degradation(asked.get("kind"), asked.get("severity"), asked.get("seed"))
        yield dict(zip(self.tools.room.controls, (wanted.kind, wanted.severity, wanted.seed), strict=True))
        yield from self._room.degrade(wanted.kind, wanted.severity, wanted.seed, request)


def sweep_request(
    session: Session,
    mode: Mode,
    kind: str,
    severity: float,
    seeds: int,
    reference: str,
    file: str | None,
    severities: Sequence[float] = SEVERITIES,
) -> Job:
    """The job of one press; the first seed is that of the session's degradation.

    Raises BadInput when there is no object, or the reference cannot be used.
    """
    prompts = asked_prompts(session)
    photo, weights = session.photo, session.weights
    if photo is None:
        raise BadInput("The photo", "is missing", "Open one first")
    if not 1 <= seeds <= MOST_SEEDS:
        raise BadInput("The seeds", f"are {seeds}", f"Choose 1 to {MOST_SEEDS}")
    checked_degradation(kind, severity, 0)
    from models.robust_sam import sweep

    first = session.degradation.seed
    rest: dict[str, Any] = {
        "seeds": range(first, first + seeds),
        "truths": _truths(session, reference, file),
        "checkpoint": weights.name,
        "path": weights.path,
    }
    if mode == "severity":
        return sweep.sweep_job(session.user, photo.image, photo.digest, prompts, kind, severities, **rest)
    return sweep.radar_job(session.user, photo.image, photo.digest, prompts, float(severity), **rest)


def _truths(session: Session, reference: str, file: str | None) -> tuple[Truth, ...]:
    """The true masks a choice stands for; none means each model's own clean-photo mask."""
    from models.robust_sam.sweep import Truth

    photo = session.photo
    if photo is None or reference == OWN:
        return ()
    if reference == FILE:
        if not file:
            raise BadInput("The mask file", "is missing", "Upload one, or choose another reference")
        path = Path(file)
        known: tuple[truths.Known, ...] = (truths.read_truth(path, path.name, photo.size),)
    elif reference == AUTOMATIC:
        known = truths.fitting(photo, session.history.now.current)
    else:
        digest, _, number = reference.partition(" ")
        everything = truths.known(photo)
        if digest != photo.digest or not number.isdigit() or int(number) >= len(everything):
            raise BadInput("The reference", "belongs to another photo", "Choose one from the list again")
        known = (everything[int(number)],)
    return tuple(Truth(truth.title, truth.mask) for truth in known)


def about_of(session: Session) -> dict[str, Any]:
    """What the figures are of: photo, object, prompts."""
    thing = session.history.now.current
    return {
        "photo": session.photo.name if session.photo is not None else "",
        "object": thing.name,
        "prompts": {
            "points": [[point.x, point.y, point.label] for point in thing.points],
            "box": list(thing.box) if thing.box else None,
        },
        "weights": session.weights.label,
    }


def first() -> str:
    """What is there before the first press: the empty axes, and what they will show."""
    said = (
        "<p class='sw-caption'>How far do both models still find the object above when the photo gets worse? The curve "
        "grows point by point. Where the true mask is known (the shipped examples), IoU is accuracy; on photos of "
        "yours each model is compared with its own mask of the clean photo, which shows consistency only.</p>"
    )
    return f'<div class="sw-frame">{said}{plot.curve((), None)}</div>'


def partly(partial: Partial, mode: Mode, severity: float, about: Mapping[str, Any]) -> str:
    """A sweep under way."""
    drawn = _drawn(partial.points, partial.reference, mode, severity, partial.total)
    head = _caption(mode, partial.points, severity, about, partial.reference.title)
    return f'<div class="sw-frame" aria-busy="true">{head}{drawn}</div>'


def whole(result: SweepResult, severity: float, about: Mapping[str, Any]) -> str:
    """A finished sweep with its figures to save."""
    drawn = _drawn(result.points, result.reference, result.mode, severity, len(result.points))
    head = _caption(result.mode, result.points, severity, about, result.reference.title)
    return f'<div class="sw-frame">{head}{drawn}{_saves(result, about)}</div>'


def _drawn(points: tuple[Point, ...], reference: Reference, mode: Mode, severity: float, total: int) -> str:
    pictures = plot.strip(points, reference, mode)
    if mode == "radar":
        drawn = plot.bars(points, reference, severity, total)
        return f'<div class="sw-body">{drawn}<div class="sw-side">{pictures}</div></div>{_folded(points, mode)}'
    values = f'<div class="sw-side">{_table(points, mode)}</div>'
    film = f'<div class="sw-film">{pictures}</div>'
    return f'<div class="sw-body">{plot.curve(points, reference)}{values}</div>{film}'


def _caption(mode: Mode, points: tuple[Point, ...], severity: float, about: Mapping[str, Any], said: str) -> str:
    kind = TITLES[points[0].kind] if mode == "severity" and points else f"All degradations at severity {severity:g}"
    thing = f"{about['object']} in {about['photo']}, {about['weights']} weights"
    return f"<p class='sw-caption'><b>{kind}</b> {html.escape(thing)}. Reference: {html.escape(said)}.</p>"


def _folded(points: tuple[Point, ...], mode: Mode) -> str:
    return f'<details class="sw-values"><summary>Values</summary>{_table(points, mode)}</details>'


def _table(points: tuple[Point, ...], mode: Mode) -> str:
    if not points:
        return ""
    shown = [branch for branch in plot.BRANCHES if branch in points[0].iou]
    heads = [*(BRANCH_TITLES[branch] for branch in shown), *(["Gain"] if len(shown) == 2 else [])]
    rows = [_row(f"{p.severity:g}" if mode == "severity" else TITLES[p.kind], [p], shown) for p in points]
    rows.append(_row("Mean", points, shown, "sw-mean"))
    first = "Severity" if mode == "severity" else "Degradation"
    head = f"<th scope='col' class='sw-first'>{first}</th>" + "".join(
        f"<th scope='col'>{title}</th>" for title in heads
    )
    return f"<table class='rs-table'><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(name: str, points: Sequence[Point], shown: Sequence[Branch], tone: str = "") -> str:
    means = [sum(point.mean(branch) for point in points) / len(points) for branch in shown]
    cells = [f"{mean:.3f}" for mean in means] + ([f"{means[1] - means[0]:+.3f}"] if len(means) == 2 else [])
    values = "".join(f"<td>{cell}</td>" for cell in cells)
    return f"<tr class='{tone}'><th scope='row'>{name}</th>{values}</tr>"


def _saves(result: SweepResult, about: Mapping[str, Any]) -> str:
    which = result.points[0].kind if result.mode == "severity" else "all_kinds"
    links = ""
    for title, suffix, kind, text in (
        ("CSV", "csv", "text/csv", sweep_export.as_csv(result)),
        ("JSON", "json", "application/json", sweep_export.as_json(result, about)),
    ):
        name = download_name(str(about["photo"]), f"_{which}_iou.{suffix}")
        data = base64.b64encode(text.encode("utf-8")).decode("ascii")
        links += (
            f'<a class="v-button" download="{html.escape(name)}" href="data:{kind};base64,{data}">Download {title}</a>'
        )
    return f'<div class="v-buttons sw-saves">{links}</div>'
