"""A tiny furniture archive made on the spot, so that no test needs a Debian package or the network."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

# A box: x 0..2, y 0..1 (up), z 0..4; the top (y = 1) is `lid` with a texture repeated 2 x 4 times, the rest is `body`.
BOX_OBJ = """
mtllib box.mtl
v 0 0 0
v 2 0 0
v 2 1 0
v 0 1 0
v 0 0 4
v 2 0 4
v 2 1 4
v 0 1 4
vt 0 0
vt 2 0
vt 2 4
vt 0 4
usemtl body
f 1 4 3 2
f 5 6 7 8
f 1 5 8 4
f 2 3 7 6
f 1 2 6 5
usemtl lid
f 4/4 8/1 7/2 3/3
"""
BOX_MTL = """
newmtl body
Kd 0.8 0.2 0.2
Ks 0.1 0.1 0.1
Ns 30
newmtl lid
Kd 0.5 0.5 0.5
map_Kd -s 1 1 1 quarters.png
"""
# The same box lying on its back in the file: z is up there.
ROTATED = "1 0 0 0 0 1 0 -1 0"


def quarters(side: int = 8) -> np.ndarray:
    """Red and green above, blue and white below: every corner of the texture is told from the others."""
    image = np.zeros((side, side, 3), np.uint8)
    half = side // 2
    image[:half, :half], image[:half, half:] = (255, 0, 0), (0, 255, 0)
    image[half:, :half], image[half:, half:] = (0, 0, 255), (255, 255, 255)
    return image


def _entry(n: int, name: str, model: str, size: tuple[float, float, float], extra: str = "") -> str:
    width, depth, height = size
    return (
        f"id#{n}=test#{name}\nname#{n}={name}\ncategory#{n}=Miscellaneous\nmodel#{n}=/things/{model}/{model}.obj\n"
        f"width#{n}={width}\ndepth#{n}={depth}\nheight#{n}={height}\nmovable#{n}=true\ndoorOrWindow#{n}=false\n{extra}\n"
    )


def box_archive(path: Path) -> Path:
    """Four entries: Box (40 x 80 x 20 cm), Turned (lying on its back in the file), and two copies, Boïte and Crate."""
    stream = io.BytesIO()
    Image.fromarray(quarters()).save(stream, "PNG")
    catalogue = "# a comment\nlicense=Creative Commons Attribution 3.0 license\n"
    catalogue += _entry(1, "Box", "box", (40, 80, 20), "dropOnTopElevation#1=20")
    catalogue += _entry(2, "Turned", "turned", (40, 20, 80), f"modelRotation#2={ROTATED}")
    catalogue += _entry(3, "Bo\\u00efte", "boite", (30, 30, 30)) + _entry(4, "Crate", "crate", (60, 50, 40))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("PluginFurnitureCatalog.properties", catalogue.encode("latin-1"))
        for model in ("box", "turned", "boite", "crate"):
            archive.writestr(f"things/{model}/{model}.obj", BOX_OBJ)
            archive.writestr(f"things/{model}/{model}.mtl", BOX_MTL)
            archive.writestr(f"things/{model}/quarters.png", stream.getvalue())
    return path


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    """The makers above: `box_archive(path)` and `quarters(side)`."""
    return SimpleNamespace(box_archive=box_archive, quarters=quarters)
