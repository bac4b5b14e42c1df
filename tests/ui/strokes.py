"""Pointer work on the stage for UI tests: places of the photo on screen at any zoom, drags, strokes."""

from __future__ import annotations

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

    def wheel(self, x: float, y: float, delta: float) -> float:
        """Turn the wheel over pixel (x, y), which stays in place; returns the factor of the zoom."""
        place = self.at(x, y)
        self.mouse.move(*place)
        before = self.scale
        self.mouse.wheel(0, delta)
        self.opened.page.wait_for_function("document.querySelector('.stage-zoom').textContent !== '100 %'")
        self.scale *= 2.718281828459045 ** (-delta * 0.0016)
        self.left = place[0] - x * self.scale
        self.top = place[1] - y * self.scale
        return self.scale / before

    def drag(self, *places: Place, button: str = "left") -> None:
        """Press at the first pixel, move over the others, release at the last."""
        self.mouse.move(*self.at(*places[0]))
        self.mouse.down(button=button)
        for place in places[1:]:
            self.mouse.move(*self.at(*place), steps=4)
        self.mouse.up(button=button)
