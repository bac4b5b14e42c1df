"""EfficientNet-lite0 with its ImageNet classifier: what nouns a photo shows."""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor, nn
from torch.nn import functional as F

from models.parts.efficientnet_lite import (
    CLASSIFIER_KEYS,
    PIXEL_MEAN,
    PIXEL_STD,
    EfficientNetLite0,
    SameConv2d,
    imagenet_state,
)

IMAGENET_CLASSES = 1000
_BATCH_NORM_EPS = 1e-3
_WIDTH = 1280


class ImageNetClassifier(nn.Module):
    """The trunk with the package's head on its last map; state-dict names are the package's."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = EfficientNetLite0()
        self._conv_head = SameConv2d(320, _WIDTH, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(_WIDTH, eps=_BATCH_NORM_EPS)
        self._fc = nn.Linear(_WIDTH, IMAGENET_CLASSES)

    def forward(self, frames: Tensor) -> Tensor:
        """frames: uint8 (N, 3, H, W), 224 x 224 is what the weights know -> logits float32 (N, 1000)."""
        last = self.trunk((frames.float() - PIXEL_MEAN) / PIXEL_STD)[-1]
        return self._fc(F.relu6(self._bn1(self._conv_head(last))).mean(dim=(2, 3)))


def load_classifier() -> ImageNetClassifier:
    """The classifier with the package's weights, in eval mode; raises ImportError with the remedy."""
    model = ImageNetClassifier()
    model.load_state_dict(
        {key if key.startswith(CLASSIFIER_KEYS) else f"trunk.{key}": value for key, value in imagenet_state().items()}
    )
    return model.eval().requires_grad_(False)


@lru_cache(maxsize=1)
def imagenet_names() -> tuple[str, ...]:
    """The 1000 class names in order, from torchvision's description of its own weights."""
    from torchvision.models import MobileNet_V3_Small_Weights

    return tuple(MobileNet_V3_Small_Weights.IMAGENET1K_V1.meta["categories"])
