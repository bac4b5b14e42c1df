"""The designed kernel as files: arrays, tables, a layer that needs torch alone, and the merged dense form as ONNX."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.parts.large_kernel_grids import edges
from models.parts.problems import BadInput
from models.pelk.designer import Design
from models.pelk.export_code import layer_code
from models.pelk.export_pictures import kernel_sheet, png_bytes

ONNX_PACKAGES = ("onnx", "onnxscript")


@dataclass(frozen=True)
class Form:
    """One way to save a kernel. ``write`` makes the bytes of a file ending in ``suffix``."""

    title: str
    suffix: str
    note: str
    write: Callable[[Design], bytes]


def as_npz(design: Design) -> bytes:
    """w_theta (k', k'), dense (K, K), grid (k',), cell_sizes (K, K), and the settings as JSON text."""
    data = io.BytesIO()
    np.savez_compressed(
        data,
        w_theta=design.weights(),
        dense=design.dense(),
        grid=np.asarray(design.grid),
        cell_sizes=design.cell_sizes(),
        settings=np.array(json.dumps(design.as_dict())),
    )
    return data.getvalue()


def as_npy(design: Design) -> bytes:
    """The dense kernel, (K, K) float32."""
    data = io.BytesIO()
    np.save(data, design.dense())
    return data.getvalue()


def as_json(design: Design) -> bytes:
    """Settings, counts, costs and the shared weights."""
    values = design.as_dict() | {"w_theta": design.weights().tolist()}
    return (json.dumps(values, indent=1) + "\n").encode()


def as_csv(design: Design) -> bytes:
    """One line per cell: bins, first row and column, height and width in taps, weight."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("row_bin", "column_bin", "first_row", "first_column", "height", "width", "weight"))
    first, weights = edges(design.grid), design.weights()
    for i, high in enumerate(design.grid):
        for j, wide in enumerate(design.grid):
            table.writerow((i, j, first[i], first[j], high, wide, repr(float(weights[i, j]))))
    return text.getvalue().encode()


def as_png(design: Design) -> bytes:
    """Bins, weights and cell sizes side by side."""
    return png_bytes(kernel_sheet(design), {"grid": ",".join(map(str, design.grid))})


def as_code(design: Design) -> bytes:
    """A Python file with the layer; it imports torch and nothing else."""
    return layer_code(design).encode()


def onnx_missing() -> str:
    """Why ONNX files cannot be written here, or ""."""
    missing = [name for name in ONNX_PACKAGES if importlib.util.find_spec(name) is None]
    return f"needs {' and '.join(missing)}, which Vitrine does not install" if missing else ""


def as_onnx(design: Design) -> bytes:
    """One depthwise Conv node with the dense kernel in every channel, any image size. Raises BadInput without onnx."""
    reason = onnx_missing()
    if reason:
        raise BadInput(
            "The ONNX export",
            reason,
            f"Run: pip install {' '.join(ONNX_PACKAGES)}, or save the layer as code and export it where onnx is",
        )
    import torch
    from torch import nn

    spec = design.spec
    layer = nn.Conv2d(
        spec.channels, spec.channels, spec.kernel, padding=spec.kernel // 2, groups=spec.channels, bias=False
    )
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(design.dense()).expand_as(layer.weight))
    data = io.BytesIO()
    image = torch.zeros(1, spec.channels, spec.height, spec.width)
    torch.onnx.export(layer.eval(), (image,), data, input_names=["image"], output_names=["features"])
    return data.getvalue()


FORMS = {
    "npz": Form("NumPy npz", "_kernel.npz", "w_theta, dense kernel, grid, cell sizes, settings", as_npz),
    "npy": Form("NumPy npy", "_kernel.npy", "the dense kernel", as_npy),
    "json": Form("JSON", "_kernel.json", "settings, counts, costs, weights", as_json),
    "csv": Form("CSV", "_kernel.csv", "one line per cell", as_csv),
    "png": Form("PNG", "_kernel.png", "bins, weights and cell sizes", as_png),
    "py": Form("Layer code", "_layer.py", "a layer that runs with torch alone", as_code),
    "onnx": Form("ONNX", "_kernel.onnx", "the merged dense kernel as one convolution", as_onnx),
}
"""By key."""


def exported(design: Design, form: str) -> tuple[str, bytes]:
    """(file name, bytes) of ``design`` in a form of ``FORMS``. Raises BadInput for others, or a missing package."""
    if form not in FORMS:
        raise BadInput("The format", f"{form!r} does not exist", f"Choose one of {', '.join(FORMS)}")
    return f"pelk_k{design.spec.kernel}{FORMS[form].suffix}", FORMS[form].write(design)
