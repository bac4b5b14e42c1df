"""What the controls of the HuGS room give, as what its functions take; refused where it cannot be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from app import service
from app.guard.errors import BadInput
from models.hugs.fusion_config import WHOLE, FusionConfig, count_threshold, fraction_threshold

COLOURS, NANO, OWN = "colours", "nano", "file"
"""Sources of segments."""


def corrected(
    forced: Mapping[str, Mapping[int, bool]], name: str, segment: int, static: bool | None
) -> dict[str, dict[int, bool]]:
    """``forced`` with one segment of one frame set, or given back to the vote by None."""
    now = {frame: dict(given) for frame, given in forced.items()}
    own = {key: value for key, value in now.get(name, {}).items() if key != segment}
    now[name] = own if static is None else {**own, segment: static}
    return now


def config_of(values: Sequence[Any]) -> FusionConfig:
    """The knobs in the order of KNOBS as settings. Raises BadInput."""
    given = dict(zip(KNOBS, values, strict=True))
    whole: dict[str, Any] = {
        name: int(value) if name in WHOLE and value is not None else value for name, value in given.items()
    }
    return replace(FusionConfig(), **whole).checked()


KNOBS = tuple(one.name for one in fields(FusionConfig))[:8]
"""track_threshold, quantile, vote, smooth, erode, gap, dedup, outliers."""


def count_of(fraction: float, images: int) -> int:
    """The count slider for the fraction slider."""
    return count_threshold(float(fraction), images)


def fraction_of(count: float, images: int) -> float:
    """The fraction slider for the count slider; cut, not rounded, so that it never stands for one photo more."""
    return math.floor(10_000 * fraction_threshold(int(count), images) + 1e-6) / 10_000


def checked(value: str, known: Sequence[str], name: str) -> str:
    """``value`` when it is known. Raises BadInput."""
    if value not in known:
        raise BadInput(name, f"{value!r} does not exist", f"Choose one of {', '.join(known)}")
    return value


def chosen_sources(given: Sequence[str] | None, path: str) -> tuple[list[Path], str | None]:
    """Uploads, or a path where visitors may name one; and the capture's name. Raises BadInput."""
    if given:
        files = [Path(one) for one in ([given] if isinstance(given, str) else given)]
        return files, files[0].name if len(files) == 1 else None
    if not path.strip():
        raise BadInput("The capture", "is not chosen", "Upload photos, a zip or a video, or name a folder")
    if not service.trusts_paths():
        raise BadInput("The path", "is not open to visitors of a shared server", "Upload the files")
    named = Path(path.strip()).expanduser()
    if not named.exists():
        raise BadInput("The path", "does not exist on this machine", "Check it, or upload the files")
    return [named], None


def segmenter_of(which: str, given: str | None, path: str) -> Any:
    """The source of segments by its key; None stands for colours. Raises BadInput."""
    if which == COLOURS:
        return None
    if which == NANO:
        from models import registry

        return registry.offered("segments")
    if which != OWN:
        raise BadInput("The segments", f"cannot come from {which!r}", f"Choose {NANO}, {COLOURS} or {OWN}")
    if not given and not path.strip():
        raise BadInput("The SAM file", "is not chosen", "Upload one, or name where it lies")
    sources, _ = chosen_sources([given] if given else None, path)
    from app.guard.checkpoints import checkpoint_door
    from models.hugs.proposals_sam import SamSegmenter

    passed = checkpoint_door(sources[0])
    return SamSegmenter(Path(passed), Path(passed).stem[:16])
