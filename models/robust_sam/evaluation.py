"""The report card of the embedded weights: both branches and the augmentation-only baseline, on scenes kept apart and
on photos.

Held-out scenes show models, clip art and shape families that training never saw (backdrops may recur). Real photos
carry masks drawn by hand. ``launch.py evaluate robust_sam`` prints it; ``--quick`` takes fewer scenes and one severity.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from safetensors.torch import load_file

from models.parts.degradations import BENDING, KINDS, degrade, warp_mask
from models.robust_sam import METHOD, dataset, official, real_photos
from models.robust_sam.decoder import Branch
from models.robust_sam.pipeline import iou, weights_file
from models.robust_sam.protocol import (
    MOST_CLICKS,
    POINTS,
    Prompt,
    Subject,
    clicks_until,
    interval,
    random_points,
    seed_of,
    true_box,
    with_decoder,
)
from models.robust_sam.training import AUGMENTED_FILE
from models.worlds import packages
from models.worlds.packs import read_packs

GOALS = (0.8, 0.9)
ROWS = ("plain", "robust", "augmented")
"""Plain SAM, RobustSAM, and plain SAM with its decoder fine-tuned on degraded images."""
CLICKED: dict[str, Branch] = {"plain": "sam", "robust": "robust"}
"""The rows that are clicked until they are right, with their branch."""

Groups = dict[str, list[list[float]]]
"""Row -> the IoUs of each image's objects."""


@dataclass(frozen=True)
class EvaluationConfig:
    """``scenes`` of each generator; at most ``objects`` a scene, none below ``least_share`` of the image."""

    scenes: int
    severities: tuple[float, ...]
    objects: int = 4
    least_share: float = 0.003
    seed: int = 77


FULL = EvaluationConfig(scenes=200, severities=(0.5, 1.0))
QUICK = EvaluationConfig(scenes=25, severities=(1.0,))


@dataclass(frozen=True)
class Scene:
    """An image (H, W, 3) uint8 with the masks (bool, H x W) that are asked for."""

    name: str
    image: np.ndarray
    masks: list[np.ndarray]


def evaluate(quick: bool) -> dict[str, Any]:
    """Figures with intervals ([low, value, high]) and the configuration they hold for."""
    config = QUICK if quick else FULL
    panel = Panel.open()
    scenes = list(held_out_scenes(config))
    figures = scene_figures(panel, scenes, config.severities)
    figures |= photo_figures(panel, [Scene(o.name, o.image, [o.mask]) for o in real_photos.load()])
    objects = sum(len(scene.masks) for scene in scenes)
    settings = asdict(config) | {"points": POINTS, "scenes_used": len(scenes), "objects_used": objects}
    return {"figures": figures, "config": settings}


class Panel:
    """The three rows, asked together: they share the encoder, so an image is encoded once."""

    def __init__(self, nano: Subject, augmented: Subject) -> None:
        self.nano, self.augmented = nano, augmented

    @classmethod
    def open(cls) -> Panel:
        """The embedded weights and the baseline's decoder beside them."""
        model = official.load(weights_file(), "cpu")
        baseline = with_decoder(model, load_file(METHOD.weights_folder / AUGMENTED_FILE))
        return cls(Subject(model), Subject(baseline))

    def look(self, image: np.ndarray) -> None:
        """image: (H, W, 3) uint8."""
        self.nano.look(image)
        self.augmented.share(self.nano)

    def ask(self, prompts: Sequence[Prompt]) -> dict[str, list[np.ndarray]]:
        """Row -> its masks, one for each prompt."""
        ours = self.nano.ask(prompts)
        theirs = self.augmented.ask(prompts)
        return {"plain": ours["sam"].masks, "robust": ours["robust"].masks, "augmented": theirs["sam"].masks}


def held_out_scenes(config: EvaluationConfig) -> Iterator[Scene]:
    """Rendered scenes of held-out models and composites of held-out settings, with up to ``objects`` objects each."""
    base = packages.cache_folder() / "robust_sam_evaluation"
    for kind, write in (("objects", dataset.write_objects), ("shapes", dataset.write_shapes)):
        folder = base / f"{kind}-{config.seed}-{config.scenes}"
        write(folder, config.scenes, config.seed, "held_out")
        shard = read_packs(folder)[0]
        for row in range(config.scenes):
            masks = objects_of(np.asarray(shard.instance[row]), config, f"{kind}-{row}")
            if masks:
                yield Scene(f"{kind}-{row}", np.asarray(shard.image[row]), masks)


def objects_of(instance: np.ndarray, config: EvaluationConfig, name: str) -> list[np.ndarray]:
    """Up to ``config.objects`` visible objects of one scene, drawn by the scene's name."""
    ids, areas = np.unique(instance, return_counts=True)
    large = [i for i, area in zip(ids, areas, strict=True) if i and area >= config.least_share * instance.size]
    chosen = np.random.default_rng(seed_of(name)).permutation(len(large))[: config.objects]
    return [instance == large[index] for index in chosen]


