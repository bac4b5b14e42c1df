"""From records to figures: means over scenes with 95 % intervals, under the names of the report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import t as student

from models.hugs.evaluation_config import MAPS, TRAININGS
from models.hugs.evaluation_records import Record

COVERAGE = 0.95
SINGLE_CUES = ("sfm", "residual", "residual_segments")


def interval(values: Sequence[float]) -> list[float]:
    """[low, mean, high] of one value a scene: Student's 95 % interval of the mean; one scene gives no spread."""
    found = np.asarray(values, np.float64)
    middle = float(found.mean())
    reach = 0.0
    if len(found) > 1:
        spread = float(found.std(ddof=1)) / np.sqrt(len(found))
        reach = spread * float(student.ppf((1 + COVERAGE) / 2, len(found) - 1))
    return [round(middle - reach, 4), round(middle, 4), round(middle + reach, 4)]


def over_scenes(records: Sequence[Record], value: Callable[[Record], float]) -> list[float]:
    """The interval over scenes of the mean over their seeds: captures of one setting are not independent."""
    by_scene: dict[str, list[float]] = defaultdict(list)
    for record in records:
        by_scene[record.scene].append(value(record))
    return interval([float(np.mean(values)) for values in by_scene.values()])


def figures(records: Sequence[Record]) -> dict[str, object]:
    """``miou_*``, ``f1_*``, ``moving_iou_*`` by map, ``psnr_*``, ``ssim_*`` by training, gains in dB, and by scene."""
    found: dict[str, object] = {}
    for name in MAPS:
        found[f"miou_{name}"] = over_scenes(records, lambda record, name=name: record.maps[name].miou)  # type: ignore[misc]
        found[f"f1_{name}"] = over_scenes(records, lambda record, name=name: record.maps[name].f1)  # type: ignore[misc]
        found[f"moving_iou_{name}"] = over_scenes(records, lambda record, name=name: record.maps[name].moving)  # type: ignore[misc]
    for training in TRAININGS:
        found[f"psnr_{training}"] = over_scenes(records, lambda record, name=training: record.fields[name].psnr)  # type: ignore[misc]
        found[f"psnr_small_{training}"] = over_scenes(records, lambda record, name=training: record.fields[name].small)  # type: ignore[misc]
        found[f"ssim_{training}"] = over_scenes(records, lambda record, name=training: record.fields[name].ssim)  # type: ignore[misc]
    for training in ("hugs", "robust", "true"):
        found[f"gain_{training}"] = over_scenes(records, lambda record, name=training: gain(record, name))  # type: ignore[misc]
    found["gain_small_hugs"] = over_scenes(
        records, lambda record: record.fields["hugs"].small - record.fields["none"].small
    )
    bought = [gain(record, "hugs") for record in records], [gain(record, "true") for record in records]
    if np.mean(bought[1]) > 0:
        found["gain_share_of_true"] = round(float(np.mean(bought[0]) / np.mean(bought[1])), 4)
    found["scenes_above_single_cues"] = sum(above_single_cues(records).values())
    for scene in dict.fromkeys(record.scene for record in records):
        of = [record for record in records if record.scene == scene]
        key = scene.replace(" ", "_")
        for name in MAPS:
            found[f"scene_{key}_miou_{name}"] = _mean(record.maps[name].miou for record in of)
        for training in TRAININGS:
            found[f"scene_{key}_psnr_{training}"] = _mean(record.fields[training].psnr for record in of)
    return found


def gain(record: Record, training: str) -> float:
    """PSNR on clean held-out views over training with no map, in dB."""
    return record.fields[training].psnr - record.fields["none"].psnr


def above_single_cues(records: Sequence[Record]) -> dict[str, bool]:
    """Scene -> whether HuGS agrees better with the truth than each single cue, by the mean over seeds."""
    answer = {}
    for scene in dict.fromkeys(record.scene for record in records):
        of = [record for record in records if record.scene == scene]
        mine = _mean(record.maps["hugs"].miou for record in of)
        answer[scene] = all(mine > _mean(record.maps[cue].miou for record in of) for cue in SINGLE_CUES)
    return answer


def _mean(values: object) -> float:
    return round(float(np.mean(list(values))), 4)  # type: ignore[call-overload]
