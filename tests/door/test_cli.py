"""The command line: unknown input, who may listen where, and what is said when something is in the way."""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

import launch
from door import ROOT, DoorProblem, UsageProblem, cli, serving


def options(*words: str) -> argparse.Namespace:
    return cli.parser().parse_args(list(words))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    "words",
    [
        ["frob"],
        ["--frob"],
        ["serve", "extra"],
        ["bench", "one", "two"],
        ["evaluate"],
        ["evaluate", "no_such_method"],
        ["bench", "no_such_benchmark"],
        ["--port", "many"],
        ["--port", "70000"],
        ["--device", "toaster"],
        ["--auth", "nopassword"],
        ["--listen"],
        ["--rooms", "no_such_room", "--port", str(free_port())],
    ],
)
def test_unknown_input_gets_a_usage_line_and_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.run(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: launch.py")


def test_every_command_is_in_the_help_and_the_other_way_round(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.run(["--help"])
    text = capsys.readouterr().out
    assert all(f"\n    {name} " in text for name in cli.COMMANDS)


@pytest.mark.parametrize(
    "words", [["--port", "9000", "--no-install"], ["--port", "9000", "serve"], ["serve", "--port", "9000"]]
)
def test_options_of_serving_stand_before_or_after_the_command(words: list[str]) -> None:
    assert options(*words).port == 9000


def test_listening_to_everybody_needs_a_password_or_the_word_insecure() -> None:
    port = str(free_port())
    with pytest.raises(UsageProblem, match="--auth user:password, or --insecure"):
        serving.check(options("--listen", "--port", port))
    assert serving.check(options("--listen", "--auth", "ada:se:cret", "--port", port))[2] == ("ada", "se:cret")
    assert serving.check(options("--listen", "--insecure", "--port", port))[0] == "0.0.0.0"


def test_it_listens_to_this_machine_only_unless_told_or_on_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    port = str(free_port())
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert serving.check(options("--port", port))[0] == "127.0.0.1"
    monkeypatch.setenv("SPACE_ID", "ada/vitrine")
    assert serving.check(options("--port", port))[0] == "0.0.0.0"


def test_a_taken_port_is_named_with_the_remedy() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(DoorProblem, match=rf"port {port} is taken.*--port {port + 1 if port < 65535 else 7860}"):
            serving.check(options("--port", str(port)))


def test_an_old_python_is_told_which_one_to_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    version = namedtuple("version", "major minor micro")
    monkeypatch.setattr(sys, "version_info", version(3, 9, 2))
    assert launch.main() == 2
    error = capsys.readouterr().err
    assert "Python 3.9" in error
    assert "python3.11 launch.py" in error


def test_the_door_runs_without_any_package() -> None:
    # -I and -S leave the standard library only, and take the script's folder off the path.
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[1:] = ['--help']; import launch; launch.main()"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage: launch.py" in done.stdout


def test_words_after_test_go_to_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr("door.browser.provide", lambda: None)
    monkeypatch.setattr("door.commands.subprocess.call", lambda command, **_: seen.append(command[3:]) or 0)
    assert cli.run(["test", "-k", "some name", "tests/door", "--no-install"]) == 0
    assert seen == [["-k", "some name", "tests/door"]]


def test_doctor_names_what_is_missing_with_the_command_that_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from door import doctor

    monkeypatch.setattr("app.record.chromium.find", lambda: None)
    monkeypatch.setattr("door.doctor._devices", lambda interpreter: iter(()))
    findings = {one.subject: one for one in doctor.examine()}
    assert "apt-get install chromium" in findings["Chromium (tests, tours)"].remedy
    assert not findings["packages"].remedy
    assert Path(findings["python"].state.split()[0]).name == ".".join(map(str, sys.version_info[:3]))
