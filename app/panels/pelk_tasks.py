"""The pathfinder and segmentation tabs: pictures made by rule or drawn by hand, three kernel sizes side by side."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from app import theme
from app.frame import Update
from app.guard.errors import BadInput
from app.markup import markup
from app.panels import pelk_tasks_view as view
from app.panels.pelk_examples import Examples
from app.panels.pelk_kernel_view import pixel_address
from app.panels.pelk_session import Saved, Session
from app.panels.pelk_work import Room
from app.room import EVERY, LAST, guarded, receipt_of
from app.wording import seconds_text
from models.pelk import pipeline_drawings as drawings

if TYPE_CHECKING:
    from models.pelk.nano import Task

PALETTE = (
    ("#9e6b38", "wood"),
    ("#4c3319", "post"),
    ("#e6e6e6", "sill and frame"),
    ("#5980a6", "panel"),
    ("#1f1f1f", "skirting line"),
    ("#fff273", "lamp"),
)
MOST_SEEDS = 2**31 - 1
PICTURES = 100


def component(task: str, palette: tuple[tuple[str, str], ...], first: Mapping[str, Any]) -> gr.HTML:
    """The canvas to draw on. Event ``act``: {"strokes", "dots"} or {"paints", "seed"}, and {"seq"}."""
    settings = html.escape(json.dumps({"task": task, "side": drawings.SIDE, "palette": palette}), quote=True)
    return gr.HTML(
        value=dict(first),
        html_template=f'<div class="pd" data-settings="{settings}"></div>',
        js_on_load=theme.script("pelk_draw.js"),
        apply_default_css=False,
        padding=False,
        elem_id=f"pelk-draw-{task}",
    )


def sent(event: gr.EventData) -> Mapping[str, Any]:
    """What the canvas sent."""
    data = event._data
    return data if isinstance(data, Mapping) else json.loads(data or "{}")


def seed_of(value: float | None) -> int:
    """A seed from a number box. Raises BadInput."""
    if value is None or not 0 <= value <= MOST_SEEDS:
        raise BadInput("The seed", f"is {value}", f"Give 0 to {MOST_SEEDS}")
    return int(value)


class TaskTab:
    """What both tabs share: the canvas beside the answers, and the score of new pictures below."""

    task: ClassVar[Task]

    def __init__(self, room: Room, canvas: gr.HTML, answers: gr.HTML, score: gr.Button, scores: gr.HTML) -> None:
        self.room, self.canvas, self.answers = room, canvas, answers
        self.score, self.scores = score, scores

    @property
    def outputs(self) -> list[Any]:
        """Components that an answer changes."""
        return [self.canvas, self.answers, *self.room.frame.outputs]

    def connect_score(self) -> None:
        """Bind the score button."""
        self.score.click(self.count, None, [self.scores, *self.room.frame.outputs], **EVERY)

    def count(self, request: gr.Request) -> Iterator[Update]:
        """Score new pictures."""
        yield from self._count(self.room.session(request))

    @guarded
    def _count(self, session: Session) -> Iterator[Update]:
        yield self.room.frame.show("running", "Starting")
        from models.pelk.pipeline_tasks import Scores, score_job

        job = score_job(session.user, self.task, PICTURES)
        ticket = yield from self.room.follow(
            session, job, "Scoring", lambda partial: {self.scores: view.score_table(partial, busy=True)}
        )
        scores: Scores = ticket.result()
        yield {self.scores: view.score_table(scores, busy=False)} | self.room.done(
            session, self.task, f"{scores.pictures} new pictures scored", receipt_of(ticket)
        )


def layout(task: str, palette: tuple[tuple[str, str], ...], first: Mapping[str, Any], answers: str) -> tuple[Any, ...]:
    """Canvas left, answers right, score below: (canvas, answers, score button, scores)."""
    with gr.Row(elem_classes="pt-body", equal_height=False):
        with gr.Column(scale=0, min_width=320, elem_classes="pt-left"):
            canvas = component(task, palette, first)
        with gr.Column(scale=1, min_width=320):
            shown = markup(answers, elem_id=f"pelk-answers-{task}")
    with gr.Row(elem_classes="sw-go"):
        score = gr.Button(f"Score {PICTURES} new pictures", size="sm", scale=0, min_width=190)
    scores = markup("", elem_id=f"pelk-scores-{task}")
    return canvas, shown, score, scores


class PathControls:
    """Settings of new pictures."""

    def __init__(self) -> None:
        with gr.Group(elem_classes="v-group"):
            markup("<h3>Picture</h3>", elem_classes="v-group-title")
            lengths = drawings.LENGTHS
            self.length = gr.Slider(
                lengths[0], lengths[-1], value=12, step=1, label="Length (dashes)", info="Longer: farther to follow."
            )
            self.seed = gr.Number(
                1, label="Seed", info="Equal seeds, equal pictures.", precision=0, minimum=0, maximum=MOST_SEEDS
            )
            self.new = gr.Button("New picture", variant="primary", size="sm")


class PathTab(TaskTab):
    """Follow the curve."""

    task = "pathfinder"

    def __init__(self, room: Room, controls: PathControls, kept: Examples) -> None:
        self.controls = controls
        example = kept.message("pathfinder")
        first = example["canvas"] if example else self._sampled(1, 12)[1]
        shown = example["answers"] if example else view.waiting("Press New picture, or draw.")
        super().__init__(room, *layout("pathfinder", (), first, shown))

    def connect(self) -> None:
        """Bind the events."""
        self.canvas.act(self.draw, None, self.outputs, **LAST)
        c = self.controls
        c.new.click(self.fresh, [c.seed, c.length], [c.seed, *self.outputs], **LAST)
        for part in (c.seed.submit, c.length.release):
            part(self.sample, [c.seed, c.length], self.outputs, **LAST)
        self.connect_score()

    @staticmethod
    def _sampled(seed: int, length: int) -> tuple[NDArray[np.float32], dict[str, Any], bool]:
        image, drawing, truth = drawings.sampled_path(seed, length)
        return image, path_message(image, drawing, f"{seed} {length}", 0), truth

    def fresh(self, seed: float | None, length: float, request: gr.Request) -> Iterator[Update]:
        """The next picture."""
        following = (int(seed or 0) + 1) % MOST_SEEDS
        yield {self.controls.seed: following}
        yield from self._sample(self.room.session(request), following, length)

    def sample(self, seed: float | None, length: float, request: gr.Request) -> Iterator[Update]:
        """The picture of the controls."""
        yield from self._sample(self.room.session(request), seed, length)

    @guarded
    def _sample(self, session: Session, seed: float | None, length: float) -> Iterator[Update]:
        image, told, truth = self._sampled(seed_of(seed), int(length))
        yield {self.canvas: told} | self.room.frame.show("running", "Following the curve")
        yield from self._answer(session, image, told, truth)

    def draw(self, event: gr.EventData, request: gr.Request) -> Iterator[Update]:
        """A drawing of the user's."""
        yield from self._draw(self.room.session(request), sent(event))

    @guarded
    def _draw(self, session: Session, given: Mapping[str, Any]) -> Iterator[Update]:
        drawing = drawings.drawing_of(given.get("strokes"), given.get("dots"))
        image = drawing.image()
        told = path_message(image, drawing, "drawing", int(given.get("seq") or 0))
        yield {self.canvas: told} | self.room.frame.show("running", "Following the curve")
        yield from self._answer(session, image, told, None)

    def _answer(
        self, session: Session, image: NDArray[np.float32], told: Mapping[str, Any], truth: bool | None
    ) -> Iterator[Update]:
        from models.pelk.pipeline_tasks import path_job

        ticket = yield from self.room.follow(session, path_job(session.user, image), "Following the curve")
        answers, receipt = ticket.result(), receipt_of(ticket)
        session.saved["pathfinder"] = path_files(image, answers, told, truth, receipt)
        said = _agreement([a.joined >= 0.5 for a in answers])
        yield {self.answers: view.path_cards(image, answers, truth)} | self.room.done(session, self.task, said, receipt)


