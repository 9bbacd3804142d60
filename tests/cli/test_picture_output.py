# SPDX-License-Identifier: Apache-2.0
"""Picture files that the decoder writes hold the samples they were given."""

from pathlib import Path
from typing import Any

import numpy as np
import png
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from refdec.cli.picture_io import FORMATS, Samples, picture_format, with_alpha, write_picture
from refdec.cli.support import UsageError
from refdec.picture import Colour, Picture

HEIGHT, WIDTH = 5, 7
CASES = [
    (extension, components)
    for extension, chosen in FORMATS.items()
    for components in chosen.components
]


def random_samples(components: int, bit_depth: int) -> Samples:
    """Make samples that reach both ends of the range."""
    generator = np.random.default_rng(components + bit_depth)
    shape = (components, HEIGHT, WIDTH)
    samples = generator.integers(0, 1 << bit_depth, shape, dtype=np.uint16)
    samples[0, 0, :2] = 0, (1 << bit_depth) - 1
    return samples.astype(np.uint8) if bit_depth == 8 else samples


def interleaved(samples: Samples) -> NDArray[np.int64]:
    """Return the picture as readers give it: (H, W) or (H, W, C)."""
    wide = samples.astype(np.int64)
    return wide[0] if len(wide) == 1 else wide.transpose(1, 2, 0)


@pytest.mark.parametrize(("extension", "components"), CASES)
def test_8_bit_samples_come_back(tmp_path: Path, extension: str, components: int) -> None:
    path, samples = tmp_path / f"a{extension}", random_samples(components, 8)
    write_picture(path, samples, 8)
    if extension == ".npy":
        np.testing.assert_array_equal(np.load(path), samples)
        assert np.load(path).dtype == np.uint8
    elif extension == ".pam":
        kind = "GRAYSCALE" if components < 3 else "RGB"
        kind += "_ALPHA" if components in (2, 4) else ""
        header = f"P7\nWIDTH 7\nHEIGHT 5\nDEPTH {components}\nMAXVAL 255\nTUPLTYPE {kind}\nENDHDR\n"
        assert path.read_bytes() == header.encode() + interleaved(samples).astype("u1").tobytes()
    else:
        with Image.open(path) as image:
            np.testing.assert_array_equal(np.asarray(image), interleaved(samples))


@pytest.mark.parametrize("bit_depth", [9, 10, 12, 16])
@pytest.mark.parametrize(("extension", "components"), CASES)
def test_deep_samples_come_back(
    tmp_path: Path, extension: str, components: int, bit_depth: int
) -> None:
    path, samples = tmp_path / f"a{extension}", random_samples(components, bit_depth)
    write_picture(path, samples, bit_depth)
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


def test_full_range_stays_full_range_in_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_picture(path, random_samples(1, 10), 10)
    assert read_png_rows(path)[0][:2] == [0, 65535]
    assert path.read_bytes().split(b"sBIT")[1][0] == 10


@pytest.mark.parametrize("name", ["a.gif", "a", "a.jai", ".png"])
def test_unknown_extension_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="unknown extension"):
        picture_format(Path(name))


@pytest.mark.parametrize(
    ("extension", "components", "text"),
    [
        (".ppm", 1, "cannot hold 1"),
        (".pgm", 3, "cannot hold 3"),
        (".ppm", 4, r"cannot hold alpha; \.png, \.pam"),
        (".pgm", 2, "cannot hold alpha"),
        (".pnm", 4, "cannot hold alpha"),
    ],
)
def test_format_that_cannot_hold_the_picture(extension: str, components: int, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        picture_format(Path(f"a{extension}"), components)


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
    samples = np.broadcast_to(np.array([7, 9], np.uint8), (3, 1, 2))
    colour = Colour(primaries=1, transfer=13, matrix=6, full_range=True)
    return Picture(samples=samples, bit_depth=8, colour=colour, **alpha)


def test_capital_extension_is_known() -> None:
    assert picture_format(Path("A.PNG")) == FORMATS[".png"]


def test_nothing_is_left_when_writing_fails(tmp_path: Path) -> None:
    with pytest.raises((TypeError, ValueError)):
        write_picture(tmp_path / "a.png", np.zeros((1, 4, 4), np.complex64), 8)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
