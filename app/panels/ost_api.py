"""The room's functions for scripts: ``gradio_client`` calls the same code that the page runs."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from app import service
from app.panels import ost_controls, ost_table
from app.room import receipt_of
from app.scripts import done, in_words


def bind() -> None:
    """Offer /ost_recognise, _timeline, _nouns, _classes, _lint and _question."""
    for function in (recognise, timeline, nouns, classes, lint, question):
        gr.api(function, api_name=f"ost_{function.__name__}", concurrency_limit=None)


def recognise(
    video: gr.FileData,
    classes: list,
    frames: int = 16,
    views: int = 1,
    epsilon: float = 0.1,
    iterations: int = 100,
    marginals: str = "uniform",
    transport: bool = True,
    pool: bool = True,
    shuffle: bool = False,
) -> dict:
    """Rank classes for a video: by name, by mean-pooled descriptors and by OST, with parts and transport plans.

    classes: names, which get descriptors of the offline bank, or {"name", "spatial": [...], "temporal": [...]} each.
    frames: 1 to 128. views: 1, 3 or 12. epsilon, iterations, marginals (uniform or similarity): of the transport.
    transport, pool: parts of the score. shuffle: also score the frames in random order.
    """
    with in_words():
        from models.ost.pipeline import recognise_job

        options = ost_controls.asked(frames, views, epsilon, iterations, marginals, transport, pool, shuffle)
        ticket = done(recognise_job("script", _source(video), ost_table.of_plain(classes), options))
        return _plain(ticket.result().as_dict()) | {"receipt": receipt_of(ticket)}


def timeline(video: gr.FileData, classes: list, window: float = 2.0, frames: int = 16) -> dict:
    """Scores in a window (seconds) that moves by a quarter of itself, and stretches with in and out times."""
    with in_words():
        from models.ost.export import timeline_json
        from models.ost.timeline import timeline_job

        options = ost_controls.asked(frames)
        ticket = done(timeline_job("script", _source(video), ost_table.of_plain(classes), options, window))
        return json.loads(timeline_json(ticket.result())) | {"receipt": receipt_of(ticket)}


def nouns(video: gr.FileData, classes: list, frames: int = 16) -> dict:
    """Rank classes by what an ImageNet classifier names in the frames (ConSE): nouns, not motions."""
    with in_words():
        from models.ost.conse import conse_job

        job = conse_job("script", _source(video), ost_table.of_plain(classes), ost_controls.asked(frames))
        ticket = done(job)
        return _plain(ticket.result().as_dict()) | {"receipt": receipt_of(ticket)}


def classes(names: list, form: str = "plain") -> dict:
    """Descriptors of the offline bank for class names. form: plain, json, csv or official."""
    with in_words():
        made = ost_table.of_plain(names)
        if form == "plain":
            return {"classes": ost_table.plain(made)}
        return {name: data.decode() for name, data in ost_table.exported(made, form)}


def lint(classes: list) -> dict:
    """Remarks on a class list: empty, duplicate, numbered, naming the class, too long for the embedded weights."""
    with in_words():
        from models.ost.lint import lint as remarks
        from models.ost.weights import TOKENS_FILE, weights_file
        from models.parts.bpe import BytePairs
        from models.parts.clip import OST_MINI

        reader = BytePairs.load(weights_file().with_name(TOKENS_FILE))
        found = remarks(ost_table.of_plain(classes), reader, OST_MINI.context)
        return {"remarks": [{"row": r.row, "kind": r.kind, "rule": r.rule, "message": r.message} for r in found]}


def question(names: list) -> str:
    """The question for a language model that asks for descriptors of these classes."""
    with in_words():
        return ost_table.question(ost_table.of_plain(names))


def _source(video: Any) -> Any:
    from models.ost.frames import VideoSource
    from models.parts.video import open_video

    path = video["path"] if isinstance(video, dict) else getattr(video, "path", str(video))
    file = service.uploaded(path)
    return VideoSource(open_video(file, name=file.name))


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Through JSON, so that every number is plain."""
    plain: dict[str, Any] = json.loads(json.dumps(values, default=float))
    return plain
