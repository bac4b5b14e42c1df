"""Inside view: attention against a slow direct computation, spectra against numpy, selector, distances, cancelling."""

from __future__ import annotations

import math
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch

from models.parts.degradations import degrade
from models.robust_sam import inside, inside_attention, inside_export
from models.robust_sam.inside_types import CLEANERS, HISTOGRAM_BINS, InsideView, Stage
from models.robust_sam.network import CONFIGS, RobustSam
from models.robust_sam.prompts import BadPrompt, Prompts
from models.runtime import Cancelled, JobContext, Runtime, RuntimeConfig

CLICK = Prompts(points=((40.0, 30.0), (10.0, 8.0)), labels=(1, 0))


def finished(steps: Iterator[Stage]) -> tuple[list[Stage], InsideView]:
    stages = []
    while True:
        try:
            stages.append(next(steps))
        except StopIteration as end:
            return stages, end.value


def viewed(
    model: RobustSam, photo: np.ndarray, prompts: Prompts = CLICK, clean: np.ndarray | None = None
) -> InsideView:
    return finished(inside.inside_view(JobContext(), model, image=photo, prompts=prompts, clean=clean))[1]


def hooked_attention(model: RobustSam, photo: np.ndarray, branch: str) -> list[np.ndarray]:
    """Slow twin: the weights a hook sees while the decoder itself runs, each score by its own loop."""
    seen: list[np.ndarray] = []

    def record(attention: torch.nn.Module, arguments: object, named: dict[str, torch.Tensor], output: object) -> None:
        q, k = (attention.q_proj(named["q"])[0], attention.k_proj(named["k"])[0])  # type: ignore[operator]
        size = q.shape[1] // attention.num_heads
        heads = []
        for head in range(attention.num_heads):  # type: ignore[arg-type]
            part = slice(head * size, (head + 1) * size)
            scores = torch.stack([(q[1, part] * key).sum() for key in k[:, part]]) / math.sqrt(size)
            heads.append((scores.exp() / scores.exp().sum()).detach().numpy())
        seen.append(np.stack(heads))

    transformer = model.mask_decoder.transformer
    layers = [block.cross_attn_token_to_image for block in transformer.layers]
    handles = [
        m.register_forward_hook(record, with_kwargs=True) for m in (*layers, transformer.final_attn_token_to_image)
    ]
    try:
        with torch.inference_mode():
            features, _ = inside.look_at(model, photo, "cpu", lambda share: None)
            sparse, dense = inside._encoded(model, features, CLICK)
            position = model.prompt_encoder.get_dense_pe()
            model.mask_decoder.decode(features.embedding, position, sparse, dense, branch)  # type: ignore[arg-type]
    finally:
        for handle in handles:
            handle.remove()
    return seen


@pytest.fixture(scope="module")
def nano() -> RobustSam:
    torch.manual_seed(1)
    return RobustSam(CONFIGS["nano"]).eval()


@pytest.mark.parametrize("size", ["tiny", "nano"])
@pytest.mark.parametrize("branch", ["sam", "robust"])
def test_attention_equals_a_direct_computation(
    size: str, branch: str, photo: np.ndarray, request: pytest.FixtureRequest
) -> None:
    model: RobustSam = request.getfixturevalue(size)
    found = viewed(model, photo).attention[branch].weights  # type: ignore[index]
    expected = hooked_attention(model, photo, branch)
    assert found.shape[0] == len(expected) == 3
    for layer, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(layer.reshape(wanted.shape), wanted, atol=2e-6, rtol=1e-4)


def test_every_heads_attention_sums_to_one(tiny: RobustSam, photo: np.ndarray) -> None:
    for attention in viewed(tiny, photo).attention.values():
        np.testing.assert_allclose(attention.weights.sum(axis=(-1, -2)), 1, atol=1e-5)
        np.testing.assert_allclose(attention.mean.sum(axis=(-1, -2)), 1, atol=1e-5)


def test_attention_on_the_padding_is_reported() -> None:
    weights = torch.full((2, 4, 4), 1 / 16)
    assert inside_attention.padding_share(weights, (2.0, 4.0)) == pytest.approx(0.5)
    assert inside_attention.padding_share(weights, (2.5, 4.0)) == pytest.approx(0.25)
    assert inside_attention.padding_share(weights, (4.0, 4.0)) == pytest.approx(0.0, abs=1e-6)


def test_spectra_agree_with_numpy() -> None:
    feature = torch.randn(1, 5, 12, 12, generator=torch.Generator().manual_seed(0))
    wanted = np.abs(np.fft.fftshift(np.fft.fft2(feature[0].double().numpy()), axes=(-2, -1))).mean(axis=0)
    np.testing.assert_allclose(inside.spectrum(feature).numpy(), wanted, rtol=1e-4)


def test_rings_average_the_spectrum_by_distance_from_the_middle() -> None:
    amplitude = torch.rand(8, 8, generator=torch.Generator().manual_seed(2))
    radius, means = inside.rings(amplitude)
    rows, columns = np.mgrid[:8, :8] - 4
    distance = np.minimum(np.rint(np.hypot(rows, columns)), 4)
    for r, mean in zip(radius.tolist(), means.tolist(), strict=True):
        assert mean == pytest.approx(amplitude.numpy()[distance == r].mean(), rel=1e-5)


