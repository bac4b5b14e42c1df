"""Asks the rows for one picture: prompts, degradations, clicking, GrabCut, everything."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file

from models.parts.degradations import BENDING, degrade, warp_mask
from models.robust_sam import METHOD, official
from models.robust_sam.decoder import Branch
from models.robust_sam.evaluation_config import (
    GOALS,
    PROMPTS,
    Condition,
    EvaluationConfig,
    Part,
    PromptKind,
    Row,
    conditions,
)
from models.robust_sam.evaluation_records import Answer, Clicks, Found, Record
from models.robust_sam.everything import everything_recall, segment_everything
from models.robust_sam.pipeline import iou, weights_file
from models.robust_sam.protocol import (
    Answers,
    Prompt,
    Subject,
    clicks_until,
    middle_point,
    random_points,
    seed_of,
    true_box,
    with_decoder,
)
from models.robust_sam.training import AUGMENTED_FILE
from models.runtime import JobContext

CLICKED: tuple[tuple[Row, Branch], ...] = (("plain", "sam"), ("robust", "robust"))
"""The rows that are clicked until they are right, with their branch."""


@dataclass(frozen=True)
class Scene:
    """A picture (H, W, 3) uint8 with the masks (bool, H x W) that are asked for; ``index``: within its part."""

    name: str
    part: Part
    index: int
    image: np.ndarray
    masks: list[np.ndarray]

    @property
    def digest(self) -> str:
        """Eight bytes over pixels and masks: two runs with the same digest asked the same."""
        content = hashlib.blake2b(np.ascontiguousarray(self.image).data, digest_size=8)
        for mask in self.masks:
            content.update(np.packbits(mask).data)
        return content.hexdigest()


class Panel:
    """The rows, asked together: they share the encoder, so a picture is encoded once for all rows and prompts."""

    def __init__(self, nano: Subject, augmented: Subject) -> None:
        self.nano, self.augmented = nano, augmented

    @classmethod
    def open(cls, baseline: Path = METHOD.weights_folder / AUGMENTED_FILE) -> Panel:
        """The embedded weights and the baseline's decoder beside them."""
        model = official.load(weights_file(), "cpu").to(memory_format=torch.channels_last)
        assert isinstance(model, official.RobustSam)
        return cls(Subject(model), Subject(with_decoder(model, load_file(baseline))))

    def look(self, image: np.ndarray) -> None:
        """image: (H, W, 3) uint8."""
        self.nano.look(image)
        self.augmented.share(self.nano)

    def ask(self, prompts: Sequence[Prompt]) -> dict[Row, Answers]:
        """Row -> its answers, one for each prompt."""
        ours = self.nano.ask(prompts)
        theirs = self.augmented.ask(prompts)
        return {"plain": ours["sam"], "robust": ours["robust"], "augmented": theirs["sam"]}


def measure(panel: Panel, scene: Scene, config: EvaluationConfig) -> Record:
    """Everything the configuration asks of one scene. Clean real photos are clicked and given to GrabCut always."""
    real = scene.part == "real"
    record = Record(scene.name, scene.part, scene.digest)
    by_grabcut = scene.index % config.grabcut_every == config.grabcut_every // 2
    for condition in conditions(scene.index, config.extra_every):
        image, masks = degraded(scene, condition)
        panel.look(image)
        for kind in PROMPTS if condition.extra else (PROMPTS[1],):
            answers = _ask(panel, scene, condition, kind, masks)
            if kind == "box" and (by_grabcut or (real and condition.kind is None)):
                answers = [_with_grabcut(answer, image, mask) for answer, mask in zip(answers, masks, strict=True)]
            record.answers.extend(answers)
        if condition.kind is None and (real or scene.index % config.clicks_every == 0):
            record.clicks.extend(clicks(panel, masks))
        if condition.kind is None and (real or scene.index % config.everything_every == config.everything_every - 1):
            record.found.extend(found(panel, image, masks))
    return record


def degraded(scene: Scene, condition: Condition) -> tuple[np.ndarray, list[np.ndarray]]:
    """The scene under one degradation; where it bends the picture the masks bend along (those that vanish stay)."""
    if condition.kind is None:
        return scene.image, scene.masks
    result = degrade(scene.image, condition.kind, condition.severity, seed_of(scene.name))
    if result.warp is None or condition.kind not in BENDING:
        return result.image, scene.masks
    bent = [warp_mask(mask, result.warp) for mask in scene.masks]
    return result.image, [new if new.any() else old for new, old in zip(bent, scene.masks, strict=True)]


def prompt_for(kind: PromptKind, mask: np.ndarray, name: str) -> Prompt:
    """The prompt of one kind for one object."""
    if kind == "box":
        return true_box(mask)
    return middle_point(mask) if kind == "one_point" else random_points(mask, name)


def _ask(
    panel: Panel, scene: Scene, condition: Condition, kind: PromptKind, masks: Sequence[np.ndarray]
) -> list[Answer]:
    prompts = [prompt_for(kind, mask, f"{scene.name}/{number}") for number, mask in enumerate(masks)]
    given = panel.ask(prompts)
    return [
        Answer(
            object=number,
            share=round(float(mask.mean()), 5),
            prompt=kind,
            kind=condition.kind,
            severity=condition.severity,
            iou=_rounded({row: iou(answers.masks[number], mask) for row, answers in given.items()}),
            predicted=round(float(given["plain"].predicted[number]), 4),
        )
        for number, mask in enumerate(masks)
    ]


def _with_grabcut(answer: Answer, image: np.ndarray, mask: np.ndarray) -> Answer:
    answer.iou["grabcut"] = round(iou(grabcut(image, true_box(mask)), mask), 4)
    return answer


def _rounded(values: Mapping[Row, float]) -> dict[Row, float]:
    return {row: round(value, 4) for row, value in values.items()}


def clicks(panel: Panel, masks: Sequence[np.ndarray]) -> list[Clicks]:
    """Clicks to the goals of both branches for every object of the picture the panel looks at."""
    return [
        Clicks(number, row, needed)
        for row, branch in CLICKED
        for number, needed in enumerate(clicks_until(panel.nano, branch, masks, GOALS))
    ]


def found(panel: Panel, image: np.ndarray, masks: Sequence[np.ndarray]) -> list[Found]:
    """How well everything mode's masks meet each object, for both branches with the room's settings."""
    result: list[Found] = []
    for row, branch in CLICKED:
        # A context of its own: what a picture keeps in its cache goes with it.
        whole = segment_everything(JobContext(), panel.nano.model, image, branch=branch)
        given = [segment.mask for segment in whole.segments]
        result += [
            Found(number, row, round(everything_recall(given, [mask]).mean_best_iou, 4))
            for number, mask in enumerate(masks)
        ]
    return result


def grabcut(image: np.ndarray, prompt: Prompt) -> np.ndarray:
    """The classical baseline: GrabCut (Rother et al. 2004) from the prompt's box, five rounds, as OpenCV ships it.

    A box that leaves nothing outside gives GrabCut no background to learn: the box itself is its answer then.
    """
    assert prompt.box is not None
    x0, y0, x1, y1 = (int(value) for value in prompt.box)
    state = np.zeros(image.shape[:2], np.uint8)
    if (x0, y0, x1, y1) == (0, 0, image.shape[1], image.shape[0]):
        return np.ones_like(state, dtype=bool)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(image, state, (x0, y0, max(x1 - x0, 1), max(y1 - y0, 1)), *models, 5, cv2.GC_INIT_WITH_RECT)
    return (state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD)
