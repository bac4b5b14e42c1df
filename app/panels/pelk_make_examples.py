"""Makes the files of assets/examples/pelk: ``python -m app.panels.pelk_make_examples``.

Photos come from scikit-image, curves and room from our own generators, results from this machine and the shipped
weights. Results whose weights are missing are left out, and said so.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from PIL import Image

from app import service
from app.guard.errors import BadInput
from app.panels import pelk_field_view, pelk_speed_view, pelk_tasks, pelk_tasks_view
from app.panels.pelk_examples import FOLDER, FORMS, example_picture
from app.panels.pelk_session import Saved
from app.room import receipt_of
from models.pelk import pipeline_drawings as drawings
from models.pelk.designer import KernelSpec
from models.runtime import Ticket

SIDE = 256
PHOTOS = {"cat": "chelsea", "astronaut": "astronaut", "coffee": "coffee"}
FIELD_PX = drawings.SIDE
PATH_SEED, PATH_LENGTH, ROOM_SEED = 1, 12, 1
SECONDS = 20.0

LICENSES = """# Where the examples come from

| file | source | licence |
|---|---|---|
| cat.png | scikit-image `chelsea`, photo by Stefan van der Walt | CC0 |
| astronaut.png | scikit-image `astronaut`, NASA, Eileen Collins | public domain |
| coffee.png | scikit-image `coffee`, photo by Rachel Michetti | CC0 |
| curves.png, room.png | made by models/worlds of this project | Apache-2.0 |
| speed.*, field*, pathfinder*, segmentation* | measured or computed from the files above | as their source |
"""


def write_pictures() -> None:
    """The pictures of the receptive-field tab, squares of 256 pixels."""
    from skimage import data

    for key, source in PHOTOS.items():
        photo = Image.fromarray(getattr(data, source)()[..., :3])
        side = min(photo.size)
        left, top = (photo.width - side) // 2, (photo.height - side) // 2
        square = photo.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        square.save(FOLDER / f"{key}.png", optimize=True)
    curves = pelk_tasks_view.grey(drawings.sampled_path(PATH_SEED, PATH_LENGTH)[0])
    room = pelk_tasks_view.colored(drawings.sampled_room(ROOM_SEED)[0])
    for key, picture in (("curves", curves), ("room", room)):
        Image.fromarray(picture).save(FOLDER / f"{key}.png", optimize=True)
    (FOLDER / "LICENSES.md").write_text(LICENSES, encoding="utf-8")


def keep(tab: str, saved: Saved, message: dict[str, Any] | None = None) -> None:
    """The files of a tab's example, and what its browser side opens with."""
    for form in FORMS:
        (FOLDER / f"{tab}.{form}").write_bytes(saved.files[form])
    if message is not None:
        (FOLDER / f"{tab}_message.json").write_text(json.dumps(message) + "\n", encoding="utf-8")


def write_speed() -> None:
    """The paper's kernel timed on this machine."""
    from models.parts.large_kernel_table import machine
    from models.pelk.pipeline_timing import timing_job

    ticket = service.runtime().submit(timing_job("examples", KernelSpec(), SECONDS))
    timing = ticket.result()
    saved = pelk_speed_view.saved(timing, receipt_of(ticket))
    told = {**timing.as_dict(), "machine": machine()["processor"], "receipt": receipt_of(ticket)}
    keep("speed", Saved(saved.stem, {**saved.files, "json": (json.dumps(told, indent=1) + "\n").encode()}))


def write_fields() -> None:
    """The networks trained on pathfinder, on a picture of their own task at its own size."""
    from models.pelk.pipeline_fields import fields_job

    picture = example_picture("curves")
    ticket = _done(fields_job("examples", picture.image, picture.digest, "pathfinder", FIELD_PX))
    fields = ticket.result()
    keep(
        "field",
        pelk_field_view.saved(fields, picture.name, receipt_of(ticket)),
        pelk_field_view.message(fields, busy=False),
    )


def write_path() -> None:
    """A long curve, answered."""
    from models.pelk.pipeline_tasks import path_job

    image, drawing, truth = drawings.sampled_path(PATH_SEED, PATH_LENGTH)
    ticket = _done(path_job("examples", image))
    canvas = pelk_tasks.path_message(image, drawing, f"{PATH_SEED} {PATH_LENGTH}", 0)
    saved = pelk_tasks.path_files(image, ticket.result(), canvas, truth, receipt_of(ticket))
    keep("pathfinder", saved, {"canvas": canvas, "answers": pelk_tasks_view.path_cards(image, ticket.result(), truth)})


def write_room() -> None:
    """A room, segmented."""
    from models.pelk.pipeline_tasks import room_job

    image, truth = drawings.sampled_room(ROOM_SEED)
    ticket = _done(room_job("examples", image, truth))
    canvas = pelk_tasks.room_message(image, (), ROOM_SEED, 0)
    saved = pelk_tasks.room_files(image, ticket.result(), truth, canvas, receipt_of(ticket))
    answers = pelk_tasks_view.room_cards(image, ticket.result(), np.asarray(truth))
    keep("segmentation", saved, {"canvas": canvas, "answers": answers})


def _done(job: Any) -> Ticket:
    # The second run is timed: the first one loads.
    service.runtime().submit(job).result()
    ticket = service.runtime().submit(job)
    ticket.result()
    return ticket


def main() -> None:
    """Write what can be written."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_pictures()
    write_speed()
    for write in (write_fields, write_path, write_room):
        try:
            write()
        except BadInput as missing:
            print(f"{write.__name__}: {missing}")
    service.stop()
    print(f"wrote {len(list(FOLDER.iterdir()))} files to {FOLDER.name}")


if __name__ == "__main__":
    main()
