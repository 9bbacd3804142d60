# SPDX-License-Identifier: Apache-2.0
"""Pictures of more than 8 bits, of Y, Cb, Cr, and raw ones, as the encoder reads them."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import png
import pytest
import tifffile

from refdec import Picture
from refdec.binary16 import samples_of_numbers
from refdec.cli.picture_io import write_picture
from refdec.errors import LimitExceeded, UnsupportedFeature
from refenc.picture_io import read_picture
from refenc.video_files import PlaneFormat
from tests.pictures import deep, picture_of, subsampled

HEIGHT, WIDTH = 21, 26


def assert_same(found: Picture, expected: Picture) -> None:
    assert (found.bit_depth, found.chroma_format) == (expected.bit_depth, expected.chroma_format)
    assert (found.is_ycc, found.is_float) == (expected.is_ycc, expected.is_float)
    for plane, other in zip(found.planes, expected.planes, strict=True):
        assert plane.dtype == other.dtype
        np.testing.assert_array_equal(plane, other)


def write_png(path: Path, rows: np.ndarray, **options: object) -> Path:
    height, width, planes = rows.shape
    writer = png.Writer(width, height, greyscale=planes < 3, alpha=planes % 2 == 0, **options)
    with path.open("wb") as file:
        writer.write_packed(file, (row.astype(">u2").tobytes() for row in rows))
    return path


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize(
    ("extension", "bit_depth"),
    [*((".png", depth) for depth in range(9, 17)), (".pnm", 10), (".pnm", 16), (".tif", 16)],
)
def test_what_the_decoder_writes_is_read(
    tmp_path: Path, extension: str, bit_depth: int, components: int
) -> None:
    picture = picture_of(deep(components, HEIGHT, WIDTH, bit_depth), bit_depth)
    write_picture(tmp_path / f"a{extension}", picture)
    assert_same(read_picture(tmp_path / f"a{extension}").picture, picture)


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("extension", [".npy", ".tif"])
def test_binary16_files_are_read(tmp_path: Path, extension: str, components: int) -> None:
    numbers = np.random.default_rng(1).normal(size=(components, HEIGHT, WIDTH)).astype(np.float16)
    numbers[0, 0, :3] = 0.0, -0.0, 65504
    picture = picture_of(samples_of_numbers(numbers), 16, is_float=True)
    path = tmp_path / f"a{extension}"
    write_picture(path, picture)
    assert_same(read_picture(path).picture, picture)
    numbers[0, 1, 1] = np.inf
    np.save(tmp_path / "b.npy", numbers)
    with pytest.raises(UnsupportedFeature, match="NaN and infinities"):
        read_picture(tmp_path / "b.npy")


@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize("chroma_format", [0, 1, 2])
def test_y4m_is_read(tmp_path: Path, chroma_format: int, bit_depth: int) -> None:
    samples = deep(3, HEIGHT, 27, bit_depth)
    picture = (
        subsampled(chroma_format, HEIGHT, 27, bit_depth)
        if chroma_format
        else picture_of(samples, bit_depth, is_ycc=True)
    )
    write_picture(tmp_path / "a.y4m", picture)
    found = read_picture(tmp_path / "a.y4m").picture
    assert_same(found, picture)
    assert (found.colour.matrix, found.colour.full_range) == (2, True)


def test_y4m_of_grey_and_of_narrow_range(tmp_path: Path) -> None:
    grey = deep(1, HEIGHT, WIDTH, 12)
    write_picture(tmp_path / "a.y4m", picture_of(grey, 12))
    assert_same(read_picture(tmp_path / "a.y4m").picture, picture_of(grey, 12))
    plain = b"YUV4MPEG2 W2 H2 F25:1\nFRAME\n" + bytes(6)
    (tmp_path / "b.y4m").write_bytes(plain)
    picture = read_picture(tmp_path / "b.y4m").picture
    assert (picture.chroma_format, picture.colour.full_range) == (2, False)
    assert picture.chroma.shape == (2, 1, 1)


@pytest.mark.parametrize(
    ("data", "error", "reason"),
    [
        (b"YUV4MPEG2 W2 H2\nFRAME\n" + bytes(5), OSError, "ends inside"),
        (
            b"YUV4MPEG2 W2 H2\nFRAME\n" + bytes(6) + b"FRAME\n",
            UnsupportedFeature,
            "several pictures",
        ),
        (b"YUV4MPEG2 W2 H2 C411\nFRAME\n" + bytes(6), UnsupportedFeature, "layout 411"),
        (b"YUV4MPEG2 W0 H2\nFRAME\n" + bytes(6), OSError, "damaged"),
        (b"YUV4MPEG2 W2 H2 C420p7\nFRAME\n" + bytes(6), OSError, "damaged"),
        (b"YUV4MPEG2 W2 H2\n" + bytes(6), OSError, "damaged"),
        (b"YUV4MPEG2 W1 H1 Cmono10\nFRAME\n\xff\xff", OSError, "more than 10 bits"),
        (b"P6 2 1 1000 " + bytes(12), UnsupportedFeature, "not 2..n - 1"),
        (b"P5 2 1 1023 " + b"\xff\xff" * 2, OSError, "above 1023"),
        (b"P5 2 1 1023 " + bytes(3), OSError, "damaged"),
        (b"P6 99999 99999 1023 " + bytes(3), LimitExceeded, "too many"),
        (b"\x93NUMPY\x01\x00", OSError, "damaged"),
    ],
)
def test_bad_files_are_refused_with_a_reason(
    tmp_path: Path, data: bytes, error: type[Exception], reason: str
) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(error, match=reason):
        read_picture(tmp_path / "a")


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((3, 2, 2), np.float32), "float32"),
        (np.zeros((5, 2, 3), np.uint8), "5 components"),
        (np.zeros((3, 0, 2), np.uint8), "components"),
        (np.zeros((1, 3, 2, 2), np.uint8), "shape"),
    ],
)
def test_arrays_of_other_kinds_are_refused(tmp_path: Path, array: np.ndarray, reason: str) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UnsupportedFeature, match=reason):
        read_picture(tmp_path / "a.npy")


def test_significant_bits_of_arrays(tmp_path: Path) -> None:
    samples = deep(3, HEIGHT, WIDTH, 12)
    np.save(tmp_path / "a.npy", samples)
    assert read_picture(tmp_path / "a.npy").picture.bit_depth == 16
    found = read_picture(tmp_path / "a.npy", bit_depth=12).picture
    assert_same(found, picture_of(samples, 12))
    with pytest.raises(UnsupportedFeature, match="more than 10 bits"):
        read_picture(tmp_path / "a.npy", bit_depth=10)


@pytest.mark.parametrize("fill", ["scaled", "shifted", "repeated", "plain"])
def test_significant_bits_of_filled_samples(tmp_path: Path, fill: str) -> None:
    samples = deep(1, HEIGHT, WIDTH, 12)
    filled = {
        "scaled": (samples.astype(np.uint32) * 65535 + 2047) // 4095,
        "shifted": samples << 4,
        "repeated": samples << 4 | samples >> 8,
        "plain": samples,
    }[fill].astype(np.uint16)
    path = write_png(tmp_path / "a.png", filled[0][..., None], bitdepth=16)
    assert_same(read_picture(path, bit_depth=12).picture, picture_of(samples, 12))
    tifffile.imwrite(tmp_path / "a.tif", filled[0], photometric="minisblack")
    assert_same(read_picture(tmp_path / "a.tif", bit_depth=12).picture, picture_of(samples, 12))
    with pytest.raises(UnsupportedFeature, match="more than 9 significant bits"):
        read_picture(path, bit_depth=9)


def test_a_declared_depth_that_is_wrong_loses_nothing(tmp_path: Path) -> None:
    samples = deep(3, HEIGHT, WIDTH, 16)
    path = write_png(tmp_path / "a.png", samples.transpose(1, 2, 0), bitdepth=10)
    assert b"sBIT" in path.read_bytes()
    assert_same(read_picture(path).picture, picture_of(samples, 16))


@pytest.mark.parametrize("components", [2, 4])
def test_deep_alpha_stands_apart(tmp_path: Path, components: int) -> None:
    colours = [*deep(components - 1, HEIGHT, WIDTH, 16)]
    rows = np.dstack([*colours, deep(1, HEIGHT, WIDTH, 16, seed=1)[0]])
    found = read_picture(write_png(tmp_path / "a.png", rows, bitdepth=16)).picture
    np.testing.assert_array_equal(found.samples, rows[..., :-1].transpose(2, 0, 1))
    np.testing.assert_array_equal(found.alpha, rows[..., -1])
    assert (found.bit_depth, found.alpha_bit_depth) == (16, 16)


def test_interlaced_and_turned_deep_files(tmp_path: Path) -> None:
    samples = deep(1, HEIGHT, WIDTH, 16)
    writer = png.Writer(WIDTH, HEIGHT, greyscale=True, bitdepth=16, interlace=True)
    with (tmp_path / "a.png").open("wb") as file:
        writer.write(file, samples[0].tolist())
    assert_same(read_picture(tmp_path / "a.png").picture, picture_of(samples, 16))
    turned = [(274, 3, 1, 6, False)]
    tifffile.imwrite(tmp_path / "a.tif", samples[0], photometric="minisblack", extratags=turned)
    found = read_picture(tmp_path / "a.tif").picture.samples
    np.testing.assert_array_equal(found[0], np.rot90(samples[0], -1))


@pytest.mark.parametrize(
    ("name", "picture"),
    [
        ("gray16le", picture_of(deep(1, HEIGHT, WIDTH, 16), 16)),
        ("rgbp", picture_of(deep(3, HEIGHT, WIDTH, 8))),
        ("yuv420p", subsampled(2, HEIGHT, WIDTH)),
        ("yuv422p10", subsampled(1, HEIGHT, WIDTH, 10)),
        ("yuv444p12le", picture_of(deep(3, HEIGHT, WIDTH, 12), 12, is_ycc=True)),
        ("yuv420pf16", subsampled(2, HEIGHT, WIDTH, 16, is_float=True)),
    ],
)
def test_raw_planes_come_back(tmp_path: Path, name: str, picture: Picture) -> None:
    path = tmp_path / ("a.yuv" if picture.is_ycc or len(picture.planes) == 1 else "a.rgb")
    write_picture(path, picture)
    planes = PlaneFormat.of_name(name, WIDTH, HEIGHT)
    assert_same(read_picture(path, planes=planes).picture, picture)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(OSError, match="more than one picture"):
        read_picture(path, planes=planes)


@pytest.mark.parametrize("name", ["yuv411p", "gray7", "gray17", "rgb24", "yuv420pf32", ""])
def test_unknown_names_of_raw_planes(name: str) -> None:
    with pytest.raises(ValueError, match="is not gray"):
        PlaneFormat.of_name(name, 2, 2)


@pytest.mark.parametrize("extension", [".png", ".pnm", ".tif", ".npy", ".y4m"])
def test_damage_is_never_another_exception(tmp_path: Path, extension: str) -> None:
    path, damaged = tmp_path / f"a{extension}", tmp_path / "damaged"
    samples = deep(3, HEIGHT, WIDTH, 16)
    write_picture(path, picture_of(samples, 16, is_ycc=extension == ".y4m"))
    data, generator = path.read_bytes(), np.random.default_rng(1)
    for length in range(0, len(data), 3):
        damaged.write_bytes(data[:length])
        with suppress(OSError, UnsupportedFeature, LimitExceeded):
            read_picture(damaged)
    for _ in range(150):
        altered = bytearray(data)
        altered[generator.integers(min(len(data), 200))] ^= 1 << int(generator.integers(8))
        damaged.write_bytes(bytes(altered))
        with suppress(OSError, UnsupportedFeature, LimitExceeded):
            read_picture(damaged)
