"""nerfstudio's nerfacto on the masks of now, as a job: export, training and scores by its own command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.hugs.export import export_entries, write_folder
from models.hugs.nerfstudio import VARIABLE, Nerfstudio, Trained, find_nerfstudio, train
from models.hugs.pipeline import make_job, posed_views
from models.hugs.pipeline_work import Work
from models.parts.problems import BadInput
from models.runtime import Job, JobContext

SHOWN = 3
"""Pictures of the result that are read."""
STEPS = 5000


@dataclass(frozen=True, eq=False)
class NerfactoDone:
    """nerfstudio's figures on photos it held out itself, and some of its pictures of them, (h, w, 3) uint8."""

    trained: Trained
    steps: int
    pictures: tuple[npt.NDArray[np.uint8], ...]


def train_nerfacto(
    context: JobContext, model: None, *, work: Work, installed: Nerfstudio, folder: Path, steps: int
) -> NerfactoDone:
    """Exports ``work`` below ``folder`` and trains there. Raises BadInput with what nerfstudio said when it fails."""
    del model
    context.tick(0.0, "Writing the nerfstudio folder")
    write_folder(folder, export_entries(work.capture, work.masks(), ("nerfstudio",)))
    trained = train(installed, folder / "nerfstudio", folder / "runs", context.tick, steps=steps)
    return NerfactoDone(trained, steps, tuple(_pictures(sorted(trained.renders.rglob("*.[pj][np]g"))[:SHOWN])))


def _pictures(files: Sequence[Path]) -> list[npt.NDArray[np.uint8]]:
    shown = []
    for file in files:
        with Image.open(file) as picture:
            shown.append(np.asarray(picture.convert("RGB")))
    return shown


def nerfacto_job(user: str, work: Work, folder: Path, steps: int = STEPS) -> Job:
    """The training for the runtime. Raises BadInput where nerfstudio is not found, before anything is queued."""
    installed = find_nerfstudio()
    if installed is None:
        remedy = f"Install it into an environment of its own and set {VARIABLE} to that environment's folder"
        raise BadInput("nerfstudio", "was not found", remedy)
    if not 1 <= steps <= 1_000_000:
        raise BadInput("The steps", f"are {steps}", "Choose between 1 and 1,000,000")
    posed_views(work.capture)
    arguments = {"work": work, "installed": installed, "folder": folder, "steps": steps}
    return make_job(user, work, train_nerfacto, arguments, "nerfacto", None, peak=300_000_000, seconds=600.0)
