# SPDX-License-Identifier: Apache-2.0
"""The command line of the encoder, as its users see it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import refdec
from refenc.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Write a small smooth picture."""
    rows, columns = np.mgrid[:45, :70]
    planes = [3 * columns + rows, 128 + 60 * np.sin(columns / 9), 4 * rows + columns % 8]
    samples = np.clip(np.dstack(planes), 0, 255).astype(np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(samples).save(path)
    return path


def test_encode_writes_a_stream_that_decodes(photo: Path, capsys: Capture) -> None:
    assert main(["encode", str(photo), "--hash", "--quality", "50"]) == 0
    stream = photo.with_suffix(".jai")
    captured = capsys.readouterr()
    assert f"{stream.stat().st_size} bytes" in captured.out
    assert "quality 50" in captured.out
    assert captured.err == ""
    results = refdec.verify(stream)
    assert [result.matches for result in results] == [True, True]
    with Image.open(photo) as image:
        error = np.asarray(image).astype(int) - refdec.decode(stream).interleaved
    assert np.mean(error**2) < 60
    assert {path.name for path in photo.parent.iterdir()} == {"photo.png", "photo.jai"}


def test_a_region_of_interest_is_coded_finer_or_coarser(photo: Path, capsys: Capture) -> None:
    errors = []
    with Image.open(photo) as image:
        source = np.asarray(image).astype(int)[16:32, 16:48]
    for offset in ("12", "0", "-12"):
        stream = photo.with_name("r.jai")
        roi = f"16,16,32,16,{offset}"
        assert main(["encode", str(photo), "-o", str(stream), "--quality", "20", "--roi", roi]) == 0
        inside = refdec.decode(stream).interleaved[16:32, 16:48]
        errors.append(np.square(inside - source).mean())
    assert errors[0] < errors[1] < errors[2]
    for offset in ("-64", "--3", "-", ""):
        roi = f"16,16,32,16,{offset}"
        assert main(["encode", str(photo), "--roi", roi]) == 2
        assert "is not an integer of -63 to 63" in capsys.readouterr().err


def test_target_rate_is_kept(photo: Path, capsys: Capture) -> None:
    stream = photo.with_name("b.jai")
    assert main(["encode", str(photo), "-o", str(stream), "--bpp", "2"]) == 0
    assert 8 * stream.stat().st_size / (70 * 45) <= 2
    captured = capsys.readouterr()
    assert " bpp, model set 3, quality " in captured.out
    assert captured.err == "", "no progress bar where stderr is no terminal"


def test_unreachable_rate_is_said(photo: Path, capsys: Capture) -> None:
    assert main(["encode", str(photo), "--bpp", "0.001"]) == 0
    captured = capsys.readouterr()
    assert "cannot be reached" in captured.err
    assert "quality 0" in captured.out


def test_lanes_are_written(photo: Path) -> None:
    assert main(["encode", str(photo), "--lanes", "4"]) == 0
    assert refdec.parse(photo.with_suffix(".jai")).picture_header.log2_lanes == 2


@pytest.mark.parametrize(
    "options",
    [
        ["--quality", "64"],
        ["--quality", "x"],
        ["--quality", "32", "--bpp", "1"],
        ["--bpp", "0"],
        ["--bpp", "nan"],
        ["--lanes", "3"],
        ["--lanes", "2048"],
        ["--threads", "0"],
        ["--backend", "abacus"],
        ["--frob"],
    ],
    ids=" ".join,
)
def test_usage_error_is_status_2_and_one_line(
    photo: Path, options: list[str], capsys: Capture
) -> None:
    assert main(["encode", str(photo), *options]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("refenc: error: ")
    assert captured.err.count("\n") == 1
    assert not photo.with_suffix(".jai").exists()


def test_output_over_the_input_is_refused(photo: Path) -> None:
    data = photo.read_bytes()
    assert main(["encode", str(photo), "-o", str(photo)]) == 2
    assert photo.read_bytes() == data


def test_unreadable_pictures_are_status_6(photo: Path, capsys: Capture) -> None:
    assert main(["encode", str(photo.with_name("missing.png"))]) == 6
    assert main(["encode", str(photo), "-o", str(photo.parent / "no" / "x.jai")]) == 6
    photo.write_bytes(photo.read_bytes()[:200])
    assert main(["encode", str(photo)]) == 6
    assert "damaged picture" in capsys.readouterr().err
    assert {path.name for path in photo.parent.iterdir()} == {"photo.png"}


def test_unsupported_picture_is_status_4(photo: Path, capsys: Capture) -> None:
    with Image.open(photo) as image:
        image.convert("CMYK").save(photo, format="TIFF")
    assert main(["encode", str(photo)]) == 4
    assert "CMYK pictures are not supported" in capsys.readouterr().err
