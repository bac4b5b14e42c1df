"""What the stage of the HuGS room shows at each step: two pictures, and below them figures and tables.

The browser side is app/assets/js/hugs.js. A message replaces the last one as a whole.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from app.panels import hugs_pictures as pictures
from app.panels.hugs_charts import loss_curve, track_histogram
from app.panels.hugs_compare_view import compare_html
from app.panels.hugs_export_view import nerfstudio_html, own_said
from app.panels.hugs_session import Session
from app.wording import count_text
from models.hugs.frame_warnings import warnings_of
from models.hugs.fusion_config import fraction_threshold
from models.hugs.scores import scores_of

MOST_POINTS = 1500
"""Features and points sent to the page at most, those with the longest tracks."""
MAP_TITLES = {
    "base": "Small residual",
    "upper": "Residual below limit",
    "sfm": "Features",
    "agreed": "Both cues",
    "smoothed": "Holes closed",
    "voted": "Vote",
    "static": "Result",
}
EXPORTED = (
    "White is static: the pixel is used. Every export keeps that meaning, or says so where the field's is another."
)

Message = dict[str, Any]


def message(session: Session) -> Message:
    """The stage for the step and frame of now."""
    work = session.work
    names = work.names
    told: Message = {
        "step": session.step,
        "frame": session.frame,
        "index": names.index(session.frame),
        "total": len(names),
        "tool": session.tool,
    }
    return told | STEPS[session.step](session)


def _pane(title: str, photo: str, **more: Any) -> Message:
    return {"title": title, "photo": photo, **more}


def load_step(session: Session) -> Message:
    """The photo as it is, and where something moves when that is known."""
    work, name = session.work, session.frame
    image, capture = work.frame(name), work.capture
    view = capture.view(name)
    panes = [_pane("Photo", pictures.jpeg(image))]
    if view.truth is not None:
        truth = cv2.resize(view.truth.astype(np.uint8), image.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
        overlay = pictures.png(pictures.tinted(~truth, pictures.MOVES))
        panes.append(_pane("What moves in truth", pictures.jpeg(image), overlay=overlay, caption="rendered scene"))
    points = 0 if capture.structure is None else len(capture.structure.ids)
    rows = [
        ("Capture", html.escape(capture.name)),
        ("Photos", str(len(capture.views))),
        ("Size", f"{view.size[1]} x {view.size[0]} px"),
        ("Cameras known", f"{len(capture.posed)} of {len(capture.views)}"),
        ("Scene points", count_text(points)),
        ("Clean held-out views", str(len(capture.held_out))),
    ]
    return {"panes": panes, "side": _pairs(rows) + _notes(capture.notes)}


def sfm_step(session: Session) -> Message:
    """Features coloured by track length, their histogram, and the scene with its cameras."""
    work, name = session.work, session.frame
    image = work.frame(name)
    points, lengths = work.points(name)
    config = work.fusion
    order = np.argsort(lengths, kind="stable")[-MOST_POINTS:]
    features = [
        [round(float(x), 1), round(float(y), 1), int(length)]
        for (x, y), length in zip(points[order], lengths[order], strict=True)
    ]
    spoke = int(np.count_nonzero(lengths >= config.track_threshold))
    panes = [
        _pane(
            "Features by track length",
            pictures.jpeg(image),
            points=features,
            ramp=pictures.track_ramp(),
            threshold=config.track_threshold,
            caption=f"{spoke} of {len(points)} speak",
        )
    ]
    cloud = _cloud(session)
    if cloud is not None:
        panes.append(cloud)
    share = fraction_threshold(config.track_threshold, len(work.names))
    said = (
        f"<p class='hg-said'>A feature that was found in at least <b>{config.track_threshold}</b> of {len(work.names)} "
        f"photos ({share:.2f} of them) counts as static.</p>"
    )
    return {"panes": panes, "side": said + track_histogram(lengths, config.track_threshold)}


def _cloud(session: Session) -> Message | None:
    structure = session.work.capture.structure
    if structure is None or len(structure.ids) == 0:
        return None
    order = np.argsort(structure.track_length, kind="stable")[-MOST_POINTS:]
    cameras = [
        [*np.round(view.camera_to_world[:3, 3], 3).tolist(), *np.round(-view.camera_to_world[:3, 2], 3).tolist()]
        for view in session.work.capture.posed
        if view.camera_to_world is not None
    ]
    names = [view.name for view in session.work.capture.posed]
    xyz = np.round(structure.xyz[order], 3).tolist()
    return {
        "title": "Scene points and cameras",
        "caption": "drag to turn",
        "cloud": {
            "xyz": xyz,
            "length": structure.track_length[order].tolist(),
            "cameras": cameras,
            "current": names.index(session.frame) if session.frame in names else -1,
            "ramp": pictures.track_ramp(),
        },
    }


def residual_step(session: Session) -> Message:
    """The field's picture, the residual with its two maps, the loss."""
    work, name = session.work, session.frame
    image = work.frame(name)
    cues = work.cues(name)
    steps = session.losses[-1][0] if session.losses else 0
    if cues.residual is None:
        said = (
            "<p class='hg-said'>Not trained yet. The field is trained on all photos; what it cannot explain moves.</p>"
        )
        return {"panes": [_pane("Photo", pictures.jpeg(image))], "side": said + loss_curve(session.losses, steps)}
    fused = work.fused(name)
    size = (image.shape[1], image.shape[0])
    render = np.asarray(cv2.resize(work.renders[name], size, interpolation=cv2.INTER_LINEAR), np.uint8)
    looks = []
    if session.watched == name and session.looks:
        looks = [
            [step, pictures.jpeg(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8))]
            for step, picture in sorted(session.looks.items())
        ]
    panes = [
        _pane("Radiance field", pictures.jpeg(render), looks=looks, compare=pictures.jpeg(image)),
        _pane(
            "Residual",
            pictures.png(pictures.heat(cues.residual.values, max(2 * fused.limit, 1e-3))),
            caption=f"mean {fused.mean:.3f}, limit {fused.limit:.3f}",
        ),
        _pane(
            "Maps",
            pictures.png(pictures.layers(fused.base, fused.upper)),
            caption="white base, grey upper only, orange neither",
        ),
    ]
    rows = [
        ("At most the mean (base)", f"{100 * fused.base.mean():.1f} %"),
        (f"Below quantile {work.fusion.quantile:g} (upper)", f"{100 * fused.upper.mean():.1f} %"),
    ]
    watched = f" Snapshots along the training are of {html.escape(session.watched)}." if session.watched else ""
    said = f"<p class='hg-said'>Each photo has its own mean and quantile.{watched}</p>"
    return {"panes": panes, "side": said + _pairs(rows) + loss_curve(session.losses, steps)}


