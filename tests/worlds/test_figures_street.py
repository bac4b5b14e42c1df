"""The street camera: frames follow from seed and time, incidents are labelled exactly when they happen."""

import numpy as np
import pytest

from models.worlds.figures_street import INCIDENTS, StreetConfig, street


def test_equal_seeds_and_times_give_equal_frames_in_any_order():
    first, second = (street(np.random.default_rng(2), StreetConfig(width=96, height=64)) for _ in range(2))
    late, early = first.at(3.0)[0], first.at(1.0)[0]
    np.testing.assert_array_equal(second.at(1.0)[0], early)
    np.testing.assert_array_equal(second.at(3.0)[0], late)
    assert late.shape == (64, 96, 3)
    assert (late != early).any()


@pytest.mark.parametrize("kind", INCIDENTS)
def test_an_incident_is_labelled_while_it_lasts(kind):
    config = StreetConfig(width=96, height=64, incidents=(kind,), count=(1, 1), people=1)
    film = street(np.random.default_rng(4), config)
    (one,) = film.incidents
    assert 0 <= one.start < one.stop <= config.seconds
    assert film.at((one.start + one.stop) / 2)[1].incident == kind
    assert film.at(one.stop + 0.01)[1].incident is None
    assert film.at(max(0.0, one.start - 0.01))[1].incident in (None, kind if one.start == 0 else None)


def test_people_of_an_incident_are_there_for_as_long_as_it_lasts():
    config = StreetConfig(width=96, height=64, incidents=("fighting",), count=(1, 1), people=1)
    film = street(np.random.default_rng(1), config)
    (one,) = film.incidents
    assert len(film.at((one.start + one.stop) / 2)[1].boxes) >= 2
    inside = [box for box in film.at((one.start + one.stop) / 2)[1].boxes if box[2] > box[0]]
    assert all(0 <= x0 <= x1 <= 96 and 0 <= y0 <= y1 <= 64 for x0, y0, x1, y1 in inside)


def test_a_quiet_street_has_no_incident():
    film = street(np.random.default_rng(0), StreetConfig(width=48, height=32, seconds=2, count=(0, 0)))
    assert [label.incident for _, label in film.frames(2)] == [None] * 4


def test_unknown_incidents_are_refused():
    with pytest.raises(ValueError, match="flood"):
        street(np.random.default_rng(0), StreetConfig(incidents=("flood",)))
