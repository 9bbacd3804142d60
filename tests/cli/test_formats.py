# SPDX-License-Identifier: Apache-2.0
"""Sample formats through both command lines: files in, streams, files out."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import refdec
from refdec import Picture
from refdec.cli.main import main as refdec_main
from refdec.cli.picture_io import write_picture
from refdec.cli.png_chunks import chunks_of
from refenc.cli import main
from refenc.format_options import COLOURS, MATRIX_NAMES
from tests.pictures import deep, picture_of, subsampled

Capture = pytest.CaptureFixture[str]
SIZE = 21, 26


def written(path: Path, picture: Picture) -> str:
    write_picture(path, picture)
    return str(path)


@pytest.mark.parametrize(
    ("name", "picture", "text"),
    [
        ("a.png", picture_of(deep(3, *SIZE, 12), 12), "26x21 RGB, 12 bits"),
        ("a.pgm", picture_of(deep(1, *SIZE, 16), 16), "26x21 grey, 16 bits"),
        ("a.y4m", subsampled(2, *SIZE, 10), "26x21 YCbCr 420, 10 bits"),
        ("a.npy", picture_of(deep(3, *SIZE, 16) // 2 + 9999, 16, is_float=True), "RGB, binary16"),
    ],
)
def test_a_lossless_stream_gives_the_file_back(
    tmp_path: Path, name: str, picture: Picture, text: str, capsys: Capture
) -> None:
    source, stream, output = tmp_path / name, tmp_path / "a.jai", tmp_path / f"out{name}"
    assert main(["encode", written(source, picture), "--lossless", "--hash"]) == 0
    assert text in capsys.readouterr().out
    assert refdec_main(["decode", "--verify", str(stream), "-o", str(output)]) == 0
    assert text in capsys.readouterr().out
    assert output.read_bytes() == source.read_bytes()


def test_raw_samples_need_a_description(tmp_path: Path, capsys: Capture) -> None:
    source = written(tmp_path / "a.yuv", subsampled(1, *SIZE, 10))
    given = ["encode", source, "--quality", "30"]
    assert main([*given, "--geometry", "26x21", "--format", "yuv422p10", "--range", "full"]) == 0
    header = refdec.parse(tmp_path / "a.jai").picture_header
    assert (header.pic_width, header.pic_height, header.bit_depth) == (26, 21, 10)
    assert (header.ycc_flag, header.chroma_format_idc, header.full_range_flag) == (1, 1, 1)
    capsys.readouterr()
    for options, reason in (
        ([], "need both --geometry and --format"),
        (["--format", "yuv422p10"], "need both"),
        (["--geometry", "26x21", "--format", "yuv9"], "is not gray"),
        (["--geometry", "0x21", "--format", "gray"], "--geometry"),
        (["--geometry", "26", "--format", "gray"], "--geometry"),
    ):
        assert main([*given, *options]) == 2
        assert reason in capsys.readouterr().err
    assert main([*given, "--geometry", "27x21", "--format", "yuv422p10"]) == 6
    assert "ends inside a plane" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(MATRIX_NAMES.keys() - {"unspecified"}))
def test_matrix_of_rgb(tmp_path: Path, name: str) -> None:
    samples = deep(3, *SIZE, 8)
    source = written(tmp_path / "a.ppm", picture_of(samples))
    assert main(["encode", source, "--matrix", name, "--quality", "55"]) == 0
    picture = refdec.decode(tmp_path / "a.jai")
    assert picture.colour.matrix == MATRIX_NAMES[name]
    assert np.abs(picture.samples.astype(int) - samples).mean() < 5


def test_matrices_that_make_no_sense(tmp_path: Path, capsys: Capture) -> None:
    source = written(tmp_path / "a.ppm", picture_of(deep(3, *SIZE, 8)))
    assert main(["encode", source, "--matrix", "unspecified"]) == 2
    assert "Y, Cb, Cr only" in capsys.readouterr().err
    source = written(tmp_path / "b.y4m", subsampled(2, *SIZE))
    assert main(["encode", source, "--matrix", "identity"]) == 2
    assert "full size" in capsys.readouterr().err


def test_bit_depth_of_a_file_of_8_bits(tmp_path: Path, capsys: Capture) -> None:
    source = written(tmp_path / "a.ppm", picture_of(deep(3, *SIZE, 8)))
    assert main(["encode", source, "--bit-depth", "10"]) == 4
    assert "has samples of 8 bits" in capsys.readouterr().err


def test_ycc_decodes_to_a_png(tmp_path: Path) -> None:
    source = written(tmp_path / "a.y4m", subsampled(2, *SIZE))
    assert main(["encode", source, "--lossless", "--matrix", "bt709"]) == 0
    assert refdec_main(["decode", str(tmp_path / "a.jai")]) == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    output = str(tmp_path / "a.npy")
    assert refdec_main(["decode", str(tmp_path / "a.jai"), "-o", output]) == 2


def test_a_small_deep_picture_is_of_the_lowest_level(tmp_path: Path) -> None:
    source = written(tmp_path / "a.png", picture_of(deep(3, *SIZE, 16), 16))
    assert main(["encode", source, "--quality", "20"]) == 0
    assert refdec.parse(tmp_path / "a.jai").picture_header.level_idc == 1


@pytest.mark.parametrize("name", COLOURS)
def test_colour_is_declared_and_written_to_png(tmp_path: Path, name: str) -> None:
    source, stream, output = (str(tmp_path / x) for x in ("a.png", "a.jai", "b.png"))
    Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(source)
    assert main(["encode", source, "-o", stream, "--colour", name]) == 0
    colour = refdec.decode(stream).colour
    assert (colour.primaries, colour.transfer) == COLOURS[name]
    assert refdec_main(["decode", stream, "-o", output]) == 0
    chunks = dict(chunks_of(Path(output).read_bytes()))
    expected = None if name == "srgb" else bytes([*COLOURS[name], 0, 1])
    assert chunks.get(b"cICP") == expected