def segments_step(session: Session) -> Message:
    """The segments in colours beside the result they vote for."""
    work, name = session.work, session.frame
    image = work.frame(name)
    cues, fused = work.cues(name), work.fused(name)
    if not work.segmented(name):
        said = "<p class='hg-said'>No segments yet: every pixel votes for itself.</p>"
        return {"panes": [_pane("Photo", pictures.jpeg(image))], "side": said}
    panes = [
        _pane(
            "Segments",
            pictures.jpeg(image),
            overlay=pictures.png(pictures.segments(cues.segments)),
            labels=pictures.label_map(cues.segments),
            shares=_shares(session),
            caption=f"{int(cues.segments.max()) + 1} segments",
        ),
        _result_pane(session),
    ]
    sizes = np.bincount(cues.segments.ravel())
    rows = [
        ("Found by", html.escape(work.proposals[name].name)),
        ("Segments", str(len(sizes))),
        ("Median size", f"{np.median(sizes):.0f} px"),
        ("Static by vote", f"{int((fused.shares >= np.float32(work.fusion.vote)).sum())} of {len(sizes)}"),
    ]
    return {"panes": panes, "side": _pairs(rows) + _corrections(session)}


def fused_step(session: Session) -> Message:
    """What is masked, every map on the way, warnings, and why a pixel is static."""
    work, name = session.work, session.frame
    cues, fused = work.cues(name), work.fused(name)
    left = _result_pane(session)
    if work.segmented(name):
        left |= {"labels": pictures.label_map(cues.segments), "shares": _shares(session)}
    mask = {"title": "Static map", "photo": pictures.plain(fused.static), "caption": "white: static"}
    small = "".join(
        f'<figure class="hg-map"><img src="{pictures.plain(getattr(fused, key))}" alt="{title}: white is static">'
        f"<figcaption>{title}<span>{100 * getattr(fused, key).mean():.0f} %</span></figcaption></figure>"
        for key, title in MAP_TITLES.items()
    )
    told = "".join(f"<li>{html.escape(one.said)}.</li>" for one in warnings_of(cues, fused))
    warned = f'<ul class="hg-warned">{told}</ul>' if told else ""
    side = f'{warned}<div class="hg-maps">{small}</div>{why_table(session)}{_corrections(session)}{own_said(session)}'
    asked = list(session.asked) if session.asked is not None else None
    return {"panes": [left, mask], "side": side, "asked": asked}


def export_step(session: Session) -> Message:
    """The map as it is written."""
    work, name = session.work, session.frame
    fused = work.fused(name)
    panes = [
        {"title": f"{name} static map", "photo": pictures.plain(fused.static), "caption": "white: use the pixel"},
        _result_pane(session),
    ]
    return {"panes": panes, "side": f"<p class='hg-said'>{EXPORTED}</p>{own_said(session)}{nerfstudio_html(session)}"}


def compare_step(session: Session) -> Message:
    """Fields trained with each set of masks, side by side."""
    return {"panes": [], "side": compare_html(session)}


