"""Live timing of every form of one large-kernel convolution on this machine, within a time box."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from models.parts.large_kernel_dispatch import DIRECT_LIMIT, default
from models.parts.large_kernel_expansion import expand
from models.parts.large_kernel_work import Work, apply, prepare, work
from models.parts.problems import BadInput, readable_bytes
from models.pelk import METHOD
from models.pelk.designer import Design, KernelSpec, design
from models.pelk.pipeline_timing_types import TITLES, Timed, Timing
from models.runtime import Job, JobContext

ORDER = tuple(TITLES)
"""Cheapest first, so that a short time box still shows what matters."""
SECONDS = 5.0
ROUNDS = 30
SLOW_PRODUCTS = 1_000_000_000
"""Most multiply-adds of torch's general depthwise code that are run: about a second, or many with large kernels."""
FAST_PRODUCTS = 20_000_000_000
TAP_READS = 1_500_000_000
MOST_BYTES = 1_000_000_000
CHECKED_PRODUCTS = 40_000_000
CALM = 1.3


def timing_job(user: str, spec: KernelSpec, seconds: float = SECONDS) -> Job:
    """``time_kernel`` as a job. Raises BadInput before anything is queued."""
    design(spec)
    if not 0.2 <= seconds <= 60:
        raise BadInput("The time box", f"is {seconds:g} s", "Give 0.2 to 60 s")
    return Job(
        user,
        METHOD.slug,
        "",
        time_kernel,
        {"spec": spec, "seconds": seconds},
        label="Time the kernel",
        seed=spec.seed,
        peak_bytes={"host": 1_500_000_000},
        cost_hints={"run_s": seconds},
    )


@torch.inference_mode()
def time_kernel(
    context: JobContext, model: None, *, spec: KernelSpec, seconds: float = SECONDS
) -> Generator[Timing, None, Timing]:
    """Job body, inference in float32, batch 1, kernel prepared beforehand: yields what is known so far, returns all."""
    del model
    began = time.perf_counter()
    device = torch.device(context.device)
    plan = _plan(design(spec), device)
    samples: dict[str, list[float]] = {}
    found = _timing(plan, samples, {}, began)
    errors: dict[str, float] = {}
    calls: dict[str, Callable[[], Tensor]] = {}
    for number, name in enumerate(plan.runnable):
        context.tick(0.5 * number / len(plan.runnable), f"First call: {TITLES[name]}")
        ready = prepare(name, plan.kernel, plan.job)
        calls[name] = partial(apply, name, plan.image, ready, plan.job)
        result, once = _clocked(calls[name], device)
        errors[name] = plan.error(result)
        samples[name] = [once]
        found = _timing(plan, samples, errors, began)
        yield found
    last = 0
    for done in range(ROUNDS):
        for name, call in calls.items():
            spent = time.perf_counter() - began
            if spent + samples[name][-1] / 1000 > seconds:
                continue
            context.tick(0.5 + 0.5 * min(1.0, max(spent / seconds, done / ROUNDS)), f"Timing {TITLES[name]}")
            samples[name].append(_clocked(call, device)[1])
        if int(time.perf_counter() - began) > last:
            last = int(time.perf_counter() - began)
            yield _timing(plan, samples, errors, began)
        if time.perf_counter() - began > seconds:
            break
    return _timing(plan, samples, errors, began)


def _clocked(call: Callable[[], Tensor], device: torch.device) -> tuple[Tensor, float]:
    """(result, milliseconds)."""
    start = time.perf_counter()
    result = call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return result, 1000 * (time.perf_counter() - start)


@dataclass(frozen=True)
class _Plan:
    design: Design
    job: Work
    image: Tensor
    kernel: Tensor
    chosen: str
    runnable: tuple[str, ...]
    skipped: dict[str, str]
    pixels: np.ndarray
    wanted: np.ndarray

    def error(self, result: Tensor) -> float:
        """Relative error of the first channel at the checked pixels."""
        got = result[0, 0].flatten().double().cpu().numpy()[self.pixels]
        largest = float(np.abs(self.wanted).max())
        return float(np.abs(got - self.wanted).max()) / largest if largest else 0.0


