"""Puts what the training left where the room reads it: weights of both stages, the tokeniser, the domain's bound.

python -m models.ost.shipping                    # from runs/ost to assets/weights/ost
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.ost import METHOD, official
from models.ost import evaluation_measure as measure
from models.ost.data import FOLDER
from models.ost.evaluation_banks import class_list
from models.ost.weights import BASE_FILE, DOMAIN_FILE, TOKENS_FILE, Recogniser, tokeniser_for
from models.parts.problems import BadInput
from models.worlds.figures import SEEN, UNSEEN
from models.worlds.figures_actions import HELD_OUT_ACTIONS, SEEN_ACTIONS

RARE = 5
"""Per cent of the rendered clips that count as unlike the training."""
_SEED = 4000


def best_cosines(recogniser: Recogniser, each: int = 2, frames: int = 16) -> np.ndarray:
    """For rendered clips of all actions: the mean over the frames of the best cosine with any descriptor, (M,)."""
    found = []
    for number, (actions, style) in enumerate(((SEEN_ACTIONS, SEEN), (HELD_OUT_ACTIONS, UNSEEN))):
        pictures, labels = measure.rendered(actions, each, frames, style, _SEED + number, heavy=0.12)
        clips = measure.encoded(recogniser.model, pictures, labels)
        bank = measure.bank_of(recogniser, class_list(actions, np.random.default_rng(_SEED)))
        texts = np.concatenate([part.reshape(-1, part.shape[-1]) for part in (bank.spatial, bank.temporal)])
        found.append((clips.features @ texts.T.astype(np.float32)).max(axis=-1).mean(axis=-1))
    return np.concatenate(found)


def ship(source: Path, target: Path) -> Path:
    """Copies both stages and the tokeniser, measures the bound; the weights file. Raises BadInput for a missing one."""
    target.mkdir(parents=True, exist_ok=True)
    weights = target / (METHOD.checkpoint("mini").file or "")
    for name in (TOKENS_FILE, BASE_FILE, weights.name):
        if not (source / name).is_file():
            raise BadInput(f"The file {name}", f"is not in {source}", "Train first: python3 launch.py train ost")
        shutil.copyfile(source / name, target / name)
    model = official.load(weights)
    cosines = best_cosines(Recogniser(model, tokeniser_for(model, weights)))
    bound = {"least_cosine": round(float(np.percentile(cosines, RARE)), 4)}
    (target / DOMAIN_FILE).write_text(json.dumps(bound) + "\n", encoding="utf-8")
    return weights


def main(words: Sequence[str] | None = None) -> None:
    """Ship from a folder of the training."""
    parser = argparse.ArgumentParser(prog="python -m models.ost.shipping", allow_abbrev=False)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    print(ship(parser.parse_args(words).folder, METHOD.weights_folder))


if __name__ == "__main__":
    main()
