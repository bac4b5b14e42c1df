"""ConSE (Norouzi et al. 2014) for real footage without CLIP: nouns that ImageNet knows, compared as words.

Each frame's ten likeliest ImageNet classes are mixed into one sentence vector, by their probabilities; a class scores
by the cosine of that vector with its own texts. It sees things, not motions, and nothing that ImageNet has no word for.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.ost import METHOD
from models.ost.descriptors import ClassList
from models.ost.frames import Preparation, Source, cropped
from models.ost.pipeline import DEFAULT_OPTIONS, Floats, Options
from models.parts.efficientnet_lite_classifier import ImageNetClassifier, imagenet_names, load_classifier
from models.parts.sentences import SentenceEncoder
from models.parts.video_sampling import evaluation_indices
from models.runtime import Job, JobContext, Loaded, ResourceSpec

LABEL = "ConSE: nouns, not motions"
MIXED = 10
"""Labels mixed for a frame."""
_TEMPERATURE = 0.05
_PREPARED = Preparation(224, 256)
_BYTES = 120_000_000


@dataclass(frozen=True)
class ConseModel:
    """Classifier, sentence encoder and the vectors (1000, 384) of ImageNet's names."""

    classifier: ImageNetClassifier
    sentences: SentenceEncoder
    nouns: torch.Tensor


@dataclass(frozen=True)
class ConseAnswer:
    """``names``, ``descriptors``: (A,) mean cosine over the frames with the class name, and with its best spatial
    descriptor. ``shares``: (A,), softmax of the mean of both at temperature 0.05. ``nouns``: what the frames show, with
    mean probability, best first. ``indices``, ``seconds``: (T,) of the frames."""

    classes: ClassList
    names: Floats
    descriptors: Floats
    shares: Floats
    nouns: tuple[tuple[str, float], ...]
    indices: npt.NDArray[np.int64]
    seconds: Floats
    milliseconds: float

    def top(self, count: int = 5) -> tuple[tuple[str, float], ...]:
        """The best classes with their shares, best first."""
        order = np.argsort(-self.shares, kind="stable")[:count]
        return tuple((self.classes.names[place], float(self.shares[place])) for place in order)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "scorer": LABEL,
            "classes": [
                {"name": name, "share": float(share), "name_cosine": float(of_name), "descriptor_cosine": float(best)}
                for name, share, of_name, best in zip(
                    self.classes.names, self.shares, self.names, self.descriptors, strict=True
                )
            ],
            "nouns": [{"name": name, "probability": value} for name, value in self.nouns],
            "seconds": self.seconds.tolist(),
        }


def conse_resource() -> ResourceSpec:
    """The scorer's three parts, from installed packages; loading raises ImportError with the remedy."""

    def load(device: str) -> Loaded:
        del device
        sentences = SentenceEncoder()
        return Loaded(ConseModel(load_classifier(), sentences, sentences.encode(imagenet_names())), _BYTES)

    return ResourceSpec("ost/conse", load, _BYTES, pool="host", label=LABEL)


@torch.inference_mode()
def conse(
    context: JobContext,
    model: ConseModel,
    *,
    source: Source,
    classes: ClassList,
    options: Options = DEFAULT_OPTIONS,
) -> ConseAnswer:
    """Scores of the classes by the nouns that ``options.frames`` frames show. Raises BadInput as ``recognise`` does."""
    checked, asked = classes.checked(), options.checked()
    start = time.perf_counter()
    indices = evaluation_indices(len(source.seconds), asked.frames)
    found: dict[int, torch.Tensor] = {}
    for index, frame in source.each(indices, None):
        context.tick(0.8 * len(found) / len(indices), "naming what the frames show")
        pixels = torch.from_numpy(cropped(frame, _PREPARED)).permute(2, 0, 1)[None]
        found[index] = torch.softmax(model.classifier(pixels)[0], dim=-1)
    probabilities = torch.stack([found[int(index)] for index in indices])
    context.tick(0.9, "comparing words")
    value, place = probabilities.topk(MIXED, dim=-1)
    mixed = torch.nn.functional.normalize((value.unsqueeze(-1) * model.nouns[place]).sum(dim=1), dim=-1)
    of_names = mixed @ model.sentences.encode(checked.names).T
    cues = model.sentences.encode([text for item in checked.classes for text in item.spatial])
    of_cues = mixed @ cues.T
    best = of_cues.view(len(mixed), len(checked), checked.count).amax(dim=-1)
    names, descriptors = of_names.mean(dim=0).double(), best.mean(dim=0).double()
    shares = torch.softmax(0.5 * (names + descriptors) / _TEMPERATURE, dim=-1)
    mean = probabilities.mean(dim=0)
    likely = mean.topk(MIXED)
    return ConseAnswer(
        checked,
        names.numpy(),
        descriptors.numpy(),
        shares.numpy(),
        tuple((imagenet_names()[int(row)], float(mean[row])) for row in likely.indices),
        indices,
        source.seconds[indices],
        1000 * (time.perf_counter() - start),
    )


def conse_job(user: str, source: Source, classes: ClassList, options: Options = DEFAULT_OPTIONS) -> Job:
    """``conse`` as a job for the runtime. Raises BadInput before anything is queued."""
    checked, asked = classes.checked(), options.checked()
    return Job(
        user=user,
        method=METHOD.slug,
        checkpoint="conse",
        call=conse,
        arguments={"source": source, "classes": checked, "options": asked},
        model=conse_resource(),
        shape_bucket=f"conse {asked.frames}",
        label="ConSE",
        inputs_digest=f"{source.digest}-{checked.digest}",
        peak_bytes={"host": 300_000_000},
    )
