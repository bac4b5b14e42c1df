"""Our transport solver and head against numbers recorded from the authors' function."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from models.ost.network import HeadConfig, head
from models.ost.solver import SolverConfig, solve
from tests.parity.recorded import Recorded, folder


def cases() -> list[str]:
    path = folder("ost") / "config.json"
    files = json.loads(path.read_text())["files"] if path.exists() else {}
    return list(files.get("ost_solver.npz", {}).get("cases", {}))


def recorded() -> tuple[Recorded, dict[str, np.ndarray], SolverConfig]:
    file = Recorded.open("ost", "ost_solver.npz")
    entry = file.entry
    config = SolverConfig(entry["eps"], entry["max_iterations"], entry["stop"], entry["marginals"], "global")
    return file, file.arrays(), config


@pytest.mark.parametrize("case", cases())
@pytest.mark.parametrize("prefix", ["", "f64_"])
def test_plans_and_logits_equal_the_recorded_ones(case: str, prefix: str) -> None:
    file, arrays, config = recorded()
    dtype = torch.float64 if prefix else torch.float32
    frames, bank = (torch.from_numpy(arrays[f"{case}_{name}"]).to(dtype) for name in ("img", "des"))
    found = solve(frames, bank, config)
    mass = found.plan.shape[-1] * found.plan.shape[-2]
    name = f"{case}_{prefix}plan"
    file.check(name, found.plan.flatten(0, 1).numpy() * mass, arrays[name] * mass)
    name = f"{case}_{prefix}logits"
    file.check(name, file.entry["scale"] * found.scores, arrays[name])


def test_one_class_at_a_time_equals_the_recorded_one() -> None:
    file, arrays, config = recorded()
    case = file.entry["one_class_at_a_time_case"]
    name = f"{case}_f64_logits_one_class_at_a_time"
    frames, bank = (torch.from_numpy(arrays[f"{case}_{part}"]).double() for part in ("img", "des"))
    single = torch.cat([solve(frames, bank[[row]], config).scores for row in range(len(bank))], dim=1)
    file.check(name, file.entry["scale"] * single, arrays[name])


def test_the_whole_head_equals_the_recorded_one() -> None:
    file, arrays, config = recorded()
    terms = file.entry["getlogit"]
    frames = torch.from_numpy(arrays[f"{terms['case']}_img"])
    banks = [torch.from_numpy(arrays[f"getlogit_{kind}"]) for kind in ("spatial", "temporal")]
    form = HeadConfig(config, terms["transport"], terms["pool"], **terms["weights"])
    scores = head(frames, banks[0], banks[1], terms["scale"], form)
    file.check("getlogit_out_scale100", scores.logits, arrays["getlogit_out_scale100"])


@pytest.mark.parametrize("case", cases())
def test_iterations_and_marginal_errors_equal_the_recorded_ones(case: str) -> None:
    _, arrays, config = recorded()
    meta = Recorded.open("ost", "ost_solver_meta.json")
    known = meta.json()[case]
    frames, bank = (torch.from_numpy(arrays[f"{case}_{part}"]).double() for part in ("img", "des"))
    found = solve(frames, bank, config)
    meta.check("iterations", found.iterations.unique(), np.array([known["iterations"]]))
    rows = (found.plan.sum(-1) - 1 / found.plan.shape[-2]).abs().max()
    columns = (found.plan.sum(-2) - 1 / found.plan.shape[-1]).abs().max()
    meta.check("max_row_marginal_error", rows, np.array(known["max_row_marginal_error"]))
    meta.check("max_col_marginal_error", columns, np.array(known["max_col_marginal_error"]))
