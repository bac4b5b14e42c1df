"""Play a tour in Chromium against a freshly started app, and keep its pictures small."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import Error, sync_playwright

from app.record import chromium
from app.record.errors import TourProblem
from app.record.served import served
from app.record.tour import Step, Theme, Tour, load

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Position

ROOT = Path(__file__).resolve().parent.parent.parent
SCREENSHOTS = ROOT / "assets" / "screenshots"


def record(name: str, folder: Path = SCREENSHOTS) -> list[str]:
    """Play the tour called `name` in every theme it names; returns the pictures it wrote, relative to the repository.

    Raises TourProblem when a step fails, when the page reports an error, or when it asks another machine for something.
    """
    tour = load(name)
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    command = [sys.executable, str(ROOT / "launch.py"), "serve", "--no-install", "--port"]
    with served(command) as app, browser() as running:
        app.wait()
        for theme in tour.themes:
            for picture_name, picture in play(running, app.url, tour, theme):
                file = folder / f"{picture_name}-{theme}.png"
                file.write_bytes(compressed(picture))
                taken.append(file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else str(file))
    return taken


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium; raises TourProblem with the remedy when there is none."""
    program = chromium.find()
    if program is None:
        raise TourProblem(f"there is no Chromium to play tours in. {chromium.REMEDY}")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=str(program), args=list(chromium.FLAGS), chromium_sandbox=False
        )
        yield running
        running.close()


def play(running: Browser, url: str, tour: Tour, theme: Theme) -> Iterator[tuple[str, bytes]]:
    """Play `tour` once; yields (name, PNG bytes) for every picture it takes."""
    width, height = tour.size
    context = running.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce", accept_downloads=True
    )
    faults: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(f"page error: {error}"))
    page.on("console", lambda line: faults.append(f"console: {line.text}") if line.type == "error" else None)
    page.on("request", lambda asked: faults.append(f"request to {asked.url}") if _is_foreign(asked.url, url) else None)
    try:
        page.goto(url + tour.path + f"?__theme={theme}", wait_until="load")
        for number, step in enumerate(tour.steps, start=1):
            try:
                picture = _perform(page, step)
            except Error as problem:
                where = f"tour {tour.name}, step {number} ({step.do} {step.element or step.text})"
                raise TourProblem(f"{where}: {str(problem).splitlines()[0]}") from problem
            if picture is not None:
                yield step.text, picture
    finally:
        context.close()
    if faults:
        raise TourProblem(f"tour {tour.name}: the page reported " + "; ".join(dict.fromkeys(faults)))


def _is_foreign(asked: str, url: str) -> bool:
    return not asked.startswith((url, "data:", "blob:", url.replace("http", "ws", 1)))


def _perform(page: Page, step: Step) -> bytes | None:
    patience = step.seconds * 1000
    if step.do == "shot":
        page.mouse.move(1, 1)  # no hover marks in pictures
        target = page.locator(step.element).first if step.element else page
        return target.screenshot(animations="disabled", timeout=patience)
    if step.do == "press":
        page.keyboard.press(step.text)
        return None
    element = page.locator(step.element).first
    if step.do == "wait":
        element.wait_for(state="visible", timeout=patience)
    elif step.do == "gone":
        element.wait_for(state="hidden", timeout=patience)
    elif step.do == "type":
        element.fill(step.text, timeout=patience)
    elif step.do == "choose":
        # Gradio's lists are not native: the options stand in the page once the list is open.
        element.click(timeout=patience)
        page.get_by_role("option", name=step.text, exact=True).click(timeout=patience)
    elif step.do == "download":
        with page.expect_download(timeout=patience):
            element.click(timeout=patience)
    elif step.do == "drag":
        _drag(page, element, step)
    else:
        element.click(timeout=patience, position=_place(element, step.at) if step.at else None)
    return None


def _place(element: Locator, share: tuple[float, float]) -> Position:
    box = element.bounding_box()
    if box is None:
        raise TourProblem("the element to click has no size; wait for it first")
    return {"x": share[0] * box["width"], "y": share[1] * box["height"]}


def _drag(page: Page, element: Locator, step: Step) -> None:
    assert step.at is not None, "checked when the tour was read"
    assert step.to is not None, "checked when the tour was read"
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    start, end = _place(element, step.at), _place(element, step.to)
    assert box is not None
    page.mouse.move(box["x"] + start["x"], box["y"] + start["y"])
    page.mouse.down()
    page.mouse.move(box["x"] + end["x"], box["y"] + end["y"], steps=8)
    page.mouse.up()


def compressed(picture: bytes, colors: int = 256) -> bytes:
    """The same PNG with a palette: a quarter of the size, no visible difference in a README."""
    small = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(colors, dither=Image.Dither.FLOYDSTEINBERG).save(small, "PNG", optimize=True)
    return min(picture, small.getvalue(), key=len)
