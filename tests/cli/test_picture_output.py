# SPDX-License-Identifier: Apache-2.0
"""Picture files that the decoder writes hold the samples they were given."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import png
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from conformance.build import header
from refdec.binary16 import samples_of_numbers
from refdec.cli.picture_io import (
    FORMATS,
    GREY,
    RGB,
    Samples,
    picture_format,
    with_alpha,
    write_picture,
)
from refdec.cli.png_file import filtered, png_parts
from refdec.cli.support import UsageError
from refdec.errors import UnsupportedFeature
from refdec.picture import Picture
from tests.pictures import picture_of, subsampled

HEIGHT, WIDTH = 5, 7
CASES = [
    (extension, components)
    for extension, chosen in FORMATS.items()
    for components, kind in ((1, GREY), (2, GREY), (3, RGB), (4, RGB))
    if chosen.fits(kind, has_alpha=components in (2, 4))
]
RAW = {".yuv", ".rgb"}


def random_samples(components: int, bit_depth: int) -> Samples:
    """Make samples that reach both ends of the range."""
    generator = np.random.default_rng(components + bit_depth)
    shape = (components, HEIGHT, WIDTH)
    samples = generator.integers(0, 1 << bit_depth, shape, dtype=np.uint16)
    samples[0, 0, :2] = 0, (1 << bit_depth) - 1
    return samples.astype(np.uint8) if bit_depth == 8 else samples


def picture_of_planes(planes: Samples, bit_depth: int = 8) -> Picture:
    """Make a picture of planes, of which a second or fourth is alpha."""
    colours = len(planes) - 1 + len(planes) % 2
    alpha = planes[-1] if colours < len(planes) else None
    return picture_of(planes[:colours], bit_depth, alpha=alpha, alpha_bit_depth=bit_depth)


def interleaved(samples: Samples) -> NDArray[np.int64]:
    """Return the picture as readers give it: (H, W) or (H, W, C)."""
    wide = samples.astype(np.int64)
    return wide[0] if len(wide) == 1 else wide.transpose(1, 2, 0)


@pytest.mark.parametrize(("extension", "components"), CASES)
def test_8_bit_samples_come_back(tmp_path: Path, extension: str, components: int) -> None:
    path, samples = tmp_path / f"a{extension}", random_samples(components, 8)
    write_picture(path, picture_of_planes(samples))
    if extension == ".npy":
        np.testing.assert_array_equal(np.load(path), samples)
        assert np.load(path).dtype == np.uint8
    elif extension == ".pam":
        kind = "GRAYSCALE" if components < 3 else "RGB"
        kind += "_ALPHA" if components in (2, 4) else ""
        header = f"P7\nWIDTH 7\nHEIGHT 5\nDEPTH {components}\nMAXVAL 255\nTUPLTYPE {kind}\nENDHDR\n"
        assert path.read_bytes() == header.encode() + interleaved(samples).astype("u1").tobytes()
    elif extension in RAW or extension == ".y4m":
        assert path.read_bytes().endswith(samples.tobytes())
    else:
        with Image.open(path) as image:
            np.testing.assert_array_equal(np.asarray(image), interleaved(samples))


@pytest.mark.parametrize("bit_depth", [9, 10, 12, 16])
@pytest.mark.parametrize(("extension", "components"), CASES)
def test_deep_samples_come_back(
    tmp_path: Path, extension: str, components: int, bit_depth: int
) -> None:
    path, samples = tmp_path / f"a{extension}", random_samples(components, bit_depth)
    write_picture(path, picture_of_planes(samples, bit_depth))
    np.testing.assert_array_equal(read_deep(path, bit_depth, samples.shape), samples)


def read_deep(path: Path, bit_depth: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Read (C, H, W) samples without the code under test."""
    peak = (1 << bit_depth) - 1
    match path.suffix:
        case ".npy":
            return np.load(path).astype(np.int64)
        case ".png":
            flat = np.array(read_png_rows(path))
        case ".tif" | ".tiff":
            flat = tifffile.imread(path)
            assert flat.dtype == np.uint16
        case ".yuv" | ".rgb" | ".y4m":
            planes = np.frombuffer(path.read_bytes()[-2 * int(np.prod(shape)) :], "<u2")
            return planes.reshape(shape).astype(np.int64)
        case _:
            data, components = path.read_bytes(), shape[0]
            flat = np.frombuffer(data[-2 * components * HEIGHT * WIDTH :], ">u2")
            assert f"{peak}\n".encode() in data[:100]
    values = flat.reshape(HEIGHT, WIDTH, shape[0]).transpose(2, 0, 1).astype(np.int64)
    is_scaled = path.suffix in {".png", ".tif", ".tiff"}
    return (values * peak + 32767) // 65535 if is_scaled else values


def read_png_rows(path: Path) -> list[list[int]]:
    """Read a 16-bit PNG, components interleaved."""
    with path.open("rb") as file:
        _, _, rows, info = png.Reader(file).read()
        assert info["bitdepth"] == 16
        return [list(row) for row in rows]


