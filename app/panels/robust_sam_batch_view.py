"""What the batch tab shows: numbers, photos that failed, the latest photos, the contact sheet, the download."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from urllib.parse import quote

from app.panels.robust_sam_batch_result import Row
from app.panels.robust_sam_batch_run import FILE_NAME, Report
from app.wording import bytes_text, count_text, seconds_text
from models.robust_sam.batch import MOST_IMAGES
from models.robust_sam.batch_prompts import BOXES_TEMPLATE, POINTS_TEMPLATE

MOST_UNKNOWN = 20


def first() -> str:
    """Before the first run: what it will do, what it needs, how long it takes."""
    return (
        '<div class="bt-frame"><p class="bt-note">Segments many photos in one go and packs the masks into one zip, '
        "with overview.csv (objects, area, confidence, time and error of each photo) and a contact sheet. "
        "Everything mode takes far longer a photo than boxes. A photo that cannot be "
        f"used is listed and skipped. At most {MOST_IMAGES:,} photos.</p></div>"
    )


def templates() -> str:
    """Links to empty prompt files, and what their columns mean."""
    links = "".join(
        f'<a class="v-button" download="{name}" href="data:text/csv;base64,{_data(text.encode())}">{title}</a>'
        for name, title, text in (
            ("boxes.csv", "Template: boxes", BOXES_TEMPLATE),
            ("points.csv", "Template: points", POINTS_TEMPLATE),
        )
    )
    return (
        f'<div class="bt-templates"><div class="v-buttons">{links}</div><p class="bt-note">Pixels of the photo, from '
        "its upper left corner. One line is a box; points with the same object number belong together, add is 1 or 0. "
        "Of a COCO file the boxes are used. Photos are named as in the zip or folder.</p></div>"
    )


def shown(report: Report, sheet: bytes) -> str:
    """A batch under way, or at its end. sheet: the latest contact sheet, b"" while there is none."""
    ended = report.archive is not None
    parts = [_numbers(report), _download(report) if ended else ""]
    if report.unknown:
        parts.append(_unknown(report.unknown))
    if report.errors:
        parts.append(_table(f"Skipped photos ({count_text(report.failed)})", report.errors, errors=True))
    good = [row for row in report.rows if not row.error]
    if good:
        parts.append(_table("Latest photos", good[::-1], errors=False))
    picture = ""
    if sheet:
        alt = "Contact sheet: small pictures of some photos of the batch with their masks"
        picture = f'<img class="bt-sheet" alt="{alt}" src="data:image/jpeg;base64,{_data(sheet)}">'
    busy = "" if ended else ' aria-busy="true"'
    body = f'<div class="bt-body"><div class="bt-lists">{"".join(parts)}</div><div>{picture}</div></div>'
    return f'<div class="bt-frame"{busy}>{body}</div>'


def line(report: Report) -> str:
    """The state line: n of N, time left."""
    gone = report.done + report.failed
    if report.archive is None:
        left = "" if report.left_s is None else f", about {seconds_text(max(report.left_s, 1.0))} left"
        skipped = f", {report.failed} skipped" if report.failed else ""
        return f"{gone} of {report.total} photos{left}{skipped}"
    what = f"{report.done} of {report.total} photos in {seconds_text(report.seconds)}"
    skipped = f", {report.failed} skipped" if report.failed else ""
    return f"{what}{skipped}. The zip is ready"


def _numbers(report: Report) -> str:
    values = [
        ("Photos", f"{count_text(report.done)} of {count_text(report.total)}"),
        ("Objects", count_text(report.objects)),
        ("Skipped", count_text(report.failed)),
    ]
    if report.others:
        values.append(("Other files left out", count_text(report.others)))
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in values)
    return f'<dl class="bt-numbers">{cells}</dl>'


def _download(report: Report) -> str:
    assert report.archive is not None
    size = bytes_text(report.archive.stat().st_size)
    address = html.escape("gradio_api/file=" + quote(str(report.archive)), quote=True)
    return (
        f'<div class="v-buttons"><a class="v-button bt-download" href="{address}" download="{FILE_NAME}">'
        f"Download zip ({size})</a></div>"
    )


def _unknown(names: Sequence[str]) -> str:
    listed = ", ".join(html.escape(name[-60:]) for name in names[:MOST_UNKNOWN])
    more = f" and {len(names) - MOST_UNKNOWN} more" if len(names) > MOST_UNKNOWN else ""
    return f'<p class="bt-note bt-warn">In the prompts file, but not among the photos: {listed}{more}.</p>'


def _table(title: str, rows: Sequence[Row], *, errors: bool) -> str:
    head = ("Photo", "Why") if errors else ("Photo", "Objects", "Area", "Score", "Time")
    body = "".join(_row(row, errors) for row in rows)
    columns = "".join(f'<th scope="col">{name}</th>' for name in head)
    kind = "bt-errors" if errors else "bt-latest"
    return (
        f'<div class="bt-scroll"><table class="rs-table {kind}"><caption>{title}</caption>'
        f"<thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(row: Row, errors: bool) -> str:
    name = f'<th scope="row" title="{html.escape(row.image, quote=True)}">{html.escape(row.image[-48:])}</th>'
    if errors:
        return f"<tr>{name}<td>{html.escape(row.error)}</td></tr>"
    score = "" if row.confidence is None else f"{row.confidence:.2f}"
    cells = (str(row.objects), f"{count_text(row.area)} px", score, seconds_text(row.milliseconds / 1000))
    return f"<tr>{name}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _data(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
