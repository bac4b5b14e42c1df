"""How well static maps agree with a known truth: the panel's own benchmark, over all frames of a capture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.hugs.cues import Map
from models.hugs.fusion import Single, single_cue
from models.hugs.fusion_config import FusionConfig
from models.hugs.pipeline_work import Work, at_size


@dataclass(frozen=True)
class Scores:
    """How well maps agree with the truth: mean IoU of static and moving pixels, then IoU, F1, recall of the moving."""

    miou: float
    transient_iou: float
    f1: float
    recall: float


def scores_of(work: Work, config: FusionConfig | None = None) -> dict[str, Scores]:
    """The panel's own benchmark: map name -> its scores over all frames with a known truth; empty without any."""
    wanted = config or work.fusion
    counts: dict[str, npt.NDArray[np.int64]] = {}
    singles: tuple[Single, ...] = ("residual", "sfm", "residual x segments")
    for view in work.capture.views:
        if view.truth is None:
            continue
        cues = work.cues(view.name)
        maps = {single: single_cue(cues, wanted, single) for single in singles}
        maps["fused"] = work.fused(view.name, config).static  # type: ignore[index]
        truth = at_size(view.truth, cues.size)
        for name, mask in maps.items():
            counts[name] = counts.get(name, np.zeros(4, np.int64)) + tally(truth, mask)
    return {name: agreement(found) for name, found in counts.items()}


def tally(truth: Map, mask: Map) -> npt.NDArray[np.int64]:
    """(4,) pixels by 2 * truth + map, where 1 is static; add them up over frames."""
    return np.bincount((2 * truth.astype(np.int64) + mask).ravel(), minlength=4)


def agreement(counts: npt.NDArray[np.int64]) -> Scores:
    """The scores of what ``tally`` counted."""
    hit, kept_wrongly, masked_static, static = (int(counts[place]) for place in (0, 1, 2, 3))
    transient = _ratio(hit, hit + kept_wrongly + masked_static)
    resting = _ratio(static, static + kept_wrongly + masked_static)
    f1 = _ratio(2 * hit, 2 * hit + kept_wrongly + masked_static)
    return Scores((transient + resting) / 2, transient, f1, _ratio(hit, hit + kept_wrongly))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