def path_message(image: NDArray[np.float32], drawing: drawings.Drawing, sample: str, seq: int) -> dict[str, Any]:
    """What the canvas gets."""
    alt = f"{len(drawing.strokes)} dashed curves and two dots, {drawings.SIDE} x {drawings.SIDE} pixels"
    picture = pixel_address(view.grey(image))
    return {"image": picture, **drawing.as_dict(), "sample": sample, "seq": seq, "alt": alt}


def path_files(
    image: NDArray[np.float32], answers: Any, told: Mapping[str, Any], truth: bool | None, receipt: Mapping[str, Any]
) -> Saved:
    """CSV, JSON and PNG of an answer."""
    rows = [
        {
            "network": a.label.title,
            "parameters": a.label.parameters,
            "one_curve_probability": round(a.joined, 6),
            "truth": "" if truth is None else int(truth),
            "milliseconds": round(a.milliseconds, 2),
        }
        for a in answers
    ]
    about = {"task": "pathfinder", "strokes": told["strokes"], "dots": told["dots"], "receipt": dict(receipt)}
    tiles = [("Picture", "", view.grey(image))] + [
        (a.label.title, f"one curve: {100 * a.joined:.0f} %", view.traced(image, a)) for a in answers
    ]
    return view.saved("pelk_pathfinder", about, rows, tiles)


def _agreement(verdicts: list[bool]) -> str:
    if len(set(verdicts)) == 1:
        return f"All three say {'one curve' if verdicts[0] else 'two curves'}"
    return "The networks disagree"


