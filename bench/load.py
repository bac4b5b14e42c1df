"""Warm loads of an 85 M-parameter model, ours against the usual way; and loads per simultaneous misses."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from models.runtime import Loaded, ResourceSpec
from models.runtime.backends.torch_adapter import load_module
from models.runtime.cache import Cache

WIDTH, DEPTH, TOKENS = 768, 12, 16
ROUNDS = 7
MISSES = 4


class Block(nn.Module):
    """A transformer block of ViT-B's size."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, 12, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (B, T, 768) -> the same shape."""
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


def build() -> nn.Module:
    """12 blocks of width 768: 85 M parameters."""
    return nn.Sequential(*(Block() for _ in range(DEPTH)))


def run() -> dict[str, object]:
    """Medians of interleaved rounds. The usual way: construct, torch.load, load_state_dict. Mapped weights are read
    when first used, so the config also tells the ratio with one forward pass of 16 tokens included on both sides."""
    torch.manual_seed(0)
    module = build()
    parameters = sum(parameter.numel() for parameter in module.parameters())
    with tempfile.TemporaryDirectory() as folder:
        pickled, mapped = Path(folder) / "model.pt", Path(folder) / "model.safetensors"
        torch.save(module.state_dict(), pickled)
        save_file(module.state_dict(), mapped)
        del module
        rounds = [(_seconds(lambda: _usual(pickled)), _seconds(lambda: load_module(build, mapped, "cpu")))
                  for _ in range(ROUNDS + 1)][1:]
    usual, ours = zip(*rounds, strict=True)
    return {
        "figures": {
            "warm_load_speedup": statistics.median(u[0] / o[0] for u, o in rounds),
            "loads_for_4_misses": _loads_for_misses(),
        },
        "config": {
            "parameters": parameters, "rounds": ROUNDS, "threads": torch.get_num_threads(),
            "usual_s": statistics.median(u[0] for u in usual), "ours_s": statistics.median(o[0] for o in ours),
            "speedup_with_first_forward": statistics.median(sum(u) / sum(o) for u, o in rounds),
        },
    }


def _usual(file: Path) -> nn.Module:
    module = build()
    module.load_state_dict(torch.load(file, weights_only=True))
    return module.eval()


def _seconds(load: Callable[[], nn.Module]) -> tuple[float, float]:
    """Seconds to load, and of the first forward pass."""
    start = time.perf_counter()
    module = load()
    loaded = time.perf_counter()
    with torch.inference_mode():
        module(torch.zeros(1, TOKENS, WIDTH))
    return loaded - start, time.perf_counter() - loaded


def _loads_for_misses() -> int:
    """How often the loader runs when four threads want the same absent model at once."""
    cache = Cache({"cpu": 10**9, "host": 10**9})
    loads: list[str] = []
    together = threading.Barrier(MISSES)

    def load(device: str) -> Loaded:
        loads.append(device)
        time.sleep(0.2)
        return Loaded("model", 10**6)

    def use(_: int) -> None:
        together.wait()
        with cache.lease(ResourceSpec("model", load, 10**6)):
            pass

    with ThreadPoolExecutor(MISSES) as pool:
        list(pool.map(use, range(MISSES)))
    return len(loads)
