"""Pointer work on the stage for UI tests: places of the photo on screen at any zoom, drags, strokes."""

from __future__ import annotations

import math

from tests.ui.conftest import Visit

Place = tuple[float, float]


class Hand:
    """A mouse over one view of a photo of ``size`` (width, height) that is shown whole when it is made."""

    def __init__(self, opened: Visit, size: tuple[int, int], view: str = "sam") -> None:
        self.opened, self.mouse = opened, opened.page.mouse
        box = opened.canvas(view).bounding_box()
        assert box is not None
        self.box = box
        self.scale = min(box["width"] / size[0], box["height"] / size[1])
        self.left = box["x"] + (box["width"] - size[0] * self.scale) / 2
        self.top = box["y"] + (box["height"] - size[1] * self.scale) / 2

    def at(self, x: float, y: float) -> Place:
        """Where pixel (x, y) of the photo is on screen."""
        return self.left + x * self.scale, self.top + y * self.scale

    def snapped(self, x: float, y: float) -> tuple[Place, Place]:
        """(place on screen in whole pixels, the photo's pixel there) by pixel (x, y): browsers round some events."""
        place = tuple(float(round(v)) for v in self.at(x, y))
        return (place[0], place[1]), ((place[0] - self.left) / self.scale, (place[1] - self.top) / self.scale)

    def wheel(self, x: float, y: float, delta: float) -> None:
        """Turn the wheel near pixel (x, y); what is under the pointer stays in place."""
        place, pixel = self.snapped(x, y)
        self.mouse.move(*place)
        shown = "document.querySelector('.stage-zoom').textContent"
        before = self.opened.page.evaluate(shown)
        self.mouse.wheel(0, delta)
        self.opened.page.wait_for_function(f"{shown} !== '{before}'")
        self.scale *= math.exp(-delta * 0.0016)
        self.left = place[0] - pixel[0] * self.scale
        self.top = place[1] - pixel[1] * self.scale

    def drag(self, *places: Place, button: str = "left") -> None:
        """Press at the first pixel, move over the others, release at the last."""
        self.mouse.move(*self.at(*places[0]))
        self.mouse.down(button=button)
        for place in places[1:]:
            self.mouse.move(*self.at(*place), steps=4)
        self.mouse.up(button=button)