@given(data=st.data(), components=st.integers(1, 4), bit_depth=st.sampled_from([8, 16]))
@settings(max_examples=50, deadline=None)
def test_png_of_strips_holds_their_rows(
    data: st.DataObject, components: int, bit_depth: int
) -> None:
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    kind = {8: np.uint8, 16: np.uint16}[bit_depth]
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    slope = generator.integers(-9, 9, (height, width, components)).cumsum(0).cumsum(1)
    rows = (slope + generator.integers(0, 3, slope.shape)).astype(kind)
    cuts = sorted({0, height, *data.draw(st.lists(st.integers(0, height)))})
    strips = [rows[top:bottom] for top, bottom in pairwise(cuts)]
    file = b"".join(png_parts(strips, height=height))
    _, _, found, info = png.Reader(bytes=file).read()
    assert (info["bitdepth"], info["planes"]) == (bit_depth, components)
    np.testing.assert_array_equal(np.vstack(list(found)), rows.reshape(height, -1))


def predicted(kind: int, left: int, up: int, corner: int) -> int:
    """Predict a byte as the PNG specification says it."""
    nearest = min((left, up, corner), key=lambda value: abs(left + up - corner - value))
    return (0, left, up, (left + up) // 2, nearest)[kind]


@pytest.mark.parametrize("kind", range(5))
def test_png_filter_is_the_one_that_predicts_the_row(kind: int) -> None:
    above = np.random.default_rng(5).integers(0, 256, 300, dtype=np.uint8)
    row = [9 if kind in (1, 4) else predicted(kind, 0, int(above[0]), 0)]
    for corner, up in pairwise(above.tolist()):
        row.append(predicted(kind, row[-1], up, corner))
    coded = filtered(np.array([row], np.uint8), above[None], 1)[0]
    assert (coded[0], coded[2:].any()) == (kind, False)


def test_full_range_stays_full_range_in_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_picture(path, picture_of(random_samples(1, 10), 10))
    assert read_png_rows(path)[0][:2] == [0, 65535]
    assert path.read_bytes().split(b"sBIT")[1][0] == 10


@pytest.mark.parametrize("name", ["a.gif", "a", "a.jai", ".png"])
def test_unknown_extension_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="unknown extension"):
        picture_format(Path(name))


