"""What read_image accepts, what it makes of it, and what it refuses."""

from __future__ import annotations

import contextlib
import struct
import time
import tracemalloc
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from app.guard import BadInput, GuardedImage, ImageLimits, check_array, read_image


def picture(height: int = 24, width: int = 40, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth colours, so that lossy formats stay near the original."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 120 * np.sin((seed + 1 + n) * (x / width + y / height)) for n in range(channels)]
    return np.stack(waves, axis=-1).astype(np.uint8)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    target = BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def png_of(width: int, height: int, bits: int = 8, colour: int = 0, rows: bytes = b"") -> bytes:
    """A PNG made by hand, so that header and data may disagree."""

    def chunk(tag: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))

    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def bomb() -> bytes:
    """A valid PNG of 164 megapixels in about 20 kB: one bit per pixel, all black."""
    side = 12_806
    return png_of(side, side, bits=1, rows=bytes((1 + (side + 7) // 8) * side))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats_give_the_pixels_back(kind: str) -> None:
    array = picture()
    options = {"lossless": True} if kind == "WEBP" else {}
    got = read_image(encoded(Image.fromarray(array), kind, **options))
    assert got.format == kind
    assert got.size == (24, 40)
    assert got.alpha is None
    assert (got.array == array).all()


@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
def test_lossy_formats_are_close_to_the_original(kind: str) -> None:
    got = read_image(encoded(Image.fromarray(picture()), kind, quality=95))
    assert got.format == kind
    assert np.abs(got.array.astype(int) - picture()).mean() < 4


def test_grey_becomes_three_equal_channels() -> None:
    grey = picture(channels=1)[..., 0]
    got = read_image(encoded(Image.fromarray(grey), "PNG"))
    assert got.mode == "L"
    assert (got.array == grey[..., None]).all()


def test_one_bit_becomes_black_and_white() -> None:
    bits = picture(channels=1)[..., 0] > 127
    got = read_image(encoded(Image.fromarray(bits), "PNG"))
    assert (got.array[..., 0] == bits * 255).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    values = np.linspace(0, 65535, 24 * 40).reshape(24, 40).astype(np.uint16)
    got = read_image(encoded(Image.fromarray(values), kind))
    assert got.mode.startswith("I;16")
    assert (got.array[..., 0] == np.rint(values / 257.0)).all()


def test_sixteen_bit_colour_is_scaled_not_clipped() -> None:
    rows = b"".join(b"\x00" + struct.pack(">" + "HHH" * 10, *([65535, 32896, 257] * 10)) for _ in range(9))
    got = read_image(png_of(10, 9, bits=16, colour=2, rows=rows))
    assert got.array[4, 4].tolist() == [255, 128, 1]


def test_dark_sixteen_bit_image_says_that_it_may_look_dark() -> None:
    got = read_image(encoded(Image.fromarray(np.full((9, 9), 4000, np.uint16)), "PNG"))
    assert any("look dark" in note for note in got.notes)


def test_float_tiff_keeps_zero_to_one_and_stretches_the_rest() -> None:
    unit = np.linspace(0, 1, 240, dtype=np.float32).reshape(12, 20)
    assert (read_image(encoded(Image.fromarray(unit), "TIFF")).array[..., 0] == np.rint(unit * 255)).all()
    wide = read_image(encoded(Image.fromarray(unit * 20 - 10), "TIFF"))
    assert wide.array.min() == 0
    assert wide.array.max() == 255
    assert any("stretched" in note for note in wide.notes)


def test_float_tiff_with_nan_is_read_with_a_note() -> None:
    values = np.full((9, 9), 0.5, np.float32)
    values[0, 0] = np.nan
    got = read_image(encoded(Image.fromarray(values), "TIFF"))
    assert got.array[0, 0, 0] == 0
    assert any("not numbers" in note for note in got.notes)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_the_colours_a_viewer_shows(kind: str) -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    got = read_image(encoded(red, kind))
    assert got.mode == "CMYK"
    assert np.abs(got.array.astype(int) - [255, 0, 0]).max() < 6


def test_alpha_is_returned_and_transparent_parts_lie_on_white() -> None:
    array = picture(channels=4)
    array[..., 3] = 255
    array[:8, :, 3] = 0
    array[8:10, :, 3] = 128
    got = read_image(encoded(Image.fromarray(array, "RGBA"), "PNG"))
    assert got.alpha is not None
    assert (got.alpha == array[..., 3]).all()
    assert (got.array[:8] == 255).all()
    assert (got.array[10:] == array[10:, :, :3]).all()
    assert (got.array[8:10] == np.rint((array[8:10, :, :3].astype(float) * 128 + 255 * 127) / 255)).all()


def test_opaque_alpha_is_dropped() -> None:
    assert read_image(encoded(Image.fromarray(picture()).convert("RGBA"), "PNG")).alpha is None


def test_grey_with_alpha_is_read() -> None:
    image = Image.new("LA", (12, 10), (90, 0))
    got = read_image(encoded(image, "PNG"))
    assert got.alpha is not None
    assert not got.alpha.any()
    assert (got.array == 255).all()


def test_palette_with_transparency_gives_alpha() -> None:
    image = Image.new("P", (12, 10), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(0, (0, 0, 6, 10))
    got = read_image(encoded(image, "PNG", transparency=0))
    assert got.mode == "P"
    assert got.alpha is not None
    assert not got.alpha[:, :6].any()
    assert (got.alpha[:, 6:] == 255).all()
    assert got.array[5, 9].tolist() == [0, 0, 255]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animation_gives_its_first_frame_and_says_so(kind: str) -> None:
    frames = [Image.new("RGB", (20, 16), colour) for colour in ("red", "lime", "blue")]
    got = read_image(encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50))
    assert np.abs(got.array.astype(int) - [255, 0, 0]).max() < 4
    assert any("first one is used" in note for note in got.notes)


def test_multi_picture_jpeg_gives_its_first_picture() -> None:
    first, second = Image.fromarray(picture()), Image.fromarray(picture(seed=4))
    got = read_image(encoded(first, "MPO", save_all=True, append_images=[second]))
    assert got.format == "MPO"
    assert np.abs(got.array.astype(int) - picture()).mean() < 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_to_colours_and_alpha(orientation: int) -> None:
    array = picture(channels=4)
    array[..., 3] = np.arange(40, dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    expected = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: a.swapaxes(0, 1)[:, ::-1],
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: a.swapaxes(0, 1)[::-1],
    }[orientation](array)
    got = read_image(encoded(Image.fromarray(array, "RGBA"), "PNG", exif=exif.tobytes()))
    assert got.alpha is not None
    assert (got.alpha == expected[..., 3]).all()
    assert got.size == expected.shape[:2]


def test_portrait_photo_of_24_megapixels_is_read_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    got = read_image(encoded(Image.new("RGB", (6000, 4000), "teal"), "JPEG", exif=exif.tobytes()))
    assert got.size == (6000, 4000)


def test_damaged_exif_does_not_cost_the_picture() -> None:
    got = read_image(encoded(Image.fromarray(picture()), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xffgarbage"))
    assert got.size == (24, 40)


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """A profile whose first channel is green and second is red, called "swap"."""
    data = bytearray(srgb_profile().replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be")))
    count = struct.unpack(">I", data[128:132])[0]
    entries = {bytes(data[132 + 12 * n : 136 + 12 * n]): 132 + 12 * n for n in range(count)}
    red, green = entries[b"rXYZ"], entries[b"gXYZ"]
    data[red : red + 4], data[green : green + 4] = data[green : green + 4], data[red : red + 4]
    return bytes(data)


def test_srgb_profile_changes_nothing() -> None:
    got = read_image(encoded(Image.fromarray(picture()), "PNG", icc_profile=srgb_profile()))
    assert (got.array == picture()).all()
    assert got.notes == ()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_other_profile_is_converted_to_srgb_and_named(mode: str) -> None:
    colour = (250, 20, 10, 255)[: len(mode)]
    got = read_image(encoded(Image.new(mode, (16, 16), colour), "PNG", icc_profile=swapped_profile()))
    assert np.abs(got.array.astype(int) - [20, 250, 10]).max() <= 3
    assert any("swap" in note and "sRGB" in note for note in got.notes)


def test_profile_that_does_not_fit_is_ignored_with_a_note() -> None:
    got = read_image(encoded(Image.fromarray(picture()), "PNG", icc_profile=b"no profile at all"))
    assert (got.array == picture()).all()
    assert any("profile" in note for note in got.notes)


def test_bomb_is_refused_before_decoding_and_without_allocating(tmp_path: Path) -> None:
    data = bomb()
    assert len(data) < 25_000
    path = tmp_path / "bomb.png"
    path.write_bytes(data)
    read_image(encoded(Image.fromarray(picture()), "PNG"))
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(BadInput, match=r"164\.0 megapixels"):
        read_image(path)
    seconds = time.perf_counter() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 0.05
    assert peak < 1_000_000


def vp8x(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_head(width: int, height: int) -> bytes:
    return b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width) + bytes(64)


def bmp_head(width: int, height: int) -> bytes:
    return b"BM" + bytes(12) + struct.pack("<Iii", 40, width, height) + bytes(64)


@pytest.mark.parametrize(
    "data",
    [
        vp8x(16000, 16000),
        jpeg_head(20000, 20000),
        bmp_head(20000, -20000),
        b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(64),
        png_of(2**31 - 1, 2**31 - 1),
    ],
    ids=["webp", "jpeg", "bmp", "gif", "png"],
)
def test_huge_announced_size_is_refused_in_every_format(data: bytes) -> None:
    with pytest.raises(BadInput, match="megapixels"):
        read_image(data)


def test_extreme_tiff_is_refused_for_its_size_not_called_damaged() -> None:
    big = encoded(Image.new("1", (20_000, 20_000)), "TIFF", compression="group4")
    with pytest.raises(BadInput, match="more pixels than a photo"):
        read_image(big)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_large_tiff_is_refused() -> None:
    big = encoded(Image.new("1", (12_000, 12_000)), "TIFF", compression="group4")
    with pytest.raises(BadInput, match=r"144.0 megapixels"):
        read_image(big)


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (1, 500), (500, 7)])
def test_too_small_an_image_is_refused_with_its_size(size: tuple[int, int]) -> None:
    with pytest.raises(BadInput, match=f"{size[0]} x {size[1]} pixels, fewer than 8 on a side"):
        read_image(png_of(*size, rows=bytes(600 * 501)))


def test_text_named_png_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "holiday.png"
    path.write_text("Dear diary")
    with pytest.raises(BadInput, match=r"holiday\.png is not an image") as caught:
        read_image(path)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_file_that_breaks_off_is_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (90, 80, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(BadInput, match=r"breaks off|damaged|ends before"):
        read_image(data[: int(len(data) * share)])


def test_truncated_jpeg_says_that_it_breaks_off() -> None:
    data = encoded(Image.fromarray(picture(300, 400)), "JPEG")
    with pytest.raises(BadInput, match=r"photo.jpg is a JPEG file that breaks off before its end"):
        read_image(data[: len(data) // 2], name="photo.jpg")


def test_jpeg_with_thousands_of_passes_is_refused() -> None:
    data = encoded(Image.fromarray(picture()), "JPEG", progressive=True)
    scan = data.rindex(b"\xff\xda")
    with pytest.raises(BadInput, match="passes"):
        read_image(data[:scan] + data[scan:-2] * 500 + b"\xff\xd9")


def test_png_text_bomb_is_refused() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "x" * 50_000_000, zip=True)
    with pytest.raises(BadInput):
        read_image(encoded(Image.fromarray(picture()), "PNG", pnginfo=info))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%PDF-1.7", "PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(40), "HEIC"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
    ],
)
def test_known_formats_that_are_not_read_are_named(data: bytes, kind: str) -> None:
    with pytest.raises(BadInput, match=kind):
        read_image(data)


def test_empty_missing_and_oversized_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with pytest.raises(BadInput, match="is empty"):
        read_image(tmp_path / "empty.png")
    with pytest.raises(BadInput, match=r"gone.png is no longer there"):
        read_image(tmp_path / "gone.png")
    with pytest.raises(BadInput, match="limit for an image is 100 bytes"):
        read_image(bytes(101), limits=ImageLimits(max_bytes=100))
    with pytest.raises(BadInput):
        read_image("a\x00b.png")
    with pytest.raises(BadInput):
        read_image(tmp_path)


def test_message_never_shows_folders_or_direction_tricks() -> None:
    for name in ("/srv/secret/a.png", "C:\\Users\\me\\a.png", "../../a.png", "a\u202egnp.exe\n.png", "x" * 500):
        with pytest.raises(BadInput) as caught:
            read_image(b"no", name=name)
        text = str(caught.value)
        assert not any(word in text for word in ("secret", "Users", "..\\", "../", "\u202e", "\n"))
        assert len(text) < 250


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, np.bool_])
@pytest.mark.parametrize("channels", [None, 1, 3, 4])
def test_arrays_of_every_usual_type_are_accepted(dtype: type, channels: int | None) -> None:
    full = {np.uint8: 255, np.uint16: 65535}.get(dtype, 1)
    shape = (10, 12) if channels is None else (10, 12, channels)
    got = check_array(np.full(shape, full, dtype))
    assert got.array.shape == (10, 12, 3)
    assert (got.array == 255).all()
    assert got.alpha is None


def test_checked_array_is_a_copy() -> None:
    source = picture()
    got = check_array(source)
    got.array[:] = 0
    assert (source == picture()).all()


@pytest.mark.parametrize(
    "value",
    [
        None,
        "missing.png",
        np.zeros((5, 12, 2), np.uint8),
        np.zeros((2, 3, 4, 5), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
        np.full((9, 9), np.nan),
        np.full((9, 9), 7.0),
        np.zeros((9, 9), np.int64),
        np.zeros((9, 9), object),
        np.zeros((9, 9), complex),
        [[0, 1], [2, 3]],
        Image.new("RGB", (3, 3)),
        Image.new("LAB", (20, 20)),
        np.broadcast_to(np.uint8(0), (20_000, 20_000)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_that_are_no_image_are_refused(value: object) -> None:
    with pytest.raises(BadInput):
        check_array(value)


def test_pillow_image_is_accepted() -> None:
    assert (check_array(Image.fromarray(picture())).array == picture()).all()


def _survives(data: bytes) -> None:
    got: GuardedImage | None = None
    with contextlib.suppress(BadInput):
        got = read_image(data)
    if got is not None:
        assert isinstance(got, GuardedImage)
        assert got.array.dtype == np.uint8


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_random_bytes_never_raise_anything_but_bad_input(data: bytes) -> None:
    _survives(data)
    for magic in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\x00", b"RIFF\x20\x00\x00\x00WEBPVP8X"):
        _survives(magic + data)


_KINDS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF")


@given(st.sampled_from(_KINDS), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=12))
@settings(max_examples=300, deadline=None)
def test_flipped_bytes_never_raise_anything_but_bad_input(kind: str, flips: list[tuple[float, int]]) -> None:
    data = bytearray(encoded(Image.fromarray(picture()), kind))
    for place, value in flips:
        data[min(int(place * len(data)), len(data) - 1)] = value
    _survives(bytes(data))
