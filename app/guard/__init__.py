"""What stands between other people's files and the app: images, checkpoints, archives, paths, upload limits.

Nothing here imports torch, OpenCV or gradio at import time.
"""

from app.guard.errors import BadInput
from app.guard.images import GuardedImage, ImageLimits, check_array, read_image

__all__ = ["BadInput", "GuardedImage", "ImageLimits", "check_array", "read_image"]