class RoomControls:
    """Settings of new rooms."""

    def __init__(self) -> None:
        with gr.Group(elem_classes="v-group"):
            markup("<h3>Room</h3>", elem_classes="v-group-title")
            self.seed = gr.Number(
                1, label="Seed", info="Equal seeds, equal rooms.", precision=0, minimum=0, maximum=MOST_SEEDS
            )
            self.new = gr.Button("New room", variant="primary", size="sm")
            markup(
                "<p class='pk-under'>Floor or wall: the skirting line tells. Table or shelf: its posts. Door or "
                "window: its lower end. Bed or crate: is there a lamp.</p>"
            )


class RoomTab(TaskTab):
    """What is what in a room whose textures are ambiguous."""

    task = "segmentation"

    def __init__(self, room: Room, controls: RoomControls, kept: Examples) -> None:
        self.controls = controls
        example = kept.message("segmentation")
        first = example["canvas"] if example else room_message(drawings.sampled_room(1)[0], (), 1, 0)
        shown = example["answers"] if example else view.waiting("Press New room, or paint.")
        super().__init__(room, *layout("segmentation", PALETTE, first, shown))

    def connect(self) -> None:
        """Bind the events."""
        self.canvas.act(self.draw, None, self.outputs, **LAST)
        c = self.controls
        c.new.click(self.fresh, [c.seed], [c.seed, *self.outputs], **LAST)
        c.seed.submit(self.sample, [c.seed], self.outputs, **LAST)
        self.connect_score()

    def fresh(self, seed: float | None, request: gr.Request) -> Iterator[Update]:
        """The next room."""
        following = (int(seed or 0) + 1) % MOST_SEEDS
        yield {self.controls.seed: following}
        yield from self._paint(self.room.session(request), {"seed": following})

    def sample(self, seed: float | None, request: gr.Request) -> Iterator[Update]:
        """The room of the controls."""
        yield from self._paint(self.room.session(request), {"seed": seed})

    def draw(self, event: gr.EventData, request: gr.Request) -> Iterator[Update]:
        """A room painted over by the user."""
        yield from self._paint(self.room.session(request), sent(event))

    @guarded
    def _paint(self, session: Session, given: Mapping[str, Any]) -> Iterator[Update]:
        seed = seed_of(given.get("seed"))
        paints = drawings.paints_of(given.get("paints") or [])
        image, truth = drawings.sampled_room(seed)
        shown = drawings.painted_room(image, paints)
        known = None if paints else truth
        told = room_message(shown, paints, seed, int(given.get("seq") or 0))
        yield {self.canvas: told} | self.room.frame.show("running", "Segmenting")
        from models.pelk.pipeline_tasks import room_job

        ticket = yield from self.room.follow(session, room_job(session.user, shown, known), "Segmenting")
        answers, receipt = ticket.result(), receipt_of(ticket)
        session.saved["segmentation"] = room_files(shown, answers, known, told, receipt)
        slowest = seconds_text(max(answer.milliseconds for answer in answers) / 1000)
        yield {self.answers: view.room_cards(shown, answers, known)} | self.room.done(
            session, self.task, f"Segmented, at most {slowest} a network", receipt
        )


def room_message(image: NDArray[np.float32], paints: Any, seed: int, seq: int) -> dict[str, Any]:
    """What the canvas gets."""
    strokes = [
        {"color": "#{:02x}{:02x}{:02x}".format(*p.color), "width": p.width, "path": [list(q) for q in p.path]}
        for p in paints
    ]
    picture = pixel_address(view.colored(image))
    alt = f"A room made with seed {seed}, {len(strokes)} strokes painted on it"
    return {"image": picture, "paints": strokes, "seed": seed, "sample": str(seed), "seq": seq, "alt": alt}


def room_files(
    image: NDArray[np.float32],
    answers: Any,
    truth: NDArray[np.int64] | None,
    told: Mapping[str, Any],
    receipt: Mapping[str, Any],
) -> Saved:
    """CSV, JSON and PNG of an answer."""
    rows = [
        {
            "network": a.label.title,
            "parameters": a.label.parameters,
            "mean_iou": "" if a.miou is None else round(a.miou, 4),
            "pixel_accuracy": "" if a.accuracy is None else round(a.accuracy, 4),
            "milliseconds": round(a.milliseconds, 2),
        }
        for a in answers
    ]
    about = {"task": "segmentation", "seed": told["seed"], "paints": told["paints"], "receipt": dict(receipt)}
    tiles = [("Picture", "", view.colored(image))]
    tiles += [] if truth is None else [("True classes", "", view.class_picture(truth))]
    tiles += [
        (a.label.title, "" if a.miou is None else f"mean IoU {a.miou:.2f}", view.class_picture(a.classes))
        for a in answers
    ]
    return view.saved("pelk_segmentation", about, rows, tiles)
