"""The dispatcher: what it may choose, what it measures, what it keeps, what it costs."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import torch

from models.parts import large_kernel_dispatch
from models.parts.large_kernel import sharing_grid
from models.parts.large_kernel_dispatch import Budget, Call, Dispatcher, candidates, predicted
from models.parts.large_kernel_table import Table, cache_folder
from models.parts.large_kernel_work import Work, apply, prepare, work

CPU = torch.device("cpu")
MODES = ("cached", "forward", "backward")


def job(side: int = 12, kernel: int = 15, shared: bool = True) -> Work:
    return work((side, side), (kernel, kernel), 1, "same", sharing_grid(kernel) if shared else None)


def ask(dispatcher: Dispatcher, what: Work, mode: str = "forward") -> str:
    return dispatcher.choose(what, 1, 4, CPU, torch.float32, mode)


def call(what: Work, mode: str = "forward", channels: int = 4) -> Call:
    return Call(what, 1, channels, "cpu", torch.float32, mode, 1)


@pytest.mark.parametrize("shared", [True, False])
def test_torch_is_never_chosen_on_a_cpu_above_an_effective_kernel_of_13(tmp_path: Path, shared: bool) -> None:
    dispatcher = Dispatcher(Table(tmp_path), measure=False)
    for side in (1, 3, 7, 8, 14, 56):
        for kernel in (13, 15, 31, 101):
            what = job(side, kernel, shared)
            for mode in MODES:
                names = candidates(call(what, mode))
                assert ask(dispatcher, what, mode) in names
                assert (what.effective_kernel > 13) != bool({"direct", "cropped"} & set(names))


def test_without_measuring_the_prediction_decides(tmp_path: Path) -> None:
    dispatcher = Dispatcher(Table(tmp_path), measure=False)
    assert dispatcher.choose(job(56, 7), 1, 96, CPU, torch.float32, "cached") == "direct"
    assert dispatcher.choose(job(56, 51), 1, 96, CPU, torch.float32, "cached") == "fft"
    assert dispatcher.choose(job(14, 51), 1, 384, CPU, torch.float32, "cached") == "boxes"
    assert not list(tmp_path.iterdir())


def test_the_measured_best_is_chosen_and_kept_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def fake(call: Call, names: list[str], budget: Budget) -> dict[str, float]:
        asked.append(names)
        return {name: float(10 - index) for index, name in enumerate(names)}

    monkeypatch.setattr(large_kernel_dispatch, "measure", fake)
    chosen = ask(Dispatcher(Table(tmp_path)), job())
    assert chosen == asked[0][-1]
    other = Dispatcher(Table(tmp_path))
    assert ask(other, job()) == chosen
    assert ask(other, job(11)) in ("fft", "boxes")
    assert [len(names) > 1 for names in asked] == [True, True]
    (file,) = tmp_path.iterdir()
    content = json.loads(file.read_text())
    assert set(content["cases"]) == {
        call(job()).case.replace("t1", f"t{torch.get_num_threads()}"),
        call(job(11)).case.replace("t1", f"t{torch.get_num_threads()}"),
    }
    assert content["machine"]["torch"] == torch.__version__


def test_a_near_tie_goes_to_the_prediction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def close(call: Call, names: list[str], budget: Budget) -> dict[str, float]:
        return {name: 1.0 - 0.01 * index for index, name in enumerate(names)}

    monkeypatch.setattr(large_kernel_dispatch, "measure", close)
    what = job()
    best = min(candidates(call(what)), key=lambda name: predicted(name, call(what)))
    assert ask(Dispatcher(Table(tmp_path)), what) == best


def test_unsteady_times_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert large_kernel_dispatch.steady({"fft": [1.2, 1.0], "boxes": [9.0, 3.0]})
    assert not large_kernel_dispatch.steady({"fft": [1.5, 1.0], "boxes": [2.0, 2.0]})
    monkeypatch.setattr(large_kernel_dispatch, "steady", lambda _: False)
    what = job()
    best = min(candidates(call(what)), key=lambda name: predicted(name, call(what)))
    assert ask(Dispatcher(Table(tmp_path)), what) == best
    assert not list(tmp_path.iterdir())


def test_a_spent_budget_leaves_the_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_kernel_dispatch, "measure", lambda *_: pytest.fail("measured"))
    assert ask(Dispatcher(Table(tmp_path), budget=Budget(process_s=0.0)), job()) in ("fft", "boxes")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shared", [True, False])
def test_measuring_times_every_candidate(monkeypatch: pytest.MonkeyPatch, mode: str, shared: bool) -> None:
    what = job(9, 9, shared)
    names = list(candidates(call(what, mode)))
    monkeypatch.setattr(large_kernel_dispatch, "steady", lambda _: True)
    times = large_kernel_dispatch.measure(call(what, mode), names, Budget(rounds=2))
    assert times is not None
    assert set(times) == set(names)
    assert all(value > 0 for value in times.values())


BROKEN = ["", "[]", "{", '{"cases": 3}', '{"cases": {"a": {"fft": "x"}}}', '{"cases": {"a": 1}}']


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_is_measured_anew(tmp_path: Path, content: str) -> None:
    table = Table(tmp_path)
    table.file.write_text(content)
    assert table.get("a") is None
    table.put("a", {"fft": 1.0})
    assert Table(tmp_path).get("a") == {"fft": 1.0}


def test_a_folder_that_cannot_be_made_leaves_the_table_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    table = Table(tmp_path / "file")
    table.put("a", {"fft": 1.0})
    assert table.get("a") == {"fft": 1.0}


def test_two_tables_of_one_file_keep_each_others_cases(tmp_path: Path) -> None:
    one, two = Table(tmp_path), Table(tmp_path)
    assert one.get("a") is two.get("b") is None
    one.put("a", {"fft": 1.0})
    two.put("b", {"fft": 2.0})
    assert Table(tmp_path).get("a") == {"fft": 1.0}


def test_the_cache_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("VITRINE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "vitrine"


def test_a_known_decision_takes_less_than_50_microseconds(tmp_path: Path) -> None:
    dispatcher, what = Dispatcher(Table(tmp_path), measure=False), job(56, 51)
    ask(dispatcher, what)
    best = 1.0
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(100):
            ask(dispatcher, work((56, 56), (51, 51), 1, "same", what.grid))
        best = min(best, (time.perf_counter() - start) / 100)
    assert best < 50e-6


@pytest.mark.slow
def test_the_fft_is_at_least_five_times_faster_than_torch_at_31() -> None:
    what = job(28, 31)
    make = torch.Generator().manual_seed(0)
    x, w = torch.randn(1, 32, 28, 28, generator=make), torch.randn(32, 11, 11, generator=make)
    ready = {name: prepare(name, w, what) for name in ("fft", "direct")}
    times: dict[str, list[float]] = {name: [] for name in ready}
    with torch.inference_mode():
        for _ in range(7):
            for name, kernel in ready.items():
                start = time.perf_counter()
                apply(name, x, kernel, what)
                times[name].append(time.perf_counter() - start)
    if sorted(times["fft"])[3] > 3 * min(times["fft"]):
        pytest.skip("the machine is too busy for a ratio of times")
    assert min(times["fft"]) * 5 < min(times["direct"])
