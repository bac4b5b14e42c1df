"""The small networks: equal sizes, shapes at any side, drawing anew, and what is said while no weights are there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.parts.problems import BadInput
from models.pelk import packing
from models.pelk.nano import (
    LAYOUT_CLASSES,
    SEEDS,
    TASKS,
    VARIANTS,
    LayoutNet,
    PathfinderNet,
    Task,
    Variant,
    build,
    config_of,
    load,
    parameters,
    shipped,
    weights_file,
)
from models.worlds.layouts import CLASSES


@pytest.mark.parametrize("task", TASKS)
def test_the_twins_have_equally_many_parameters(task: Task) -> None:
    counts = {variant: parameters(build(task, variant)) for variant in VARIANTS}
    for variant in ("k7", "k3"):
        assert abs(counts[variant] - counts["large"]) < 0.01 * counts["large"]
    assert config_of(task, "large").kernels == (31, 23, 11)
    assert config_of(task, "k7").kernels == (7, 7, 7)
    assert config_of(task, "k3").kernels == (3, 3, 3)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("side", [(48, 48), (96, 96), (40, 72)])
def test_pictures_of_other_sides_run(variant: Variant, side: tuple[int, int]) -> None:
    with torch.inference_mode():
        path = build("pathfinder", variant).eval()
        assert isinstance(path, PathfinderNet)
        logits, trace = path.both(torch.rand(2, 1, *side))
        assert logits.shape == (2, 2)
        assert trace.shape == (2, 3, side[0] // 8, side[1] // 8)
        assert torch.equal(path(torch.zeros(1, 1, *side)), path.both(torch.zeros(1, 1, *side))[0])
        rooms = build("segmentation", variant).eval()
        assert isinstance(rooms, LayoutNet)
        assert rooms(torch.rand(2, 3, *side)).shape == (2, LAYOUT_CLASSES, *side)
        assert [tuple(stage.shape[2:]) for stage in rooms.features(torch.rand(1, 3, *side))] == [
            (side[0] // shrink, side[1] // shrink) for shrink in (2, 4, 8)
        ]
    assert len(CLASSES) == LAYOUT_CLASSES


def test_equal_generators_draw_equal_weights() -> None:
    one, same, other = (build("segmentation", "k3", torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    first, second, third = (net.state_dict() for net in (one, same, other))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], third[name]) for name in first)


def test_missing_weights_and_unknown_names_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no weights here.*launch.py train pelk"):
        load("pathfinder", "large", 0, tmp_path)
    with pytest.raises(BadInput, match=r"'maze' is unknown\. Use pathfinder, segmentation"):
        build("maze", "large")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=r"'k5' is unknown\. Use large, k7, k3"):
        weights_file("pathfinder", "k5")  # type: ignore[arg-type]
    assert all(seed in SEEDS for _, _, seed in shipped())


@pytest.mark.parametrize("task", TASKS)
def test_packed_weights_come_back_nearly_the_same(task: Task, tmp_path: Path) -> None:
    model = build(task, "large", torch.Generator().manual_seed(4)).eval()
    file = weights_file(task, "large", 0, tmp_path)
    packing.save(model.state_dict(), file)
    assert file.stat().st_size < 1.25 * parameters(model) + 40_000
    again = load(task, "large", 0, tmp_path)
    assert not again.training
    shape = (1, 1, 96, 96) if task == "pathfinder" else (1, 3, 96, 96)
    picture = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted, got = model(picture), again(picture)
    assert (wanted - got).abs().max() < 0.02 * wanted.abs().max()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([(300, 2), (16, 3, 5, 5), (40,)]), st.floats(1e-5, 1e3))
def test_packing_moves_a_weight_by_at_most_half_a_step(seed: int, shape: tuple[int, ...], size: float) -> None:
    value = size * torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    back = packing.unpacked(packing.packed({"x": value}))["x"]
    rows, moved = value.flatten(1) if value.dim() > 1 else value[:, None], (back - value).reshape(value.shape[0], -1)
    assert (moved.abs() <= rows.abs().amax(1, keepdim=True) / 253 + 1e-7).all()


def test_packing_keeps_counts_and_tiny_and_huge_numbers() -> None:
    state = {"steps": torch.tensor(7), "tiny": torch.tensor([3e-8, 1.0]), "huge": torch.tensor([1e6])}
    back = packing.unpacked(packing.packed(state))
    assert back["steps"] == 7
    assert torch.equal(back["tiny"], state["tiny"])
    assert torch.equal(back["huge"], state["huge"])
    zeros = torch.zeros(20, 20)
    assert torch.equal(packing.unpacked(packing.packed({"z": zeros}))["z"], zeros)
