"""Memory and devices found without torch; the version of the code found without git."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from models.runtime import RuntimeConfig, probes, receipts


def test_importing_the_runtime_imports_neither_torch_nor_gradio() -> None:
    code = ("import sys; from models.runtime import Runtime, RuntimeConfig; Runtime(RuntimeConfig(('auto',))).close(); "
            "print([name for name in ('torch', 'gradio', 'safetensors', 'numpy') if name in sys.modules])")
    root = Path(__file__).resolve().parents[2]
    out = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_container_limit_counts_with_file_cache_as_free(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 150\n")
    assert probes._cgroup_available(tmp_path) == 450


def test_older_container_limits_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("1000")
    (tmp_path / "memory" / "memory.usage_in_bytes").write_text("400")
    (tmp_path / "memory" / "memory.stat").write_text("total_inactive_file 50\n")
    assert probes._cgroup_available(tmp_path) == 650


@pytest.mark.parametrize("limit", ["max", "9223372036854771712"])
def test_no_container_limit_is_no_limit(tmp_path: Path, limit: str) -> None:
    (tmp_path / "memory.max").write_text(limit)
    (tmp_path / "memory.current").write_text("1")
    (tmp_path / "memory.stat").write_text("")
    assert probes._cgroup_available(tmp_path) is None


def test_budgets_given_are_kept_and_the_others_filled_in() -> None:
    assert probes.budgets(("cpu",), 5, 7) == {"cpu": 5, "host": 7}
    filled = probes.budgets(("cpu",), None, None)
    assert 0 < filled["cpu"] + filled["host"] < probes.available_memory() * 1.2


def test_hidden_gpus_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert probes.cuda_devices() == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setattr(probes, "_nvml_memory", lambda: [(10, 5), (20, 15)])
    assert probes.cuda_devices() == [(20, 15)]


def test_config_without_devices_or_slots_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one device"):
        RuntimeConfig(devices=())
    with pytest.raises(ValueError, match="got 0"):
        RuntimeConfig(slots=0)


def test_commit_is_read_from_loose_and_packed_references_and_from_worktrees(tmp_path: Path) -> None:
    git = tmp_path / ".git"
    (git / "refs/heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text("# pack-refs\n" + "a" * 40 + " refs/heads/main\n")
    assert receipts._head(git) == "a" * 40
    (git / "refs/heads/main").write_text("b" * 40 + "\n")
    assert receipts._head(git) == "b" * 40
    inner = git / "worktrees/w"
    inner.mkdir(parents=True)
    (inner / "HEAD").write_text("ref: refs/heads/main\n")
    (inner / "commondir").write_text("../..\n")
    (tmp_path / "w").mkdir()
    (tmp_path / "w/.git").write_text(f"gitdir: {inner}\n")
    assert receipts._head(tmp_path / "w/.git") == "b" * 40
    assert receipts._head(tmp_path / "absent") is None
