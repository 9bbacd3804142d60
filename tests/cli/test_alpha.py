# SPDX-License-Identifier: Apache-2.0
"""Alpha from picture file to stream and back."""

from pathlib import Path
from typing import Any

import numpy as np
import png
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

import refdec
from refdec.cli.main import main as refdec_main
from refenc.alpha import Alpha
from refenc.cli import main
from refenc.picture_io import read_picture

COLUMNS = np.arange(30, dtype=np.uint8)
RGB = np.dstack([np.tile(8 * COLUMNS, (20, 1)), np.tile(255 - COLUMNS, (20, 1))] * 2)[..., :3]
ALPHA = np.add.outer(12 * np.arange(20), COLUMNS).astype(np.uint8)
RGBA = np.dstack([RGB, ALPHA])


def alpha_in(path: Path) -> Alpha | None:
    return Alpha.of(read_picture(path).picture)


def save(path: Path, array: NDArray[Any], **options: Any) -> Path:
    Image.fromarray(array).save(path, **options)
    return path


@pytest.mark.parametrize("options", [["--quality", "20"], ["--lossless"], ["--bpp", "6"]])
@pytest.mark.parametrize("channels", [[0, 3], [0, 1, 2, 3]])
def test_alpha_comes_back(tmp_path: Path, options: list[str], channels: list[int]) -> None:
    source = save(tmp_path / "a.png", RGBA[..., channels])
    stream, output = tmp_path / "a.jai", tmp_path / "b.png"
    assert main(["encode", str(source), "--hash", *options]) == 0
    assert refdec_main(["decode", str(stream), "-o", str(output), "--verify"]) == 0
    with Image.open(output) as image:
        decoded = np.asarray(image)
    np.testing.assert_array_equal(decoded[..., -1], ALPHA)
    if options == ["--lossless"]:
        np.testing.assert_array_equal(decoded, RGBA[..., channels])
    if options == ["--bpp", "6"]:
        assert stream.stat().st_size * 8 / (30 * 20) <= 6


def test_opaque_alpha_is_not_coded(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", np.dstack([RGB, np.full_like(ALPHA, 255)]))
    assert main(["encode", str(source)]) == 0
    assert refdec.decode(source.with_suffix(".jai")).alpha is None


@pytest.mark.parametrize("extension", [".ppm", ".pnm"])
def test_formats_without_alpha_are_refused(
    tmp_path: Path, extension: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = save(tmp_path / "a.png", RGBA), tmp_path / f"b{extension}"
    assert main(["encode", str(source)]) == 0
    assert refdec_main(["decode", str(source.with_suffix(".jai")), "-o", str(output)]) == 2
    assert "with alpha; .png .pam" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
def test_8_bit_alpha_is_read(tmp_path: Path, name: str) -> None:
    options = {"lossless": True, "exact": True} if name.endswith("webp") else {}
    alpha = alpha_in(save(tmp_path / name, RGBA, **options))
    assert alpha is not None
    np.testing.assert_array_equal(alpha.samples, ALPHA)
    assert (alpha.bit_depth, alpha.samples.dtype) == (8, np.uint8)


def test_transparent_colours_are_alpha(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "t.png", transparency=tuple(map(int, RGB[0, 3])))
    alpha = alpha_in(tmp_path / "t.png")
    assert alpha is not None
    np.testing.assert_array_equal(alpha.samples == 0, (RGB[0, 3] == RGB).all(axis=2))


@pytest.mark.parametrize("channels", [2, 4])
def test_16_bit_alpha_keeps_its_bits(tmp_path: Path, channels: int) -> None:
    deep = np.random.default_rng(1).integers(0, 65536, (20, 30, channels), np.uint16)
    with (tmp_path / "a.png").open("wb") as file:
        writer = png.Writer(30, 20, greyscale=channels == 2, alpha=True, bitdepth=16)
        writer.write(file, deep.reshape(20, -1).tolist())
    kind = "rgb" if channels == 4 else "minisblack"
    tifffile.imwrite(
        tmp_path / "a.tif",
        deep,
        photometric=kind,
        extrasamples=["unassalpha"],
        planarconfig="contig",
    )
    for name in ("a.png", "a.tif") if channels == 4 else ("a.png",):
        alpha = alpha_in(tmp_path / name)
        assert alpha is not None
        assert alpha.bit_depth == 16
        np.testing.assert_array_equal(alpha.samples, deep[..., -1])


@pytest.mark.parametrize("bit_depth", [8, 16])
def test_alpha_is_turned_upright(tmp_path: Path, bit_depth: int) -> None:
    exif, path = Image.Exif(), tmp_path / "a.png"
    exif[0x0112] = 6
    save(path, RGBA, exif=exif)
    wanted = np.rot90(ALPHA, -1).astype(np.uint16)
    if bit_depth == 16:
        chunk = path.read_bytes().split(b"eXIf")[1]
        with path.open("wb") as file:
            writer = png.Writer(30, 20, greyscale=False, alpha=True, bitdepth=16)
            writer.write(file, (257 * RGBA.astype(int)).reshape(20, -1).tolist())
        data, size = path.read_bytes(), chunk.index(b"IDAT") - 8
        exif_chunk = size.to_bytes(4, "big") + b"eXIf" + chunk[: size + 4]
        path.write_bytes(data[:33] + exif_chunk + data[33:])
        wanted = wanted * 257
    alpha = alpha_in(path)
    assert alpha is not None
    np.testing.assert_array_equal(alpha.samples, wanted)
