"""Several closed lines joined into one by bridges that are walked there and back, and so enclose nothing.

Formats with one plain polygon per object ask for this: inside is what lies an odd number of lines deep, and a bridge
counts twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Loop = npt.NDArray[np.float64]
"""(N, 2) x, y of a closed line; the last point is joined to the first."""


def chained(loops: Sequence[Loop]) -> Loop:
    """One closed line (M, 2) through all of `loops`, of which there is at least one.

    Each further loop, from left to right, hangs by its leftmost corner on a near corner of those before it.
    """
    if len(loops) == 1:
        return loops[0]
    order = sorted(range(len(loops)), key=lambda n: (loops[n][:, 0].min(), n))
    ordered = [loops[n] for n in order]
    ends = [int(loop[:, 0].argmin()) for loop in ordered]
    hung: list[dict[int, list[int]]] = [{} for _ in ordered]
    for child, (parent, corner) in enumerate(_anchors(ordered, ends), start=1):
        hung[parent].setdefault(corner, []).append(child)
    return np.array(list(_walk(ordered, ends, hung)))


def _anchors(loops: Sequence[Loop], ends: Sequence[int]) -> Iterator[tuple[int, int]]:
    """For each loop but the first: (loop, corner) of an earlier loop near its own end."""
    from scipy.spatial import cKDTree

    corners = np.concatenate(loops)
    owner = np.repeat(np.arange(len(loops)), [len(loop) for loop in loops])
    first = np.concatenate(([0], np.cumsum([len(loop) for loop in loops])))
    tips = np.array([loop[end] for loop, end in zip(loops, ends, strict=True)])
    tree = cKDTree(corners)
    found = np.full(len(loops), -1)
    # The nearest corners may all belong to the loop itself or to later ones: those few look further.
    for count in (8, 64, 512, 4096):
        missing = np.flatnonzero(found[1:] < 0) + 1
        if not len(missing):
            break
        near = tree.query(tips[missing], k=min(count, len(corners)))[1].reshape(len(missing), -1)
        earlier = owner[near] < missing[:, None]
        known = earlier.any(axis=1)
        found[missing[known]] = near[known, earlier[known].argmax(axis=1)]
    for child in range(1, len(loops)):
        corner = int(found[child])
        if corner < 0:
            corner = int(np.square(corners[: first[child]] - tips[child]).sum(axis=1).argmin())
        yield int(owner[corner]), corner - int(first[owner[corner]])


def _walk(loops: Sequence[Loop], ends: Sequence[int], hung: Sequence[dict[int, list[int]]]) -> Iterator[Loop]:
    """The corners of the whole line: every loop from its end around and back to it, its children where they hang."""
    stack = [_around(loops[0], ends[0], hung[0])]
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
        elif isinstance(step, int):
            stack.append(_around(loops[step], ends[step], hung[step]))
        else:
            yield step


def _around(loop: Loop, end: int, hung: dict[int, list[int]]) -> Iterator[Loop | int]:
    """Corners of one loop, and in between the numbers of loops to visit."""
    for step in range(len(loop)):
        corner = (end + step) % len(loop)
        yield loop[corner]
        for child in hung.get(corner, ()):
            yield child
            yield loop[corner]
    yield loop[end]
