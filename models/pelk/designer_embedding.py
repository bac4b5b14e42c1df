"""What the kernel-wise positional embedding of equation 3 does, checked by brute force on a small image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.parts.problems import BadInput
from models.pelk.designer import DEVIATION, Design, Floats

Form = Literal["none", "literal", "masked"]
FORMS: tuple[Form, ...] = ("none", "literal", "masked")
CHECKED_SIDE = 4


@dataclass(frozen=True)
class Identity:
    """One form of the embedding under one kernel.

    bias: the constant b = sum of w h. difference: largest |equation 3 as printed - closed form| on an image of
    ``CHECKED_SIDE`` pixels. term: what is added at every pixel of the design's feature map, (H, W).
    """

    form: Form
    bias: float
    difference: float
    term: Floats

    @property
    def said(self) -> str:
        """One sentence."""
        if self.form == "none":
            return "No embedding: the output is the convolution alone."
        checked = f"Equation 3 summed tap by tap agrees to {self.difference:.0e}"
        if self.form == "literal":
            return (
                f"Adding h under every tap adds one number per channel, here b = {self.bias:+.4f}, whatever the image. "
                f"{checked}. In front of a BatchNorm it has no effect at all."
            )
        spread = float(self.term.max() - self.term.min())
        return (
            f"Skipping padded taps makes a map that does not depend on the image: it varies by {spread:.4f}, "
            f"and is constant where no tap is padded. {checked}."
        )


def identity(design: Design, form: Form) -> Identity:
    """The embedding's term for ``design``, drawn with its seed (normal, deviation 0.02). Raises BadInput."""
    if form not in FORMS:
        raise BadInput("The embedding form", f"is {form!r}", f"Use {', '.join(FORMS)}")
    spec = design.spec
    rng = np.random.default_rng([spec.seed, spec.kernel, 1])
    kernel = design.dense().astype(np.float64)
    embedding = rng.normal(0.0, DEVIATION, kernel.shape)
    if form == "none":
        return Identity(form, 0.0, 0.0, np.zeros((spec.height, spec.width)))
    product = kernel * embedding
    closed = _term(product, form, CHECKED_SIDE, CHECKED_SIDE)
    image = rng.normal(size=(CHECKED_SIDE, CHECKED_SIDE))
    printed = _equation_3(image, kernel, embedding, form)
    difference = float(np.abs(printed - (_equation_3(image, kernel, np.zeros_like(kernel), "none") + closed)).max())
    return Identity(form, float(product.sum()), difference, _term(product, form, spec.height, spec.width))


def _equation_3(image: Floats, kernel: Floats, embedding: Floats, form: Form) -> Floats:
    """Y(p) = sum over taps of w (X(p + tap) + h), X zero outside; "masked" adds h only inside."""
    radius = kernel.shape[0] // 2
    side = kernel.shape
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(image, radius), side)
    if form == "masked":
        inside = np.lib.stride_tricks.sliding_window_view(np.pad(np.ones_like(image), radius), side)
        return ((windows + embedding * inside) * kernel).sum((-2, -1))
    return ((windows + embedding) * kernel).sum((-2, -1))


def _term(product: Floats, form: Form, height: int, width: int) -> Floats:
    """(height, width): what the embedding adds, by prefix sums."""
    if form == "literal":
        return np.full((height, width), float(product.sum()))
    side = product.shape[0]
    sums = np.pad(product.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    top, bottom = _reach(side, height)
    left, right = _reach(side, width)
    return sums[np.ix_(bottom, right)] - sums[np.ix_(top, right)] - sums[np.ix_(bottom, left)] + sums[np.ix_(top, left)]


def _reach(side: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """First tap inside the image and the tap behind the last one, for every output of one axis."""
    at = np.arange(size)
    return np.maximum(0, side // 2 - at), np.minimum(side, size - at + side // 2)
