"""The kernel and speed tabs and their controls: settings in, a design or a measurement out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple
from functools import partial
from typing import Any

import gradio as gr

from app import theme
from app.frame import Update
from app.guard.errors import BadInput
from app.markup import markup
from app.panels import pelk_kernel_view, pelk_speed_view
from app.panels.pelk_examples import Examples
from app.panels.pelk_files import Files, exported_kernel
from app.panels.pelk_session import Session
from app.panels.pelk_work import Room
from app.room import EVERY, LAST, guarded, receipt_of
from models.pelk import export
from models.pelk.designer import LARGEST, LARGEST_CENTRE, LEAST_BASE, MOST_BASE, SMALLEST, KernelSpec, design
from models.pelk.designer_embedding import Form, identity

EXTRA = ("npz", "npy", "py", "onnx")
"""Forms beside those of the foot."""


class Controls:
    """The settings of the designer, drawn where it is made."""

    def __init__(self, first: KernelSpec) -> None:
        with gr.Group(elem_classes="v-group"):
            markup("<h3>Kernel</h3>", elem_classes="v-group-title")
            self.kernel = gr.Slider(
                SMALLEST, LARGEST, value=first.kernel, step=2, label="Kernel size K (taps)", info="Odd, 3 to 151."
            )
            self.centre = gr.Slider(
                0,
                LARGEST_CENTRE,
                value=first.centre_radius,
                step=1,
                label="Centre radius (taps)",
                info="Cells of size 1 beside the centre. The paper takes 2; 3 for K = 101.",
            )
            self.base = gr.Slider(
                LEAST_BASE,
                MOST_BASE,
                value=first.base,
                step=0.1,
                label="Growth of the bins",
                info="Bins outside the centre are base, base², ... wide. The paper takes 2.",
            )
            self.merge = gr.Checkbox(
                first.merge_tail, label="Merge the tail", info="Joins a last bin of width 1 to its neighbour."
            )
            self.bins = gr.Textbox(
                first.bins,
                label="Own grid",
                placeholder="9,8,4,2,1,1,1,1,1,2,4,8,9",
                info="All bins of one axis; must sum to K. Empty: the rule above.",
                max_lines=2,
            )
            self.form = gr.Radio(
                [("None", "none"), ("Literal", "literal"), ("Masked", "masked")],
                value="literal",
                label="Positional embedding",
                info="Equation 3 as printed, or only under taps inside the image.",
            )
        with gr.Group(elem_classes="v-group"):
            markup("<h3>Feature map</h3>", elem_classes="v-group-title")
            with gr.Row(elem_classes="pk-numbers"):
                self.height = gr.Number(first.height, label="Height (px)", precision=0, minimum=1, min_width=70)
                self.width = gr.Number(first.width, label="Width (px)", precision=0, minimum=1, min_width=70)
                self.channels = gr.Number(first.channels, label="Channels", precision=0, minimum=1, min_width=70)
            self.seed = gr.Number(first.seed, label="Seed", info="Of the drawn weights.", precision=0, minimum=0)
            self.reset = gr.Button("Reset to the paper's K = 51", size="sm")

    @property
    def settings(self) -> list[Any]:
        """The components of a KernelSpec, in its order."""
        return [
            self.kernel,
            self.centre,
            self.base,
            self.merge,
            self.bins,
            self.height,
            self.width,
            self.channels,
            self.seed,
        ]


def spec_of(*values: Any) -> KernelSpec:
    """What the controls say; raises BadInput for what is no number."""
    kernel, centre, base, merge, bins, height, width, channels, seed = values
    whole = {
        "The kernel size": kernel,
        "The centre radius": centre,
        "The height of the map": height,
        "The width of the map": width,
        "The number of channels": channels,
        "The seed": seed,
    }
    for name, value in whole.items():
        if value is None or isinstance(value, str) or int(value) != value:
            raise BadInput(name, f"is {'empty' if value is None else value}", "Give a whole number")
    if base is None or isinstance(base, str):
        raise BadInput("The growth of the bins", "is empty", "Give a number from 1.5 to 3")
    return KernelSpec(
        int(kernel), int(centre), float(base), bool(merge), str(bins or ""), int(height), int(width), int(channels),
        int(seed),
    ).checked()  # fmt: skip


class KernelTab:
    """The designer's picture, table and exports."""

    def __init__(self, room: Room, controls: Controls, files: Files, examples: Examples) -> None:
        self.room, self.controls, self.files = room, controls, files
        first = design(examples.spec)
        self.shown = gr.HTML(
            pelk_kernel_view.drawn(first, identity(first, "literal")),
            js_on_load=theme.script("pelk_kernel.js"),
            apply_default_css=False,
            padding=False,
            elem_id="pelk-kernel",
        )
        with gr.Row(elem_classes="sw-go"):
            self.saves = {
                key: gr.Button(f"Save {export.FORMS[key].title}", size="sm", scale=0, min_width=110) for key in EXTRA
            }

    def connect(self) -> None:
        """Bind the events; call it inside the page, after everything is drawn."""
        inputs = [*self.controls.settings, self.controls.form]
        outputs = [self.shown, *self.room.frame.outputs]
        for component in inputs:
            # An emptied text box sends a change and no input.
            event = component.change if component is self.controls.bins else component.input
            event(self.redraw, inputs, outputs, **LAST, queue=False)
        self.controls.reset.click(self.reset, None, [*inputs, *outputs], **LAST, queue=False)
        for key, button in self.saves.items():
            self.files.connect(button, partial(exported_kernel, form=key))

    def redraw(self, request: gr.Request, *given: Any) -> Update:
        """The design the controls ask for: a KernelSpec's settings, then the form of the embedding."""
        *settings, form = given
        return self._redrawn(self.room.session(request), settings, form)

    def _redrawn(self, session: Session, settings: Sequence[Any], form: Form) -> Update:
        try:
            made = design(spec_of(*settings))
            told = pelk_kernel_view.drawn(made, identity(made, form))
        except BadInput as problem:
            return self.room.frame.fail(problem)
        with session.lock:
            session.spec = made.spec
        return {self.shown: told} | self.room.done(session, "kernel", pelk_kernel_view.summary(made))

    def reset(self, request: gr.Request) -> Update:
        """Everything as at the start."""
        values = astuple(KernelSpec())
        told = self._redrawn(self.room.session(request), values, "literal")
        return dict(zip(self.controls.settings, values, strict=True)) | {self.controls.form: "literal"} | told


