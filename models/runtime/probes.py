"""How much memory and which devices there are, found without torch and without extra packages."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

FALLBACK_BYTES = 4 * 10**9
CGROUP = Path("/sys/fs/cgroup")
# Shares of what is free now. On "cpu" both pools lie in the same memory and must leave room for everything else.
CPU_DEVICE_SHARE, CPU_HOST_SHARE = 0.6, 0.2
GPU_DEVICE_SHARE, GPU_HOST_SHARE = 0.9, 0.5


def available_memory() -> int:
    """Bytes of main memory this process may still use, container limits included."""
    if sys.platform == "win32":
        free = _windows_available()
    elif sys.platform == "darwin":
        free = _mac_available()
    else:
        free = _linux_available()
    return free if free is not None else FALLBACK_BYTES


def best_device() -> str:
    """"cuda:0" when an NVIDIA driver and a CUDA build of torch are installed, "mps" on Apple silicon, else "cpu"."""
    if torch_has_cuda() and cuda_devices():
        return "cuda:0"
    if sys.platform == "darwin" and platform.machine() == "arm64" and find_spec("torch") is not None:
        return "mps"
    return "cpu"


def budgets(devices: tuple[str, ...], device_budget: int | None, host_budget: int | None) -> dict[str, int]:
    """Pool name -> bytes for each device and "host"; None is filled in from what is free now."""
    on_cpu = any(device.partition(":")[0] in ("cpu", "mps") for device in devices)
    free = available_memory() if device_budget is None or host_budget is None else 0
    result: dict[str, int] = {}
    for device in devices:
        if device_budget is not None:
            result[device] = device_budget
        elif device.startswith("cuda"):
            result[device] = int(_cuda_free(device) * GPU_DEVICE_SHARE)
        else:
            result[device] = int(free * CPU_DEVICE_SHARE)
    share = CPU_HOST_SHARE if on_cpu else GPU_HOST_SHARE
    result["host"] = host_budget if host_budget is not None else int(free * share)
    return result


def torch_has_cuda() -> bool:
    """Whether the installed torch is a CUDA build, read from its version file without importing it."""
    found = find_spec("torch")
    if found is None or not found.submodule_search_locations:
        return False
    version = Path(found.submodule_search_locations[0]) / "version.py"
    return bool(version.exists() and re.search(r"^cuda\b.*=\s*['\"]\d", version.read_text(), re.MULTILINE))


def cuda_devices() -> list[tuple[int, int]]:
    """(total, free) bytes of each visible NVIDIA device, from the driver's management library."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return []
    memory = _nvml_memory()
    if visible is None:
        return memory
    names = [name.strip() for name in visible.split(",")]
    return [memory[int(name)] for name in names if name.isdigit() and int(name) < len(memory)] or memory


def _cuda_free(device: str) -> int:
    index = int(device.partition(":")[2] or 0)
    memory = cuda_devices()
    return memory[index][1] if index < len(memory) else FALLBACK_BYTES


def _nvml_memory() -> list[tuple[int, int]]:
    try:
        nvml = ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
    except OSError:
        return []

    class Memory(ctypes.Structure):
        _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))

    count = ctypes.c_uint()
    if nvml.nvmlInit_v2() != 0 or nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
        return []
    result = []
    for index in range(count.value):
        handle, memory = ctypes.c_void_p(), Memory()
        if (nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)) == 0
                and nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) == 0):
            result.append((int(memory.total), int(memory.free)))
    nvml.nvmlShutdown()
    return result


def _linux_available() -> int | None:
    limits = [_meminfo_available(), _cgroup_available()]
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else None


def _meminfo_available(file: Path = Path("/proc/meminfo")) -> int | None:
    try:
        match = re.search(r"^MemAvailable:\s+(\d+) kB", file.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(match.group(1)) * 1024 if match else None


def _cgroup_available(root: Path = CGROUP) -> int | None:
    """Bytes left under the container's limit; version 2 names first, then version 1. File cache counts as free."""
    for limit_name, usage_name, stat_name, cache in (
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
    ):
        try:
            limit = (root / limit_name).read_text().strip()
            usage = int((root / usage_name).read_text())
            stat = (root / stat_name).read_text()
        except (OSError, ValueError):
            continue
        # "max", or close to 2**63 in version 1, stands for no limit.
        if not limit.isdigit() or int(limit) >= 2**60:
            return None
        match = re.search(rf"^{cache} (\d+)$", stat, re.MULTILINE)
        return max(int(limit) - usage + (int(match.group(1)) if match else 0), 0)
    return None


def _mac_available() -> int | None:
    try:
        text = subprocess.run(["vm_stat"], capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    page = re.search(r"page size of (\d+) bytes", text)
    pages = re.findall(r"^Pages (?:free|inactive|speculative|purgeable):\s+(\d+)", text, re.MULTILINE)
    return int(page.group(1)) * sum(map(int, pages)) if page and pages else None


def _windows_available() -> int | None:
    class Status(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ulong), ("load", ctypes.c_ulong), ("total", ctypes.c_ulonglong),
                    ("available", ctypes.c_ulonglong), ("rest", ctypes.c_ulonglong * 5))

    status = Status(length=ctypes.sizeof(Status))
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):  # type: ignore[attr-defined]
        return None
    return int(status.available)
