"""Memory of torch devices: what is free, the peak of a run, and torch's out-of-memory errors as ours.

Imported only when a job runs and torch is already loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from models.runtime.errors import OutOfMemory
from models.runtime.probes import available_memory

SIGNS = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory",
         "cublas_status_alloc_failed", "invalid buffer size")
STATUS = Path("/proc/self/status")
RESET = Path("/proc/self/clear_refs")


def free_bytes(device: str) -> int:
    """Bytes a job could still allocate on the device, cached blocks of torch's allocator included."""
    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    if device == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return available_memory()


def free_caches(device: str) -> None:
    """Give blocks that torch keeps for later back to the device."""
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
    elif device == "mps":
        torch.mps.empty_cache()


def translate(problem: BaseException, device: str) -> OutOfMemory | None:
    """Our typed error when torch ran out of memory, None for anything else."""
    text = str(problem)
    known = isinstance(problem, torch.OutOfMemoryError)
    if known or (isinstance(problem, RuntimeError) and any(sign in text.lower() for sign in SIGNS)):
        return OutOfMemory(f"Out of memory on {device}: {text.splitlines()[0] if text else 'no detail given'}", device)
    return None


def meter(device: str) -> Callable[[], Mapping[str, int]]:
    """Start measuring; the returned function gives the peak bytes per pool kind above the start.

    CUDA: exact, from the allocator. CPU on Linux: growth of the process's resident peak, less mapped file pages; it
    misses memory that was free but still resident, so the largest of several runs is the one to trust. Elsewhere: {}.
    """
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
        start = torch.cuda.memory_allocated(device)
        return lambda: {"device": max(int(torch.cuda.max_memory_allocated(device) - start), 0)}
    if device == "cpu" and RESET.exists():
        return _resident_meter()
    return dict


def _resident_meter() -> Callable[[], Mapping[str, int]]:
    try:
        RESET.write_text("5")
    except OSError:
        # Hardened containers forbid resetting the peak; without it the figure would be the process's history.
        return dict
    # Pages of a mapped weights file come in while the model runs, but are accounted to the model.
    start = _status("VmRSS") - _status("RssFile")

    def peak() -> Mapping[str, int]:
        return {"device": max(_status("VmHWM") - _status("RssFile") - start, 0)}

    return peak


def _status(name: str) -> int:
    for line in STATUS.read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0
