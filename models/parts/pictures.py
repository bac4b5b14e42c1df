"""What Pillow raises for pictures that cannot be used; its plugins leave nearly every kind of error to the caller."""

from __future__ import annotations

import struct

from PIL import Image

DAMAGED: tuple[type[Exception], ...] = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    struct.error,
)
"""A file that is cut off or spoiled."""
BOMBS: tuple[type[Exception], ...] = (Image.DecompressionBombError, Image.DecompressionBombWarning)
"""A file that unfolds to far more pixels than a photo has."""
