"""Makes assets/examples/ost/first.json: ``python -m app.panels.ost_make_examples``.

The clip is a shipped one (models.ost.examples), the answer that of the embedded weights on this machine.
"""

from __future__ import annotations

from app import service
from app.panels import ost_controls, ost_line, ost_table, ost_view
from app.panels.ost_examples import CLIP, FILE, First, write
from app.panels.ost_recognise import open_clip, thumbnails
from app.panels.ost_session import Session
from app.panels.ost_tools import along
from models.ost.descriptors import to_rows
from models.ost.export import annotations_of
from models.ost.pipeline import recognise_job
from models.ost.timeline import timeline_job

WINDOW_S = 2.0


def main() -> None:
    """Recognise the clip among the held-out actions and keep what the page shows of it."""
    session = Session("example")
    open_clip(session, ost_controls.example_path(CLIP), CLIP)
    assert session.source is not None
    classes, options = ost_table.preset("held_out"), ost_controls.asked()
    try:
        answer = service.runtime().submit(recognise_job("example", session.source, classes, options)).result()
        line = service.runtime().submit(timeline_job("example", session.source, classes, options, WINDOW_S)).result()
    finally:
        service.stop()
    names = tuple(name for name, _ in answer.top("ost", len(classes)))
    labels = annotations_of(line, CLIP, session.source.digest)
    title = CLIP.removesuffix(".mp4").replace("_", " ")
    write(
        First(
            CLIP,
            ost_view.rankings(answer),
            ost_view.heat(answer, names[0], "plan", thumbnails(session, answer.indices)),
            ost_line.drawn(line, labels, along(session)),
            names,
            f"A rendered clip of {title}, answered earlier: OST says {names[0]}, of {len(names)} classes",
            tuple(tuple(row) for row in to_rows(classes)),
        )
    )
    print(f"{FILE.name}: {FILE.stat().st_size:,} bytes; OST says {names[0]} for {title}")


if __name__ == "__main__":
    main()
