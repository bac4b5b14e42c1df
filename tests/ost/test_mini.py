"""ost-mini: the quick layers give the numbers of the plain ones, norms fold away, both stages learn and go on."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from models.ost import data, mini, mini_training, official, training
from models.ost.weights import BASE_FILE
from models.parts.clip import Attention, ClipLike, LayerNorm
from models.parts.clip_convolutional import ConvTower, ConvTowerConfig
from models.worlds.figures_actions import SEEN_ACTIONS
from tests.ost.models import tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Small packs of frames and clips."""
    path = tmp_path_factory.mktemp("ost")
    data.pack_frames(path / "frames0", 60, 0)
    data.pack_clips(path / "clips", SEEN_ACTIONS, 1, 4, 0)
    data.pack_clips(path / "clips_random", data.random_actions(3), 1, 4, 0)
    return path


@pytest.mark.parametrize("causal", [False, True])
def test_quick_attention_gives_the_numbers_of_the_plain_one(causal):
    torch.manual_seed(0)
    plain = Attention(128, 2, causal)
    nn.init.normal_(plain.in_proj_weight, std=0.1)
    quick = copy.deepcopy(plain)
    quick.__class__ = mini.PlainAttention
    x = torch.randn(3, 7, 128)
    torch.testing.assert_close(quick(x), plain(x), atol=1e-5, rtol=1e-5)


def test_quick_norm_gives_the_numbers_of_the_plain_one():
    plain = LayerNorm(16)
    nn.init.normal_(plain.weight)
    quick = copy.deepcopy(plain)
    quick.__class__ = mini.NarrowNorm
    x = torch.randn(5, 16)
    torch.testing.assert_close(quick(x), plain(x))


def test_folding_the_norms_changes_no_answer():
    model = mini.fresh(1)
    tower = mini.tower_of(model)
    with torch.no_grad():
        for _ in range(3):
            tower(torch.randn(4, 3, 96, 96) * 2 + 0.3)
        for module in tower.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
        model.eval()
        x = torch.randn(2, 3, 96, 96)
        before = tower(x)
        mini.folded(model)
        assert not any(isinstance(module, nn.BatchNorm2d) for module in tower.modules())
        torch.testing.assert_close(tower(x), before, atol=1e-4, rtol=1e-3)
    assert set(model.state_dict()) == set(ClipLike(mini.MINI).state_dict())


def test_the_tower_reads_frames_of_any_multiple_of_16():
    tower = ConvTower(ConvTowerConfig(8, 2), 5)
    done = []
    assert tower(torch.randn(2, 3, 64, 96), done.append).shape == (2, 5)
    assert done[-1] == 1
    assert tower.cells(torch.randn(1, 3, 32, 48)).shape == (1, 6, 32)


def test_captions_that_hold_are_all_positives():
    frames = torch.eye(3)
    holds = torch.tensor([[True, False], [True, False], [False, True]])
    good = torch.stack([(frames[0] + frames[1]) / 2**0.5, frames[2]])
    wrong = good.flip(0)
    scale = torch.tensor(10.0)
    assert mini_training.contrast(frames, good, scale, holds) < 1 < mini_training.contrast(frames, wrong, scale, holds)
    nobody = torch.cat([holds, torch.tensor([[False, False]])])
    more = torch.cat([frames, -frames[:1]])
    assert torch.isfinite(mini_training.contrast(more, good, scale, nobody))


def test_equal_captions_share_the_target_evenly():
    captions = torch.tensor([0, 0, 1])
    rows = torch.log_softmax(2.0 * torch.eye(3), dim=1)
    wanted = -(0.5 * (rows[0, 0] + rows[0, 1]) + 0.5 * (rows[1, 0] + rows[1, 1]) + rows[2, 2]) / 3
    found = mini_training.contrast(torch.eye(3), torch.eye(3), torch.tensor(2.0), captions[:, None] == captions)
    assert float(found) == pytest.approx(float(wanted))


def test_a_step_keeps_the_scale_below_a_hundred(tmp_path):
    model = tiny(5).requires_grad_(True)
    model.logit_scale.data.fill_(math.log(200))
    mini_training.Run(tmp_path, "stage1", mini_training.STAGE_1, model).descend(model.scale)
    assert float(model.scale.detach()) <= 100.001


def test_points_follow_the_picture_that_is_mirrored_and_cut():
    frames = np.zeros((8, 96, 96, 3), np.uint8)
    frames[:, 40:44, 60:64] = 255
    point = torch.full((8, 24, 2), 0.0)
    point[..., 0], point[..., 1] = 62 / 96, 42 / 96
    generator = torch.Generator().manual_seed(2)
    images, change = mini_training.pictures_of(frames, generator)
    found = mini_training.moved(point, change)[:, 0]
    assert change[:, 0].unique().numel() == 2
    bright = images.mean(1).flatten(1).argmax(1)
    where = torch.stack([(bright % 96 + 0.5) / 96, (bright // 96 + 0.5) / 96], dim=1)
    assert (found - where).abs().max() < 0.04


def test_both_stages_run_are_resumed_and_leave_weights_that_load(folder, monkeypatch):
    monkeypatch.setattr(mini_training.Run, "over", property(lambda run: run.step >= limit))
    said = []
    monkeypatch.setattr(mini_training, "CAPTIONS", 60)
    limit = 2
    recipe = mini_training.Recipe(1, 1e-3, batch=8, clips=3, length=2, warmup=1)
    mini_training.stage_1(folder, recipe, said.append)
    limit = 3
    model = mini_training.stage_1(folder, recipe, said.append)
    assert torch.load(folder / "stage1.pt", weights_only=True)["step"] == 3
    base = official.load(folder / BASE_FILE)
    x = torch.randn(1, 3, 96, 96)
    torch.testing.assert_close(base.encode_image(x), model.encode_image(x), atol=5e-3, rtol=5e-2)
    mini_training.stage_2(folder, recipe, model, said.append)
    tuned = official.load(folder / "mini.safetensors", zero_shot=folder / BASE_FILE, ratio=0.2)
    assert tuned.config == mini.MINI


def test_the_command_makes_packs_and_runs_both_stages(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(mini_training.data, "main", lambda words: done.append(("packs", *words)))
    monkeypatch.setattr(mini_training, "stage_1", lambda folder, recipe, say: done.append((folder, recipe.minutes)))
    monkeypatch.setattr(
        mini_training, "stage_2", lambda folder, recipe, model, say: done.append((folder, recipe.minutes))
    )
    assert training.main(["--folder", str(tmp_path), "--minutes", "3", "2"]) == 0
    assert done == [("packs", "--folder", str(tmp_path)), (tmp_path, 3.0), (tmp_path, 2.0)]
    training.main(["--quick"])
    assert done[-1] == (data.FOLDER.with_name("ost_quick"), 1.0)


def test_descriptors_of_a_batch_are_those_of_its_classes(folder, monkeypatch):
    monkeypatch.setattr(mini_training, "CAPTIONS", 60)
    tokeniser = mini_training.tokeniser_of(folder)
    spatial, temporal = mini_training.descriptor_tokens(
        np.array([0, 5, 5]), SEEN_ACTIONS, tokeniser, np.random.default_rng(0)
    )
    assert spatial.shape == temporal.shape == (3, 4, mini.MINI.context)
    assert (spatial[1] == spatial[2]).all()
    assert (spatial[0] != spatial[1]).any()
    named = tokeniser.encode(SEEN_ACTIONS[5].name)[1:-1]
    row = temporal[1, 0].tolist()
    assert any(row[i : i + len(named)] == named for i in range(len(row)))