@pytest.mark.parametrize(
    ("extension", "elements", "reason"),
    [
        (".ppm", {"monochrome_flag": 1}, "cannot hold grey"),
        (".pgm", {}, "cannot hold R, G, B"),
        (".y4m", {}, "cannot hold R, G, B samples; .png"),
        (".rgb", {"ycc_flag": 1}, "cannot hold Y, Cb, Cr"),
        (".npy", {"ycc_flag": 1, "chroma_format_idc": 2}, "cannot hold subsampled"),
        (".png", {"sample_float_flag": 1, "bit_depth_minus8": 8}, "binary16 R, G, B .*; .tif"),
        (".pfm", {}, "cannot hold"),
    ],
)
def test_format_that_cannot_hold_the_picture(
    extension: str, elements: dict[str, int], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        picture_format(Path(f"a{extension}"), header(7, 5, **elements))


@pytest.mark.parametrize("extension", [".ppm", ".pnm", ".y4m"])
def test_format_that_cannot_hold_alpha(extension: str) -> None:
    elements = {"ycc_flag": int(extension == ".y4m")}
    with pytest.raises(UsageError, match=r"cannot hold .* with alpha; \.png .*\.npy"):
        picture_format(Path(f"a{extension}"), header(7, 5, **elements), has_alpha=True)


def test_y4m_says_what_its_planes_are(tmp_path: Path) -> None:
    picture = subsampled(2, 5, 7, 10, full=False)
    write_picture(tmp_path / "a.y4m", picture)
    first, second, data = (tmp_path / "a.y4m").read_bytes().split(b"\n", 2)
    assert first == b"YUV4MPEG2 W7 H5 F1:1 Ip A1:1 C420p10 XCOLORRANGE=LIMITED"
    assert second == b"FRAME"
    assert data == b"".join(plane.astype("<u2").tobytes() for plane in picture.planes)
    assert len(data) == 2 * (7 * 5 + 2 * 4 * 3)
    write_picture(tmp_path / "b.y4m", subsampled(1, 5, 7))
    assert b" C422 XCOLORRANGE=FULL\n" in (tmp_path / "b.y4m").read_bytes()


@pytest.mark.parametrize("extension", [".npy", ".tif", ".pfm", ".rgb"])
def test_binary16_numbers_are_written_as_numbers(tmp_path: Path, extension: str) -> None:
    numbers = np.random.default_rng(1).normal(size=(3, HEIGHT, WIDTH)).astype(np.float16)
    numbers[0, 0, :2] = -0.0, 65504
    path = tmp_path / f"a{extension}"
    write_picture(path, picture_of(samples_of_numbers(numbers), 16, is_float=True))
    match extension:
        case ".npy":
            found = np.load(path)
        case ".tif":
            found = tifffile.imread(path).transpose(2, 0, 1)
        case ".pfm":
            data = path.read_bytes()
            assert data.startswith(b"PF\n7 5\n-1.0\n")
            rows = np.frombuffer(data[-4 * numbers.size :], "<f4").reshape(HEIGHT, WIDTH, 3)
            found = rows[::-1].transpose(2, 0, 1).astype(np.float16)
        case _:
            found = np.fromfile(path, "<f2").reshape(numbers.shape)
    assert found.dtype == np.float16
    assert found.tobytes() == numbers.tobytes()


@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize(
    ("matrix", "weights"), [(1, (0.2126, 0.0722)), (9, (0.2627, 0.0593)), (2, (0.299, 0.114))]
)
def test_ycc_becomes_rgb_where_a_file_holds_nothing_else(
    tmp_path: Path, matrix: int, weights: tuple[float, float], full: bool, bit_depth: int
) -> None:
    unit, peak = 1 << (bit_depth - 8), (1 << bit_depth) - 1
    rgb = np.random.default_rng(2).integers(0, peak, (3, 4, 4), endpoint=True) / peak
    red, green, blue = rgb
    k_r, k_b = weights
    y = k_r * red + (1 - k_r - k_b) * green + k_b * blue
    cb, cr = (blue - y) / (2 - 2 * k_b), (red - y) / (2 - 2 * k_r)
    if full:
        planes = [peak * y, peak * cb + 128 * unit, peak * cr + 128 * unit]
    else:
        planes = [unit * (219 * y + 16), unit * (224 * cb + 128), unit * (224 * cr + 128)]
    samples = np.rint(np.stack(planes)).clip(0, peak).astype(np.uint8 if unit == 1 else np.uint16)
    picture = picture_of(samples, bit_depth, matrix=matrix, full=full, is_ycc=True)
    write_picture(tmp_path / "a.ppm", picture)
    found = read_netpbm(tmp_path / "a.ppm", bit_depth)
    # Each plane was rounded by up to half a code value, which the matrix makes up to 1.9 times.
    assert np.abs(found - rgb * peak).max() <= 2.5


def read_netpbm(path: Path, bit_depth: int) -> NDArray[np.float64]:
    kind = ">u1" if bit_depth == 8 else ">u2"
    data = np.frombuffer(path.read_bytes()[-48 * np.dtype(kind).itemsize :], kind)
    return data.reshape(4, 4, 3).transpose(2, 0, 1).astype(float)


def test_flat_chroma_stays_flat_when_it_is_interpolated(tmp_path: Path) -> None:
    picture = subsampled(2, 5, 7)
    grey = replace(picture, chroma=np.full_like(picture.chroma, 128))
    write_picture(tmp_path / "a.png", grey)
    with Image.open(tmp_path / "a.png") as image:
        found = np.asarray(image).transpose(2, 0, 1)
    np.testing.assert_array_equal(found, np.repeat(picture.samples, 3, axis=0))


def test_identity_is_an_exchange_of_planes(tmp_path: Path) -> None:
    samples = random_samples(3, 8)
    write_picture(tmp_path / "a.png", picture_of(samples, matrix=0, is_ycc=True))
    with Image.open(tmp_path / "a.png") as image:
        found = np.asarray(image).transpose(2, 0, 1)
    np.testing.assert_array_equal(found, samples[[2, 0, 1]])


def test_ycc_without_a_known_matrix_is_not_converted(tmp_path: Path) -> None:
    picture = picture_of(random_samples(3, 8), matrix=14, is_ycc=True)
    with pytest.raises(UnsupportedFeature, match="matrix 14 cannot be converted"):
        write_picture(tmp_path / "a.png", picture)
    assert list(tmp_path.iterdir()) == []
    write_picture(tmp_path / "a.npy", picture)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), picture.samples)


def test_alpha_of_another_depth_scales_both() -> None:
    planes, depth = with_alpha(picture(alpha=np.array([[0, 1023]], np.uint16), alpha_bit_depth=10))
    assert depth == 16
    np.testing.assert_array_equal(planes[:, 0], [[257 * 7, 257 * 9]] * 3 + [[0, 65535]])


def test_premultiplied_samples_are_divided_by_alpha() -> None:
    planes, depth = with_alpha(picture(alpha=np.array([[0, 20]], np.uint8), is_premultiplied=True))
    assert depth == 8
    np.testing.assert_array_equal(planes[:, 0], [[0, 115]] * 3 + [[0, 20]])


def picture(**alpha: Any) -> Picture:
    """Make a picture of two grey pixels, 7 and 9."""
    return picture_of(np.broadcast_to(np.array([7, 9], np.uint8), (3, 1, 2)), **alpha)


def test_capital_extension_is_known() -> None:
    assert picture_format(Path("A.PNG")) == FORMATS[".png"]


def test_nothing_is_left_when_writing_fails(tmp_path: Path) -> None:
    with pytest.raises((TypeError, ValueError)):
        write_picture(tmp_path / "a.png", picture_of(np.zeros((1, 4, 4), np.complex64)))
    assert list(tmp_path.iterdir()) == []
