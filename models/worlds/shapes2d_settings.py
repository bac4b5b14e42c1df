"""What a flat scene may contain: one setting for training, one held out, with nothing in common that could be
learnt by heart.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SceneSettings:
    """Distribution of scenes. Sizes are shares of the picture's side, chances are in 0..1.

    families: (name, weight) of outline families, see shapes2d_flat, shapes2d_figures and shapes2d_solid; "cutout" are
    stickers.
    fields: names of texture fields, see shapes2d_patterns. held_out: which side of splits.is_held_out photos and cut-
    outs come from.
    """

    name: str
    held_out: bool
    families: tuple[tuple[str, float], ...]
    fields: tuple[str, ...]
    objects: tuple[int, int] = (2, 12)
    radius: tuple[float, float] = (0.05, 0.42)
    photo_backdrop: float = 0.6
    photo_texture: float = 0.4
    clutter: float = 0.2
    part: float = 0.35
    harmony: float = 0.2
    bevel: float = 0.5
    shadow: float = 0.6
    depth_of_field: float = 0.35
    noise: float = 14.0
    jpeg: float = 0.5


TRAIN = SceneSettings(
    name="train",
    held_out=False,
    families=(
        ("polygon", 1.0),
        ("blob", 1.6),
        ("superellipse", 0.8),
        ("star", 0.4),
        ("gear", 0.4),
        ("frame", 0.5),
        ("stroke", 0.8),
        ("grid", 0.3),
        ("glyph", 0.8),
        ("animal", 0.8),
        ("person", 0.8),
        ("house", 0.5),
        ("box", 0.9),
        ("cylinder", 0.8),
        ("ball", 0.7),
        ("cutout", 5.0),
    ),
    fields=("gradient", "cloudy", "stripes", "checker", "marble", "dots"),
)

HELD_OUT = SceneSettings(
    name="held_out",
    held_out=True,
    families=(
        ("rose", 0.7),
        ("crescent", 0.6),
        ("arrow", 0.6),
        ("leaf", 0.9),
        ("branch", 0.5),
        ("spiral", 0.3),
        ("chain", 0.4),
        ("club", 0.8),
        ("small_glyph", 0.8),
        ("vehicle", 0.9),
        ("tree", 0.9),
        ("bottle", 0.9),
        ("cone", 0.8),
        ("torus", 0.8),
        ("dome", 0.8),
        ("cutout", 4.0),
    ),
    fields=("rings", "weave", "cells", "zigzag"),
    objects=(3, 10),
)
