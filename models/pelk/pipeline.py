"""What the panel, the command line and the API call. Every action is one function, most of them jobs of the runtime.

made = design(KernelSpec(51))
timing = runtime.submit(timing_job("me", made.spec)).result()
fields = runtime.submit(fields_job("me", photo, image_digest(photo), "pathfinder")).result()
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.pelk.designer import Design, KernelSpec, curve, design
from models.pelk.designer_embedding import identity
from models.pelk.explore import fields_by_depth
from models.pelk.export import exported
from models.pelk.pipeline_drawings import drawing_of, painted_room, paints_of, sampled_path, sampled_room
from models.pelk.pipeline_fields import Fields, fields_job
from models.pelk.pipeline_own import own_checkpoint
from models.pelk.pipeline_tasks import path_job, room_job, score_job
from models.pelk.pipeline_timing import timing_job

__all__ = [
    "Design",
    "Fields",
    "KernelSpec",
    "curve",
    "design",
    "drawing_of",
    "exported",
    "fields_by_depth",
    "fields_job",
    "identity",
    "image_digest",
    "own_checkpoint",
    "painted_room",
    "paints_of",
    "path_job",
    "room_job",
    "sampled_path",
    "sampled_room",
    "score_job",
    "timing_job",
]


def image_digest(image: NDArray[Any]) -> str:
    """A name for the content of ``image``: 32 hex digits over its shape, type and pixels."""
    content = hashlib.blake2b(repr((image.shape, image.dtype.str)).encode(), digest_size=16)
    content.update(np.ascontiguousarray(image).data)
    return content.hexdigest()
