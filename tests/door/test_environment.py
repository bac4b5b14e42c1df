"""Setting up: what is installed when, and what happens when it is interrupted, refused or done twice at once."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from door import DoorProblem
from door.environment import Environment
from tests.door.test_pins import pretend_installed


class Pretend:
    """Stands in for programs: `venv` lays an interpreter, `pip install` the metadata of the pins; both are noted."""

    def __init__(self, root: Path) -> None:
        self.root, self.calls, self.pip_status = root, [], 0

    def __call__(self, command: Sequence[str]) -> int:
        self.calls.append("pip" if "install" in command else "venv")
        house = Environment(root=self.root)
        if self.calls[-1] == "venv":
            shutil.rmtree(house.venv, ignore_errors=True)
            house.interpreter.parent.mkdir(parents=True, exist_ok=True)
            house.interpreter.touch()
            return 0
        if self.pip_status == 0:
            for line in (self.root / "requirements.txt").read_text(encoding="utf-8").split():
                name, _, version = line.partition("==")
                for old in self.packages.glob(f"{name.replace('-', '_')}-*"):
                    (old / "METADATA").unlink()
                    old.rmdir()
                pretend_installed(self.packages, name, version)
        return self.pip_status

    @property
    def packages(self) -> Path:
        return Path(Environment(root=self.root)._packages()[0])


@pytest.fixture
def pretend(tmp_path: Path) -> Pretend:
    (tmp_path / "requirements.txt").write_text("no-such-package-a==1.0\n", encoding="utf-8")
    return Pretend(tmp_path)


def house(pretend: Pretend, said: list[str] | None = None) -> Environment:
    return Environment(root=pretend.root, call=pretend, say=(said if said is not None else []).append)


def test_an_interpreter_that_has_the_pins_is_used_and_nothing_is_installed(pretend: Pretend) -> None:
    (pretend.root / "requirements.txt").write_text(f"pytest=={pytest.__version__}\n", encoding="utf-8")
    assert house(pretend).ensure() == Path(sys.executable)
    assert pretend.calls == []


def test_the_first_start_installs_and_the_second_does_not(pretend: Pretend) -> None:
    said: list[str] = []
    assert house(pretend, said).ensure() == house(pretend).interpreter
    assert pretend.calls == ["venv", "pip"]
    assert "once" in said[0]
    assert house(pretend).ensure() == house(pretend).interpreter
    assert pretend.calls == ["venv", "pip"]


def test_changed_pins_are_installed_into_the_same_environment(pretend: Pretend) -> None:
    house(pretend).ensure()
    (pretend.root / "requirements.txt").write_text("no-such-package-a==2.0\n", encoding="utf-8")
    house(pretend).ensure()
    assert pretend.calls == ["venv", "pip", "pip"]


def test_a_changed_comment_installs_nothing(pretend: Pretend) -> None:
    house(pretend).ensure()
    (pretend.root / "requirements.txt").write_text("# another reason\nno-such-package-a==1.0\n", encoding="utf-8")
    house(pretend).ensure()
    assert pretend.calls == ["venv", "pip"]


def test_an_interrupted_install_is_done_again_from_the_start(pretend: Pretend) -> None:
    pretend.pip_status = 1
    with pytest.raises(DoorProblem, match="status 1"):
        house(pretend).ensure()
    pretend.pip_status = 0
    pretend_installed(pretend.packages, "no-such-package-a", "1.0")  # looks whole, but nobody saw the install end
    house(pretend).ensure()
    assert pretend.calls == ["venv", "pip", "venv", "pip"]


def test_an_environment_made_by_hand_is_accepted(pretend: Pretend) -> None:
    interpreter = house(pretend).interpreter
    interpreter.parent.mkdir(parents=True)
    interpreter.touch()
    pretend_installed(pretend.packages, "no-such-package-a", "1.0")
    assert house(pretend).ensure() == interpreter
    assert pretend.calls == []


def test_no_install_says_what_is_missing_and_touches_nothing(pretend: Pretend) -> None:
    with pytest.raises(DoorProblem, match=r"no-such-package-a 1\.0 \(not installed\).*without --no-install"):
        house(pretend).ensure(install=False)
    assert pretend.calls == []
    assert not (pretend.root / ".venv").exists()


def test_two_starts_at_once_install_once(pretend: Pretend) -> None:
    starts = [threading.Thread(target=house(pretend).ensure) for _ in range(3)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert pretend.calls == ["venv", "pip"]


def test_an_install_that_leaves_a_pin_unmet_is_reported(pretend: Pretend) -> None:
    silent = Environment(root=pretend.root, call=lambda command: 0 if "install" in command else pretend(command))
    with pytest.raises(DoorProblem, match="still lacks no-such-package-a"):
        silent.ensure()


@pytest.mark.slow
def test_a_real_environment_is_made_and_its_interpreter_imports_the_package(tmp_path: Path) -> None:
    wheel = tmp_path / "vitrine_probe-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("vitrine_probe.py", "ANSWER = 42\n")
        info = "vitrine_probe-1.0.dist-info/"
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: vitrine-probe\nVersion: 1.0\n")
        archive.writestr(
            info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(info + "RECORD", "")
    (tmp_path / "requirements.txt").write_text("vitrine-probe==1.0  # the test's own\n", encoding="utf-8")

    def offline(command: Sequence[str]) -> int:
        extra = ["--no-index", "--find-links", str(tmp_path)] if "install" in command else []
        return subprocess.call([*command, *extra], stdout=subprocess.DEVNULL)

    interpreter = Environment(root=tmp_path, call=offline, say=lambda _: None).ensure()
    answer = subprocess.run(
        [str(interpreter), "-c", "import vitrine_probe; print(vitrine_probe.ANSWER)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "42"


def test_a_folder_that_cannot_be_written_is_named(pretend: Pretend) -> None:
    (pretend.root / ".venv.lock").mkdir()  # stands in for any reason why the file cannot be opened
    with pytest.raises(DoorProblem, match="cannot write into"):
        house(pretend).ensure()
