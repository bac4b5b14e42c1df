"""Simulated users, crops and targets, what each stage moves, and a smoke run of all three stages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from models.robust_sam import dataset, scenes, simulate, training
from models.robust_sam.network import CONFIGS, RobustSam
from models.robust_sam.scenes import SceneSampler
from models.robust_sam.stages import is_robust, not_empty, trainable
from models.worlds.packs import Shard, read_packs


def disc(size: int, x: int, y: int, radius: int) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Shard, float]]:
    folder = tmp_path_factory.mktemp("sample")
    dataset.write_sample(folder)
    return [(shard, 1.0) for shard in read_packs(folder)]


@given(st.integers(0, 2**31), st.integers(5, 40), st.integers(5, 40), st.integers(1, 12))
def test_sampled_points_lie_inside(seed: int, x: int, y: int, radius: int) -> None:
    mask = disc(48, x, y, radius)[None].expand(3, -1, -1)
    generator = torch.Generator().manual_seed(seed)
    for weight in (mask.float(), simulate.interior(mask)):
        points = simulate.sample_points(weight, generator).long()
        assert mask[0, points[:, 1], points[:, 0]].all()


@given(st.integers(0, 2**31))
def test_a_corrective_click_lands_where_answer_and_truth_disagree(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    mask, answer = disc(64, 30, 30, 12)[None], disc(64, 38, 30, 12)[None]
    point, label = simulate.corrective_click(answer, mask, generator)
    column, row = ((point[0] - 0.5) / 2).long()
    assert answer[0, row, column] != mask[0, row, column]
    assert label[0] == mask[0, row, column]


def test_a_right_answer_is_confirmed_inside_the_target() -> None:
    mask = disc(64, 30, 30, 12)[None]
    point, label = simulate.corrective_click(mask, mask, torch.Generator().manual_seed(0))
    column, row = ((point[0] - 0.5) / 2).long()
    assert mask[0, row, column]
    assert label[0] == 1


def test_boxes_without_jitter_are_tight() -> None:
    mask = torch.zeros(1, 32, 32, dtype=torch.bool)
    mask[0, 5:9, 10:20] = True
    box = simulate.boxes_of(mask, 1.0, torch.Generator().manual_seed(0), jitter=0.0)
    assert (box + 0.5).tolist() == [[10, 5, 20, 9]]


def test_every_kind_of_first_prompt_embeds_to_one_row_a_target() -> None:
    model = RobustSam(CONFIGS["nano"])
    mask = torch.stack([disc(64, 20, 20, 9), disc(64, 40, 44, 5)])
    generator = torch.Generator().manual_seed(1)
    seen = set()
    for _ in range(40):
        prompts = simulate.first_prompts(mask, generator)
        sparse, dense = prompts.embed(model, 8)
        assert sparse.shape[0] == 2
        assert dense.shape == (2, 128, 8, 8)
        points = 0 if prompts.labels is None else prompts.labels.shape[1]
        seen.add((points, prompts.boxes is not None))
    assert {(1, False), (3, False), (0, True)} <= seen


def test_positions_do_not_depend_on_the_training_side() -> None:
    """A click at the same relative place has the same embedding whether the crop is 256 or 512 pixels a side."""
    model = RobustSam(CONFIGS["nano"])
    label = torch.ones(1, 1)
    small, _ = simulate.PromptBatch(torch.tensor([[[63.5, 31.5]]]), label).embed(model, 16)
    large, _ = simulate.PromptBatch(torch.tensor([[[127.5, 63.5]]]), label).embed(model, 32)
    torch.testing.assert_close(small[:, 0], large[:, 0])


@given(st.integers(0, 2**31))
def test_crops_keep_picture_and_ids_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = np.repeat(np.repeat(rng.integers(0, 4, (8, 8)), 16, 0), 16, 1).astype(np.int16)
    image = np.repeat((ids * 60).astype(np.uint8)[..., None], 3, 2)
    picture, (moved,), size = scenes.crop(image, [ids], 96, rng)
    assert max(size) == 96
    assert picture.shape[:2] == moved.shape == size
    # Away from edges, where resizing mixes neighbours, the colour still names the id.
    agreeing = np.abs(picture[..., 0].astype(int) - moved.astype(int) * 60) < 8
    assert agreeing.mean() > 0.7


def test_targets_are_objects_or_parts_of_the_scene() -> None:
    rng = np.random.default_rng(0)
    instance, part = np.zeros((64, 64), np.int16), np.zeros((64, 64), np.int16)
    instance[10:40, 10:40], part[10:20, 10:40] = 3, 7
    allowed = {(instance == 3).tobytes(), (part == 7).tobytes()}
    drawn = scenes.targets(instance, part, 30, rng)
    assert drawn is not None
    assert {mask.tobytes() for mask in drawn} == allowed


def test_an_empty_scene_has_no_targets() -> None:
    nothing = np.zeros((64, 64), np.int16)
    assert scenes.targets(nothing, nothing, 3, np.random.default_rng(0)) is None


def test_batches_are_deterministic_and_pairs_share_their_targets(shards: list[tuple[Shard, float]]) -> None:
    first, second = (SceneSampler(shards, 64, 3, 2, True, seed=5).draw() for _ in range(2))
    assert torch.equal(first.images, second.images)
    assert first.degraded is not None
    assert second.degraded is not None
    assert torch.equal(first.degraded, second.degraded)
    assert first.images.shape == first.degraded.shape == (3, 3, 64, 64)
    assert first.targets.shape == (3, 2, 32, 32)


def test_stages_move_disjoint_parts() -> None:
    model = RobustSam(CONFIGS["nano"])
    moved = {stage: {name for name, _ in trainable(model, stage)} for stage in ("plain", "robust", "augmented")}
    assert not moved["plain"] & moved["robust"]
    assert moved["augmented"] < moved["plain"]
    assert all(is_robust(name) for name in moved["robust"])
    assert "image_encoder.trunk._conv_stem.weight" not in moved["plain"]


def test_an_empty_target_gets_a_place_and_others_stay() -> None:
    masks = torch.stack([torch.zeros(16, 16, dtype=torch.bool), disc(16, 4, 4, 2)])
    filled = not_empty(masks)
    assert filled[0].any()
    assert torch.equal(filled[1], masks[1])


@pytest.mark.slow
def test_a_quick_training_run_writes_loadable_weights_and_resumes(tmp_path: Path) -> None:
    training.train(quick=True, folder=tmp_path)
    weights = load_file(tmp_path / "nano.safetensors")
    model = RobustSam(CONFIGS["nano"])
    model.load_state_dict({name: value.float() for name, value in weights.items()}, strict=True)
    baseline = load_file(tmp_path / training.AUGMENTED_FILE)
    assert set(baseline) == {name for name, _ in trainable(model, "augmented")}
    before = (tmp_path / "plain.pt").stat().st_mtime_ns
    training.train(quick=True, folder=tmp_path)
    again = load_file(tmp_path / "nano.safetensors")
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert (tmp_path / "plain.pt").stat().st_mtime_ns >= before