STEPS: dict[str, Callable[[Session], Message]] = {
    "load": load_step,
    "sfm": sfm_step,
    "residual": residual_step,
    "segments": segments_step,
    "fused": fused_step,
    "export": export_step,
    "compare": compare_step,
}


def _result_pane(session: Session) -> Message:
    work, name = session.work, session.frame
    fused = work.fused(name)
    overlay = pictures.tinted(~fused.static, pictures.MOVES)
    labels = work.cues(name).segments
    for segment, static in work.forced.get(name, {}).items():
        line = (labels == segment) & ~cv2.erode((labels == segment).astype(np.uint8), np.ones((3, 3))).astype(bool)
        overlay[line] = (*pictures.rgb(pictures.STATIC if static else "#ffffff"), 255)
    return _pane(
        "Masked",
        pictures.jpeg(work.frame(name)),
        overlay=pictures.png(overlay),
        caption=f"{100 * fused.masked:.1f} % masked",
    )


def _shares(session: Session) -> list[int]:
    return [round(100 * float(share)) for share in session.work.fused(session.frame).shares]


def why_table(session: Session) -> str:
    """The truth table of the pixel asked for."""
    if session.asked is None:
        return "<p class='hg-under'>Choose Why and click a pixel: the table says which step decided it.</p>"
    work = session.work
    cues = work.cues(session.frame)
    x, y = min(session.asked[0], cues.size[1] - 1), min(session.asked[1], cues.size[0] - 1)
    reason = work.why(session.frame, x, y)
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(row.question)}</th><td>{html.escape(row.found)}</td>"
        f"<td class='hg-{'yes' if row.static else 'no'}'>{'static' if row.static else 'moves'}</td></tr>"
        for row in reason.rows
    )
    head = (
        "<thead><tr><th scope='col'>Question</th><th scope='col'>Found</th><th scope='col'>Speaks for</th></tr></thead>"
    )
    return (
        f"<p class='hg-said hg-reason'>{html.escape(reason.sentence)}</p>"
        f"<table class='rs-table hg-why'>{head}<tbody>{rows}</tbody></table>"
    )


def film(session: Session) -> str:
    """All frames as buttons with their warnings."""
    work = session.work
    cells = []
    for number, name in enumerate(work.names):
        fused, cues = work.fused(name), work.cues(name)
        found = warnings_of(cues, fused)
        said = "; ".join(one.said for one in found)
        flag = f'<b class="hg-flag" title="{html.escape(said)}">{len(found)}</b>' if found else ""
        corrected = len(work.forced.get(name, {}))
        mark = f'<b class="hg-mark" title="Corrected segments: {corrected}">{corrected}</b>' if corrected else ""
        pressed = "true" if name == session.frame else "false"
        title = f"{name}: {100 * fused.masked:.0f} % masked" + (f". {said}" if said else "")
        cells.append(
            f'<button type="button" class="hg-cell" data-frame="{number}" aria-pressed="{pressed}" '
            f'title="{html.escape(title)}"><img src="{pictures.thumbnail(work.frame(name), fused.static)}" '
            f'alt="{html.escape(title)}">{flag}{mark}</button>'
        )
    return f'<div class="hg-film" role="group" aria-label="Frames of the capture">{"".join(cells)}</div>'


def scores_html(session: Session) -> str:
    """The panel's own benchmark, when the truth is known."""
    changed = session.work.own or any(session.work.forced.values())
    titles = {
        "residual": "Residual only",
        "residual x segments": "Residual x segments",
        "sfm": "SfM only",
        "fused": "HuGS, with your changes" if changed else "HuGS (fused)",
    }
    scores = scores_of(session.work)
    if not scores:
        return ""
    best = max(one.miou for one in scores.values())
    rows = "".join(
        f"<tr class='{'hg-best' if scores[key].miou == best else ''}'><th scope='row'>{title}</th>"
        f"<td>{scores[key].miou:.3f}</td><td>{scores[key].transient_iou:.3f}</td><td>{scores[key].f1:.3f}</td></tr>"
        for key, title in titles.items()
    )
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("", "mIoU", "IoU moving", "F1 moving"))
    return (
        f"<table class='rs-table hg-scores'><caption>Against the known truth, all frames</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _corrections(session: Session) -> str:
    count = len(session.work.forced.get(session.frame, {}))
    total = sum(len(given) for given in session.work.forced.values())
    if not total:
        return ""
    return f"<p class='hg-under'>Corrected segments: {count} in this photo, {total} in all.</p>"


def _pairs(rows: list[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><th scope='row'>{name}</th><td>{value}</td></tr>" for name, value in rows)
    return f"<table class='rs-table hg-pairs'><tbody>{cells}</tbody></table>"


def _notes(notes: tuple[str, ...]) -> str:
    if not notes:
        return ""
    return f"<ul class='hg-notes'>{''.join(f'<li>{html.escape(note)}</li>' for note in notes)}</ul>"
