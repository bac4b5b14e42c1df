"""Every endpoint of the room through gradio_client, and what an attacker would try there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

pytestmark = pytest.mark.ui


@pytest.fixture(scope="module")
def client(address: str) -> Client:
    return Client(address, verbose=False)


def call(client: Client, name: str, **arguments: Any) -> Any:
    return client.predict(api_name=f"/robust_sam_{name}", **arguments)


def test_only_the_rooms_functions_are_public(client: Client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    verbs = {"degrade", "export", "segment", "everything", "sweep", "radar", "inside", "batch"}
    verbs |= {f"project_{verb}" for verb in ("create", "list", "import", "export", "agreement")}
    assert set(named) == {f"/robust_sam_{verb}" for verb in verbs}


def test_segment_returns_masks_of_the_photos_size(client: Client, blocks: Path) -> None:
    told = call(client, "segment", image=handle_file(blocks), points=[[150, 100]], labels=[1], box=None)
    assert told["sam"]["area"] == told["robust"]["area"] == 200 * 200
    with Image.open(_path(told["robust"]["mask"])) as mask:
        assert mask.size == (600, 400)
        assert int((np.asarray(mask) > 0).sum()) == 200 * 200
    assert told["receipt"]["method"] == "robust_sam"


def test_box_alone_is_a_prompt(client: Client, blocks: Path) -> None:
    told = call(client, "segment", image=handle_file(blocks), points=[], labels=[], box=[10, 20, 110, 70])
    assert told["sam"]["area"] == 100 * 50


def test_degrade_gives_a_photo_of_the_same_size_and_repeats(client: Client, blocks: Path) -> None:
    first, again = (
        _path(call(client, "degrade", image=handle_file(blocks), kind="fog", severity=1.0, seed=5)) for _ in range(2)
    )
    with Image.open(first) as picture:
        assert picture.size == (600, 400)
    assert Path(first).read_bytes() == Path(again).read_bytes()


@pytest.mark.parametrize("form", ["png", "rgba", "coco", "coco_polygon", "yolo", "label_studio", "npy"])
def test_export_writes_every_format_with_the_receipt(client: Client, blocks: Path, form: str) -> None:
    path = _path(call(client, "export", image=handle_file(blocks), points=[[150, 100]], labels=[1], form=form))
    data = Path(path).read_bytes()
    assert b"robust_sam" in data or form in ("npy", "yolo")
    if form == "coco":
        assert json.loads(data)["annotations"][0]["area"] == 200 * 200


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"points": [[700, 10]], "labels": [1]}, "outside the photo of 600 x 400"),
        ({"points": [[7, 10]], "labels": [1, 1]}, "one label for each point"),
        ({"points": [[7, 10]], "labels": [0]}, "add nothing"),
        ({"points": [[7]], "labels": [1]}, "pair"),
        ({"points": [[7, 10]], "labels": [1], "checkpoint": "../../etc/passwd"}, "not an embedded checkpoint"),
    ],
)
def test_bad_input_is_told_in_words(client: Client, blocks: Path, arguments: dict[str, Any], part: str) -> None:
    with pytest.raises(Exception, match=part):
        call(client, "segment", image=handle_file(blocks), **({"box": None} | arguments))


@pytest.mark.parametrize("path", ["/etc/passwd", "assets/examples/robust_sam/cat.jpg", "../../etc/hosts"])
def test_files_of_the_server_cannot_be_named(client: Client, path: str) -> None:
    # Without gradio's file mark the client sends the path as it stands, as an attacker would.
    image = {"path": path, "orig_name": "x.png"}
    with pytest.raises(Exception, match=r"outside the folder|not on this server"):
        client.predict(image, [[1, 1]], [1], None, "nano", api_name="/robust_sam_segment")


def _path(file: Any) -> str:
    return file["path"] if isinstance(file, dict) else file


def test_strokes_change_the_masks_and_a_painting_is_a_prompt(client: Client, blocks: Path, tmp_path: Path) -> None:
    stroke = {"mode": 0, "radius": 10, "path": [150, 100, 250, 100]}
    given = {"image": handle_file(blocks), "points": [[150, 100]], "labels": [1]}
    told = call(client, "segment", **given, strokes=[stroke])
    assert 200 * 200 - told["sam"]["area"] == pytest.approx(100 * 20 + np.pi * 100, rel=0.03)
    painted = np.zeros((400, 600), np.uint8)
    painted[60:90, 120:180] = 255
    Image.fromarray(painted).save(tmp_path / "painted.png")
    told = call(
        client, "segment", **(given | {"points": [], "labels": []}), painting=handle_file(tmp_path / "painted.png")
    )
    assert told["sam"]["area"] == 30 * 60
