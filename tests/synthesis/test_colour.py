# SPDX-License-Identifier: Apache-2.0
"""Integer colour conversion against the formulas of ITU-T H.273 in floating point."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refdec.synthesis.colour import MATRICES, convert_colour

LUMA_WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""K_R and K_B by matrix_coefficients."""
LIMIT = 2047
"""Largest magnitude of a sample in 1/8 units."""


def real_colour(samples: NDArray[np.int32], matrix: int, bit_depth: int) -> NDArray[np.float64]:
    """Y - 128, Cb, Cr in 1/8 of an 8-bit sample to R, G, B, neither rounded nor clipped."""
    y, cb, cr = samples.astype(np.float64) / 8
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


@pytest.mark.clause("9.3")
@pytest.mark.parametrize("bit_depth", [8, 10, 12, 16])
@pytest.mark.parametrize("matrix", MATRICES)
def test_the_formulas_are_met_within_one_code_value_up_to_12_bits(
    matrix: int, bit_depth: int
) -> None:
    samples = corners_and_noise()
    result = convert_colour(samples=samples, matrix=MATRICES[matrix], bit_depth=bit_depth)
    assert result.dtype == np.uint16
    top = (1 << bit_depth) - 1
    expected = real_colour(samples, matrix, bit_depth).clip(0, top)
    # Half a code value from rounding; two coefficients of 13 bits times chroma of up to 256.
    tolerance = 0.5 + 2.0 ** (bit_depth - 8) / 32
    assert np.abs(result - expected).max() <= tolerance
    assert tolerance <= 1 or bit_depth > 12
    assert {0, top} <= set(result.ravel().tolist())


@pytest.mark.clause("9.3")
@pytest.mark.parametrize(
    ("ycc", "rgb"),
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
def test_known_answers(ycc: tuple[int, int, int], rgb: tuple[int, int, int]) -> None:
    samples = np.array(ycc, np.int32).reshape(3, 1, 1)
    result = convert_colour(samples=samples, matrix=MATRICES[6], bit_depth=8)
    # The two saturated greens: 128 +- 255.875 * (1 - 0.344136 - 0.714136).
    assert tuple(result.ravel().tolist()) == rgb


@pytest.mark.clause("9.3")
@given(value=st.integers(-LIMIT, LIMIT), bit_depth=st.integers(8, 16))
def test_grey_is_luma_alone(value: int, bit_depth: int) -> None:
    plane = np.full((1, 2, 3), value, np.int32)
    result = convert_colour(samples=plane, matrix=None, bit_depth=bit_depth)
    assert result.shape == (1, 2, 3)
    exact = (value / 8 + 128) * 2 ** (bit_depth - 8)
    assert (result == np.clip(np.floor(exact + 0.5), 0, (1 << bit_depth) - 1)).all()
    grey = np.concatenate([plane, 0 * plane, 0 * plane])
    colour = convert_colour(samples=grey, matrix=MATRICES[6], bit_depth=bit_depth)
    assert (colour == result).all()


@pytest.mark.clause("9.3")
@pytest.mark.parametrize("matrix", MATRICES)
def test_coefficients_are_the_rounded_ones_of_the_standard(matrix: int) -> None:
    k_r, k_b = LUMA_WEIGHTS[matrix]
    k_g = 1 - k_r - k_b
    exact = (2 * (1 - k_r), 2 * k_b * (1 - k_b) / k_g, 2 * k_r * (1 - k_r) / k_g, 2 * (1 - k_b))
    assert MATRICES[matrix] == tuple(round(8192 * value) for value in exact)
