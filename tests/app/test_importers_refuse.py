"""Files that are broken, foreign or hostile are refused by every importer."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.annotate.exporters import (
    FORMATS,
    import_npy,
    import_npz,
)
from app.guard import BadInput
from tests.app.mask_scenes import RECEIPT, scene


@pytest.mark.parametrize("key", FORMATS)
def test_broken_and_foreign_files_are_refused_by_every_importer(key: str) -> None:
    data = FORMATS[key].export(*scene(), RECEIPT)
    for wrong in (
        b"",
        b"hello",
        b"\x89PNG\r\n\x1a\n",
        b"[1]",
        b'{"images": [{}]}',
        b"[" * 100_000,
        data[: len(data) // 3],
    ):
        with pytest.raises(BadInput):
            FORMATS[key].read(wrong)


@given(
    st.sampled_from(sorted(FORMATS)), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6)
)
@settings(max_examples=150, deadline=None)
def test_importers_survive_flipped_bytes(key: str, flips: list[tuple[float, int]]) -> None:
    data = bytearray(FORMATS[key].export(*scene(), RECEIPT))
    for place, value in flips:
        data[min(int(place * len(data)), len(data) - 1)] = value
    try:
        back = FORMATS[key].read(bytes(data))
    except BadInput:
        return
    assert all(item.mask.shape == back.size for item in back.objects)


def test_npy_that_announces_more_than_it_has_is_refused() -> None:
    target = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        target, {"descr": "|b1", "fortran_order": False, "shape": (1 << 20, 1 << 20, 99)}
    )
    with pytest.raises(BadInput):
        import_npy(target.getvalue() + bytes(100))


def test_pickled_npy_is_refused() -> None:
    target = io.BytesIO()
    np.save(target, np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(BadInput, match="not pickled"):
        import_npy(target.getvalue())


def test_npz_that_announces_a_gigabyte_is_refused() -> None:
    data = bytearray(FORMATS["npz"].export(*scene(), RECEIPT))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = struct.pack("<I", 1_100_000_000)
    with pytest.raises(BadInput, match=r"limit for one file is 1\.0 GB"):
        import_npz(bytes(data))
