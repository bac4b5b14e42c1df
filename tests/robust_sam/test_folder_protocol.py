"""The paper's protocol on folders: figures that can be checked by hand, and folders that are refused in words."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from models.robust_sam import folder_contract, folder_protocol
from models.robust_sam.evaluation import evaluate_with
from models.robust_sam.folder_contract import FolderProblem
from models.robust_sam.folder_protocol import average_precision, points_of
from models.robust_sam.protocol import Answers


def write(folder: Path, kinds: tuple[str, ...] = ("clear", "fog", "rain"), names: tuple[str, ...] = ("a", "b")) -> Path:
    """A split of 24 x 32 pictures with two objects each; the first column tells the kind, see Known."""
    (folder / "masks").mkdir(parents=True)
    for kind in kinds:
        (folder / kind).mkdir()
        for name in names:
            Image.fromarray(np.full((24, 32, 3), 40 * len(kind), np.uint8)).save(folder / kind / f"{name}.jpg")
    for name in names:
        masks = np.zeros((2, 24, 32), dtype=bool)
        masks[0, :12, :16] = masks[1, 12:, 16:] = True
        np.save(folder / "masks" / f"{name}.npy", masks)
    return folder


class Known:
    """Stands for a Subject that finds whole objects when the picture is clear, half of them when it is not."""

    def look(self, image: np.ndarray) -> None:
        self.clear = bool(image[0, 0, 0] > 180)

    def ask(self, prompts):
        masks = np.zeros((len(prompts), 24, 32), dtype=bool)
        for mask, prompt in zip(masks, prompts, strict=True):
            left = prompt.points[0][0] < 16
            rows = slice(0, 12) if left else slice(12, 24)
            columns = slice(0, 16) if left else slice(16, 32)
            mask[rows, columns] = True
            if not self.clear:
                mask[6:18] = False
        answers = Answers(list(masks), np.zeros((len(masks), 8, 8)), np.full(len(masks), 0.5))
        return {"sam": answers, "robust": answers}


def test_the_average_weighs_fifteen_degraded_and_one_clear(tmp_path: Path) -> None:
    split = folder_contract.read(write(tmp_path / "test"))[0]
    figures = folder_protocol.measure(Known(), split, "three_points", lambda line: None)  # type: ignore[arg-type]
    assert figures["clear_iou_robust"] == [1.0, 1.0, 1.0]
    assert figures["degraded_iou_robust"][1] == 0.5
    assert figures["average_iou_robust"][1] == round((15 * 0.5 + 1) / 16, 4)
    assert figures["fog_iou_plain"][1] == 0.5
    assert figures["degraded_dice_robust"][1] == round(2 / 3, 4)
    assert figures["degraded_pixel_accuracy_robust"][1] == round(1 - 6 * 16 / (24 * 32), 4)
    assert figures["clear_ap_plain"] == 1.0
    assert figures["degraded_gain"] == [0.0, 0.0, 0.0]


def test_points_lie_in_their_masks_and_depend_on_the_file_name_alone() -> None:
    masks = np.zeros((2, 24, 32), dtype=bool)
    masks[0, :12, :16] = masks[1, 12:, 16:] = True
    first, again, other = (points_of(masks, name) for name in ("a.jpg", "a.jpg", "b.jpg"))
    for mask, prompt in zip(masks, first, strict=True):
        assert all(mask[int(y), int(x)] for x, y in prompt.points)  # type: ignore[union-attr]
    assert np.array_equal(first[0].points, again[0].points)  # type: ignore[arg-type]
    assert not np.array_equal(first[0].points, other[0].points)  # type: ignore[arg-type]


def test_a_folder_of_splits_names_its_figures_by_split_and_runs_the_weights_given(
    tmp_path: Path, nano_file: Path
) -> None:
    for split in ("one", "two"):
        write(tmp_path / split, ("clear", "fog"), ("a",))
    seen = []
    report = evaluate_with(
        False, ["--folder", str(tmp_path), "--checkpoint", str(nano_file)], lambda file: seen.append(file) or file
    )
    assert seen == [nano_file]
    assert {"one_clear_iou_plain", "two_average_iou_robust", "two_degraded_gain"} <= set(report["figures"])
    assert report["config"]["weights"] == nano_file.name
    assert report["config"]["pictures"] == {split: {"clear": 1, "fog": 1} for split in ("one", "two")}
    json.dumps(report)


def test_words_that_are_not_understood_are_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--frob"], ["--checkpoint", "x"], ["--folder"]):
        with pytest.raises(SystemExit) as ended:
            evaluate_with(False, words, lambda file: file)
        assert ended.value.code == 2
        assert "usage: launch.py evaluate robust_sam" in capsys.readouterr().err


def no_masks(split: Path) -> None:
    (split / "masks" / "a.npy").unlink()


def no_mask_folder(split: Path) -> None:
    for file in (split / "masks").iterdir():
        file.unlink()
    (split / "masks").rmdir()


def other_size(split: Path) -> None:
    np.save(split / "masks" / "a.npy", np.ones((1, 24, 31), dtype=bool))


def not_bool(split: Path) -> None:
    np.save(split / "masks" / "a.npy", np.ones((1, 24, 32), dtype=np.uint8))


def flat(split: Path) -> None:
    np.save(split / "masks" / "a.npy", np.ones((24, 32), dtype=bool))


def no_object(split: Path) -> None:
    np.save(split / "masks" / "a.npy", np.stack([np.ones((24, 32), bool), np.zeros((24, 32), bool)]))


def pickled(split: Path) -> None:
    np.save(split / "masks" / "a.npy", np.array([{}], dtype=object), allow_pickle=True)


def an_archive(split: Path) -> None:
    with (split / "masks" / "a.npy").open("wb") as file:
        np.savez(file, masks=np.ones((1, 24, 32), dtype=bool))


def cut_off(split: Path) -> None:
    (split / "masks" / "a.npy").write_bytes((split / "masks" / "a.npy").read_bytes()[:200])


def no_picture(split: Path) -> None:
    (split / "fog" / "a.jpg").write_bytes(b"text")


def two_of_a_name(split: Path) -> None:
    Image.new("RGB", (32, 24)).save(split / "fog" / "a.png")


def an_empty_kind(split: Path) -> None:
    (split / "snow").mkdir()


def no_clear(split: Path) -> None:
    (split / "clear").rename(split / "normal")


def odd_bytes(split: Path) -> None:
    os.rename(os.fsencode(split / "fog" / "a.jpg"), os.fsencode(split / "fog") + b"/\xff\xfe.jpg")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (no_masks, r"clear/a.jpg has no masks. Add masks/a.npy"),
        (no_mask_folder, "has no folder masks"),
        (other_size, r"is 24 by 32 \(H, W\), its masks are 24 by 31"),
        (not_bool, "masks/a.npy is uint8, not bool"),
        (flat, r"has shape \(24, 32\)"),
        (no_object, "mask 1 is empty"),
        (pickled, "is not a .npy file"),
        (an_archive, "not bool"),
        (cut_off, "is not a .npy file"),
        (no_picture, "fog/a.jpg is not a readable picture"),
        (two_of_a_name, "a.jpg and a.png share their masks"),
        (an_empty_kind, "snow holds no"),
        (no_clear, "has no folder clear"),
        (odd_bytes, "not UTF-8"),
    ],
)
def test_a_bad_folder_is_refused_before_anything_is_measured(harm, message: str, tmp_path: Path) -> None:
    split = write(tmp_path / "test")
    harm(split)
    with pytest.raises(FolderProblem, match=message):
        folder_contract.read(split)


def test_a_path_that_is_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FolderProblem, match="is not a folder"):
        folder_contract.read(tmp_path / "absent")


def coco_ap(ious: list[float], expected: list[float]) -> float:
    """pycocotools' AP for objects far apart, each with one answer of the given IoU and score."""
    truth, answers = [], []
    for number, (value, score) in enumerate(zip(ious, expected, strict=True), 1):
        mask = np.zeros((100, 100), np.uint8, order="F")
        mask[:, :] = 1
        answer = np.zeros_like(mask, order="F")
        answer.reshape(-1, order="F")[: round(value * mask.size)] = 1
        runs = coco_mask.encode(mask)
        runs["counts"] = runs["counts"].decode()
        given_runs = coco_mask.encode(answer)
        given_runs["counts"] = given_runs["counts"].decode()
        about = {"image_id": number, "category_id": 1}
        truth.append({**about, "id": number, "segmentation": runs, "area": 1e4, "iscrowd": 0, "bbox": [0, 0, 100, 100]})
        answers.append({**about, "segmentation": given_runs, "score": score})
    data = COCO()
    data.dataset = {
        "info": {},
        "images": [{"id": number, "height": 100, "width": 100} for number in range(1, len(ious) + 1)],
        "categories": [{"id": 1}],
        "annotations": truth,
    }
    data.createIndex()
    evaluated = COCOeval(data, data.loadRes(answers), "segm")
    evaluated.evaluate()
    evaluated.accumulate()
    return float(evaluated.eval["precision"][:, :, 0, 0, 2].mean())


def test_average_precision_is_that_of_pycocotools(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(3)
    for count in (1, 4, 30):
        ious = [round(float(value), 3) for value in rng.uniform(0.3, 1, count)]
        expected = [float(value) for value in rng.permutation(count) / count]
        assert average_precision(ious, expected) == pytest.approx(coco_ap(ious, expected), abs=1e-9)
    capsys.readouterr()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_average_precision_stays_in_range_and_is_one_for_perfect_answers(ious: list[float]) -> None:
    assert 0 <= average_precision(ious, ious) <= 1
    assert average_precision([1.0] * len(ious), ious) == 1.0
