"""The README says only what is true: commands, links, pictures, tables and figures."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from app.record import tables
from app.record.served import served
from door import ROOT, pins
from models import registry

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)
SERVE, TEST = "python3 launch.py", "python3 launch.py test"


def front_matter() -> dict[str, object]:
    return yaml.safe_load(README.split("---\n")[1])


def copy_of_the_tree(folder: Path) -> Path:
    """The files that a clone would hold, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def test_it_gives_two_commands() -> None:
    assert COMMANDS == [SERVE, TEST]


def test_continuous_integration_runs_the_second_command() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("python3")] == [TEST]


@pytest.mark.slow
def test_the_first_command_serves_from_a_scratch_copy_and_prints_its_address(tmp_path: Path) -> None:
    folder = copy_of_the_tree(tmp_path)
    command = [sys.executable, *SERVE.split()[1:], "--no-install", "--port"]
    with served(command, folder=folder) as app:
        app.wait()
        status, page = app.get()
        assert status == 200
        assert b"Vitrine" in page
        app.wait_for_words(app.url)


def test_the_front_matter_makes_it_a_space() -> None:
    front = front_matter()
    versions = {pin.name: pin.version for pin in pins.read([ROOT / "requirements.txt"])}
    assert front["sdk"] == "gradio"
    assert front["sdk_version"] == versions["gradio"]
    assert front["app_file"] == "launch.py"
    assert front["license"] == "apache-2.0"
    assert str(front["python_version"]) == "3.11"
    assert len(str(front["short_description"])) <= 60


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_and_pictures_inside_the_repository_exist(name: str) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text(encoding="utf-8"))
    inside = [target.split("#")[0] for target in targets if not re.match(r"https?://", target)]
    missing = [target for target in inside if target and not (ROOT / target).exists()]
    assert not missing


def test_it_shows_one_picture_a_room_with_a_text_for_those_who_cannot_see_it() -> None:
    pictures = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", README)
    shown = [f"assets/screenshots/{method.slug}-light.png" for method in registry.methods()]
    assert [place for _, place in pictures] == shown
    assert all(len(text) > 20 for text, _ in pictures)


def test_the_table_of_methods_equals_the_registry() -> None:
    assert tables.between(README, "methods") == tables.methods_table(), (
        "run: python3 launch.py record readme --tables-only"
    )


@pytest.mark.parametrize("method", registry.methods(), ids=lambda method: method.slug)
def test_figures_equal_the_recorded_report(method: registry.Method) -> None:
    card = method.card.read_text(encoding="utf-8")
    for text, kind in ((README, "figures"), (card, "all figures")):
        assert tables.between(text, f"{kind} {method.slug}") == tables.figures_table(method, kind), (
            "run: python3 launch.py record readme --tables-only"
        )


def test_every_command_it_names_exists() -> None:
    from door import cli

    named = set(re.findall(r"launch\.py ([a-z]+)", README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    assert named <= set(cli.COMMANDS)
