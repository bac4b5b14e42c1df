"""The distractor room: components and wiring. hugs_handlers acts, hugs_view shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app import service, theme
from app.frame import SAVE_FILES, Frame, Update
from app.markup import markup
from app.panels import hugs_api as api
from app.panels import hugs_controls as controls
from app.panels import hugs_examples as examples
from app.panels.hugs_given import count_of, fraction_of
from app.panels.hugs_handlers import Handlers
from app.panels.hugs_session import STEPS, Session
from app.panels.hugs_work import Room
from app.room import EVERY, LAST, LIVE
from models.method import Method

TITLES = dict(zip(STEPS, ("Load", "SfM", "Residual", "Segments", "Fused", "Export", "Compare"), strict=True))
SHORTCUTS = (
    ("Left and right arrow", "previous, next photo"),
    ("Tab, then arrow keys", "move a cross on the picture; with Ctrl one pixel at a time"),
    ("Enter, click", "use the tool where the cross or the pointer is"),
    ("w / m / s / a", "tool: why, moves, static, back to the vote"),
    ("z / y", "undo / redo a correction"),
)
"""What the list under ? says of this room."""


def build(method: Method) -> None:
    """Draw the room inside the current tab and connect it."""
    first = examples.first()
    frame = Frame(method, first=first.sentence)
    with frame.inputs:
        drawn = controls.Controls(first.images)
    with frame.stage:
        with gr.Tabs(elem_classes="v-tools hg-steps", elem_id="hugs-steps", selected="fused") as steps:
            tabs = {step: _tab(step) for step in STEPS}
        stage = gr.HTML(
            value=first.message,
            html_template='<div class="hg"></div>',
            js_on_load=theme.script("hugs.js"),
            apply_default_css=False,
            padding=False,
            elem_id="hugs-stage",
        )
        film = markup(first.film, elem_id="hugs-film")
    with frame.results:
        scores = markup(first.scores, elem_classes="hg", elem_id="hugs-scores")
    room = Room(frame, service.Sessions(Session, weigh=Session.held_bytes), stage, film, scores)
    wired = Wiring(room, Handlers(room), drawn)
    for step, tab in tabs.items():
        tab.select(None, None, None, js=_opened(step), api_visibility="private")
    # One event for all tabs: of steps opened in quick succession the last one stays.
    steps.select(wired.step_opened, None, room.outputs, **LAST)
    wired.connect()
    api.bind()


def _tab(step: str) -> gr.Tab:
    with gr.Tab(TITLES[step], id=step, elem_id=f"hugs-step-{step}") as tab:
        pass
    return tab


def _opened(step: str) -> str:
    """The script that shows a step's controls; the server is not asked."""
    return f"() => {{ document.getElementById('room-hugs').dataset.step = '{step}'; }}"


