"""Large-kernel convolution: every algorithm against the slow float64 twin, gradients, the layer, and bad input."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.parts import large_kernel_direct
from models.parts.large_kernel import (
    ALGORITHMS,
    LargeKernelConv2d,
    large_kernel_conv2d,
    peripheral_conv2d,
    sharing_grid,
)
from models.parts.large_kernel_dispatch import Dispatcher, use
from models.parts.large_kernel_expansion import expand
from models.parts.large_kernel_frames import fft_length, smooth_length
from models.parts.large_kernel_functional import Embedding
from models.parts.large_kernel_table import Table
from models.parts.large_kernel_work import Work, apply, gradients, prepare, work
from models.parts.problems import BadInput

FLOAT32 = {"direct": 2e-5, "cropped": 2e-5, "fft": 2e-6, "boxes": 2e-6, "taps": 2e-5}
"""Largest error over the largest value, the bars of the project."""


@pytest.fixture(autouse=True)
def rule_only(tmp_path: Path) -> Iterator[None]:
    before = use(Dispatcher(Table(tmp_path), measure=False))
    yield
    use(before)


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def far(got: Tensor, wanted: Tensor) -> float:
    got, wanted = got.detach(), wanted.detach()
    return float((got.double() - wanted.double()).abs().max() / wanted.double().abs().max().clamp_min(1e-30))


@st.composite
def jobs(draw: st.DrawFn) -> Work:
    kernel = 2 * draw(st.integers(0, 16)) + 1
    grid = sharing_grid(kernel, draw(st.integers(0, min(3, kernel // 2))))
    size = draw(st.tuples(st.integers(1, 22), st.integers(1, 22)))
    padding = draw(st.sampled_from(["same", 0, (3, 1), kernel + 2]))
    pads = {"same": (kernel // 2,) * 2, 0: (0, 0), (3, 1): (3, 1)}.get(padding, (kernel + 2,) * 2)
    if any(side + 2 * pad < kernel for side, pad in zip(size, pads, strict=True)):
        padding = "same"
    return work(size, (kernel, kernel), draw(st.sampled_from([1, 2])), padding, grid)


@settings(deadline=None, max_examples=40)
@given(jobs(), st.integers(0, 1000))
def test_every_algorithm_equals_the_slow_twin_in_float64(job: Work, seed: int) -> None:
    assert job.grid is not None
    bins = len(job.grid)
    x = random(2, 3, job.frame.rows.size, job.frame.columns.size, seed=seed).requires_grad_(True)
    w = random(3, bins, bins, seed=seed + 1).requires_grad_(True)
    wanted = large_kernel_direct.reference(x, expand(w, job.grid), job.frame)
    upstream = random(*wanted.shape, seed=seed + 2)
    of_x, of_w = torch.autograd.grad(wanted, (x, w), upstream)
    for name in ALGORITHMS:
        x0, w0 = x.detach(), w.detach()
        torch.testing.assert_close(apply(name, x0, prepare(name, w0, job), job), wanted.detach(), atol=1e-10, rtol=1e-9)
        got_x, got_w = gradients(name, x0, w0, upstream, job)
        torch.testing.assert_close(got_x, of_x, atol=1e-10, rtol=1e-9)
        torch.testing.assert_close(got_w, of_w, atol=1e-10, rtol=1e-9)


@pytest.mark.parametrize("size", [(9, 14), (24, 20)])
@pytest.mark.parametrize("kernel", [7, 15, 31, 101])
def test_float32_errors_stay_within_the_bars(kernel: int, size: tuple[int, int]) -> None:
    grid = sharing_grid(kernel)
    x, w = random(1, 4, *size), random(4, len(grid), len(grid), seed=1)
    job = work(size, (kernel, kernel), 1, "same", grid)
    wanted = large_kernel_direct.reference(x, expand(w, grid), job.frame)
    upstream = random(*wanted.shape, seed=2)
    of_x, of_w = gradients("cropped", x, w, upstream, job)
    for name, bar in FLOAT32.items():
        assert far(apply(name, x.float(), prepare(name, w.float(), job), job), wanted) < bar
        got_x, got_w = gradients(name, x.float(), w.float(), upstream.float(), job)
        assert got_x is not None
        assert got_w is not None
        assert far(got_x, of_x) < bar
        assert far(got_w, of_w) < 10 * bar


@pytest.mark.parametrize("algorithm", ["auto", "direct", "cropped", "fft"])
@pytest.mark.parametrize(("stride", "padding"), [(1, "same"), (2, "same"), (2, 3), (1, (0, 5))])
def test_a_dense_kernel_gives_what_conv2d_gives(
    algorithm: str, stride: int, padding: int | Sequence[int] | str
) -> None:
    x, w, b = random(2, 3, 17, 20).requires_grad_(True), random(3, 1, 15, 15, seed=1).requires_grad_(True), random(3)
    wanted = F.conv2d(x, w, b, stride, 7 if padding == "same" else padding, groups=3)
    got = large_kernel_conv2d(x, w, b, stride=stride, padding=padding, algorithm=algorithm)
    torch.testing.assert_close(got, wanted)
    upstream = random(*wanted.shape, seed=3)
    for ours, theirs in zip(
        torch.autograd.grad(got, (x, w), upstream), torch.autograd.grad(wanted, (x, w), upstream), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_stripe_kernels_work() -> None:
    x, w = random(1, 2, 20, 18), random(2, 1, 31, 5, seed=1)
    torch.testing.assert_close(large_kernel_conv2d(x, w), F.conv2d(x, w, padding=(15, 2), groups=2))


@pytest.mark.parametrize("algorithm", ["fft", "boxes", "taps", "cropped"])
def test_gradients_of_first_and_second_order_are_right(algorithm: str) -> None:
    x, w, b = random(1, 2, 4, 5).requires_grad_(True), random(2, 5, 5, seed=1).requires_grad_(True), random(2, seed=2)

    def layer(x: Tensor, w: Tensor) -> Tensor:
        return peripheral_conv2d(x, w, (3, 1, 1, 1, 3), b, stride=2, algorithm=algorithm)

    assert torch.autograd.gradcheck(layer, (x, w))
    assert torch.autograd.gradgradcheck(layer, (x, w))


def test_only_the_gradient_asked_for_is_made() -> None:
    x, w = random(1, 2, 16, 16), random(2, 1, 15, 15, seed=1).requires_grad_(True)
    large_kernel_conv2d(x, w).sum().backward()
    assert w.grad is not None
    assert x.grad is None


@pytest.mark.parametrize("kpe", ["literal", "masked"])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_embedding_is_what_equation_3_adds(kpe: Embedding, stride: int) -> None:
    grid = sharing_grid(9, 1)
    x, w, h = random(1, 2, 7, 8), random(2, len(grid), len(grid), seed=1), random(2, 9, 9, seed=2)
    got = peripheral_conv2d(x, w, grid, kpe=kpe, embedding=h, stride=stride)
    dense, padded = expand(w, grid), F.pad(x, (4, 4, 4, 4))
    inside = F.pad(torch.ones_like(x), (4, 4, 4, 4)) if kpe == "masked" else torch.ones_like(padded)
    wanted = torch.zeros_like(got)
    for i in range(got.shape[2]):
        for j in range(got.shape[3]):
            window = (slice(i * stride, i * stride + 9), slice(j * stride, j * stride + 9))
            seen = padded[0][:, *window] + h * inside[0][:, *window]
            wanted[0, :, i, j] = (dense * seen).sum((-2, -1))
    torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32_and_returned_as_it_came(dtype: torch.dtype) -> None:
    x = random(1, 3, 16, 16).to(dtype).requires_grad_(True)
    layer = LargeKernelConv2d(3, 31).to(dtype)
    y = layer(x)
    assert y.dtype == dtype
    wanted = F.conv2d(x.float(), layer.weight.float(), padding=15, groups=3)
    assert far(y.detach(), wanted.detach()) < 0.01
    y.float().sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == dtype
    with torch.no_grad():
        assert layer.eval()(x).dtype == dtype


def test_autocast_does_not_lower_the_precision() -> None:
    x, layer = random(1, 3, 16, 16, dtype=torch.float32), LargeKernelConv2d(3, 9)
    wanted = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert far(layer(x), wanted) < 1e-6
        with torch.no_grad():
            assert far(layer.eval()(x), wanted) < 1e-6


@pytest.mark.parametrize("algorithm", ["auto", *ALGORITHMS])
def test_layout_does_not_matter(algorithm: str) -> None:
    grid, x = sharing_grid(15), random(2, 4, 10, 12)
    w = random(4, len(grid), len(grid), seed=1)
    wanted = peripheral_conv2d(x, w, grid, algorithm=algorithm)
    turned = x.transpose(2, 3).contiguous().transpose(2, 3)
    for other in (x.to(memory_format=torch.channels_last), turned, torch.cat([x, x], 1)[:, :4]):
        leaf = other.detach().requires_grad_(True)
        got = peripheral_conv2d(leaf, w, grid, algorithm=algorithm)
        torch.testing.assert_close(got, wanted)
        got.sum().backward()
    torch.testing.assert_close(peripheral_conv2d(x[0], w, grid, algorithm=algorithm), wanted[0])


@pytest.mark.parametrize("algorithm", ["auto", *ALGORITHMS])
def test_one_pixel_sees_the_middle_of_the_kernel_only(algorithm: str) -> None:
    grid, x = sharing_grid(101, 3), random(1, 2, 1, 1)
    w = random(2, len(grid), len(grid), seed=1)
    middle = len(grid) // 2
    torch.testing.assert_close(
        peripheral_conv2d(x, w, grid, algorithm=algorithm)[0, :, 0, 0], x[0, :, 0, 0] * w[:, middle, middle]
    )


def test_an_empty_batch_passes() -> None:
    x = torch.zeros(0, 3, 8, 8, requires_grad=True)
    y = LargeKernelConv2d(3, 31, stride=2)(x)
    assert y.shape == (0, 3, 4, 4)
    y.sum().backward()


BAD = [
    (lambda: LargeKernelConv2d(3, 30), "even"),
    (lambda: LargeKernelConv2d(3, 31, grid=(1, 1, 1)), "sums to 3"),
    (lambda: LargeKernelConv2d(3, 31, algorithm="boxes"), "sharing grid"),
    (lambda: LargeKernelConv2d(3, 31, algorithm="magic"), "unknown"),
    (lambda: large_kernel_conv2d(torch.zeros(1, 3, 8, 8), torch.zeros(3, 1, 4, 4)), "even"),
    (lambda: large_kernel_conv2d(torch.zeros(1, 2, 8, 8), torch.zeros(3, 1, 5, 5)), "2 channels"),
    (lambda: large_kernel_conv2d(torch.zeros(1, 3, 8, 8), torch.zeros(3, 3, 5, 5)), "depthwise"),
    (lambda: large_kernel_conv2d(torch.zeros(3, 8), torch.zeros(3, 1, 5, 5)), "batch, channels"),
    (lambda: large_kernel_conv2d(torch.zeros(1, 3, 8, 8), torch.zeros(3, 1, 5, 5), stride=3), "stride 1 or 2"),
    (lambda: large_kernel_conv2d(torch.zeros(1, 3, 8, 8), torch.zeros(3, 1, 31, 31), padding=2), "smaller than the"),
    (lambda: large_kernel_conv2d(torch.zeros(1, 3, 8, 8), torch.zeros(3, 1, 5, 5), padding=-1), "padding"),
    (lambda: large_kernel_conv2d(torch.zeros(1, 3, 8, 8), torch.zeros(3, 1, 5, 5), padding="valid"), "padding"),
    (lambda: large_kernel_conv2d(torch.zeros(1, 3, 8, 8, dtype=torch.int32), torch.zeros(3, 1, 5, 5)), "float32"),
    (lambda: large_kernel_conv2d(torch.zeros(1, 3, 8, 8).double(), torch.zeros(3, 1, 5, 5)), "dtype"),
    (lambda: large_kernel_conv2d(torch.zeros(1, 3, 8, 8), torch.zeros(3, 1, 5, 5), torch.zeros(2)), "bias"),
    (lambda: peripheral_conv2d(torch.zeros(1, 3, 8, 8), torch.zeros(3, 4, 4), (2, 1, 2)), "cells"),
    (lambda: peripheral_conv2d(torch.zeros(1, 3, 8, 8), torch.zeros(3, 3, 3), (2, 1, 3)), "symmetric"),
    (lambda: peripheral_conv2d(torch.zeros(1, 3, 8, 8), torch.zeros(3, 3, 3), (2, 1, 2), kpe="literal"), "missing"),
]


@pytest.mark.parametrize(("act", "word"), BAD)
def test_bad_input_is_refused_with_what_is_wrong(act: object, word: str) -> None:
    with pytest.raises(BadInput, match=word):
        act()  # type: ignore[operator]


def test_the_kept_kernel_follows_the_parameter() -> None:
    layer = LargeKernelConv2d(2, 31, grid=sharing_grid(31), algorithm="fft").eval()
    x = random(1, 2, 20, 20, dtype=torch.float32)
    grow = [
        lambda: layer.weight.add_(1),
        lambda: layer.load_state_dict({key: value * 2 for key, value in layer.state_dict().items()}),
        lambda: setattr(layer, "weight", torch.nn.Parameter(layer.weight * 3)),
        lambda: layer.double().float(),
        lambda: (layer.weight.data.mul_(2), layer.forget()),
    ]
    with torch.no_grad():
        for change in grow:
            layer(x)
            assert layer._kept
            change()
            wanted = F.conv2d(x, layer.dense_weight(), padding=15, groups=2)
            torch.testing.assert_close(layer(x), wanted, atol=1e-4, rtol=1e-4)
    layer.train()
    assert not layer._kept


def test_an_optimiser_step_is_seen_by_the_next_evaluation() -> None:
    layer = LargeKernelConv2d(2, 15)
    x = random(1, 2, 20, 20, dtype=torch.float32)
    step = torch.optim.SGD(layer.parameters(), lr=1.0)
    with torch.no_grad():
        before = layer.eval()(x)
    layer(x).square().sum().backward()
    step.step()
    with torch.no_grad():
        after = layer(x)
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, layer(x).detach())


def test_a_layer_that_keeps_a_kernel_is_copied_and_pickled_without_it() -> None:
    layer, x = LargeKernelConv2d(2, 15).eval(), random(1, 2, 20, 20, dtype=torch.float32)
    with torch.inference_mode():
        wanted = layer(x)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert not twin._kept
        with torch.no_grad():
            torch.testing.assert_close(twin(x), wanted)
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_a_kernel_kept_in_inference_mode_serves_training_afterwards() -> None:
    layer, x = LargeKernelConv2d(2, 15, grid=sharing_grid(15)), random(1, 2, 12, 12, dtype=torch.float32)
    for algorithm in ALGORITHMS:
        layer.algorithm = algorithm
        with torch.inference_mode():
            wanted = layer.eval()(x)
        y = layer.train()(x)
        y.sum().backward()
        torch.testing.assert_close(y.detach(), wanted.clone(), atol=1e-5, rtol=1e-5)


@given(st.integers(1, 700))
def test_fft_lengths_are_smooth_and_sufficient(least: int) -> None:
    shortest, chosen = smooth_length(least), fft_length(least)
    assert least <= shortest <= chosen <= 1.4 * shortest
    for factor in (2, 3, 5):
        while chosen % factor == 0:
            chosen //= factor
    assert chosen == 1


@pytest.mark.parametrize("stride", [1, 2])
def test_an_fft_in_groups_of_channels_equals_one_of_all(stride: int) -> None:
    # 40 channels of this size are several groups; an image that wants a gradient is done at once.
    x, kernel = random(1, 40, 50, 60, dtype=torch.float32), random(40, 41, 51, seed=1, dtype=torch.float32)
    job = work((50, 60), (41, 51), stride, "same")
    with torch.no_grad():
        grouped = apply("fft", x, prepare("fft", kernel, job), job)
    at_once = apply("fft", x.clone().requires_grad_(), prepare("fft", kernel, job), job)
    assert grouped.is_contiguous()
    assert far(grouped, at_once) < 1e-6
    assert far(grouped[:, :1], large_kernel_direct.reference(x[:, :1], kernel[:1], job.frame)) < FLOAT32["fft"]
