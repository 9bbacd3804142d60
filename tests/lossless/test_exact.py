# SPDX-License-Identifier: Apache-2.0
"""Exact pictures from end to end: every sample within max_error, whatever the picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import refdec
from refdec.errors import RefdecError, UnsupportedFeature
from refdec.reconstruction import Region
from refdec.syntax.parser import parse_codestream
from refenc.codestream import write_codestream
from refenc.encode import Structure
from refenc.exact import encode_exact

RNG = np.random.default_rng(5)
TILED = Structure(tile_size=64, segment_crc=True, log2_lanes=2)


def photo(height: int, width: int, channels: int = 3) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / (7 + c)) * 40 + np.cos(y / 9 + x / 23) * 50 + 120 for c in range(channels)]
    noisy = np.stack(waves) + RNG.normal(0, 2, (channels, height, width))
    return noisy.clip(0, 255).astype(np.uint8)


def screen(height: int, width: int) -> np.ndarray:
    colours = np.array([[255, 255, 255], [0, 0, 0], [30, 90, 200], [250, 250, 240]], np.uint8)
    glyph = RNG.integers(0, 2, (7, 5))
    index = np.tile(glyph, (height // 7 + 1, width // 5 + 1))[:height, :width]
    index[: height // 3] = 3
    index[:, : width // 4] = 2
    return np.ascontiguousarray(colours[index].transpose(2, 0, 1))


PICTURES = {
    "photo": photo(40, 56),
    "screen": screen(45, 61),
    "random": RNG.integers(0, 256, (3, 21, 19), np.uint8),
    "extreme": RNG.choice(np.array([0, 255], np.uint8), (3, 23, 17)),
    "grey": photo(33, 30, 1),
    "black": np.zeros((3, 20, 20), np.uint8),
    "white": np.full((1, 9, 31), 255, np.uint8),
    "pixel": np.array([[[200]], [[3]], [[77]]], np.uint8),
    "row": photo(1, 50),
    "column": photo(50, 1),
    "two": photo(2, 2),
    "tall": photo(90, 3),
}


def largest_error(data: bytes, samples: np.ndarray) -> int:
    decoded = refdec.decode(data, verify=True).samples
    assert decoded.dtype == samples.dtype
    assert decoded.shape == samples.shape
    return int(np.abs(decoded.astype(int) - samples).max())


@pytest.mark.parametrize("name", PICTURES)
def test_lossless_gives_the_picture_back(name: str) -> None:
    data = encode_exact(PICTURES[name], hashes=True)
    assert largest_error(data, PICTURES[name]) == 0


@pytest.mark.parametrize("max_error", [1, 2, 7, 40, 127, 128, 255])
@pytest.mark.parametrize("name", ["photo", "screen", "extreme", "grey"])
def test_the_error_is_bounded(name: str, max_error: int) -> None:
    data = encode_exact(PICTURES[name], max_error=max_error, hashes=True)
    assert largest_error(data, PICTURES[name]) <= max_error


@pytest.mark.parametrize("max_error", [0, 3])
@pytest.mark.parametrize("name", ["photo", "screen", "grey", "pixel", "tall"])
def test_a_lossy_picture_is_enhanced(name: str, max_error: int) -> None:
    data = encode_exact(PICTURES[name], max_error=max_error, base_quality=20, hashes=True)
    assert largest_error(data, PICTURES[name]) <= max_error
    assert [result.point for result in refdec.verify(data)] == ["L", "S", "E"]
    assert [result.point for result in refdec.verify(data, synthesis="base")] == ["L", "S"]


@pytest.mark.parametrize("base_quality", [None, 10])
def test_tiles_stand_alone(base_quality: int | None) -> None:
    samples = photo(70, 130)
    data = encode_exact(samples, base_quality=base_quality, structure=TILED, hashes=True)
    assert largest_error(data, samples) == 0
    part = refdec.decode(data, region=Region(60, 50, 40, 20)).samples
    assert np.array_equal(part, samples[:, 50:70, 60:100])


@given(
    arrays(np.uint8, st.tuples(st.sampled_from([1, 3]), st.integers(1, 12), st.integers(1, 12))),
    st.integers(0, 9),
)
@settings(max_examples=40)
def test_any_small_picture(samples: np.ndarray, max_error: int) -> None:
    data = encode_exact(samples, max_error=max_error, hashes=True)
    assert largest_error(data, samples) <= max_error


def test_repeated_patterns_cost_next_to_nothing() -> None:
    samples = np.tile(screen(40, 40), (1, 3, 3))
    assert len(encode_exact(samples)) < 3.5 * len(encode_exact(samples[:, :40, :40]))


def test_a_cut_stream_shows_the_lossy_picture() -> None:
    samples = PICTURES["photo"]
    data = encode_exact(samples, base_quality=30)
    cut = data[: len(data) - 8]
    lossy = refdec.decode(cut, tolerant=True).samples
    assert np.array_equal(lossy, refdec.decode(data, synthesis="base").samples)


def test_the_enhanced_picture_is_the_last_to_appear(tmp_path: Path) -> None:
    samples = PICTURES["photo"]
    path = tmp_path / "picture.jai"
    path.write_bytes(encode_exact(samples, base_quality=30))
    with path.open("rb") as file:
        pictures = list(refdec.decode_progressive(file))
    assert np.array_equal(pictures[-1].samples, samples)


def test_a_lossy_stream_has_no_byte_more() -> None:
    data = encode_exact(PICTURES["photo"], base_quality=30)
    stream = parse_codestream(data)
    header = replace(stream.picture_header, tool_header_flag=0)
    lossy = replace(stream, picture_header=header, tool_header=None, enhancement=())
    assert b"\xff\x83" not in write_codestream(lossy)


def test_there_are_no_latents_without_a_lossy_picture() -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        refdec.decode_latents(encode_exact(PICTURES["photo"]))
    assert caught.value.requirement == "TOH-007"


@pytest.mark.parametrize("base_quality", [None, 10])
def test_damage_is_an_error_of_ours_or_another_picture(base_quality: int | None) -> None:
    data = encode_exact(PICTURES["screen"][:, :20, :24], base_quality=base_quality)
    for position in range(0, len(data), 3):
        damaged = bytearray(data)
        damaged[position] ^= 1 << int(RNG.integers(8))
        try:
            refdec.decode(bytes(damaged))
        except RefdecError as error:
            assert error.requirement is not None
    for length in range(0, len(data), 5):
        with pytest.raises(RefdecError):
            refdec.decode(data[:length])
