"""Pins: what is read, what is refused, and what counts as satisfied."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker

from door import ROOT, DoorProblem, pins

VARIABLES = {
    "sys_platform": "linux",
    "platform_machine": "x86_64",
    "platform_system": "Linux",
    "os_name": "posix",
    "python_version": "3.11",
    "implementation_name": "cpython",
}


def pretend_installed(folder: Path, name: str, version: str) -> None:
    """Lay down the metadata of an installed package, nothing else."""
    place = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_line_of_our_files_is_an_exact_pin_with_its_reason(name: str) -> None:
    file = ROOT / name
    assert pins.read([file])
    for line in file.read_text(encoding="utf-8").splitlines():
        assert line.startswith("#") or "  # " in line, f"{line!r} gives no reason"


@pytest.mark.parametrize("line", ["torch", "torch>=2", "torch==", "-r other.txt", "torch[cpu]==1"])
def test_a_line_that_is_no_exact_pin_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(DoorProblem, match=r"some.txt, line 2"):
        pins.parse(f"# why\n{line}\n", "some.txt")


def test_a_marker_outside_our_small_grammar_is_refused() -> None:
    with pytest.raises(DoorProblem, match="not understood"):
        pins.applies('(python_version >= "3.8")')


terms = st.builds(
    lambda variable, operator, value: f'{variable} {operator} "{value}"',
    st.sampled_from(sorted(VARIABLES)),
    st.sampled_from(["==", "!="]),
    st.sampled_from(["linux", "darwin", "x86_64", "aarch64", "posix", "3.11", "3.12", "cpython"]),
)
markers = st.lists(st.tuples(terms, st.sampled_from([" and ", " or "])), min_size=1, max_size=4).map(
    lambda parts: "".join(term + joint for term, joint in parts[:-1]) + parts[-1][0]
)


@given(markers)
def test_markers_mean_what_packaging_says(marker: str) -> None:
    assert pins.applies(marker, VARIABLES) == Marker(marker).evaluate(VARIABLES)


def test_unmet_names_missing_and_other_versions_and_accepts_local_builds(tmp_path: Path) -> None:
    pretend_installed(tmp_path, "torch", "2.14.1+cpu")
    pretend_installed(tmp_path, "opencv-python-headless", "4.0.0")
    wanted = pins.parse("torch==2.14.1\nopencv-python-headless==5.0.0.93\nabsent==1.0\n")
    found = {one.pin.name: one.found for one in pins.unmet(wanted, [str(tmp_path)])}
    assert found == {"opencv-python-headless": "4.0.0", "absent": None}


def test_a_pin_whose_marker_does_not_apply_is_not_asked_for(tmp_path: Path) -> None:
    assert not pins.unmet(pins.parse('absent==1.0 ; sys_platform == "amiga"\n'), [str(tmp_path)])


def test_versions_read_from_folder_names_are_those_of_the_metadata() -> None:
    """The slow twin: importlib.metadata opens every package's metadata."""
    slow: dict[str, str] = {}
    for one in metadata.distributions():
        slow.setdefault(pins.normal(one.metadata["Name"]), one.version)
    assert pins.installed(sys.path) == slow


def test_a_metadata_folder_of_an_older_kind_is_read(tmp_path: Path) -> None:
    (tmp_path / "Some.Package-1.2-py3.11.egg-info").mkdir()
    assert pins.installed([str(tmp_path), str(tmp_path / "absent")]) == {"some-package": "1.2"}
