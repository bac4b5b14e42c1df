"""A multi-resolution hash grid with the numbering of tiny-cuda-nn, in plain torch.

Conventions (method document of HuGS, section 3): level l has scale base * growth^l - 1 and ceil(scale) + 1 nodes a
side; a place x in [0, 1] lies at x * scale + 0.5; a level is dense when its nodes fit, else hashed by the XOR of the
coordinates times three primes; parameters are one flat tensor, level after level, features together. No numbers of a
real tiny-cuda-nn run were at hand: tests compare with a slow twin written from the same text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

PRIMES = (1, 2654435761, 805459861)
ALIGNMENT = 8
INITIAL = 1e-4
"""Parameters start uniform within this, as tiny-cuda-nn's do."""


@dataclass(frozen=True)
class Level:
    """One resolution. ``nodes`` a side, ``entries`` rows of the table from row ``start`` on; ``dense``: no hashing."""

    scale: float
    nodes: int
    start: int
    entries: int
    dense: bool


def levels_of(count: int, base: int, finest: int, log2_entries: int) -> tuple[Level, ...]:
    """The levels from ``base`` to ``finest`` nodes a side with at most 2^``log2_entries`` entries each.

    Scales are computed in single precision like tiny-cuda-nn's, since a last digit can decide the number of nodes.
    """
    growth = np.float32(math.exp(math.log(finest / base) / (count - 1))) if count > 1 else np.float32(1)
    log2_growth = np.log2(growth, dtype=np.float32)
    levels, start = [], 0
    for number in range(count):
        scale = np.exp2(np.float32(number) * log2_growth, dtype=np.float32) * np.float32(base) - np.float32(1)
        nodes = int(np.ceil(scale)) + 1
        wanted = -(-(nodes**3) // ALIGNMENT) * ALIGNMENT
        entries = min(wanted, 1 << log2_entries)
        levels.append(Level(float(scale), nodes, start, entries, nodes**3 <= entries))
        start += entries
    return tuple(levels)


class HashGrid(nn.Module):
    """Maps places (..., 3) in [0, 1] to (..., levels * features) values. ``params`` is the flat table."""

    def __init__(self, levels: int, base: int, finest: int, log2_entries: int, features: int = 2) -> None:
        super().__init__()
        self.levels = levels_of(levels, base, finest, log2_entries)
        self.features = features
        entries = sum(level.entries for level in self.levels)
        self.params = nn.Parameter(torch.empty(entries * features).uniform_(-INITIAL, INITIAL))

    @property
    def width(self) -> int:
        """Length of the output."""
        return len(self.levels) * self.features

    def forward(self, points: Tensor) -> Tensor:
        flat = points.reshape(-1, 3).float()
        table = self.params.view(-1, self.features)
        read = [self._level(flat, table, level) for level in self.levels]
        return torch.cat(read, -1).view(*points.shape[:-1], self.width)

    def _level(self, points: Tensor, table: Tensor, level: Level) -> Tensor:
        place = points * level.scale + 0.5
        low = place.floor()
        part = place - low
        corner = low.long()
        value: Tensor | None = None
        for number in range(8):
            bits = [(number >> axis) & 1 for axis in range(3)]
            axes = [corner[:, axis] + bit for axis, bit in enumerate(bits)]
            share = torch.ones_like(part[:, 0])
            for axis, bit in enumerate(bits):
                share = share * (part[:, axis] if bit else 1 - part[:, axis])
            rows = table[level.start + _rows(axes, level)] * share[:, None]
            value = rows if value is None else value + rows
        assert value is not None
        return value


def _rows(axes: list[Tensor], level: Level) -> Tensor:
    if level.dense:
        index = axes[0] + axes[1] * level.nodes + axes[2] * level.nodes**2
    else:
        index = axes[0] * PRIMES[0]
        for coordinate, prime in zip(axes[1:], PRIMES[1:], strict=True):
            index = index ^ (coordinate * prime)
        index = index & 0xFFFFFFFF
    return index % level.entries


def slow_hash_grid(
    points: npt.NDArray[np.float64], params: npt.NDArray[np.float64], levels: tuple[Level, ...], features: int = 2
) -> npt.NDArray[np.float64]:
    """The same values (S, levels * features) point by point with Python integers: the reference of the tests."""
    table = params.reshape(-1, features)
    read = np.zeros((len(points), len(levels) * features))
    for row, point in enumerate(points):
        for number, level in enumerate(levels):
            place = [float(value) * level.scale + 0.5 for value in point]
            low = [math.floor(value) for value in place]
            for bits in np.ndindex(2, 2, 2):
                node = [value + bit for value, bit in zip(low, bits, strict=True)]
                share = math.prod(p - b if bit else 1 - (p - b) for p, b, bit in zip(place, low, bits, strict=True))
                if level.dense:
                    index = node[0] + level.nodes * (node[1] + level.nodes * node[2])
                else:
                    index = 0
                    for coordinate, prime in zip(node, PRIMES, strict=True):
                        index ^= (coordinate * prime) & 0xFFFFFFFF
                entry = table[level.start + index % level.entries]
                read[row, number * features : (number + 1) * features] += share * entry
    return read
