# SPDX-License-Identifier: Apache-2.0
"""The encoder: every size and structure comes back as it was predicted, at the rate asked for."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from refdec import decode, decode_latents, parse, verify
from refenc.colour import as_picture
from refenc.encode import Structure, encode, encode_at_rate, picture_header
from tests.pictures import noise, photograph

SIZES = [(1, 1), (1, 300), (300, 1), (7, 5), (16, 16), (17, 33), (64, 64), (65, 63)]


def psnr(samples: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    error = np.mean((samples.astype(np.float64) - decoded) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_any_size_decodes_to_the_hashes_of_the_encoder(
    size: tuple[int, int], components: int
) -> None:
    samples = photograph(components, *size)
    data = encode(samples, quality=40, hashes=True)
    results = verify(data)
    assert {result.point for result in results} == {"L", "S"}
    assert all(result.matches for result in results)
    picture = decode(data)
    assert picture.samples.shape == samples.shape
    assert picture.samples.dtype == np.uint8
    assert (picture.width, picture.height) == size[::-1]
    assert psnr(samples, picture.samples) > 25


@pytest.mark.parametrize("quality", [0, 63])
@pytest.mark.parametrize("make", [noise, photograph], ids=["noise", "photograph"])
def test_the_ends_of_the_quality_scale(make: type, quality: int) -> None:
    samples = make(3, 40, 24)
    data = encode(samples, quality=quality, hashes=True)
    assert all(result.matches for result in verify(data, synthesis="simple"))
    decode(data, verify=True)


@pytest.mark.parametrize("value", [0, 77, 255])
def test_flat_pictures_stay_flat_and_cost_next_to_nothing(value: int) -> None:
    samples = np.full((3, 64, 80), value, np.uint8)
    data = encode(samples, quality=32)
    assert len(data) < 120
    decoded = decode(data).samples.astype(int)
    error = np.abs(decoded - value)
    assert error.mean() <= 2
    assert error.max() <= 14, "at the border, where neighbours are missing"


def test_size_and_fidelity_grow_with_quality() -> None:
    samples = photograph(3, 96, 96)
    streams = [encode(samples, quality=quality) for quality in range(0, 64, 9)]
    sizes = [len(data) for data in streams]
    fidelity = [psnr(samples, decode(data).samples) for data in streams]
    assert all(a < b for a, b in itertools.pairwise(sizes))
    assert all(a < b for a, b in itertools.pairwise(fidelity))


@pytest.mark.parametrize("bpp", [0.25, 0.5, 1.0, 2.0])
def test_the_rate_is_met_within_ten_percent_and_never_passed(bpp: float) -> None:
    samples, calls = photograph(3, 176, 208, seed=1), []
    coded = encode_at_rate(samples, bpp=bpp, progress=lambda done, of: calls.append((done, of)))
    assert coded.bpp == 8 * len(coded.data) / (176 * 208)
    assert 0.9 * bpp <= coded.bpp <= bpp
    assert parse(coded.data).picture_header.quality_idx == coded.quality
    assert [done for done, _ in calls] == list(range(1, len(calls) + 1))
    assert all(done <= of for done, of in calls)
    assert len(calls) <= 4


@pytest.mark.parametrize("quality", [20, 45])
def test_effort_buys_fidelity_with_next_to_no_bits(quality: int) -> None:
    samples = np.clip(1.5 * photograph(3, 128, 160, seed=2).astype(np.float64) - 64, 0, 255)
    samples = samples.astype(np.uint8)
    streams = [encode(samples, quality=quality, effort=effort) for effort in range(3)]
    fidelity = [psnr(samples, decode(data).samples) for data in streams]
    assert fidelity[0] < fidelity[1] < fidelity[2]
    assert max(map(len, streams)) < 1.015 * len(streams[0])


def test_rates_out_of_reach_give_the_nearest_quality() -> None:
    samples = photograph(1, 32, 32)
    low, high = (encode_at_rate(samples, bpp=bpp) for bpp in (1e-3, 50))
    assert (low.quality, high.quality) == (0, 63)
    assert 1e-3 < low.bpp < 8 * len(encode(samples, quality=0)) / 32**2
    assert high.data == encode(samples, quality=63)


def test_encoding_is_reproducible() -> None:
    samples = photograph(3, 40, 24)
    assert encode(samples, quality=30) == encode(samples, quality=30)


@pytest.mark.parametrize(
    "structure",
    [
        Structure(tile_size=64),
        Structure(layer_last_group=(0, 2, 4)),
        Structure(segment_crc=True),
        Structure(log2_lanes=0),
        Structure(log2_lanes=7),
        Structure(tile_size=64, layer_last_group=(1,), log2_lanes=5, segment_crc=True),
    ],
    ids=["tiles", "layers", "crc", "one lane", "lanes", "all"],
)
def test_the_structure_asked_for_is_the_one_coded(structure: Structure) -> None:
    data = encode(photograph(3, 70, 130), quality=25, hashes=True, structure=structure)
    header = parse(data).picture_header
    assert header.num_tiles == (6 if structure.tile_size else 1)
    assert header.layer_last_group == structure.layer_last_group
    assert bool(header.segment_crc_flag) == structure.segment_crc
    if structure.log2_lanes is not None:
        assert header.log2_lanes == structure.log2_lanes
    assert all(result.matches for result in verify(data))


def test_grey_pictures_carry_no_chroma() -> None:
    grey = photograph(1, 40, 48)
    data = encode(grey, quality=45)
    colour = encode(np.repeat(grey, 3, axis=0), quality=45)
    assert len(data) <= len(colour)
    y_hat = decode_latents(data).y_hat
    assert y_hat.any(axis=(1, 2)).sum() < decode_latents(colour).y_hat.shape[0]
    assert psnr(grey, decode(data).samples) > 28


@pytest.mark.parametrize(("width", "num_tiles"), [(4096, 1), (4097, 72)])
def test_large_pictures_are_cut_unless_told_otherwise(width: int, num_tiles: int) -> None:
    picture = as_picture(np.zeros((1, 4096, width), np.uint8))
    assert picture_header(picture, quality=0, structure=Structure()).num_tiles == num_tiles
    whole = picture_header(picture, quality=0, structure=Structure(tile_size=16384))
    assert whole.num_tiles == 1
