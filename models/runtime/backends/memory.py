"""The runtime's view of device memory: real when torch is loaded, silent when it is not."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping

from models.runtime.errors import OutOfMemory
from models.runtime.leases import plain_shortage


class DeviceMemory:
    """What execution asks about memory; tests pass a fake."""

    def meter(self, device: str) -> Callable[[], Mapping[str, int]]:
        """Start measuring a run; the returned function gives its peak bytes per pool kind, {} when unknown."""
        if "torch" not in sys.modules:
            return dict
        from models.runtime.backends import torch_memory

        return torch_memory.meter(device)

    def translate(self, problem: BaseException, device: str) -> OutOfMemory | None:
        """The typed error when `problem` means that memory ran out, else None."""
        shortage = plain_shortage(problem, device)
        if shortage is not None or "torch" not in sys.modules:
            return shortage
        from models.runtime.backends import torch_memory

        return torch_memory.translate(problem, device)

    def free_bytes(self, device: str) -> int | None:
        """Bytes the device itself reports as free, None when it cannot be asked."""
        if "torch" not in sys.modules:
            return None
        from models.runtime.backends import torch_memory

        return torch_memory.free_bytes(device)

    def free_caches(self, device: str) -> None:
        """Collect garbage and empty the device's allocator caches."""
        gc.collect()
        if "torch" in sys.modules:
            from models.runtime.backends import torch_memory

            torch_memory.free_caches(device)
