"""THE panel frame: head line, inputs left, stage in the middle, results below it, foot. A panel fills the slots."""

from __future__ import annotations

import html
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import gradio as gr

from app.markup import markup
from app.wording import bytes_text, interval_text, seconds_text
from models.method import Checkpoint, Method

if TYPE_CHECKING:
    from models.runtime import Receipt, Ticket

Phase = Literal["example", "ready", "running", "done", "failed", "refused", "cancelled"]
PHASE_NAMES: dict[str, str] = {
    "example": "Example",
    "ready": "Ready",
    "running": "Running",
    "done": "Done",
    "failed": "Failed",
    "refused": "Refused",
    "cancelled": "Cancelled",
}
SOURCE_NAMES = {"embedded": "embedded weights", "hub": "authors' weights", "file": "your weights"}
LONGEST_BADGE = 32
QUIET_S, LONG_S = 0.08, 0.5
SAVE_FILES = """(files) => {
  for (const one of [files].flat()) if (one && one.url)
    Object.assign(document.createElement('a'), {href: one.url, download: one.orig_name || ''}).click();
}"""
"""The script that hands the files of a hidden file component to the browser's downloads."""
Update = dict[Any, Any]
"""What a handler yields: components and their new values."""


@dataclass(frozen=True)
class Problem:
    """Something that went wrong, for the person who looks at it: what, why, what to do, and folded details."""

    what: str
    why: str = ""
    remedy: str = ""
    details: str = ""


@dataclass(frozen=True)
class Format:
    """One entry of the download menu."""

    key: str
    title: str
    note: str


class Frame:
    """Draws what every room has in common and says how its state line, error place and receipt change.

    Use it inside a tab: ``frame = Frame(method, formats)``, then ``with frame.inputs: ...``, ``with frame.stage: ...``,
    ``with frame.results: ...``. Event handlers list ``frame.outputs`` and yield ``frame.show(...)``.
    """

    def __init__(self, method: Method, formats: Sequence[Format] = (), *, first: str = "") -> None:
        """``first`` is the sentence of the state line while the example is on screen."""
        self.method = method
        self.room = method.slug
        with gr.Column(elem_classes="v-room", elem_id=f"room-{self.room}"):
            self.head = markup(head_line(method, method.checkpoints[0]), elem_classes="v-head")
            with gr.Row(elem_classes="v-body", equal_height=False):
                self.inputs = gr.Column(scale=0, min_width=320, elem_classes="v-inputs")
                with gr.Column(scale=1, min_width=320, elem_classes="v-main"):
                    with gr.Row(elem_classes="v-bar"):
                        self.state = markup(state_line("example", first), elem_classes="v-state-box")
                        self.cancel = gr.Button(
                            "Cancel", size="sm", interactive=False, elem_classes="v-cancel", scale=0, min_width=90
                        )
                    self.error = markup("", elem_classes="v-error-box")
                    self.stage = gr.Column(elem_classes="v-stage-slot")
                    self.results = gr.Column(elem_classes="v-results")
                    with gr.Row(elem_classes="v-foot"):
                        self.receipt = markup(receipt_line(None, self.room), elem_classes="v-receipt-box")
                        self.downloads = {
                            f.key: gr.Button(f.title, size="sm", elem_classes="v-download", scale=0, min_width=80)
                            for f in formats
                        }
                        self.file = gr.File(visible="hidden", elem_id=f"{self.room}-file", interactive=False)

    @property
    def outputs(self) -> list[Any]:
        """The components that ``show`` may change."""
        return [self.head, self.state, self.cancel, self.error, self.receipt]

    def show(
        self,
        phase: Phase,
        text: str = "",
        *,
        progress: float | None = None,
        problem: Problem | None = None,
        receipt: Receipt | Mapping[str, Any] | None = None,
        keep_error: bool = False,
    ) -> Update:
        """The state line says ``text``; an old error goes unless ``keep_error``; a ``receipt`` replaces the old one."""
        update: Update = {
            self.state: state_line(phase, text, progress),
            self.cancel: gr.Button(interactive=phase == "running"),
        }
        if problem is not None:
            update[self.error] = error_box(problem)
        elif not keep_error:
            update[self.error] = ""
        if receipt is not None:
            update[self.receipt] = receipt_line(receipt, self.room)
        return update

    def fail(self, error: Exception) -> Update:
        """Show ``error`` in the error place: refused when a limit was met, failed otherwise. Inputs stay."""
        problem = problem_of(error)
        refused = type(error).__name__ in ("Refused", "BadInput", "BadPrompt", "PermissionError")
        kept = "Nothing was changed" if refused else "Your inputs are kept"
        return self.show("refused" if refused else "failed", kept, problem=problem)

    def follow(self, ticket: Ticket, doing: str) -> Iterator[Update]:
        """Updates of the state line while ``ticket`` waits, loads and runs; ends with it. Blocks between changes.

        The first instants are passed over: a job that is done by then needs no telling.
        """
        begun = time.monotonic()
        if ticket.predicted.high_s > LONG_S:
            yield self.show("running", running_text(ticket, "queued", doing), keep_error=True)
        for event in ticket.events():
            state = str(event.state)
            if event.state.terminal:
                return
            if state != "loading" and time.monotonic() - begun < QUIET_S:
                continue
            yield self.show("running", running_text(ticket, state, doing), progress=ticket.progress, keep_error=True)