def _plan(made: Design, device: torch.device) -> _Plan:
    spec = made.spec
    grid = None if max(made.grid) == 1 else made.grid
    job = work((spec.height, spec.width), (spec.kernel, spec.kernel), 1, "same", grid)
    draw = torch.Generator().manual_seed(spec.seed)
    image = torch.randn(1, spec.channels, spec.height, spec.width, generator=draw)
    kernel = torch.randn(spec.channels, made.bins, made.bins, generator=draw)
    skipped = {name: reason for name in ORDER if (reason := _refused(name, made, job))}
    pixels, wanted = _reference(image[0, 0], kernel[0], made)
    image, kernel = image.to(device), kernel.to(device)
    return _Plan(
        made,
        job,
        image,
        kernel,
        default().choose(job, 1, spec.channels, device, torch.float32, "cached"),
        tuple(name for name in ORDER if name not in skipped),
        skipped,
        pixels,
        wanted,
    )


def _refused(name: str, made: Design, job: Work) -> str:
    """Why a form is not run, or ""."""
    spec, products = made.spec, {cost.key: cost.products for cost in made.costs}
    if name not in job.algorithms():
        return "needs a kernel that shares weights"
    if name in ("direct", "cropped"):
        count = products["dense" if name == "direct" else "cropped"]
        side = spec.kernel if name == "direct" else job.effective_kernel
        limit = FAST_PRODUCTS if side <= DIRECT_LIMIT else SLOW_PRODUCTS
        if count > limit:
            return f"{count / 1e9:.1f} G multiply-adds, the budget is {limit / 1e9:.0f} G"
        if name == "cropped" and job.near == job.frame:
            return "nothing to crop: every tap can touch the map"
    if name == "taps" and products["taps"] > TAP_READS:
        return f"{products['taps'] / 1e9:.1f} G reads, the budget is {TAP_READS / 1e9:.1f} G"
    if name == "boxes":
        if products["boxes"] > FAST_PRODUCTS:
            return f"{products['boxes'] / 1e9:.1f} G multiply-adds, the budget is {FAST_PRODUCTS / 1e9:.0f} G"
        held = 4 * made.bins * spec.width * (2 * spec.channels * max(spec.height, spec.width) + spec.width)
        if held > MOST_BYTES:
            return f"its matrices take {readable_bytes(held)}, the limit is {readable_bytes(MOST_BYTES)}"
    return ""


def _reference(image: Tensor, kernel: Tensor, made: Design) -> tuple[np.ndarray, np.ndarray]:
    """Float64 sums over all taps at output pixels of one channel: (flat indices, values).

    All pixels when they are few, else as many as the budget allows, drawn at random with the corners among them.
    """
    spec = made.spec
    dense = expand(kernel.double(), made.grid).numpy()
    padded = np.pad(image.double().numpy(), spec.kernel // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, dense.shape)
    count = spec.height * spec.width
    most = max(16, CHECKED_PRODUCTS // spec.kernel**2)
    pixels = np.arange(count)
    if count > most:
        corners = [0, spec.width - 1, count - spec.width, count - 1]
        drawn = np.random.default_rng(spec.seed).choice(count, most, replace=False)
        pixels = np.unique(np.concatenate([corners, drawn]))
    rows, columns = np.divmod(pixels, spec.width)
    wanted = np.array([(windows[y, x] * dense).sum() for y, x in zip(rows, columns, strict=True)])
    return pixels, wanted


def _timing(plan: _Plan, samples: dict[str, list[float]], errors: dict[str, float], began: float) -> Timing:
    rows = []
    for name in ORDER:
        row = Timed(name, TITLES[name], skipped=plan.skipped.get(name, ""), chosen=name == plan.chosen)
        times = samples.get(name, [])
        if times:
            # The first call warms caches up; it counts only where there is no other.
            counted = times[1:] or times
            row = replace(
                row,
                milliseconds=min(counted),
                median=float(np.median(counted)),
                error=errors.get(name),
                rounds=len(counted),
            )
        rows.append(row)
    fastest = min((sorted(times[1:]) for times in samples.values() if len(times) > 2), default=[math.inf])
    return Timing(
        plan.design.spec,
        tuple(rows),
        torch.get_num_threads(),
        str(plan.image.device),
        torch.__version__,
        len(plan.pixels),
        len(fastest) > 1 and fastest[1] <= CALM * fastest[0],
        time.perf_counter() - began,
    )
