# SPDX-License-Identifier: Apache-2.0
"""Pictures of every sample format from end to end: lossy, by regions, progressively."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refdec
from refdec import Picture
from refdec.binary16 import numbers_of_samples, samples_of_numbers
from refdec.reconstruction import Region
from refenc.encode import Structure, encode
from refenc.exact import encode_exact
from tests.pictures import deep, picture_of, subsampled

PICTURES = {
    **{f"rgb-{depth}": picture_of(deep(3, 19, 26, depth), depth) for depth in range(8, 17)},
    "grey-12": picture_of(deep(1, 19, 26, 12), 12),
    **{
        f"matrix-{matrix}": picture_of(deep(3, 19, 26, 8), matrix=matrix)
        for matrix in (0, 1, 4, 5, 7, 8, 9, 16, 17)
    },
    "narrow": picture_of(deep(3, 19, 26, 8), full=False),
    "float": picture_of(np.clip(deep(3, 19, 26, 16), 0x0400, 0xFBFF), 16, is_float=True),
    "444": picture_of(deep(3, 19, 26, 8), is_ycc=True),
    "444-unspecified": picture_of(deep(3, 19, 26, 10), 10, matrix=2, is_ycc=True),
    "422": subsampled(1, 19, 27),
    "420": subsampled(2, 19, 27),
    "420-10": subsampled(2, 19, 27, 10, full=False),
    "420-float": subsampled(2, 19, 27, 16, is_float=True),
}
STEPS = {0: (1, 1), 1: (2, 1), 2: (2, 2)}


def assert_same_format(decoded: Picture, source: Picture) -> None:
    names = ("bit_depth", "colour", "chroma_format", "is_ycc", "is_float")
    assert [getattr(decoded, name) for name in names] == [getattr(source, name) for name in names]
    assert [p.shape for p in decoded.planes] == [p.shape for p in source.planes]
    assert [p.dtype for p in decoded.planes] == [p.dtype for p in source.planes]


@pytest.mark.parametrize("name", PICTURES)
def test_lossy_pictures_come_back_close(name: str) -> None:
    source = PICTURES[name]
    decoded = refdec.decode(encode(source, quality=50, hashes=True), verify=True)
    assert_same_format(decoded, source)
    scale = 2.0 ** (8 - source.bit_depth)
    for plane, original in zip(decoded.planes, source.planes, strict=True):
        assert np.abs(plane.astype(float) - original).mean() * scale < 7


@pytest.mark.parametrize("max_error", [0, 3])
@pytest.mark.parametrize("base_quality", [None, 20])
@pytest.mark.parametrize("name", PICTURES)
def test_exact_pictures_come_back_within_the_error(
    name: str, base_quality: int | None, max_error: int
) -> None:
    source = PICTURES[name]
    data = encode_exact(source, base_quality=base_quality, max_error=max_error, hashes=True)
    decoded = refdec.decode(data, verify=True)
    assert_same_format(decoded, source)
    for plane, original in zip(decoded.planes, source.planes, strict=True):
        assert np.abs(plane.astype(int) - original).max() <= max_error


@pytest.mark.parametrize("how", ["lossy", "exact", "both"])
@pytest.mark.parametrize("chroma_format", [1, 2])
@pytest.mark.parametrize("region", [(0, 0, 1, 1), (63, 65, 5, 3), (1, 1, 129, 72), (131, 74, 1, 1)])
def test_regions_have_the_chroma_samples_that_cover_them(
    region: tuple[int, int, int, int], chroma_format: int, how: str
) -> None:
    source, structure = subsampled(chroma_format, 75, 132), Structure(tile_size=64)
    data = (
        encode(source, quality=20, structure=structure)
        if how == "lossy"
        else encode_exact(source, base_quality=10 if how == "both" else None, structure=structure)
    )
    whole, part = refdec.decode(data), refdec.decode(data, region=Region(*region))
    x, y, width, height = region
    step_x, step_y = STEPS[chroma_format]
    np.testing.assert_array_equal(part.samples, whole.samples[:, y : y + height, x : x + width])
    rows = slice(y // step_y, -(-(y + height) // step_y))
    columns = slice(x // step_x, -(-(x + width) // step_x))
    np.testing.assert_array_equal(part.chroma, whole.chroma[:, rows, columns])


def test_parts_of_a_large_subsampled_picture_are_those_of_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = encode(PICTURES["420"], quality=30)
    whole = refdec.decode(data)
    monkeypatch.setattr("refdec.reconstruction.PART_WIDTH", 16)
    monkeypatch.setattr("refdec.reconstruction.PART_SAMPLES", 256)
    assert refdec.decode(data).digest() == whole.digest()


def test_a_subsampled_picture_appears_progressively() -> None:
    data = encode_exact(PICTURES["420"], base_quality=20)
    *_, last = refdec.decode_progressive(io.BytesIO(data))
    assert last.digest() == PICTURES["420"].digest()


@pytest.mark.clause("9.5")
@given(st.floats(width=16, allow_nan=False, allow_infinity=False),
       st.floats(width=16, allow_nan=False, allow_infinity=False))  # fmt: skip
def test_samples_are_in_the_order_of_their_numbers(first: float, second: float) -> None:
    numbers = np.array([first, second], np.float16)
    samples = samples_of_numbers(numbers)
    assert numbers_of_samples(samples).tobytes() == numbers.tobytes()
    assert 0x0400 <= samples.min() <= samples.max() <= 0xFBFF
    if first < second:
        assert samples[0] < samples[1]


@pytest.mark.clause("9.5")
def test_zeros_are_neighbours_and_the_rest_is_not_finite() -> None:
    samples = samples_of_numbers(np.array([-0.0, 0.0, -65504, 65504], np.float16))
    assert samples.tolist() == [0x7FFF, 0x8000, 0x0400, 0xFBFF]
    every = np.arange(1 << 16, dtype=np.uint16)
    finite = np.isfinite(numbers_of_samples(every))
    np.testing.assert_array_equal(finite, (every >= 0x0400) & (every <= 0xFBFF))
    np.testing.assert_array_equal(samples_of_numbers(numbers_of_samples(every)), every)


def test_binary16_pictures_give_their_numbers() -> None:
    numbers = np.array([[[0.5, -0.0, 65504.0, -65504.0, 6e-8, 1.0]]], np.float16)
    source = picture_of(samples_of_numbers(numbers), 16, is_float=True)
    decoded = refdec.decode(encode_exact(source))
    assert decoded.numbers.tobytes() == numbers.tobytes()


@pytest.mark.parametrize(("value", "bit_depth", "is_float"), [(1024, 10, False), (0, 16, True)])
def test_samples_out_of_range_are_not_encoded(value: int, bit_depth: int, is_float: bool) -> None:
    samples = np.full((1, 4, 4), value, np.uint16)
    with pytest.raises(ValueError, match="samples shall be"):
        encode_exact(picture_of(samples, bit_depth, is_float=is_float))
