# SPDX-License-Identifier: Apache-2.0
"""Integer colour conversion against the formulas of ITU-T H.273 in floating point."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from refdec.synthesis.colour import (
    COEFFICIENT_BITS,
    LIFTED,
    MATRICES,
    convert_colour,
    round_samples,
    subsample_chroma,
)

LUMA_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
"""K_R and K_B by matrix_coefficients."""
LIMIT = 2047
"""Largest magnitude of a sample in 1/8 units."""


def real_colour(samples: NDArray[np.int32], matrix: int, bit_depth: int) -> NDArray[np.float64]:
    """Y - 128, Cb, Cr in 1/8 of an 8-bit sample to R, G, B, neither rounded nor clipped."""
    y, cb, cr = samples.astype(np.float64) / 8
    if matrix == 0:
        return (np.stack([cr, y, cb]) + 128) * 2.0 ** (bit_depth - 8)
    if matrix == 8:  # YCgCo
        return (np.stack([y - cb + cr, y + cb, y - cb - cr]) + 128) * 2.0 ** (bit_depth - 8)
    k_r, k_b = LUMA_WEIGHTS[matrix]
    red, blue = y + 2 * (1 - k_r) * cr, y + 2 * (1 - k_b) * cb
    green = (y - k_r * red - k_b * blue) / (1 - k_r - k_b)
    return (np.stack([red, green, blue]) + 128) * 2.0 ** (bit_depth - 8)


def corners_and_noise() -> NDArray[np.int32]:
    """(3, 1, N): all combinations of extreme samples, then random ones."""
    ends = (-LIMIT, -1024, -1, 0, 1, 1016, LIMIT)
    corners = np.array(list(itertools.product(ends, repeat=3))).T
    noise = np.random.default_rng(1).integers(-LIMIT, LIMIT, (3, 4000), endpoint=True)
    return np.concatenate([corners, noise], axis=1).astype(np.int32)[:, None]


def rgb(samples: NDArray[np.int32], matrix: int, bit_depth: int) -> NDArray[np.uint16]:
    values = convert_colour(planes=samples, matrix_coefficients=matrix)
    return rounded(values, bit_depth)


def rounded(values: NDArray[np.int32], bit_depth: int) -> NDArray[np.uint16]:
    top = (1 << bit_depth) - 1
    return round_samples(values=values, bit_depth=bit_depth, sample_range=(0, top))


@pytest.mark.clause("9.3.2")
@pytest.mark.parametrize("bit_depth", [8, 10, 12, 16])
@pytest.mark.parametrize("matrix", MATRICES)
def test_the_formulas_are_met_within_one_code_value_up_to_12_bits(
    matrix: int, bit_depth: int
) -> None:
    samples = corners_and_noise()
    result = rgb(samples, matrix, bit_depth)
    assert result.dtype == np.uint16
    top = (1 << bit_depth) - 1
    expected = real_colour(samples, matrix, bit_depth).clip(0, top)
    # Half a code value from rounding; two coefficients of 13 bits times chroma of up to 256.
    tolerance = 0.5 + 2.0 ** (bit_depth - 8) / 32
    assert np.abs(result - expected).max() <= tolerance
    assert tolerance <= 1 or bit_depth > 12
    assert {0, top} <= set(result.ravel().tolist())


@pytest.mark.clause("9.3.2")
@pytest.mark.parametrize(
    ("ycc", "expected"),
    [
        ((0, 0, 0), (128, 128, 128)),
        ((-1024, 0, 0), (0, 0, 0)),
        ((1016, 0, 0), (255, 255, 255)),
        ((4, 0, 0), (129, 129, 129)),  # half a code value is rounded up
        ((-4, 0, 0), (128, 128, 128)),
        ((-5, 0, 0), (127, 127, 127)),
        ((LIMIT, LIMIT, LIMIT), (255, 113, 255)),
        ((-LIMIT, -LIMIT, -LIMIT), (0, 143, 0)),
        ((0, 0, 800), (255, 57, 128)),  # 100 * 1.402, -100 * 0.714136
        ((0, -800, 0), (128, 162, 0)),  # 100 * 0.344136
    ],
)
def test_known_answers(ycc: tuple[int, int, int], expected: tuple[int, int, int]) -> None:
    samples = np.array(ycc, np.int32).reshape(3, 1, 1)
    result = rgb(samples, 6, 8)
    # The two saturated greens: 128 +- 255.875 * (1 - 0.344136 - 0.714136).
    assert tuple(result.ravel().tolist()) == expected


@pytest.mark.clause("9.3.2")
@given(value=st.integers(-LIMIT, LIMIT), bit_depth=st.integers(8, 16))
def test_grey_is_luma_alone(value: int, bit_depth: int) -> None:
    plane = np.full((1, 2, 3), value, np.int32)
    result = rounded(plane << COEFFICIENT_BITS, bit_depth)
    assert result.shape == (1, 2, 3)
    exact = (value / 8 + 128) * 2 ** (bit_depth - 8)
    assert (result == np.clip(np.floor(exact + 0.5), 0, (1 << bit_depth) - 1)).all()
    grey = np.concatenate([plane, 0 * plane, 0 * plane])
    colour = rgb(grey, 6, bit_depth)
    assert (colour == result).all()


@pytest.mark.clause("9.3.2")
@pytest.mark.parametrize("matrix", LUMA_WEIGHTS)
def test_coefficients_are_the_rounded_ones_of_the_standard(matrix: int) -> None:
    k_r, k_b = LUMA_WEIGHTS[matrix]
    k_g = 1 - k_r - k_b
    exact = (2 * (1 - k_r), 2 * k_b * (1 - k_b) / k_g, 2 * k_r * (1 - k_r) / k_g, 2 * (1 - k_b))
    r_cr, g_cb, g_cr, b_cb = (round(8192 * value) for value in exact)
    assert MATRICES[matrix] == ((8192, 0, r_cr), (8192, -g_cb, -g_cr), (8192, b_cb, 0))


@pytest.mark.clause("9.3.2")
@given(st.tuples(*[st.integers(-128, 127)] * 3), st.sampled_from(LIFTED))
def test_lifting_undoes_the_forward_steps(colour: tuple[int, int, int], matrix: int) -> None:
    red, green, blue = (8 * value for value in colour)
    co = red - blue
    t = blue + (co >> 1)
    cg = green - t
    y = t + (cg >> 1)
    planes = np.array([y, cg, co], np.int32).reshape(3, 1, 1)
    assert tuple(rgb(planes, matrix, 8).ravel().astype(int) - 128) == colour


@pytest.mark.clause("9.3.1")
@given(
    arrays(np.int32, st.tuples(st.just(2), st.integers(1, 5), st.integers(1, 5)),
           elements=st.integers(-LIMIT, LIMIT)),
    st.sampled_from([(1, 1), (2, 1), (2, 2)]),
)  # fmt: skip
def test_chroma_is_the_mean_with_the_border_repeated(
    chroma: NDArray[np.int32], steps: tuple[int, int]
) -> None:
    step_x, step_y = steps
    result = subsample_chroma(chroma=chroma, step_x=step_x, step_y=step_y)
    _, height, width = chroma.shape
    assert result.shape == (2, -(-height // step_y), -(-width // step_x))
    for c, i, j in np.ndindex(result.shape):
        values = [
            int(chroma[c, min(step_y * i + a, height - 1), min(step_x * j + b, width - 1)])
            for a in range(step_y)
            for b in range(step_x)
        ]
        n = len(values)
        assert result[c, i, j] == {1: sum(values), 2: (sum(values) + 1) >> 1}.get(
            n, (sum(values) + 2) >> 2
        )


@pytest.mark.clause("9.3.3")
def test_samples_keep_their_range() -> None:
    values = np.array([-LIMIT, 0, LIMIT], np.int32).reshape(1, 1, 3) << COEFFICIENT_BITS
    result = round_samples(values=values, bit_depth=16, sample_range=(0x0400, 0xFBFF))
    assert result.ravel().tolist() == [0x0400, 0x8000, 0xFBFF]