def running_text(ticket: Ticket, state: str, doing: str) -> str:
    """What a job does while it waits, loads and runs: the predicted wait with its cause, the step, share, time left."""
    if state == "queued":
        wait = ticket.predicted
        return f"Waiting: {interval_text(wait.low_s, wait.high_s)} ({wait.cause})"
    if state == "loading":
        return "Loading weights"
    share = f" {ticket.progress * 100:.0f} %" if ticket.progress else ""
    left = f", {seconds_text(ticket.eta_s)} left" if ticket.eta_s is not None and ticket.eta_s >= 1 else ""
    return f"{ticket.message or doing}{share}{left}"


def problem_of(error: Exception) -> Problem:
    """An error as text for people. Typed errors carry their own remedy; of others the kind and message are shown."""
    name, problem, remedy = (getattr(error, part, "") for part in ("name", "problem", "remedy"))
    if problem:
        return Problem(f"{name} {problem}".strip(), remedy=str(remedy))
    cause = error.__cause__
    details = f"{type(cause).__name__}: {cause}" if cause is not None else ""
    return Problem(str(error) or type(error).__name__, remedy=str(remedy), details=details)


def badge(text: str, *, href: str = "", tone: str = "plain", title: str = "") -> str:
    """A small label in the head line; a link when ``href`` is given."""
    attributes = f'class="v-badge v-badge-{tone}" title="{html.escape(title)}"'
    if href:
        target = ' target="_blank" rel="noopener noreferrer"'
        return f'<a {attributes} href="{html.escape(href)}"{target}>{html.escape(text)}</a>'
    return f"<span {attributes}>{html.escape(text)}</span>"


def head_line(method: Method, checkpoint: Checkpoint, warning: str = "") -> str:
    """Room name, sentence, badges; below them the honest line of the small weights, or ``warning`` in its place."""
    badges = [badge(SOURCE_NAMES[checkpoint.source], tone="weights", title=f"{checkpoint.name}: {checkpoint.note}")]
    short = method.parity if len(method.parity) <= LONGEST_BADGE else "checked"
    badges.append(badge(f"parity: {short}", title=f"Against the authors' numbers: {method.parity}"))
    if method.card.exists():
        card = f"vitrine/card/{method.slug}"
        badges.append(badge("report card", href=card, title="Measured quality of these weights"))
    badges.append(badge("paper", href=method.paper_url, title=method.paper_title))
    line = warning or (method.honest_line if checkpoint.source == "embedded" else "")
    tone = " v-warning" if warning else ""
    note = f'<p class="v-honest{tone}">{html.escape(line)}</p>' if line else ""
    title = f"<h2>{html.escape(method.title)}</h2><p>{html.escape(method.sentence)}</p>"
    row = f'<div class="v-badges">{"".join(badges)}</div>'
    return f'<div class="v-headline"><div class="v-title">{title}</div>{row}{note}</div>'


def state_line(phase: Phase, text: str = "", progress: float | None = None) -> str:
    """One line with a named state, a sentence and, while running, a bar."""
    share = 0.0 if progress is None else max(0.0, min(1.0, progress))
    bar = f'<span class="v-progress" aria-hidden="true"><i style="width:{share * 100:.0f}%"></i></span>'
    return (
        f'<div class="v-state" data-state="{phase}" role="status"><b>{PHASE_NAMES[phase]}</b>'
        f"<span>{html.escape(text)}</span>{bar if phase == 'running' else ''}</div>"
    )


def error_box(problem: Problem) -> str:
    """The error place: what, why, what to do next; details folded."""
    parts = [f"<strong>{html.escape(problem.what.rstrip('.'))}.</strong>"]
    parts += [f"<span>{html.escape(text.rstrip('.'))}.</span>" for text in (problem.why, problem.remedy) if text]
    folded = ""
    if problem.details:
        folded = f"<details><summary>Details</summary><pre>{html.escape(problem.details)}</pre></details>"
    return f'<div class="v-error" role="alert"><p>{" ".join(parts)}</p>{folded}</div>'


def receipt_line(receipt: Receipt | Mapping[str, Any] | None, room: str) -> str:
    """What produced the result: seed, weights, device, times, memory. Can be copied and saved as JSON."""
    if receipt is None:
        return '<div class="v-receipt"><span class="v-dim">A receipt appears here with the first result.</span></div>'
    values = dict(receipt) if isinstance(receipt, Mapping) else dict(receipt.as_dict())
    text = json.dumps(values, indent=1, default=str)
    peaks = values.get("peak_bytes") or {}
    peak = max(peaks.values(), default=0) if isinstance(peaks, Mapping) else peaks
    shown = [
        ("weights", f"{values.get('checkpoint', '')} {str(values.get('weights_digest', ''))[:8]}".strip()),
        ("device", values.get("device", "")),
        ("wait", seconds_text(values.get("wait_s"))),
        ("load", seconds_text(values.get("load_s"))),
        ("run", seconds_text(values.get("run_s"))),
        ("peak", bytes_text(peak) if peak else ""),
        ("seed", "" if values.get("seed") is None else str(values["seed"])),
    ]
    cells = "".join(f"<span><i>{k}</i> {html.escape(str(v))}</span>" for k, v in shown if v != "")
    payload = html.escape(text, quote=True)
    return (
        f'<div class="v-receipt" data-receipt="{payload}" data-room="{room}"><b>Receipt</b>{cells}'
        '<button type="button" data-receipt-do="copy">Copy</button>'
        '<button type="button" data-receipt-do="save">Save</button>'
        '<button type="button" data-receipt-do="link" title="Copy a link that opens this room">Link</button></div>'
    )
