"""The kernel designer: counts against the paper's tables, costs, the embedding's identity, what it refuses."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.parts.problems import BadInput
from models.pelk.designer import KernelSpec, curve, design, parsed_grid
from models.pelk.designer_embedding import Form, identity


@pytest.mark.parametrize(
    ("spec", "bins", "percent"),
    [
        (KernelSpec(13), 9, 47.9),
        (KernelSpec(33), 11, 11.1),
        (KernelSpec(51), 13, 6.5),
        (KernelSpec(69, 3), 17, 6.1),
        (KernelSpec(69, 3, merge_tail=True), 15, 4.7),
        (KernelSpec(101, 3), 17, 2.8),
    ],
)
def test_counts_are_those_of_the_papers_tables(spec: KernelSpec, bins: int, percent: float) -> None:
    made = design(spec)
    assert made.bins == bins
    assert 100 * made.ratio == pytest.approx(percent, abs=0.05)
    assert made.corner_taps == (bins + 1) ** 2


@given(
    st.integers(1, 75).map(lambda half: 2 * half + 1),
    st.integers(0, 5),
    st.floats(1.5, 3),
    st.booleans(),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_every_setting_in_range_gives_a_whole_design(
    kernel: int, centre: int, base: float, merge: bool, height: int, width: int
) -> None:
    made = design(KernelSpec(kernel, centre, base, merge, height=height, width=width, channels=2))
    assert sum(made.grid) == kernel
    assert made.dense().shape == made.cell_sizes().shape == made.rings().shape == (kernel, kernel)
    assert made.parameters == len(np.unique(made.spread(np.arange(made.bins**2).reshape(made.bins, -1))))
    dense, cropped, *rest = (cost.products for cost in made.costs)
    assert cropped <= dense
    assert min(rest) > 0


def test_one_weight_serves_its_whole_cell() -> None:
    made = design(KernelSpec(51))
    kernel, weights = made.dense(), made.weights()
    assert (kernel[:9, :9] == weights[0, 0]).all()
    assert (kernel[9:17, 42:] == weights[1, 12]).all()
    assert kernel[25, 25] == weights[6, 6]


def test_a_kernel_past_the_image_says_so_and_costs_only_what_touches_it() -> None:
    made = design(KernelSpec(51, height=1, width=1, channels=1))
    assert made.costs[1].products == 1
    assert "only 1 x 1" in made.notes[0]


def test_an_own_grid_may_be_written_in_any_common_way() -> None:
    for text in ("4,2,1,1,1,2,4", " [4 2 1 1 1 2 4] ", "4; 2; 1; 1; 1; 2; 4"):
        assert design(KernelSpec(15, bins=text)).grid == (4, 2, 1, 1, 1, 2, 4)


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        (KernelSpec(50), "even"),
        (KernelSpec(1), "3 to 151"),
        (KernelSpec(153), "3 to 151"),
        (KernelSpec(51, 6), "0 to 5"),
        (KernelSpec(51, base=1.0), "1.5 to 3"),
        (KernelSpec(51, base=float("nan")), "1.5 to 3"),
        (KernelSpec(51, height=0), "1 to 512"),
        (KernelSpec(51, height=512, width=512, channels=2048), "height x width x channels"),
        (KernelSpec(51, bins="4,2,1,1,1,2,4"), "sums to 15, the kernel size is 51"),
        (KernelSpec(7, bins="1,2,4"), "not symmetric"),
        (KernelSpec(7, bins="3,4"), "odd number of bins"),
        (KernelSpec(7, bins="a,1,b"), "'a'"),
        (KernelSpec(7, bins="-3,13,-3"), "'-3'"),
    ],
)
def test_what_cannot_be_designed_is_named_with_a_remedy(spec: KernelSpec, part: str) -> None:
    with pytest.raises(BadInput, match=part):
        design(spec)


def test_a_huge_grid_text_is_refused_quickly() -> None:
    with pytest.raises(BadInput):
        parsed_grid("1," * 100_000, 151)


def test_the_curve_is_dense_at_the_start_and_a_few_percent_at_the_end() -> None:
    found = curve(2)
    assert found.dense[0] == found.peripheral[0] == 9
    assert found.peripheral[-1] / found.dense[-1] < 0.02
    assert found.stripe == tuple(10 * kernel for kernel in found.kernels)


@pytest.mark.parametrize("kernel", [3, 13, 51])
@pytest.mark.parametrize("form", ["literal", "masked"])
def test_the_embedding_equals_equation_3_summed_tap_by_tap(form: Form, kernel: int) -> None:
    found = identity(design(KernelSpec(kernel, height=9, width=14)), form)
    assert found.difference < 1e-13
    assert found.term.shape == (9, 14)
    if form == "literal":
        assert np.ptp(found.term) == 0
        assert found.term[0, 0] == pytest.approx(found.bias)
    else:
        assert np.ptp(found.term) > 0


def test_the_masked_embedding_is_constant_away_from_the_border() -> None:
    found = identity(design(KernelSpec(5, height=20, width=20)), "masked")
    inner = found.term[2:-2, 2:-2]
    assert np.ptp(inner) < 1e-12
    assert inner[0, 0] == pytest.approx(found.bias)


def test_an_unknown_embedding_is_refused() -> None:
    with pytest.raises(BadInput, match="literal"):
        identity(design(KernelSpec()), "twisted")  # type: ignore[arg-type]


def test_the_designer_needs_no_torch() -> None:
    import subprocess

    code = "import sys, models.pelk.designer_embedding, models.pelk.export; print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
