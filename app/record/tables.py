"""The README's and the report cards' tables, written between markers from the registry and the measured reports."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from app.record import hugs_card, ost_card, pelk_card, robust_sam_card
from app.record.cards import Card
from app.record.errors import MarkerMissing
from app.record.markdown import figure_text, table
from models import registry
from models.method import Method

ROOT = Path(__file__).resolve().parent.parent.parent

TABLES = ("figures", "all figures")
"""Kinds of figure tables a document may hold: `<!-- figures <slug> -->` for the headlines, `all figures` for a card."""

CARDS: dict[str, Card] = {
    "robust_sam": robust_sam_card.CARD,
    "hugs": hugs_card.CARD,
    "pelk": pelk_card.CARD,
    "ost": ost_card.CARD,
}
"""Slug -> what its documents say of a report."""


def between(text: str, name: str) -> str:
    """What stands between `<!-- name -->` and `<!-- /name -->`; raises MarkerMissing."""
    return _find(text, name)[2].strip("\n")


def put_between(text: str, name: str, content: str) -> str:
    """The text with `content` between the markers of `name`; raises MarkerMissing."""
    match = _find(text, name)
    return f"{text[: match.start()]}{match[1]}\n{content}\n{match[3]}{text[match.end() :]}"


def _find(text: str, name: str) -> re.Match[str]:
    match = re.search(rf"(<!-- {re.escape(name)} -->)(.*?)(<!-- /{re.escape(name)} -->)", text, re.DOTALL)
    if match is None:
        raise MarkerMissing(
            f"no markers for {name}: write <!-- {name} --> and <!-- /{name} --> where the table belongs"
        )
    return match


def methods_table() -> str:
    """The working methods: title with its paper, what it does, parity badge, report card."""
    rows = []
    for method in registry.methods():
        card = f"[report card]({method.card.relative_to(ROOT).as_posix()})"
        rows.append([f"[{method.title}]({method.paper_url})", method.sentence, method.parity, card])
    return table(["method", "what it does", "parity", "measured"], rows)


def report_file(method: Method, quick: bool = False) -> Path:
    """The recorded report of a method's shipped weights: what `launch.py evaluate <slug> [--quick] --json` wrote."""
    return method.weights_folder / ("report_quick.json" if quick else "report.json")


def figures_table(method: Method, kind: str = "figures") -> str:
    """The recorded figures of one method, or how to measure them when they are not recorded; ``kind`` is of TABLES.

    Both begin with the headlines, beside them those of ``--quick`` where they are recorded, and say in words who won.
    """
    file = report_file(method)
    if not file.exists():
        return f"Not measured yet: `python3 launch.py evaluate {method.slug}` measures it."
    report = _read(file)
    figures = report["figures"]
    quick = _read(report_file(method, quick=True))["figures"] if report_file(method, quick=True).exists() else None
    about = CARDS[method.slug]
    shown = [(name, meaning) for name, meaning in about.headlines.items() if name in figures]
    head = ["figure", "meaning", "value", *(["with `--quick`"] if quick is not None else [])]
    rows = [
        [
            f"`{name}`",
            text,
            figure_text(figures[name]),
            *([figure_text(quick.get(name))] if quick is not None else []),
        ]
        for name, text in shown
    ]
    headlines = table(head, rows)
    if kind == "all figures":
        return f"{headlines}\n\n{about.tables(figures, report.get('config', {}))}"
    words = about.verdict(figures)
    return f"{headlines}\n\n{words}" if words else headlines


def _read(file: Path) -> dict[str, dict[str, object]]:
    read: dict[str, dict[str, object]] = json.loads(file.read_text(encoding="utf-8"))
    return read


def fresh(text: str, methods: Sequence[Method]) -> str:
    """A document with every table it has a place for written anew."""
    contents = {"methods": methods_table()}
    contents |= {f"{kind} {method.slug}": figures_table(method, kind) for method in methods for kind in TABLES}
    for name, content in contents.items():
        if f"<!-- {name} -->" in text:
            text = put_between(text, name, content)
    return text


def documents() -> list[Path]:
    """The documents that hold tables: the README and the report cards that exist."""
    return [ROOT / "README.md", *(method.card for method in registry.methods() if method.card.exists())]


def refresh() -> list[str]:
    """Write all tables anew; the names of the documents that changed."""
    changed = []
    for file in documents():
        old = file.read_text(encoding="utf-8")
        new = fresh(old, registry.methods())
        if new != old:
            file.write_text(new, encoding="utf-8")
            changed.append(file.relative_to(ROOT).as_posix())
    return changed
