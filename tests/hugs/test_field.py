"""The radiance field of the CPU: learning, masks, cancelling, sizes, bad input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.hugs import field_nerfacto
from models.hugs.field import FieldProgress, VoxelField, render_view, train_field
from models.hugs.field_config import FieldConfig
from models.hugs.field_rays import Pixels, gather_pixels, reduced
from models.hugs.field_space import Space, space_of
from models.hugs.network_config import TINY
from models.hugs.training_config import TrainingConfig
from models.parts.capture import Capture
from models.parts.metrics import psnr
from models.parts.problems import BadInput
from tests.hugs.box_room import ROOM, box_room

QUICK = FieldConfig(iterations=60, side=32, rays=512, samples=16, probes=32, nodes=20_000)


@pytest.fixture(scope="module")
def capture() -> Capture:
    return box_room(3, side=32, frames=10, clean=2)


def corners() -> np.ndarray:
    return np.random.default_rng(0).uniform(ROOM[0], ROOM[1], (200, 3))


def trained(
    capture: Capture, masks: dict[str, np.ndarray] | None, config: FieldConfig = QUICK, seed: int = 0
) -> FieldProgress:
    *_, last = train_field(capture.views, masks, config, np.random.default_rng(0), corners())
    return last


def truth_of(capture: Capture) -> dict[str, np.ndarray]:
    return {view.name: view.truth for view in capture.views if view.truth is not None}


def quality(capture: Capture, progress: FieldProgress) -> float:
    found = []
    for view in capture.held_out:
        assert view.intrinsics is not None
        assert view.camera_to_world is not None
        found.append(psnr(progress.snapshot(view.intrinsics, view.camera_to_world), view.image / 255))
    return float(np.mean(found))


def test_a_field_learns_the_room_and_true_masks_help(capture: Capture) -> None:
    masked, plain = trained(capture, truth_of(capture)), trained(capture, None)
    grey = float(np.mean([psnr(np.full(v.image.shape, v.image.mean() / 255), v.image / 255) for v in capture.held_out]))
    assert quality(capture, masked) > grey + 3
    assert quality(capture, masked) > quality(capture, plain)


@pytest.mark.parametrize("loss", ["mse", "robust"])
def test_other_losses_learn_too(capture: Capture, loss: str) -> None:
    config = replace(QUICK, loss=loss, iterations=30)
    steps = list(train_field(capture.views, None, config, np.random.default_rng(0), corners()))
    assert [step.step for step in steps] == list(range(1, 31))
    assert steps[-1].loss < steps[0].loss


def test_equal_seeds_give_equal_fields(capture: Capture) -> None:
    config = replace(QUICK, iterations=12)
    one, other = trained(capture, None, config), trained(capture, None, config)
    assert torch.equal(one.field.grid.values, other.field.grid.values)
    assert one.loss == other.loss


def test_closing_the_generator_stops_and_the_field_so_far_can_be_rendered(capture: Capture) -> None:
    training = train_field(capture.views, None, QUICK, np.random.default_rng(0), corners())
    first = next(training)
    for _ in range(8):
        last = next(training)
    training.close()
    with pytest.raises(StopIteration):
        next(training)
    view = capture.held_out[0]
    assert view.intrinsics is not None
    assert view.camera_to_world is not None
    picture, depth = render_view(last.field, view.intrinsics.scaled(20, 12), view.camera_to_world, QUICK)
    assert (first.step, last.step) == (1, 9)
    assert picture.shape == (12, 20, 3)
    assert picture.dtype == np.float32
    assert depth.shape == (12, 20)
    assert 0 <= float(picture.min()) <= float(picture.max()) <= 1
    assert float(depth.min()) > 0


def test_masked_pixels_are_never_drawn(capture: Capture) -> None:
    masks = {capture.views[0].name: np.zeros((32, 32), bool)}
    pixels = gather_pixels(capture.views, masks, QUICK)
    assert int(pixels.used.min()) == 32 * 32
    assert len(pixels.used) == 9 * 32 * 32
    drawn = pixels.draw(replace(QUICK, loss="robust"), torch.Generator().manual_seed(0))
    assert len(drawn.colours) == 512 // Pixels.PATCH**2 * Pixels.PATCH**2


def test_photos_are_learnt_at_the_asked_size(capture: Capture) -> None:
    pixels = gather_pixels(capture.views, None, replace(QUICK, side=16))
    assert len(pixels.used) == 10 * 16 * 16
    expected = reduced(capture.views[0].image, (16, 16)).reshape(-1, 3) / 255
    np.testing.assert_allclose(pixels.rays.colours[:256].numpy(), expected, atol=1e-6)


def test_what_cannot_be_learnt_is_refused_with_a_remedy(capture: Capture) -> None:
    unposed = tuple(replace(view, camera_to_world=None) for view in capture.views)
    with pytest.raises(BadInput, match="no photo with a known camera"):
        next(train_field(unposed, None, QUICK, np.random.default_rng(0)))
    nothing = {view.name: np.zeros((32, 32), bool) for view in capture.views}
    with pytest.raises(BadInput, match="leave no pixel"):
        next(train_field(capture.views, nothing, QUICK, np.random.default_rng(0)))
    with pytest.raises(BadInput, match=r"000\.png.*8 x 8"):
        next(train_field(capture.views, {"000.png": np.ones((8, 8), bool)}, QUICK, np.random.default_rng(0)))
    for wrong in ({"iterations": 0}, {"rate": 2.0}, {"loss": "other"}, {"distortion": -1.0}, {"shell": 3.0}):
        with pytest.raises(BadInput, match=next(iter(wrong))):
            replace(QUICK, **wrong).checked()


def test_the_nerfacto_of_a_gpu_is_chosen_by_configuration_and_sees_the_same_scene(
    capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field_nerfacto, "NETWORK", replace(TINY, images=20))
    monkeypatch.setattr(field_nerfacto, "TRAINING", TrainingConfig(patches=2, patch=8, warm_up=0))
    config = replace(QUICK, network="nerfacto", iterations=3)
    steps = list(train_field(capture.views, truth_of(capture), config, np.random.default_rng(0), corners()))
    assert [step.step for step in steps] == [1, 2, 3]
    view = capture.held_out[0]
    assert view.intrinsics is not None
    assert view.camera_to_world is not None
    picture, depth = render_view(steps[-1].field, view.intrinsics, view.camera_to_world, config)
    assert picture.shape == (32, 32, 3)
    assert np.isfinite(picture).all()
    assert float(depth.min()) > 0
    assert steps[-1].snapshot(view.intrinsics.scaled(8, 8), view.camera_to_world).shape == (8, 8, 3)


@pytest.mark.parametrize("shell", [0.0, 0.25])
def test_places_map_into_the_unit_cube_and_distances_rise(shell: float) -> None:
    space = Space(torch.tensor([1.0, 0.0, -1.0]), torch.tensor([2.0, 1.0, 1.5]), shell)
    origins = torch.tensor([[1.5, 0.2, -1.0], [0.0, -0.5, 0.0]])
    directions = torch.nn.functional.normalize(torch.tensor([[1.0, 0.3, -0.2], [0.1, -1.0, 0.4]]), dim=-1)
    leave = space.leaves(origins, directions)
    distance = space.distance(torch.linspace(0, 1, 9).expand(2, -1), leave)
    assert bool((distance[:, 1:] > distance[:, :-1]).all())
    places = space.along(origins, directions, distance)
    assert float(places.min()) >= 0
    assert float(places.max()) <= 1
    straight = space.unit(origins[:, None] + distance[..., None] * directions[:, None])
    torch.testing.assert_close(places, straight.clamp(0, 1), atol=1e-5, rtol=1e-5)
    surface = space.unit(origins + leave[:, None] * directions)
    edge = 0.5 / (1 + shell)
    assert float((surface - 0.5).abs().amax(-1).min()) == pytest.approx(edge, abs=1e-5)


def test_the_box_follows_the_points_and_else_the_cameras(capture: Capture) -> None:
    closed = space_of(capture.views, corners())
    assert closed.shell == 0
    assert float((closed.centre - torch.tensor((ROOM[0] + ROOM[1]) / 2)).abs().max()) < 0.2
    scattered = np.concatenate([corners(), np.random.default_rng(1).uniform(-60, 60, (60, 3))])
    wide = space_of(capture.views, scattered)
    assert wide.shell > 0
    assert float(wide.half.max()) < 30
    assert space_of(capture.views).shell > 0
    assert space_of(capture.views, shell=0.5).shell == 0.5


def test_refining_keeps_the_picture(capture: Capture) -> None:
    progress = trained(capture, None, replace(QUICK, iterations=20))
    field = progress.field
    assert isinstance(field, VoxelField)
    view = capture.held_out[0]
    assert view.intrinsics is not None
    assert view.camera_to_world is not None
    before = render_view(field, view.intrinsics, view.camera_to_world, QUICK)[0]
    field.refine(40_000)
    field.look()
    after = render_view(field, view.intrinsics, view.camera_to_world, QUICK)[0]
    assert psnr(after, before) > 28
