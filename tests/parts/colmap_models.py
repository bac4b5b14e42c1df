"""Makes small COLMAP models for the tests."""

from __future__ import annotations

import numpy as np

from models.parts.colmap_model import MODELS, Camera, Image, Model, Points

PARAMS = {
    "f": 210.5,
    "fx": 200.25,
    "fy": 190.75,
    "cx": 96.5,
    "cy": 95.0,
    "k1": 0.031,
    "k2": -0.02,
    "p1": 1e-3,
    "p2": -2e-3,
}


def random_model(rng: np.random.Generator, images: int = 4, points: int = 9) -> Model:
    """One camera of each kind, `images` pictures, `points` points that each picture sees at random."""
    cameras = {
        number + 3: Camera(number + 3, name, 192, 190, tuple(PARAMS[key] for key in keys))
        for name, (number, keys) in MODELS.items()
    }
    ids = np.sort(rng.choice(1000, points, replace=False)).astype(np.int64)
    shots, tracks = {}, [[] for _ in ids]
    for number in range(images):
        seen = rng.random(points) < 0.7
        point_ids = np.concatenate([ids[seen], [-1, -1]]).astype(np.int64)
        rng.shuffle(point_ids)
        for place, id in enumerate(point_ids):
            if id >= 0:
                tracks[int(np.searchsorted(ids, id))].append((10 + number, place))
        rotation = rng.normal(size=4)
        rotation /= np.linalg.norm(rotation)
        shots[10 + number] = Image(
            10 + number,
            f"walk/frame_{number:02d}_é.jpg",
            3 + number % len(cameras),
            rotation,
            rng.normal(size=3),
            rng.uniform(0, 192, (len(point_ids), 2)),
            point_ids,
        )
    rows = [
        (int(id), tuple(rng.normal(size=3)), tuple(int(c) for c in rng.integers(0, 256, 3)), float(rng.random()))
        for id in ids
    ]
    return Model(cameras, shots, Points.gathered(rows, [np.array(track, np.int64).reshape(-1, 2) for track in tracks]))
