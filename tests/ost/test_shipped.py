"""The shipped ost-mini on a fixed bundle of held-out clips, rendered from their seed."""

import numpy as np
import pytest

from models.ost import evaluation
from models.ost import evaluation_measure as measure
from models.ost.evaluation_banks import class_list
from models.ost.examples import EXAMPLES, FOLDER
from models.ost.weights import DOMAIN_FILE, weights_file
from models.worlds.figures import UNSEEN
from models.worlds.figures_actions import HELD_OUT_ACTIONS


@pytest.mark.slow
def test_the_shipped_weights_name_held_out_actions_by_their_descriptors():
    recogniser = evaluation.recognisers()["mixed"]
    pictures, labels = measure.rendered(HELD_OUT_ACTIONS, 3, 12, UNSEEN, 77)
    clips = measure.encoded(recogniser.model, pictures, labels)
    bank = measure.bank_of(recogniser, class_list(HELD_OUT_ACTIONS, np.random.default_rng(78)))
    found = measure.logits(clips, bank, float(recogniser.model.scale))
    share = {way: measure.right(found[way], labels).mean() for way in ("name", "mean_pooled", "ot", "ost")}
    assert share["ost"] >= 0.88
    assert share["ot"] >= 0.9
    assert share["ost"] > share["mean_pooled"]
    assert share["name"] < 0.2


def test_what_is_shipped_fits_its_limit():
    folder = weights_file().parent
    assert sum(file.stat().st_size for file in folder.glob("*.safetensors")) <= 12_000_000
    assert (folder / DOMAIN_FILE).is_file()
    assert {example.file for example in EXAMPLES} <= {file.name for file in FOLDER.glob("*.mp4")}
    assert sum(file.stat().st_size for file in FOLDER.glob("*.mp4")) <= 2_000_000
