"""Makes the files of assets/examples/robust_sam: ``python -m app.panels.robust_sam_make_examples``.

Photos come from scikit-image (public domain or CC0, see LICENSES.md beside them), scenes from our own generator, the
first result from the shipped weights; nothing is drawn by hand.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from app import service
from app.panels import robust_sam_state as state
from app.panels.robust_sam_examples import FIRST, FOLDER, Example, listed, photo
from app.panels.robust_sam_jobs import ask, consistency, degrade_request
from app.panels.robust_sam_session import Degradation, Seen, Session, with_consistency

PHOTOS = (("cat", "Cat", "chelsea"), ("astronaut", "Astronaut", "astronaut"), ("coffee", "Coffee", "coffee"))
SCENES = (13, 19, 22)
SCENE_SEED = 2024
SCENE_PX = 512
THUMBNAIL_PX = 96
EXAMPLE = "coffee"
DEGRADATION = Degradation("fog", 0.8, 3)
CLICKS: dict[str, tuple[tuple[tuple[tuple[float, float], int], ...], tuple[float, ...] | None]] = {
    "Cup": ((((330.0, 130.0), 1),), None),
}
"""The first result's objects: clicks as ((x, y), label), and a box or None."""

LICENSES = """# Where the examples come from

| file | source | licence |
|---|---|---|
| cat.jpg | scikit-image `chelsea`, photo by Stefan van der Walt | CC0 |
| astronaut.jpg | scikit-image `astronaut`, NASA, Eileen Collins | public domain |
| coffee.jpg | scikit-image `coffee`, photo by Rachel Michetti | CC0 |
| scene_*.jpg | made by models/worlds/shapes2d of this project | Apache-2.0 |
| first*.png, first.jpg, thumbnails/* | computed from the files above | as their source |
"""


def write() -> None:
    """Write photos, thumbnails, list, licences and the first result."""
    (FOLDER / "thumbnails").mkdir(parents=True, exist_ok=True)
    examples = [_save(name, title, _photo(source)) for name, title, source in PHOTOS]
    examples += [_save(f"scene_{i + 1}", f"Scene {i + 1}", picture) for i, picture in enumerate(_scenes())]
    (FOLDER / "examples.json").write_text(json.dumps([asdict(e) for e in examples], indent=1) + "\n", encoding="utf-8")
    (FOLDER / "LICENSES.md").write_text(LICENSES, encoding="utf-8")
    listed.cache_clear()
    write_first()


def _photo(source: str) -> npt.NDArray[np.uint8]:
    from skimage import data

    picture: npt.NDArray[np.uint8] = getattr(data, source)()
    return picture[..., :3]


def _scenes() -> list[npt.NDArray[np.uint8]]:
    from models.worlds.shapes2d import sample_scene

    return [sample_scene(np.random.default_rng([SCENE_SEED, i]), SCENE_PX).image for i in SCENES]


def _save(name: str, title: str, picture: npt.NDArray[np.uint8]) -> Example:
    example = Example(name, title, f"{name}.jpg")
    Image.fromarray(picture).save(example.path, quality=92)
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    square = Image.fromarray(picture[top : top + side, left : left + side])
    small = square.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
    small.save(FOLDER / "thumbnails" / f"{name}.jpg", quality=82)
    return example


def write_first() -> None:
    """Segment the first example with the shipped weights and keep what the page shows before the first click."""
    session = Session("examples")
    session.degradation = DEGRADATION
    session.set_photo(photo(EXAMPLE), _document())
    session.seen = Seen(*service.runtime().submit(degrade_request(session)).result())
    answers = []
    for thing in session.history.now.objects:
        ask(session, thing)
        answer = ask(session, thing)
        answer = with_consistency(answer, consistency(session, answer, ask(session, thing, clean=True)))
        answers.append({name: _kept(thing.id, name, vars(branch)) for name, branch in answer.branches.items()})
    Image.fromarray(session.seen.image).save(FOLDER / "first.jpg", quality=88)
    kept = {
        "example": EXAMPLE,
        "picture": "first.jpg",
        "sentence": "Made earlier with these weights. Click the photo to go on.",
        "degradation": vars(DEGRADATION),
        "document": state.as_dict(session.history.now),
        "answers": answers,
    }
    (FOLDER / FIRST).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _document() -> state.Document:
    size = photo(EXAMPLE).size
    history = state.History()
    for index, (name, (points, box)) in enumerate(CLICKS.items()):
        if index:
            history = state.apply(history, {"do": "new"}, size)
        history = state.apply(history, {"do": "rename", "id": history.now.active, "name": name}, size)
        for (x, y), label in points:
            history = state.apply(history, {"do": "point", "x": x, "y": y, "label": label}, size)
        if box is not None:
            history = state.apply(history, dict(zip(("x0", "y0", "x1", "y1"), box, strict=True)) | {"do": "box"}, size)
    return replace(history.now)


def _kept(identity: int, name: str, values: dict[str, Any]) -> dict[str, Any]:
    file = f"first_{identity}_{name}.png"
    Image.fromarray(values["mask"]).save(FOLDER / file)
    return {key: value for key, value in values.items() if key not in ("mask", "logits")} | {"mask": file}


def main() -> None:
    """Write everything, then stop the runtime."""
    write()
    service.stop()
    print(f"wrote {len(list(Path(FOLDER).rglob('*.*')))} files to {FOLDER.name}")


if __name__ == "__main__":
    main()
