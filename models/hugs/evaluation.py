"""The report card of HuGS on procedural captures with known truth.

``launch.py evaluate hugs`` measures six settings with three seeds each; ``--quick`` the first three with one.
Segments are those by colour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from models.hugs import evaluation_run
from models.hugs.evaluation_config import FULL, QUICK
from models.hugs.evaluation_figures import above_single_cues, figures
from models.hugs.evaluation_records import Record
from models.parts.measuring import EvaluationProblem

PROBLEMS = (EvaluationProblem,)
"""What the command line shows as a sentence instead of a traceback."""


def evaluate(quick: bool) -> dict[str, Any]:
    """Figures with intervals ([low, mean, high]) and the configuration they hold for."""
    config = QUICK if quick else FULL
    records = evaluation_run.run(config)
    return {"figures": figures(records), "config": asdict(config) | describe(records)}


def describe(records: Sequence[Record]) -> dict[str, Any]:
    """What was measured, in numbers and names, and a digest of the captures: equal digests mean equal questions."""
    stages = sorted({stage for record in records for stage in record.seconds})
    return {
        "captures": len(records),
        "scene_names": list(dict.fromkeys(record.scene for record in records)),
        "moving_share": round(float(np.mean([record.moving_share for record in records])), 4),
        "segments": ", ".join(sorted({record.segments for record in records})),
        "not_above_single_cues": [scene for scene, above in above_single_cues(records).items() if not above],
        "seconds": {stage: round(float(np.mean([r.seconds.get(stage, 0.0) for r in records])), 1) for stage in stages},
        "captures_digest": hashlib.sha256("".join(record.digest for record in records).encode()).hexdigest()[:16],
    }