class SpeedTab:
    """The live measurement of the design."""

    def __init__(self, room: Room, controls: Controls, examples: Examples) -> None:
        self.room, self.controls = room, controls
        with gr.Row(elem_classes="sw-go"):
            self.go = gr.Button("Time on this machine - 5 s", variant="primary", size="sm", scale=0, min_width=190)
        self.shown = markup(examples.speed(), elem_id="pelk-speed")

    def connect(self) -> None:
        """Bind the events."""
        outputs = [self.shown, *self.room.frame.outputs]
        self.go.click(self.time, self.controls.settings, outputs, **EVERY)

    def time(self, request: gr.Request, *settings: Any) -> Iterator[Update]:
        """Measure what the controls say."""
        yield from self._time(self.room.session(request), settings)

    @guarded
    def _time(self, session: Session, settings: Sequence[Any]) -> Iterator[Update]:
        spec = spec_of(*settings)
        yield self.room.frame.show("running", "Starting")
        from models.pelk.pipeline_timing import Timing, timing_job

        ticket = yield from self.room.follow(
            session,
            timing_job(session.user, spec),
            "Timing",
            lambda partial: {self.shown: pelk_speed_view.drawn(partial, busy=True)},
        )
        timing: Timing = ticket.result()
        receipt = receipt_of(ticket)
        session.saved["speed"] = pelk_speed_view.saved(timing, receipt)
        best = timing.fastest
        said = f"{best.title} is fastest" if best is not None else "Nothing could be run"
        yield {self.shown: pelk_speed_view.drawn(timing)} | self.room.done(session, "speed", said, receipt)
