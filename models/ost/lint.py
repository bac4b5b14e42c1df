"""Remarks on a class list while it is edited; none of them stops anything."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from models.ost.descriptors import ActionClass, ClassList
from models.parts.bpe import BytePairs

Rule = Literal["empty", "duplicate", "too long", "step prefix", "names the class", "duplicate class", "no name"]
_STEP = re.compile(r"^\s*(step\s*\d+\s*[:.)-]|\d+\s*[:.)])\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Remark:
    """What is odd about one text. ``row`` counts from 0; ``kind`` is "name", "spatial" or "temporal"; ``place`` counts
    from 0 within the kind."""

    row: int
    name: str
    kind: Literal["name", "spatial", "temporal"]
    place: int
    rule: Rule
    message: str


def lint(classes: ClassList, tokeniser: BytePairs | None = None, context: int = 77) -> tuple[Remark, ...]:
    """Every remark, row by row.

    tokeniser, context: those of the model in use, for texts of which it would not read the end; None leaves that out.
    """
    # The sentences live beside the encoder; a page that only counts empty cells need not load it.
    remarks: list[Remark] = []
    known = Counter(item.name.strip().lower() for item in classes.classes)
    for row, item in enumerate(classes.classes):
        name = item.name.strip()
        if not name:
            remarks.append(Remark(row, name, "name", 0, "no name", "This row has no class name."))
        elif known[name.lower()] > 1:
            remarks.append(Remark(row, name, "name", 0, "duplicate class", "Another row has the same name."))
        if tokeniser is not None:
            from models.ost.text_bank import name_sentence

            remarks += _long(row, item, "name", 0, name_sentence(name), tokeniser, context)
        for kind in ("spatial", "temporal"):
            remarks += _of_texts(row, item, kind, tokeniser, context)
    return tuple(remarks)


def without_step(text: str) -> str:
    """``text`` without "Step 1:" or "1." in front."""
    return _STEP.sub("", text).strip()


def _of_texts(
    row: int, item: ActionClass, kind: Literal["spatial", "temporal"], tokeniser: BytePairs | None, context: int
) -> list[Remark]:
    found: list[Remark] = []
    seen: dict[str, int] = {}
    for place, text in enumerate(item.of(kind)):
        found += [Remark(row, item.name, kind, place, rule, said) for rule, said in _said(item.name, kind, text, seen)]
        seen.setdefault(_plain(text), place)
        if tokeniser is not None and text.strip():
            from models.ost.text_bank import spatial_sentence, temporal_sentence

            sentence = spatial_sentence(text) if kind == "spatial" else temporal_sentence(item.name, text)
            found += _long(row, item, kind, place, sentence, tokeniser, context)
    return found


def _said(name: str, kind: str, text: str, seen: dict[str, int]) -> Iterator[tuple[Rule, str]]:
    """Rule and message for one text; ``seen`` maps the texts before it to their places."""
    plain = _plain(text)
    if not plain:
        yield "empty", "Empty: write a descriptor or generate one."
        return
    if plain in seen:
        yield "duplicate", f"Says the same as number {seen[plain] + 1}."
    if step := _STEP.match(text):
        yield "step prefix", f"Begins with {step[0].strip()!r}, which pictures never show."
    title = _plain(name)
    if kind == "spatial" and title and re.search(rf"(?<!\w){re.escape(title)}(?!\w)", plain):
        yield "names the class", "Names the class itself instead of describing what is seen."


def _plain(text: str) -> str:
    return " ".join(text.replace("_", " ").lower().split())


def _long(
    row: int,
    item: ActionClass,
    kind: Literal["name", "spatial", "temporal"],
    place: int,
    sentence: str,
    tokeniser: BytePairs,
    context: int,
) -> list[Remark]:
    length = len(tokeniser.encode(sentence))
    if length <= context:
        return []
    message = f"Takes {length - 2} tokens with its template; the model reads {context - 2} and ignores the rest."
    return [Remark(row, item.name, kind, place, "too long", message)]
