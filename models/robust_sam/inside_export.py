"""The inside view as an npz file and as plain numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from io import BytesIO
from typing import Any

import numpy as np

from models.robust_sam.inside_types import Cleaner, InsideView


def as_npz(view: InsideView, about: Mapping[str, Any] | None = None) -> bytes:
    """Every array as ``<cleaner>_<field>``, ``attention_<branch>``, ``mask_<branch>``; ``about`` as JSON text."""
    arrays: dict[str, Any] = {"about": np.array(json.dumps({**(about or {}), **as_dict(view)}, default=str))}
    for cleaner in view.cleaners:
        for field in fields(Cleaner):
            value = getattr(cleaner, field.name)
            if isinstance(value, np.ndarray):
                arrays[f"{cleaner.name}_{field.name}"] = value
    for branch, attention in view.attention.items():
        arrays[f"attention_{branch}"] = attention.weights
    for branch, mask in view.masks.items():
        arrays[f"mask_{branch}"] = mask
    data = BytesIO()
    np.savez_compressed(data, **arrays)
    return data.getvalue()


def as_dict(view: InsideView) -> dict[str, Any]:
    """The view's numbers: per cleaner sizes, mean selector share, amplitude ratio and distances; padding shares."""
    return {
        "model": view.model,
        "missing": view.missing,
        "cleaners": [_numbers(cleaner) for cleaner in view.cleaners],
        "attention": {
            branch: {"layers": list(attention.layers), "padding": attention.padding}
            for branch, attention in view.attention.items()
        },
        "milliseconds": view.milliseconds,
    }


def _numbers(cleaner: Cleaner) -> dict[str, Any]:
    distance = cleaner.distance
    return {
        "name": cleaner.name,
        "channels": cleaner.channels,
        "cells": list(cleaner.energy_before.shape),
        "batch_share": float(cleaner.selector.mean()),
        "log2_amplitude_ratio": float(cleaner.ratio.mean()),
        "distance_before": None if distance is None else distance.before,
        "distance_after": None if distance is None else distance.after,
    }
