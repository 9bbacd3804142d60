# SPDX-License-Identifier: Apache-2.0
"""The rate-distortion bench: curves, differences, what is measured again and what is not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import rd
from benchmarks.peers import PEERS, coded_bytes, read_with_pillow
from benchmarks.rd_curves import curve, picture_delta


def rows_of(points: list[tuple[float, float]]) -> list[dict[str, str]]:
    return [{"bpp": str(rate), "psnr_rgb": str(value)} for rate, value in points]


def test_curve_ends_with_the_first_points_outside_the_range() -> None:
    points = [(0.02, 20), (0.05, 22), (0.5, 30), (1.9, 38), (2.1, 39), (3, 42)]
    rates, values = curve(rows_of(points), "psnr_rgb")
    assert rates.tolist() == [0.05, 0.5, 1.9, 2.1]
    assert values.tolist() == [22, 30, 38, 39]


def test_curve_leaves_out_points_that_cost_more_for_no_better() -> None:
    points = [(0.1, 22), (0.2, 21), (0.3, 22), (0.4, 25)]
    rates, _ = curve(rows_of(points), "psnr_rgb")
    assert rates.tolist() == [0.1, 0.4]


def test_curve_of_nothing_is_empty() -> None:
    rates, values = curve([], "psnr_rgb")
    assert rates.size == values.size == 0


@pytest.mark.parametrize("method", ["pchip", "akima"])
def test_half_the_rate_is_minus_fifty_percent(method: str) -> None:
    pytest.importorskip("bjontegaard")
    anchor = np.array([0.1, 0.2, 0.4, 0.8, 1.6]), np.array([24.0, 27, 30, 33, 36])
    test = anchor[0] / 2, anchor[1]
    assert picture_delta(test, anchor, method) == pytest.approx(-50)


def test_too_little_in_common_is_no_number() -> None:
    pytest.importorskip("bjontegaard")
    rates, values = np.array([0.1, 0.2, 0.4, 0.8, 1.6]), np.array([24.0, 27, 30, 33, 36])
    assert np.isnan(picture_delta((rates, values + 7), (rates, values), "pchip"))
    assert np.isfinite(picture_delta((rates, values + 5), (rates, values), "pchip"))


def test_boxes_around_what_is_coded_do_not_count() -> None:
    def box(kind: bytes, content: bytes) -> bytes:
        return (len(content) + 8).to_bytes(4) + kind + content

    meta = box(b"meta", b"1234" + box(b"hvcC", b"parameters"))
    file = box(b"ftyp", b"heic") + meta + box(b"mdat", b"slices")
    assert coded_bytes(file) == len(b"parameters" + b"slices")
    assert coded_bytes(b"\xff\xd8 any other file") == 17


def flat_codec(version: str, calls: list[float]) -> rd.Codec:
    """Code the mean colour, and note each encoding; the file grows with the setting."""

    def encode(rgb: rd.Rgb, setting: float) -> bytes:
        calls.append(setting)
        size = int(setting * rgb.shape[0] * rgb.shape[1] / 8)
        return bytes(rgb.mean((0, 1)).astype(np.uint8)).ljust(size)

    def decode(data: bytes) -> rd.Rgb:
        return np.full((176, 176, 3), list(data[:3]), np.uint8)

    return replace(
        PEERS[0], encode=encode, decode=decode, version=lambda: version, ladder=(0.5, 1, 2.5, 4)
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    random = np.random.default_rng(0)
    samples = random.integers(0, 256, (176, 176, 3), np.uint8)
    Image.fromarray(samples).save(tmp_path / "photo.png")
    Image.fromarray(samples[:64]).save(tmp_path / "photo_small.png")
    monkeypatch.setattr(
        rd,
        "measure",
        lambda decoded, source: {"psnr_rgb": 10.0 + (decoded[0, 0, 0] == source[0, 0, 0])},
    )
    return tmp_path


def test_only_what_is_new_is_measured(folder: Path) -> None:
    paths = sorted(folder.glob("photo*.png"))
    calls: list[float] = []
    for version, expected in (("1", [0.5, 1, 2.5]), ("1", []), ("2", [0.5, 1, 2.5])):
        calls.clear()
        table = rd.Table(folder / "rd.csv")
        pictures = rd.measure_folder(paths, [flat_codec(version, calls)], table)
        assert len(pictures) == 1, "the small picture has no MS-SSIM"
        assert calls == expected, "the ladder ends with the first rate over 2 bpp"
    (rows,) = rd.Table(folder / "rd.csv").rows.values()
    assert [row["version"][0] for row in rows] == ["2", "2", "2"]
    assert [float(row["bpp"]) for row in rows] == pytest.approx([0.5, 1, 2.5], rel=0.01)


def test_an_absent_codec_keeps_its_rows(folder: Path) -> None:
    def absent() -> str:
        raise ImportError

    calls: list[float] = []
    for version in ("1", None):
        codec = flat_codec("1", calls)
        codec = codec if version else replace(codec, version=absent)
        rd.measure_folder([folder / "photo.png"], [codec], rd.Table(folder / "rd.csv"))
    assert len(calls) == 3
    assert len(rd.Table(folder / "rd.csv").rows) == 1


@pytest.mark.parametrize("codec", PEERS, ids=lambda codec: codec.name)
def test_peer_is_better_the_larger(codec: rd.Codec) -> None:
    if codec.installed_version is None:
        pytest.skip("not installed")
    y, x = np.mgrid[:176, :176]
    rgb = np.stack([x, y, 128 + 60 * np.sin(x * y / 500)], 2).astype(np.uint8)
    errors, sizes = [], []
    for setting in (codec.ladder[0], codec.ladder[-1]):
        data = codec.encode(rgb, setting)
        sizes.append(coded_bytes(data))
        errors.append(np.mean((codec.decode(data).astype(float) - rgb) ** 2))
    assert sizes[0] < sizes[1]
    assert errors[0] > errors[1]


def test_pictures_are_read_as_rgb(tmp_path: Path) -> None:
    Image.new("L", (5, 4), 7).save(tmp_path / "grey.png")
    rgb = rd.read_rgb(tmp_path / "grey.png")
    assert rgb.shape == (4, 5, 3)
    assert (rgb == 7).all()
    assert (read_with_pillow((tmp_path / "grey.png").read_bytes()) == rgb).all()
