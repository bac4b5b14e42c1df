"""A small ordered set: what the scheduler and the eviction policy keep their candidates in."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class Ranked(Generic[Item]):
    """Items in ascending order of their rank, equal ranks in order of arrival.

    A list kept sorted: at the thousands of entries met here, moving memory beats any tree.
    """

    def __init__(self) -> None:
        self._order: list[tuple[float, int, Item]] = []
        self._where: dict[Item, tuple[float, int, Item]] = {}
        self._count = 0

    def put(self, item: Item, rank: float) -> None:
        """Add the item, or move it to a new rank."""
        self.drop(item)
        self._count += 1
        # The arrival number is unique, so items themselves are never compared.
        entry = (rank, self._count, item)
        self._where[item] = entry
        insort(self._order, entry)

    def drop(self, item: Item) -> None:
        """Remove the item if it is there."""
        entry = self._where.pop(item, None)
        if entry is not None:
            del self._order[bisect_left(self._order, entry)]

    def first(self) -> tuple[float, Item] | None:
        """(rank, item) of the lowest rank."""
        if not self._order:
            return None
        rank, _, item = self._order[0]
        return rank, item

    def rank(self, item: Item) -> float | None:
        """The item's rank, None when absent."""
        entry = self._where.get(item)
        return entry[0] if entry is not None else None

    def __iter__(self) -> Iterator[Item]:
        return (item for _, _, item in self._order)

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, item: Item) -> bool:
        return item in self._where
