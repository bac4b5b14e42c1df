"""Assets from Debian packages, fetched by name when a training command needs them. Importing this touches no
network."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

MODELS = "sweethome3d-furniture"
CLIPART = "openclipart-png"
PHOTO_PACKAGES = (
    "lomiri-wallpapers-16.04",
    "lomiri-wallpapers-20.04",
    "gnome-backgrounds",
    "plasma-workspace-wallpapers",
)
_MARK = ".complete"


class PackageProblem(RuntimeError):
    """A package that could not be had; the text says how to get it by hand."""


def cache_folder(cache: Path | str | None = None) -> Path:
    """The asset cache: the argument, else `$VITRINE_CACHE`, else `~/.cache/vitrine`. Made when missing."""
    chosen = (
        Path(cache)
        if cache is not None
        else Path(os.environ.get("VITRINE_CACHE") or Path.home() / ".cache" / "vitrine")
    )
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen


def by_hand(name: str, cache: Path) -> str:
    """What a person does on a machine where `fetch` cannot work."""
    return (
        f"On a Debian or Ubuntu machine run `apt-get download {name}` and copy the .deb into {cache / 'packages'} "
        f"(or unpack it there into {cache / 'packages' / 'x' / name} with `dpkg -x`), then run the command again."
    )


def fetch(name: str, cache: Path | str | None = None) -> Path:
    """The folder into which the Debian package `name` was unpacked, downloading it at the first call.

    A .deb that already lies in `<cache>/packages` is used as it is. Raises PackageProblem (with the remedy) when apt
    or dpkg is absent, the download fails, or the .deb is damaged. Unpacking runs no script of the package.
    """
    base = cache_folder(cache)
    packages = base / "packages"
    target = packages / "x" / name
    if (target / _MARK).exists():
        return target
    packages.mkdir(parents=True, exist_ok=True)
    deb = _deb(name, packages)
    if deb is None:
        deb = _download(name, packages, base)
    if shutil.which("dpkg") is None:
        raise PackageProblem(f"{name}: dpkg is not on this machine. {by_hand(name, base)}")
    with tempfile.TemporaryDirectory(dir=packages) as scratch:
        unpacked = Path(scratch) / name
        done = subprocess.run(["dpkg", "-x", str(deb), str(unpacked)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PackageProblem(
                f"{deb.name}: dpkg could not unpack it ({done.stderr.strip()}). Delete it and run again."
            )
        (unpacked / _MARK).write_text(deb.name + "\n", encoding="utf-8")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            shutil.rmtree(target)
        unpacked.rename(target)
    return target


def _deb(name: str, packages: Path) -> Path | None:
    found = sorted(packages.glob(f"{name}_*.deb"))
    return found[-1] if found else None


def _download(name: str, packages: Path, base: Path) -> Path:
    if shutil.which("apt-get") is None:
        raise PackageProblem(f"{name}: apt-get is not on this machine. {by_hand(name, base)}")
    done = subprocess.run(
        ["apt-get", "download", name], cwd=packages, capture_output=True, text=True, check=False, timeout=1800
    )
    deb = _deb(name, packages)
    if done.returncode != 0 or deb is None:
        reason = done.stderr.strip().splitlines()[-1:] or ["no file arrived"]
        raise PackageProblem(
            f"{name}: apt-get download failed ({reason[0]}). Try `apt-get update` first. {by_hand(name, base)}"
        )
    return deb
