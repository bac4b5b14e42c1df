"""Peripheral convolution against recorded brute-force numbers, the counting model against the paper's tables.

There is no official code; sizes, grids, variants and tolerances come from the recorded set.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.parts.large_kernel import ALGORITHMS, peripheral_conv2d
from models.parts.large_kernel_dispatch import Dispatcher, use
from models.parts.large_kernel_expansion import expand, literal_bias
from models.parts.large_kernel_grids import edges, half_grid, mirrored, parameter_ratio, sharing_grid
from models.parts.large_kernel_table import Table
from models.pelk.config import CONFIGS, PelkConfig
from models.pelk.counting import Counts, counts
from tests.parity.recorded import Recorded

SLUG = "pelk"
DTYPES = {"tolerance": torch.float32, "tolerance_float64": torch.float64}
OWN_MODEL = {"T": "T", "S": "S", "B": "B", "B384": "B", "B101_384": "B"}
"""Entries of the counting model and the size whose widths they have."""


@pytest.fixture(autouse=True)
def rule_only(tmp_path: Path) -> Iterator[None]:
    before = use(Dispatcher(Table(tmp_path), measure=False))
    yield
    use(before)


def convolution(terms: str) -> tuple[Recorded, dict[str, np.ndarray], dict[str, Tensor]]:
    """The recorded file under one of its two sets of tolerances, its arrays, and its inputs in that precision."""
    file = Recorded.open(SLUG, "pelk_conv.npz")
    if terms not in file.entry:
        pytest.skip(f"the set states no {terms}")
    file = dataclasses.replace(file, entry={**file.entry, "tolerance": file.entry[terms]})
    arrays = file.arrays()
    inputs = {name: torch.from_numpy(arrays[name]).to(DTYPES[terms]) for name in ("x", "w_theta", "h")}
    return file, arrays, inputs


@pytest.mark.parametrize("terms", DTYPES)
def test_the_grid_and_the_expanded_kernel_are_the_recorded_ones(terms: str) -> None:
    file, arrays, inputs = convolution(terms)
    entry = file.entry
    grid = sharing_grid(entry["kernel_size"], entry["centre_radius"], entry["base"], entry["merge_tail"])
    file.check("grid", grid, arrays["grid"])
    file.check("grid", entry["grid"], arrays["grid"])
    file.check("edges", edges(grid), arrays["edges"])
    file.check("w_full", expand(inputs["w_theta"], grid).numpy(), arrays["w_full"])
    file.check("bias", literal_bias(inputs["w_theta"], inputs["h"], grid).numpy(), arrays["bias"])


@pytest.mark.parametrize("algorithm", ["auto", *ALGORITHMS])
@pytest.mark.parametrize("terms", DTYPES)
def test_every_algorithm_gives_every_recorded_output(terms: str, algorithm: str) -> None:
    file, arrays, inputs = convolution(terms)
    stride, grid = file.entry["stride"], tuple(file.entry["grid"])
    for name, kpe in file.entry["variants"].items():
        got = peripheral_conv2d(
            inputs["x"][None],
            inputs["w_theta"],
            grid,
            stride=stride,
            kpe=kpe,
            embedding=None if kpe == "none" else inputs["h"],
            algorithm=algorithm,
        )
        file.check(name, got[0].numpy(), arrays[name])


def tables() -> tuple[Recorded, dict[str, Any]]:
    file = Recorded.open(SLUG, "pelk_tables.json")
    return file, file.json()


def test_every_listed_grid_is_generated() -> None:
    file, table = tables()
    for key, wanted in table["grid_half_outward"].items():
        kernel, centre = map(int, key.split(","))
        assert list(half_grid(kernel, centre, file.entry["base"])) == wanted, key
    for key, wanted in table["paper_confirmed"].items():
        kernel, centre = (int(part.removeprefix("rc")) for part in key.split())
        assert [*reversed(half_grid(kernel, centre, file.entry["base"])), 1] == wanted, key


def test_the_parameter_ratios_of_table_5_are_reproduced() -> None:
    file, table = tables()
    for name, wanted in table["param_ratio_table5"].items():
        grid = mirrored(tuple(reversed(file.entry["table5_grids"][name][:-1])))
        assert sum(grid) == file.entry["table5_kernel_size"]
        terms = file.tolerance("param_ratio_table5")
        assert parameter_ratio(grid) == pytest.approx(wanted, abs=terms["atol"], rel=terms["rtol"]), name


def model(file: Recorded, name: str) -> Counts:
    """Our counts for one entry of the recorded counting model."""
    given = file.entry["counting_model"]
    size = OWN_MODEL[name]
    config = PelkConfig(
        name,
        tuple(given["dims"][size]),
        tuple(given["depths"][size]),
        kernels=tuple(given["kernels"][name]),
        centre_radii=(2,) * len(given["kernels"][name]),
        convolved=given["convolved_fraction"],
        density=given["density"],
        mlp_ratio=given["mlp_ratio"],
        classes=given["classes"],
        image=given["image"][name],
    )
    return counts(config)


def test_the_counting_model_gives_every_recorded_figure() -> None:
    file, table = tables()
    terms = file.tolerance("own_flops_model_G")
    for name, wanted in table["own_flops_model_G"].items():
        assert model(file, name).flops / 1e9 == pytest.approx(wanted, abs=terms["atol"], rel=terms["rtol"]), name


PUBLISHED = {
    "PeLK-T 224": ("pelk_t", 0.05),
    "PeLK-S 224": ("pelk_s", 0.05),
    "PeLK-B 224": ("pelk_b", 0.01),
    "PeLK-B 384": ("pelk_b_384", 0.01),
    "PeLK-B-101 384": ("pelk_b_101_384", 0.01),
}
"""Rows of the paper's ImageNet table, our configuration, and how near our FLOPs come (section 8 of the document)."""


def test_the_published_sizes_are_reproduced() -> None:
    _, table = tables()
    for row, (name, near) in PUBLISHED.items():
        if row in table["imagenet"]:
            parameters, flops, _ = table["imagenet"][row]
            ours = counts(CONFIGS[name])
            assert ours.parameters / 1e6 == pytest.approx(parameters, rel=0.025), row
            assert ours.flops / 1e9 == pytest.approx(flops, rel=near), row


DENSE_TASKS = {"ade20k_2048x512": (512, 2048), "coco_1280x800": (800, 1280)}
SAME_WIDTHS = {("T", "S"): ("pelk_t", "pelk_s"), ("B", "B-101"): ("pelk_b", "pelk_b_101_384")}


@pytest.mark.parametrize("rows", SAME_WIDTHS)
@pytest.mark.parametrize("task", DENSE_TASKS)
def test_the_dense_tasks_differ_by_what_the_trunks_differ(task: str, rows: tuple[str, str]) -> None:
    """Two rows of the same widths have the same head, which is other people's: their difference is ours alone."""
    _, table = tables()
    published = np.subtract(table[task][rows[1]], table[task][rows[0]])
    less, more = (counts(CONFIGS[name], DENSE_TASKS[task]) for name in SAME_WIDTHS[rows])
    assert (more.flops - less.flops) / 1e9 == pytest.approx(published[1], abs=1.5)
    assert (more.parameters - less.parameters) / 1e6 == pytest.approx(published[0], abs=1.0)
