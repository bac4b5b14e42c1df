"""The bridge to nerfstudio, with a stand-in for its command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from models.hugs.nerfstudio import VARIABLE, Nerfstudio, advice, find_nerfstudio, train, train_command
from models.parts.problems import BadInput

TRAIN = """
import sys, pathlib
words = dict(zip(sys.argv, sys.argv[1:]))
print("\\x1b[32mStep (% Done)\\x1b[0m", flush=True)
for percent in (10, 55.5, 100):
    print(f"{int(percent * 10)} ({percent}%)  12 ms", flush=True)
folder = pathlib.Path(words["--output-dir"]) / words["--experiment-name"] / sys.argv[1] / words["--timestamp"]
folder.mkdir(parents=True)
(folder / "config.yml").write_text("x")
"""
EVALUATE = """
import sys, json, pathlib
words = dict(zip(sys.argv, sys.argv[1:]))
assert pathlib.Path(words["--load-config"]).is_file()
figures = {"results": {"psnr": 25.5, "ssim": 0.8, "lpips": 0.2}}
pathlib.Path(words["--output-path"]).write_text(json.dumps(figures))
"""
WAITS = "import signal\nprint('1 (1%)', flush=True)\nsignal.pause()\n"
FAILS = "print('Traceback')\nprint('RuntimeError: CUDA out of memory')\nprint('bye')\nraise SystemExit(3)\n"


def stand_in(root: Path, train_code: str = TRAIN, evaluate_code: str = EVALUATE) -> Nerfstudio:
    (root / "bin").mkdir(parents=True)
    for name, code in (("ns-train", train_code), ("ns-eval", evaluate_code)):
        file = root / "bin" / name
        file.write_text(f"#!{sys.executable}\n{code}")
        file.chmod(0o755)
    (root / "lib/python3.10/site-packages/nerfstudio-1.1.5.dist-info").mkdir(parents=True)
    found = find_nerfstudio(root)
    assert found is not None
    return found


def export(root: Path) -> Path:
    root.mkdir()
    (root / "transforms.json").write_text("{}")
    return root


def test_it_is_found_by_path_variable_and_search_path_and_not_needed(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_nerfstudio() is None
    found = stand_in(tmp_path / "env")
    assert found.version == "1.1.5"
    assert find_nerfstudio(tmp_path / "env/bin") == find_nerfstudio(tmp_path / "env/bin/ns-train") == found
    monkeypatch.setenv(VARIABLE, str(tmp_path / "env"))
    assert find_nerfstudio() == found
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("PATH", str(tmp_path / "env/bin"))
    assert find_nerfstudio() == found
    assert find_nerfstudio(tmp_path / "nowhere") is None
    assert VARIABLE in advice()


def test_training_reports_progress_and_its_figures(tmp_path):
    installed, told = stand_in(tmp_path / "env"), []
    result = train(installed, export(tmp_path / "data"), tmp_path / "out", lambda share, line: told.append(share))
    assert (result.psnr, result.ssim, result.lpips) == (25.5, 0.8, 0.2)
    assert result.config.is_file()
    assert told == sorted(told)
    assert pytest.approx(0.9 * 0.555) in told


def test_a_cancellation_ends_the_trainer(tmp_path):
    class Stopped(Exception):
        pass

    seen = []

    def stop(share: float, line: str) -> None:
        seen.append(line)
        raise Stopped

    installed = stand_in(tmp_path / "env", WAITS)
    with pytest.raises(Stopped):
        train(installed, export(tmp_path / "data"), tmp_path / "out", stop)
    assert seen == ["1 (1%)"]


def test_failures_are_told_with_what_nerfstudio_said(tmp_path):
    installed = stand_in(tmp_path / "env", FAILS)
    data = export(tmp_path / "data")
    with pytest.raises(BadInput, match="stopped with code 3 and said: RuntimeError: CUDA out of memory"):
        train(installed, data, tmp_path / "out")
    with pytest.raises(BadInput, match="left no result"):
        train(stand_in(tmp_path / "b", "print('done')"), data, tmp_path / "out")
    with pytest.raises(BadInput, match="no figures that can be read"):
        train(stand_in(tmp_path / "c", TRAIN, "print('done')"), data, tmp_path / "out2")
    with pytest.raises(BadInput, match=r"holds no transforms\.json"):
        train(installed, tmp_path, tmp_path / "out")
    os.chmod(installed.train, 0o644)
    with pytest.raises(BadInput, match="cannot be started"):
        train(installed, data, tmp_path / "out")


def test_the_command_names_data_and_steps_and_refuses_others(tmp_path):
    installed = stand_in(tmp_path / "env")
    command = train_command(installed, "a b", "out", "splatfacto", 300)
    assert command[:2] == [str(installed.train), "splatfacto"]
    assert command[command.index("--data") + 1] == "a b"
    assert command[command.index("--max-num-iterations") + 1] == "300"
    assert command[-1] == "nerfstudio-data"
    with pytest.raises(ValueError, match="method must be one of"):
        train_command(installed, "a", "b", "instant-ngp")
    with pytest.raises(ValueError, match="steps must lie"):
        train_command(installed, "a", "b", steps=0)
