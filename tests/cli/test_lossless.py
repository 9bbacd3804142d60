# SPDX-License-Identifier: Apache-2.0
"""The options of refenc for exact pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refdec.cli.main import main as refdec_main
from refenc.cli import main


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    samples = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(samples).save(path)
    return path


@pytest.mark.parametrize(
    ("options", "limit", "text"),
    [
        (["--lossless"], 0, "lossless"),
        (["--max-error", "0"], 0, "lossless"),
        (["--max-error", "4"], 4, "errors up to 4"),
        (["--lossless", "--base-quality", "9"], 0, "quality 9, lossless"),
    ],
)
def test_exact_pictures(
    picture: Path, options: list[str], limit: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stream, output = picture.with_suffix(".jai"), picture.with_name("out.png")
    assert main(["encode", str(picture), "--hash", *options]) == 0
    assert text in capsys.readouterr().out
    assert refdec_main(["decode", "--verify", str(stream), "-o", str(output)]) == 0
    difference = np.asarray(Image.open(picture)).astype(int) - np.asarray(Image.open(output))
    assert np.abs(difference).max() <= limit


def test_a_base_needs_an_enhancement(picture: Path) -> None:
    assert main(["encode", str(picture), "--base-quality", "9"]) == 2
