"""Sweet Home 3D furniture archives (.sh3f): a zip of OBJ, MTL and pictures with a properties file that lists the
models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.parts.archives import ArchiveLimits, SafeArchive

LIMITS = ArchiveLimits(max_entries=20_000, max_entry_bytes=64 << 20, max_total_bytes=512 << 20)
CATALOGUE = "PluginFurnitureCatalog.properties"
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


class CatalogueProblem(ValueError):
    """A furniture catalogue that cannot be used; the message names the archive and the entry."""


@dataclass(frozen=True)
class ObjectEntry:
    """One model of an archive. `key` is unique over archives. Sizes are metres along x (width), y (height, up), z
    (depth).

    `rotation` (9 numbers, row-major) turns the file's axes into those; `top_m` is the height at which things may be
    put on it (None: nowhere), `elevation_m` the height at which it hangs on a wall, `licence` that of the archive.
    """

    key: str
    name: str
    category: str
    licence: str
    archive: Path
    member: str
    size_m: tuple[float, float, float]
    rotation: tuple[float, ...] = IDENTITY
    top_m: float | None = None
    elevation_m: float = 0.0
    door_or_window: bool = False
    creator: str = ""


def read_properties(data: bytes) -> dict[str, str]:
    """Java properties as a dict: ISO 8859-1 with \\uXXXX escapes, `#` and `!` comments, backslash line ends."""
    text = re.sub(r"\\\r?\n[ \t]*", "", data.decode("latin-1"))
    found: dict[str, str] = {}
    for raw in text.splitlines():
        line = raw.lstrip()
        if not line or line[0] in "#!":
            continue
        key, _, value = line.partition("=")
        found[_unescape(key.strip())] = _unescape(value.strip())
    return found


def _unescape(text: str) -> str:
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match.group(1), 16)), text)
    return re.sub(r"\\([^u])", r"\1", text)


def read_catalogue(path: Path, archive: SafeArchive | None = None) -> list[ObjectEntry]:
    """Every complete entry of one archive, in file order. Raises CatalogueProblem or BadInput.

    Entries without a model in the archive or with a size that is no positive number are an error, not a silent gap.
    """
    if archive is None:
        with SafeArchive(path, LIMITS) as opened:
            return read_catalogue(path, opened)
    if CATALOGUE not in archive:
        raise CatalogueProblem(f"{path.name}: no {CATALOGUE}, so this is no furniture archive. Choose a .sh3f file.")
    properties = read_properties(archive.read(CATALOGUE))
    licence = _short_licence(properties.get("license", ""))
    entries = []
    number = 1
    while f"id#{number}" in properties:
        entries.append(_entry(path, archive, properties, number, licence))
        number += 1
    return entries


def _entry(path: Path, archive: SafeArchive, values: Mapping[str, str], n: int, licence: str) -> ObjectEntry:
    member = values.get(f"model#{n}", "").lstrip("/")
    if member not in archive:
        raise CatalogueProblem(f"{path.name}: entry {n} names the model {member!r}, which is not in the archive.")
    size = tuple(_metres(path, values, f"{field}#{n}") for field in ("width", "height", "depth"))
    top = values.get(f"dropOnTopElevation#{n}")
    top_m = _metres(path, values, f"dropOnTopElevation#{n}", positive=False) if top else None
    rotation = (
        tuple(float(word) for word in values[f"modelRotation#{n}"].split())
        if f"modelRotation#{n}" in values
        else IDENTITY
    )
    if len(rotation) != 9:
        raise CatalogueProblem(f"{path.name}: entry {n} has a modelRotation of {len(rotation)} numbers, not 9.")
    return ObjectEntry(
        key=f"{path.stem}/{Path(member).parent.name}/{Path(member).stem}",
        name=values.get(f"name#{n}") or Path(member).stem,
        category=values.get(f"category#{n}", ""),
        licence=licence,
        archive=path,
        member=member,
        size_m=(size[0], size[1], size[2]),
        rotation=rotation,
        top_m=top_m if top_m is not None and top_m > 0 else None,
        elevation_m=_metres(path, values, f"elevation#{n}", positive=False) if f"elevation#{n}" in values else 0.0,
        door_or_window=values.get(f"doorOrWindow#{n}") == "true",
        creator=values.get(f"creator#{n}", ""),
    )


def _metres(path: Path, values: Mapping[str, str], key: str, positive: bool = True) -> float:
    try:
        value = float(values[key]) / 100.0
    except (KeyError, ValueError) as problem:
        raise CatalogueProblem(
            f"{path.name}: {key} is missing or no number. Repair or replace the archive."
        ) from problem
    if positive and not 0 < value < 1000:
        raise CatalogueProblem(f"{path.name}: {key} is {value} m, which no piece of furniture is.")
    return value


def _short_licence(text: str) -> str:
    lowered = text.lower()
    if "public domain" in lowered or "cc-0" in lowered or "cc0" in lowered:
        return "CC0-1.0"
    if "attribution 3.0" in lowered or "attribution" in lowered:
        return "CC-BY-3.0"
    return text.strip() or "unknown"