@dataclass(frozen=True)
class Wiring:
    """Binds the controls to what they do."""

    room: Room
    handlers: Handlers
    controls: controls.Controls

    def bound(self, name: str, *fixed: Any) -> Callable[..., Iterator[Update]]:
        """The handler called ``name`` as gradio calls it: the page's request, then the inputs."""
        handler = getattr(self.handlers, name)

        def run(request: gr.Request, *given: Any) -> Iterator[Update]:
            yield from handler(self.room.session(request), *fixed, *given)

        return run

    def step_opened(self, request: gr.Request, event: gr.SelectData) -> Iterator[Update]:
        """The stage of the step whose tab was opened."""
        step = next(step for step, title in TITLES.items() if title == event.value)
        yield from self.handlers.open_step(self.room.session(request), step)

    def connect(self) -> None:
        """All events of the room."""
        given, room, out = self.controls, self.room, self.room.outputs
        room.stage.act(self._acted, None, [*out, given.tool], **EVERY)
        given.tool.input(self.bound("tool"), [given.tool], out, **LAST)
        given.undo.click(self.bound("undo"), None, out, **EVERY)
        given.redo.click(self.bound("redo"), None, out, **EVERY)
        given.spread.click(self.bound("propagate"), [given.reach], out, **LAST)
        room.frame.cancel.click(room.cancel, None, None, **LIVE, queue=False)
        self._knobs()
        loaded = [*out, *given.capture_bound]
        given.example.click(self._fitted("example"), None, loaded, **LAST)
        given.load.click(self._fitted("load"), [given.files, given.path, given.frames], loaded, **LAST)
        given.find.click(self.bound("structure"), [given.keep_poses, given.with_masks], out, **LAST)
        training = [given.steps, given.side, given.seed]
        given.train.click(self.bound("residual"), training, out, **LAST)
        given.enough.click(self._enough, None, None, **LIVE, queue=False)
        sources = [given.source, given.prompt, given.split, given.sam, given.sam_path]
        given.segment.click(self.bound("segments"), sources, out, **LAST)
        given.source.change(given.wants_file, [given.source], [given.own], **LIVE)
        comparison = [given.which, given.compare_steps, given.side, given.seed]
        given.compare.click(self.bound("compare"), comparison, out, **LAST)
        masks = [given.own_files, given.own_path, given.own_kind]
        given.own_use.click(self.bound("own_masks"), masks, out, **LAST)
        given.own_drop.click(self.bound("fused_masks"), None, out, **LAST)
        given.nerfacto.click(self.bound("nerfacto"), [given.nerfacto_steps], out, **LAST)
        for button, name, inputs in (
            (given.export, "export", [given.formats, given.full_size]),
            (given.keep, "keep", []),
        ):
            button.click(self._saved(name), inputs, [*out, room.frame.file], **LAST).then(
                None, [room.frame.file], None, js=SAVE_FILES, api_visibility="private"
            )

    def _knobs(self) -> None:
        given, out = self.controls, self.room.outputs
        knobs = list(given.knobs.values())
        count, share = given.knobs["track_threshold"], given.fraction
        for knob in knobs:
            knob.input(self.bound("knob"), knobs, out, **LAST)
            settled = knob.release if isinstance(knob, gr.Slider) else knob.input
            settled(self.bound("settle"), None, out, **LAST)
        count.input(self._share, [count], [share], **LAST)
        share.input(self._count, [share], [count], **LAST).then(self.bound("knob"), knobs, out, **LAST)
        share.release(self.bound("settle"), None, out, **LAST)
        given.reset.click(self._defaults, None, [*knobs, share], **LAST).then(
            self.bound("knob"), knobs, out, **LAST
        ).then(self.bound("settle"), None, out, **LAST)

    def _defaults(self, request: gr.Request) -> list[Any]:
        work = self.room.session(request).work
        values = self.controls.defaults(work)
        return [*values, fraction_of(values[0], len(work.names))]

    def _acted(self, event: gr.EventData, request: gr.Request) -> Iterator[Update]:
        session = self.room.session(request)
        for update in self.handlers.act(session, event._data):
            yield {**update, self.controls.tool: session.tool}

    def _enough(self, request: gr.Request) -> None:
        self.handlers.stop_early(self.room.session(request))

    def _share(self, count: float, request: gr.Request) -> float:
        return fraction_of(count, len(self.room.session(request).work.names))

    def _count(self, share: float, request: gr.Request) -> int:
        return count_of(share, len(self.room.session(request).work.names))

    def _fitted(self, name: str) -> Callable[..., Iterator[Update]]:
        """A handler after which the controls fit another capture."""
        handler = getattr(self.handlers, name)

        def run(request: gr.Request, *given: Any) -> Iterator[Update]:
            session = self.room.session(request)
            before = session.work
            for update in handler(session, *given):
                fits = self.controls.fit(session.work) if session.work is not before else {}
                yield {**update, **fits}

        return run

    def _saved(self, name: str) -> Callable[..., Iterator[Update]]:
        """A handler that leaves a file to be downloaded."""
        handler = getattr(self.handlers, name)

        def run(request: gr.Request, *given: Any) -> Iterator[Update]:
            session = self.room.session(request)
            session.exported = ""
            for update in handler(session, *given):
                yield {**update, self.room.frame.file: session.exported} if session.exported else update

        return run