def test_selector_shares_are_weights_that_sum_to_one(tiny: RobustSam, photo: np.ndarray) -> None:
    feature = torch.randn(1, 64, 8, 8, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        trace = tiny.mask_decoder.fourier_last_layer_features.trace(feature)
    torch.testing.assert_close(trace.batch_weight + trace.instance_weight, torch.ones_like(trace.batch_weight))
    cleaner = inside.cleaner_view("final", feature, trace, None)
    np.testing.assert_allclose(cleaner.selector, trace.batch_weight[0, :, ::2, ::2].mean(0).numpy(), rtol=1e-6)
    assert cleaner.histogram.sum() == cleaner.channels == 64
    assert len(cleaner.histogram) == HISTOGRAM_BINS
    assert ((cleaner.selector_channels >= 0) & (cleaner.selector_channels <= 1)).all()


def test_the_spectrum_after_is_that_of_the_suppressed_feature(tiny: RobustSam) -> None:
    feature = torch.randn(1, 64, 8, 8, generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        trace = tiny.mask_decoder.fourier_last_layer_features.trace(feature)
        # An amplitude may go negative under the 1x1 convolution; what is drawn is what the next layer receives.
        amplitude = torch.fft.fft2(trace.excited).abs()
        mixed = tiny.mask_decoder.fourier_last_layer_features.fgm_block.conv_layer(amplitude)
    cleaner = inside.cleaner_view("final", feature, trace, None)
    wanted = np.fft.fftshift(np.log10(mixed.abs().mean(dim=(0, 1)).numpy() + inside.SMALLEST))
    np.testing.assert_allclose(cleaner.spectrum_after, wanted, atol=2e-3)
    np.testing.assert_allclose(
        cleaner.ratio, (cleaner.spectrum_after - cleaner.spectrum_before) / np.log10(2), atol=1e-4
    )


def test_a_clean_picture_has_no_distance_before_cleaning(tiny: RobustSam, photo: np.ndarray) -> None:
    view = viewed(tiny, photo, clean=photo)
    assert [cleaner.name for cleaner in view.cleaners] == list(CLEANERS)
    for cleaner in view.cleaners:
        assert cleaner.distance is not None
        assert cleaner.distance.before == pytest.approx(0, abs=1e-6)
        assert cleaner.distance.after > 0


def test_a_degraded_picture_is_compared_with_the_clean_one(tiny: RobustSam, photo: np.ndarray) -> None:
    foggy = degrade(photo, "fog", 1.0, 0).image
    assert all(c.distance is not None and c.distance.before > 0 for c in viewed(tiny, foggy, clean=photo).cleaners)
    assert all(c.distance is None for c in viewed(tiny, foggy).cleaners)


def test_cleaners_come_one_by_one(tiny: RobustSam, photo: np.ndarray) -> None:
    stages, view = finished(inside.inside_view(JobContext(), tiny, image=photo, prompts=CLICK))
    assert [[c.name for c in stage.cleaners] for stage in stages] == [
        ["early"],
        ["early", "final"],
        ["early", "final", "mask"],
    ]
    assert [c.energy_before.shape for c in view.cleaners] == [(8, 8), (8, 8), (32, 32)]


def test_a_plain_sam_checkpoint_says_what_is_missing(photo: np.ndarray) -> None:
    from tests.robust_sam.conftest import TINY

    view = viewed(RobustSam(TINY, robust=False).eval(), photo)
    assert view.cleaners == ()
    assert set(view.attention) == {"sam"}
    assert "plain SAM" in view.missing
    assert b"PK" in inside_export.as_npz(view)[:4]


def test_a_box_alone_can_be_looked_into(tiny: RobustSam, photo: np.ndarray) -> None:
    view = viewed(tiny, photo, Prompts(box=(10.0, 10.0, 50.0, 40.0)))
    assert view.attention["robust"].weights.shape == (3, 4, 8, 8)


def test_npz_holds_every_array_and_the_numbers(tiny: RobustSam, photo: np.ndarray) -> None:
    view = viewed(tiny, photo, clean=photo)
    kept = np.load(BytesIO(inside_export.as_npz(view, {"photo": "x.png"})))
    np.testing.assert_array_equal(kept["attention_robust"], view.attention["robust"].weights)
    np.testing.assert_array_equal(kept["mask_spectrum_before"], view.cleaners[2].spectrum_before)
    assert "x.png" in str(kept["about"])
    assert "distance_before" in str(kept["about"])


def test_cancelling_stops_at_the_next_tick(tiny: RobustSam, photo: np.ndarray) -> None:
    stopped = False
    steps = inside.inside_view(JobContext(is_cancelled=lambda: stopped), tiny, image=photo, prompts=CLICK)
    next(steps)
    stopped = True
    with pytest.raises(Cancelled):
        next(steps)


def test_an_object_without_prompts_is_refused_before_anything_is_queued(nano_file: Path, photo: np.ndarray) -> None:
    with pytest.raises(BadPrompt, match="click the object"):
        inside.inside_job("me", photo, "d", Prompts(), path=str(nano_file))


def test_the_job_runs_through_the_runtime(nano_file: Path, photo: np.ndarray) -> None:
    runtime = Runtime(RuntimeConfig(devices=("cpu",)))
    try:
        ticket = runtime.submit(inside.inside_job("me", photo, "d", CLICK, path=str(nano_file)))
        view = ticket.result(timeout=300)
    finally:
        runtime.close()
    assert view.model.startswith("nano")
    assert view.used == (24.0, 32.0)
    assert ticket.receipt is not None