def scene_figures(panel: Panel, scenes: Sequence[Scene], severities: Sequence[float]) -> dict[str, Any]:
    """IoU with three points on clean and degraded scenes, and the differences between the rows on the same prompts."""
    clean = measure(panel, scenes, [(None, 0.0)])
    by_kind = {kind: measure(panel, scenes, [(kind, severity) for severity in severities]) for kind in KINDS}
    degraded: Groups = {row: _side_by_side([groups[row] for groups in by_kind.values()]) for row in ROWS}
    figures: dict[str, Any] = {f"clean_iou_{row}": interval(clean[row]) for row in ROWS}
    figures |= {f"degraded_iou_{row}": interval(degraded[row]) for row in ROWS}
    figures["clean_gain"] = interval(_difference(clean["robust"], clean["plain"]))
    figures["degraded_gain"] = interval(_difference(degraded["robust"], degraded["plain"]))
    figures["degraded_gain_over_augmented"] = interval(_difference(degraded["robust"], degraded["augmented"]))
    for kind, groups in by_kind.items():
        figures |= {f"{kind}_iou_{row}": round(float(np.mean(np.concatenate(groups[row]))), 4) for row in ROWS}
    return figures


def measure(panel: Panel, scenes: Sequence[Scene], conditions: Sequence[tuple[str | None, float]]) -> Groups:
    """IoU of every object under every condition, grouped by scene; each object keeps its points."""
    groups: Groups = defaultdict(list)
    for scene in scenes:
        of_scene: dict[str, list[float]] = {row: [] for row in ROWS}
        for kind, severity in conditions:
            image, masks = degraded_scene(scene, kind, severity)
            panel.look(image)
            answers = panel.ask([random_points(mask, f"{scene.name}/{i}") for i, mask in enumerate(masks)])
            for row in ROWS:
                of_scene[row] += [iou(answer, mask) for answer, mask in zip(answers[row], masks, strict=True)]
        for row in ROWS:
            groups[row].append(of_scene[row])
    return dict(groups)


def degraded_scene(scene: Scene, kind: str | None, severity: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """The scene under one degradation; where it bends the image the masks bend along (those that vanish stay as they
    are).
    """
    if kind is None:
        return scene.image, scene.masks
    result = degrade(scene.image, kind, severity, seed_of(scene.name))
    if result.warp is None or kind not in BENDING:
        return result.image, scene.masks
    bent = [warp_mask(mask, result.warp) for mask in scene.masks]
    return result.image, [new if new.any() else old for new, old in zip(bent, scene.masks, strict=True)]


def photo_figures(panel: Panel, scenes: Sequence[Scene]) -> dict[str, Any]:
    """Real photos: a box, three points clean and degraded, clicks to reach a quality, and grabCut from the same box."""
    boxes: Groups = {row: [] for row in (*ROWS, "grabcut")}
    clicks: dict[str, list[list[float]]] = {f"{row}_{goal:.0%}": [] for row in CLICKED for goal in GOALS}
    for scene in scenes:
        mask, prompt = scene.masks[0], true_box(scene.masks[0])
        panel.look(scene.image)
        for row, answers in panel.ask([prompt]).items():
            boxes[row].append([iou(answers[0], mask)])
        boxes["grabcut"].append([iou(grabcut(scene.image, prompt), mask)])
        for row, branch in CLICKED.items():
            for goal, count in zip(GOALS, clicks_until(panel.nano, branch, mask, GOALS), strict=True):
                clicks[f"{row}_{goal:.0%}"].append([float(count)])
    degraded = measure(panel, scenes, [(kind, 1.0) for kind in KINDS])
    clean = measure(panel, scenes, [(None, 0.0)])
    figures: dict[str, Any] = {"real_objects": len(scenes), "real_box_iou": interval(boxes["robust"])}
    figures |= {f"real_box_iou_{row}": interval(groups) for row, groups in boxes.items() if row != "robust"}
    figures |= {f"real_clean_iou_{row}": interval(clean[row]) for row in ROWS}
    figures |= {f"real_degraded_iou_{row}": interval(degraded[row]) for row in ROWS}
    figures["real_degraded_gain"] = interval(_difference(degraded["robust"], degraded["plain"]))
    figures["real_clicks_to_80"] = interval(clicks["robust_80%"], statistic=np.median)
    figures["real_clicks_to_80_plain"] = interval(clicks["plain_80%"], statistic=np.median)
    figures["real_clicks_to_90"] = interval(clicks["robust_90%"], statistic=np.median)
    reached = [count <= MOST_CLICKS for group in clicks["robust_80%"] for count in group]
    figures["real_reached_80_share"] = round(float(np.mean(reached)), 4)
    return figures


def grabcut(image: np.ndarray, prompt: Prompt) -> np.ndarray:
    """The classical baseline: GrabCut (Rother et al. 2004) from the prompt's box, five rounds, as OpenCV ships it."""
    assert prompt.box is not None
    x0, y0, x1, y1 = (int(value) for value in prompt.box)
    state = np.zeros(image.shape[:2], np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(image, state, (x0, y0, max(x1 - x0, 1), max(y1 - y0, 1)), *models, 5, cv2.GC_INIT_WITH_RECT)
    return (state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD)


def _difference(a: list[list[float]], b: list[list[float]]) -> list[list[float]]:
    return [[x - y for x, y in zip(left, right, strict=True)] for left, right in zip(a, b, strict=True)]


def _side_by_side(parts: list[list[list[float]]]) -> list[list[float]]:
    """Several measurements of the same scenes -> one group a scene."""
    return [[value for group in groups for value in group] for groups in zip(*parts, strict=True)]
