"""JSON from other tools, read so that every complaint names the file, the entry and what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from app.guard.errors import BadInput
from app.guard.images import ImageLimits, check_size

LIMITS = ImageLimits(min_side=1)
MOST_BYTES = 256_000_000


def parsed(data: bytes, name: str, kind: str) -> Any:
    """The JSON in `data`. kind: what it should be ("a COCO annotation file"), for messages."""
    if len(data) > MOST_BYTES:
        raise BadInput(name, f"is larger than {MOST_BYTES // 1_000_000} MB", "Split it by images")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInput(name, "is not JSON, or it is cut off", f"Choose {kind}") from error


def listed(record: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects in the list `key` of `record`; [] when there is none."""
    value = record.get(key)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def size_of(width: Any, height: Any, name: str, entry: str) -> tuple[int, int]:
    """(H, W); raises BadInput unless both are sensible whole numbers. entry: which image, for the message."""
    if type(width) is not int or type(height) is not int:
        raise BadInput(name, f"gives no width and height for {entry}", "Export it again with the sizes of its images")
    check_size(width, height, f"{entry} of {name}", LIMITS)
    return height, width


def identifier(value: Any) -> bool:
    """True for what can name an entry of a JSON file: a whole number or a text."""
    return isinstance(value, int | str) and not isinstance(value, bool)
