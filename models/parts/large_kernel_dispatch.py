"""Chooses the algorithm of a convolution: by this machine's measured table, else by a built-in rule.

The first call of a case measures it once (a fraction of a second, see `Budget`); later calls look the answer up. Cases
are buckets of image side, kernel, channels and batch, so a network measures a handful.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch

from models.parts.large_kernel_table import Milliseconds, Table
from models.parts.large_kernel_work import Work, apply, gradients, prepare

log = logging.getLogger(__name__)

Mode = Literal["cached", "forward", "backward"]
"""cached: the kernel is prepared already. forward: prepare and apply. backward: both gradients."""

DIRECT_LIMIT = 13
"""Largest effective kernel for torch's own convolution on a CPU: oneDNN's depthwise code ends there, and the general
code that takes over is many times slower than an FFT (speedup_* of bench/large_kernel.py)."""
_CUDA_DIRECT = 31
_TIE = 0.97
"""A measured time must be this much better than the rule's choice to overrule it: below that it is noise."""
_UNSTEADY = 1.3
_HOPELESS = 8.0
"""Algorithms predicted to be this many times slower than the best are not measured."""
_MOST_PIXELS = 2**20


@dataclass(frozen=True)
class Budget:
    """How long measuring may take: `case_s` per case, `process_s` per process; afterwards the rule decides."""

    case_s: float = 0.25
    process_s: float = 15.0
    rounds: int = 6


@dataclass(frozen=True)
class Call:
    """One convolution with everything its speed depends on."""

    job: Work
    batch: int
    channels: int
    device: str
    dtype: torch.dtype
    mode: Mode
    threads: int

    @property
    def case(self) -> str:
        """The bucket as text, the key of the table."""
        near = self.job.near
        sides = f"{_rounded(near.rows.size)}x{_rounded(near.columns.size)}"
        kernel = f"k{_rounded(near.rows.kernel)}x{_rounded(near.columns.kernel)}"
        bins = "dense" if self.job.grid is None else f"bins{len(self.job.bins[1][0])}x{len(self.job.bins[1][1])}"
        many = f"b{_power_of_two(self.batch)} c{_power_of_two(self.channels)} s{near.rows.stride}"
        where = f"t{self.threads}" if self.device == "cpu" else _gpu(self.device)
        return f"{self.mode} {sides} {kernel} {bins} {many} {str(self.dtype).removeprefix('torch.')} {where}"


def candidates(call: Call) -> tuple[str, ...]:
    """The algorithms that may be chosen; corner taps never: band matrices or an FFT beat them at every size tried."""
    direct = "direct" if call.job.near == call.job.frame else "cropped"
    names = ("fft",) if call.job.grid is None else ("fft", "boxes")
    return (direct, *names) if call.device != "cpu" or call.job.effective_kernel <= DIRECT_LIMIT else names


def predicted(name: str, call: Call) -> float:
    """Milliseconds on one core by operation counts, rates measured on an AVX-512 machine; a ranking, no promise."""
    near = call.job.near
    images, kernels = call.batch * call.channels, call.channels
    out = near.rows.out * near.columns.out
    if name in ("direct", "cropped"):
        products = images * out * near.rows.kernel * near.columns.kernel
        if call.device != "cpu":
            return products / 1e9 if call.job.effective_kernel <= _CUDA_DIRECT else math.inf
        per_ms = 35e6 if call.job.effective_kernel <= DIRECT_LIMIT else 2e6
        return 0.02 + products / per_ms * (2.5 if call.mode == "backward" else 1.0)
    if name == "fft":
        high, wide = near.fft_lengths
        transforms = {"cached": 2 * images, "forward": 2 * images + kernels, "backward": 3 * images + 2 * kernels}
        return 0.08 + transforms[call.mode] * high * wide * 1.5e-6
    row_bins, column_bins = (len(bins) for bins in call.job.bins[1])
    mixing = kernels * row_bins * column_bins * near.columns.out * near.columns.size
    across = images * near.rows.size * near.columns.size * row_bins * near.columns.out
    down = images * near.rows.out * near.rows.size * row_bins * near.columns.out
    total = {"cached": across + down, "forward": across + down + mixing, "backward": 2 * across + down + 2 * mixing}
    return 0.06 + total[call.mode] / 35e6


