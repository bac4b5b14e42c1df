"""What is shipped loads where the room looks for it."""

import json

import numpy as np
import pytest

from models.ost import mini, shipping
from models.ost.mini_training import write_weights
from models.ost.weights import BASE_FILE, DOMAIN_FILE, TOKENS_FILE
from models.parts.bpe import train_bpe
from models.parts.problems import BadInput


def test_both_stages_the_tokeniser_and_the_bound_are_shipped(tmp_path, monkeypatch):
    monkeypatch.setattr(shipping, "best_cosines", lambda recogniser: np.linspace(0.5, 0.9, 101))
    source, target = tmp_path / "run", tmp_path / "weights"
    source.mkdir()
    train_bpe(["standing"], 540).save(source / TOKENS_FILE)
    with pytest.raises(BadInput, match=r"launch.py train ost"):
        shipping.ship(source, target)
    for name in (BASE_FILE, "mini.safetensors"):
        write_weights(mini.folded(mini.fresh(0).eval()), source / name)
    assert shipping.ship(source, target).name == "mini.safetensors"
    assert json.loads((target / DOMAIN_FILE).read_text()) == {"least_cosine": pytest.approx(0.52)}
    assert {file.name for file in target.iterdir()} == {BASE_FILE, TOKENS_FILE, DOMAIN_FILE, "mini.safetensors"}
