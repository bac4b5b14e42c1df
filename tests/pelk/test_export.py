"""Files of a designed kernel; above all that the layer's code runs with torch alone and computes the same."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.parts.large_kernel_direct import reference
from models.parts.large_kernel_frames import frame
from models.parts.problems import BadInput
from models.pelk import export
from models.pelk.designer import Design, KernelSpec, design
from models.pelk.export_code import layer_code

MADE = design(KernelSpec(51, height=20, width=24, channels=3))


def test_npz_holds_everything_needed_to_build_the_kernel_again() -> None:
    kept = np.load(io.BytesIO(export.as_npz(MADE)))
    index = np.repeat(np.arange(len(kept["grid"])), kept["grid"])
    assert np.array_equal(kept["w_theta"][np.ix_(index, index)], kept["dense"])
    assert json.loads(str(kept["settings"]))["kernel"] == 51
    assert np.array_equal(np.load(io.BytesIO(export.as_npy(MADE))), kept["dense"])


def test_json_and_csv_carry_every_weight() -> None:
    told = json.loads(export.as_json(MADE))
    rows = list(csv.DictReader(export.as_csv(MADE).decode().splitlines()))
    assert len(rows) == MADE.parameters
    assert [float(row["weight"]) for row in rows] == pytest.approx(np.ravel(told["w_theta"]).tolist())
    assert sum(int(row["height"]) * int(row["width"]) for row in rows) == 51 * 51


def test_png_opens_and_says_its_grid() -> None:
    with Image.open(io.BytesIO(export.as_png(MADE))) as picture:
        assert picture.width > 900
        assert picture.text["grid"].startswith("9,8,4")  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", sorted(export.FORMS))
def test_every_form_has_a_name_and_content_or_a_reason(form: str) -> None:
    if form == "onnx" and export.onnx_missing():
        with pytest.raises(BadInput, match="pip install onnx onnxscript"):
            export.exported(MADE, form)
        return
    name, data = export.exported(MADE, form)
    assert name.startswith("pelk_k51_")
    assert data


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(BadInput, match="npz"):
        export.exported(MADE, "docx")


@pytest.mark.parametrize("spec", [KernelSpec(51, height=20, width=24, channels=3), KernelSpec(3), KernelSpec(151, 3)])
def test_the_code_runs_by_itself_and_agrees_with_torch(spec: KernelSpec, tmp_path: Path) -> None:
    file = tmp_path / "layer.py"
    file.write_text(layer_code(design(spec)), encoding="utf-8")
    # Isolated: nothing of this project can be imported.
    told = subprocess.run([sys.executable, "-I", str(file)], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert float(told.stdout.split()[-1]) < 2e-6
    assert "from models" not in file.read_text(encoding="utf-8")


def layer_of(made: Design, channels: int, bias: bool = True) -> torch.nn.Module:
    scope: dict[str, object] = {"__name__": "snippet"}
    exec(compile(layer_code(made), "layer.py", "exec"), scope)
    layer: torch.nn.Module = scope["PeripheralConv2d"](channels, bias)  # type: ignore[operator]
    return layer


def wanted_of(made: Design, image: torch.Tensor) -> torch.Tensor:
    dense = torch.from_numpy(made.dense()).expand(image.shape[1], -1, -1)
    return reference(image, dense, frame(image.shape[-2:], dense.shape[-2:]))


@pytest.mark.parametrize("size", [(1, 1), (2, 40), (24, 17), (60, 60)])
@pytest.mark.parametrize("kernel", [3, 13, 15, 31])
def test_the_layer_equals_a_float64_sum_over_taps(kernel: int, size: tuple[int, int]) -> None:
    made = design(KernelSpec(kernel))
    image = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        got = layer_of(made, 3).designed()(image)  # type: ignore[operator]
    wanted = wanted_of(made, image)
    assert float((got - wanted).abs().max() / wanted.abs().max()) < 2e-6


def test_the_layer_takes_any_memory_order_and_half_precision() -> None:
    made = design(KernelSpec(31))
    layer = layer_of(made, 4).designed()  # type: ignore[operator]
    image = torch.randn(1, 4, 24, 24, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        plain = layer(image)
        torch.testing.assert_close(layer(image.to(memory_format=torch.channels_last)), plain)
        torch.testing.assert_close(layer(image.mT.contiguous().mT), plain)
        half = layer(image.bfloat16())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), plain, atol=0.02, rtol=0.05)


def test_the_layer_learns() -> None:
    layer = layer_of(design(KernelSpec(15)), 2)
    image = torch.randn(1, 2, 16, 16, generator=torch.Generator().manual_seed(3))
    layer(image).square().sum().backward()
    assert layer.weight.grad is not None
    assert bool(layer.weight.grad.abs().sum() > 0)