class Dispatcher:
    """Answers which algorithm does a call; remembers answers, measures unknown cases when `measure` is set."""

    def __init__(self, table: Table | None = None, measure: bool = True, budget: Budget | None = None) -> None:
        self.table = table or Table()
        self.measure = measure
        self.budget = budget or Budget()
        self._spent = 0.0
        self._answers: dict[tuple[object, ...], str] = {}
        self._lock = threading.Lock()

    def choose(self, job: Work, batch: int, channels: int, device: torch.device, dtype: torch.dtype, mode: Mode) -> str:
        """The algorithm for this call; microseconds once the case is known."""
        threads = torch.get_num_threads()
        key = (job, batch, channels, device, dtype, mode, threads)
        known = self._answers.get(key)
        if known is None:
            call = Call(job, batch, channels, str(device), dtype, mode, threads)
            known = self._answers[key] = self._decide(call)
        return known

    def _decide(self, call: Call) -> str:
        names = sorted(candidates(call), key=lambda name: predicted(name, call))
        if len(names) == 1:
            return names[0]
        with self._lock:
            times = self.table.get(call.case)
            if times is None and self.measure and self._spent < self.budget.process_s:
                times = self._measured(call, names)
        known = {name: times[name] for name in names if name in times} if times else {}
        if not known:
            return names[0]
        best = min(known, key=known.__getitem__)
        return best if known[best] < _TIE * known.get(names[0], math.inf) else names[0]

    def _measured(self, call: Call, names: list[str]) -> Milliseconds | None:
        start = time.perf_counter()
        limit = _HOPELESS * predicted(names[0], call)
        times = measure(call, [name for name in names if predicted(name, call) <= limit], self.budget)
        self._spent += time.perf_counter() - start
        if times is not None:
            self.table.put(call.case, times)
        return times


def measure(call: Call, names: list[str], budget: Budget) -> Milliseconds | None:
    """Best milliseconds of each algorithm on random tensors of the call's shape, in interleaved rounds, at least two.

    None when the times are not `steady`: then the rule decides, and another process measures again.

    Channels, then the batch, are reduced on large inputs; the image and the kernel are not.
    """
    batch, channels = _reduced(call)
    near, job = call.job.frame, call.job
    make = torch.Generator().manual_seed(0)
    with torch.inference_mode(False), torch.no_grad():

        def random(*shape: int) -> torch.Tensor:
            return torch.randn(shape, generator=make, dtype=call.dtype).to(call.device)

        x = random(batch, channels, near.rows.size, near.columns.size)
        shape = (near.rows.kernel, near.columns.kernel) if job.grid is None else (len(job.grid), len(job.grid))
        kernel = random(channels, *shape)
        upstream = random(batch, channels, near.rows.out, near.columns.out)
        ready = {name: prepare(name, kernel, job) for name in names} if call.mode == "cached" else {}

        def once(name: str) -> float:
            began = time.perf_counter()
            if call.mode == "backward":
                gradients(name, x, kernel, upstream, job)
            elif call.mode == "cached":
                apply(name, x, ready[name], job)
            else:
                apply(name, x, prepare(name, kernel, job), job)
            if x.is_cuda:
                torch.cuda.synchronize(x.device)
            return 1000 * (time.perf_counter() - began)

        began = time.perf_counter()
        for name in names:
            once(name)
        times: dict[str, list[float]] = {name: [] for name in names}
        for done in range(budget.rounds):
            for name in names:
                times[name].append(once(name))
            if done and time.perf_counter() - began > budget.case_s:
                break
    log.debug("measured %s: %s", call.case, times)
    return {name: round(min(values), 4) for name, values in times.items()} if steady(times) else None


def steady(times: Mapping[str, Sequence[float]]) -> bool:
    """Whether the two best times of the fastest algorithm agree; on a busy machine they do not."""
    best, second = sorted(min(times.values(), key=min))[:2]
    return second <= _UNSTEADY * best


def _reduced(call: Call) -> tuple[int, int]:
    pixels = call.job.frame.rows.size * call.job.frame.columns.size
    batch, channels = call.batch, call.channels
    while batch * channels * pixels > _MOST_PIXELS and channels > 16:
        channels = (channels + 1) // 2
    while batch * channels * pixels > _MOST_PIXELS and batch > 2:
        batch = (batch + 1) // 2
    return batch, channels


def _rounded(size: int) -> int:
    """Up to 16 as it is; beyond, up to the next of eight steps per octave."""
    if size <= 16:
        return size
    step = 1 << (size.bit_length() - 4)
    return -(-size // step) * step


def _power_of_two(count: int) -> int:
    return 1 << max(0, count - 1).bit_length()


@lru_cache(maxsize=16)
def _gpu(device: str) -> str:
    place = torch.device(device)
    return torch.cuda.get_device_name(place).replace(" ", "_") if place.type == "cuda" else place.type


_default: Dispatcher | None = None
_default_lock = threading.Lock()


def default() -> Dispatcher:
    """The dispatcher that convolutions use when none is given; made at the first call."""
    global _default
    if _default is None:
        with _default_lock:
            _default = _default or Dispatcher()
    return _default


def use(dispatcher: Dispatcher | None) -> Dispatcher | None:
    """Make `dispatcher` the default (None: a new one when next needed); returns the one before."""
    global _default
    with _default_lock:
        before, _default = _default, dispatcher
    return before
