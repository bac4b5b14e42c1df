"""What the Export step says below the map: masks of the user's own, and how to train with nerfstudio."""

from __future__ import annotations

import html
import shlex
from pathlib import Path

from app.panels import hugs_pictures as pictures
from app.panels.hugs_session import Session
from models.hugs.nerfstudio import Nerfstudio, advice, find_nerfstudio, train_command


def own_said(session: Session) -> str:
    """Which maps are the user's own; nothing when none is."""
    own, names = session.work.own, session.work.names
    if not own:
        return ""
    this = "This photo's map is your file" if session.frame in own else "This photo's map is the fused one"
    return f"<p class='hg-under'>{this}; {len(own)} of {len(names)} maps are yours.</p>"


def nerfstudio_html(session: Session) -> str:
    """Whether nerfstudio is there, the command that trains on the nerfstudio folder of the zip, and what it found."""
    found = find_nerfstudio()
    if found is None:
        said = advice()
    else:
        said = f"nerfstudio{f' {found.version}' if found.version else ''} was found: Train nerfacto uses it here."
    shown = Nerfstudio(Path("ns-train"), Path("ns-eval"), None)
    command = shlex.join(train_command(shown, "nerfstudio", "runs"))
    return (
        f"<p class='hg-said'>{html.escape(said)}</p>"
        "<p class='hg-under'>In the unpacked zip, with the nerfstudio folder among the formats:</p>"
        f"<div class='hg-command'><code>{html.escape(command)}</code>"
        '<button type="button" class="v-button" data-copy>Copy</button></div>'
        f"{_result(session)}"
    )


def _result(session: Session) -> str:
    done = session.nerfacto
    if done is None:
        return ""
    rows = "".join(
        f"<tr><th scope='row'>{name}</th><td>{value}</td></tr>"
        for name, value in (
            ("PSNR (dB)", f"{done.trained.psnr:.2f}"),
            ("SSIM", f"{done.trained.ssim:.3f}"),
            ("LPIPS", f"{done.trained.lpips:.3f}"),
        )
    )
    shown = "".join(
        f'<img src="{pictures.jpeg(picture)}" alt="Held-out view {number + 1}: photo and nerfacto">'
        for number, picture in enumerate(done.pictures)
    )
    return (
        f"<table class='rs-table hg-pairs'><caption>nerfacto, {done.steps} steps, photos nerfstudio held out</caption>"
        f"<tbody>{rows}</tbody></table><div class='hg-rendered'>{shown}</div>"
    )
